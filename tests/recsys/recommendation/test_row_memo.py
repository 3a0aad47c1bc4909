"""Numbers of rows that are kept."""

from __future__ import annotations

import numpy as np

from index.arrays import Float32Array, IndexArray
from recsys.recommendation.row_memo import RowMemo


def asked(memo: RowMemo, rows: list[int]) -> list[int]:
    """Ask for the squares of rows, and return those that had to be computed."""
    at, computed = np.array(rows, np.intp), []

    def squares(places: IndexArray) -> Float32Array:
        computed.extend(at[places].tolist())
        return np.column_stack([at[places] ** 2, -at[places]]).astype(np.float32)

    assert np.array_equal(memo.of(at, squares), [[row**2, -row] for row in rows])
    return computed


def test_only_new_rows_are_computed_whatever_their_order() -> None:
    memo = RowMemo()
    assert asked(memo, [7, 3, 3, 9]) == [7, 3, 3, 9]
    assert asked(memo, [9, 1, 3]) == [1]
    assert asked(memo, [1, 3, 7, 9]) == []
    assert asked(memo, [20]) == [20]


def test_of_too_many_rows_the_last_asked_for_stay() -> None:
    memo = RowMemo(most=4)
    asked(memo, [1, 2, 3])
    assert asked(memo, [3, 4, 5]) == [4, 5]
    assert asked(memo, [3, 4, 5]) == []
    assert asked(memo, [1]) == [1]
    assert asked(memo, list(range(10))) == [0, 2, 6, 7, 8, 9]
    assert asked(memo, [5, 1]) == []
