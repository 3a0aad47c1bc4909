"""Rankings of all candidates for each listener, from which any track's rank is read quickly.

Candidates are ranked by score. Equal scores come in a random order that is the same for all systems
and listeners; in the order of ids, which often follow popularity, they would not be random.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from index.arrays import BoolArray, Float32Array, Float64Array, Int64Array

_BLOCK = 256  # listeners scored at once
_ORDER = np.uint64(0xFFFFFFFF)  # the bits of a key that hold the random order

Scores = Callable[[sparse.csr_matrix], Float32Array]


@dataclass(frozen=True, eq=False)
class Rankings:
    """Some listeners' rankings as one sort key for each candidate: its score, then a random order.

    keys      of the candidates, 0 for what was seen: uint64 (n, n_candidates)
    ordered   the same, ascending by row
    column    of each track among the candidates: int64 (n_tracks,)
    track_of  the track of each place in the random order: int64 (n_tracks,)
    """

    keys: NDArray[np.uint64]
    ordered: NDArray[np.uint64]
    column: Int64Array
    track_of: Int64Array

    @property
    def n_candidates(self) -> Int64Array:
        """The number of tracks in each listener's ranking: int64 (n,)."""
        lengths: Int64Array = (self.ordered > 0).sum(axis=1)
        return lengths

    def first(self, k: int) -> Int64Array:
        """Return the rows of the best k tracks, -1 behind a list that is shorter: int64 (n, k)."""
        best = self.ordered[:, ::-1][:, :k]
        tracks = self.track_of[(best & _ORDER).astype(np.int64)]
        listed = np.where(best > 0, tracks, -1)
        return np.pad(listed, ((0, 0), (0, max(k - best.shape[1], 0))), constant_values=-1)

    def of(self, i: int, tracks: Int64Array) -> tuple[Int64Array, Float64Array]:
        """Return ranks from 1 of listener `i`'s tracks, and how many others score above each.

        Equal scores count half; `tracks` are not among the others. Both (n_wanted,).
        """
        keys, ordered = self.keys[i, self.column[tracks]], self.ordered[i]
        ranks = len(ordered) - np.searchsorted(ordered, keys)
        lowest, highest = keys & ~_ORDER, keys | _ORDER
        higher, equal = _above(ordered, lowest, highest)
        own_higher, own_equal = _above(np.sort(keys), lowest, highest)
        return ranks, (higher - own_higher) + (equal - own_equal) / 2


def rankings(
    scores: Scores,
    histories: sparse.csr_matrix,
    seen: sparse.csr_matrix,
    candidates: BoolArray,
    seed: int,
) -> Iterator[tuple[slice, Rankings]]:
    """Rank the candidates for each listener, yielding a block of listeners at a time.

    scores      of every track for histories, both (n, n_tracks), as `ListeningModel.scores`
    seen        tracks not to rank for a listener, the history at least: (n_queries, n_tracks)
    candidates  which tracks may be recommended: bool (n_tracks,)
    seed        of the order of equal scores

    Raises ValueError for scores that are not finite or of another shape.
    """
    n_tracks = histories.shape[1]
    (tracks,) = np.nonzero(candidates)
    column = np.zeros(n_tracks, np.int64)
    column[tracks] = np.arange(len(tracks))
    track_of = np.random.default_rng(seed).permutation(n_tracks)
    place = np.argsort(track_of).astype(np.uint64)[tracks]
    for start in range(0, histories.shape[0], _BLOCK):
        rows = slice(start, min(start + _BLOCK, histories.shape[0]))
        history = histories[rows]
        values = checked(scores(history), history.shape)[:, tracks]
        keys = _ascending(values).astype(np.uint64)
        keys <<= np.uint64(32)
        keys |= place
        keys[seen[rows][:, tracks].nonzero()] = 0
        yield rows, Rankings(keys, np.sort(keys, axis=1), column, track_of)


def checked(scores: Float32Array, shape: tuple[int, ...]) -> Float32Array:
    """Return the scores as float32. Raises ValueError unless finite and of this shape."""
    values = np.asarray(scores, np.float32)
    if values.shape != shape:
        raise ValueError(f"scores: wanted shape {shape}, got {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("scores: wanted finite ones, got NaN or infinity")
    return values


def _above(
    ordered: NDArray[np.uint64], lowest: NDArray[np.uint64], highest: NDArray[np.uint64]
) -> tuple[Int64Array, Int64Array]:
    """Count the keys above each range, and those in it."""
    begin = np.searchsorted(ordered, lowest, side="left")
    end = np.searchsorted(ordered, highest, side="right")
    return len(ordered) - end, end - begin


def _ascending(scores: Float32Array) -> NDArray[np.uint32]:
    """Turn finite floats into integers above 0 of the same order, equal ones into equal ones."""
    bits = (scores + np.float32(0)).view(np.int32)  # + 0 turns -0 into 0
    flipped = (bits >> 31).view(np.uint32) | np.uint32(0x80000000)  # all bits of negative numbers
    ascending: NDArray[np.uint32] = bits.view(np.uint32) ^ flipped
    return ascending
