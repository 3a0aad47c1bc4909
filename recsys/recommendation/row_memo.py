"""Numbers of rows, computed once and kept for what is asked again."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from index.arrays import Float32Array, IndexArray

MOST = 10_000  # rows that are kept


class RowMemo:
    """Keeps the numbers of rows, float32 (n, width). Safe to share between threads.

    What is computed must depend on the row alone. Of more than `most` rows the last asked for stay.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._kept: tuple[IndexArray, Float32Array] | None = None  # ascending, each once

    def of(self, rows: IndexArray, compute: Callable[[IndexArray], Float32Array]) -> Float32Array:
        """Return the numbers of rows; `compute` returns those of the rows at some places."""
        kept = self._kept
        if kept is None:
            found, at = np.zeros(len(rows), np.bool_), np.zeros(len(rows), np.intp)
        else:
            at = np.searchsorted(kept[0], rows).clip(max=len(kept[0]) - 1)
            found = kept[0][at] == rows
        if kept is not None and found.all():
            return kept[1][at]
        missing = np.flatnonzero(~found)
        computed = compute(missing)
        if kept is None or not found.any():
            numbers = computed
        else:
            numbers = np.empty((len(rows), computed.shape[1]), np.float32)
            numbers[missing], numbers[found] = computed, kept[1][at[found]]
        self._keep(rows, numbers)
        return numbers

    def _keep(self, rows: IndexArray, numbers: Float32Array) -> None:
        with self._lock:
            if self._kept is not None and len(self._kept[0]) + len(rows) <= self._most:
                rows = np.concatenate([self._kept[0], rows])
                numbers = np.concatenate([self._kept[1], numbers])
            if 0 < len(rows) <= self._most:
                unique, first = np.unique(rows, return_index=True)
                self._kept = unique, numbers[first]
