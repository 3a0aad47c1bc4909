"""Histories that seeds are made of."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from recsys.recommendation.seeds import ListenerHistory

HISTORY = ListenerHistory(
    np.array([3, 5]), np.ones(2, np.float32), (9,), (3,), (4,), (6,), np.array([100, 200])
)
OTHERS: dict[str, Any] = {
    "rows": np.array([3, 6]),
    "counts": np.array([1, 2], np.float32),
    "unindexed": (),
    "liked": (3, 5),
    "disliked": (),
    "skipped": (7,),
    "last_at": np.array([100, 300]),
}


def test_a_history_read_again_is_the_same() -> None:
    copied = {one.name: getattr(HISTORY, one.name)[:] for one in fields(HISTORY)}
    assert HISTORY.is_same(ListenerHistory(**copied))


@pytest.mark.parametrize("name", [one.name for one in fields(HISTORY)])
def test_a_history_that_differs_in_anything_is_another(name: str) -> None:
    assert not HISTORY.is_same(replace(HISTORY, **{name: OTHERS[name]}))
