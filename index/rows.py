"""Rows of ids in a sorted array, and what tells ids from others."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import ArrayLike

from index.arrays import BoolArray, IndexArray, Int64Array


def rows_of(sorted_ids: Int64Array, ids: ArrayLike) -> tuple[IndexArray, BoolArray]:
    """Return the row of each of `ids` in `sorted_ids`, and whether it is there.

    The row of an id that is not there means nothing.

    >>> rows_of(np.array([2, 5, 9]), [5, 4])[1]
    array([ True, False])
    """
    wanted = np.asarray(ids, np.int64)
    rows = np.searchsorted(sorted_ids, wanted)
    is_there = rows < len(sorted_ids)
    is_there[is_there] = sorted_ids[rows[is_there]] == wanted[is_there]
    return rows, is_there


def digest_of(ids: ArrayLike) -> str:
    """Return what tells ids in an order from others: the SHA-256 of their 8 bytes each."""
    return hashlib.sha256(np.asarray(ids, "<i8").tobytes()).hexdigest()
