"""Candidates of listeners with what they turned out to play: what a ranker learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
from scipy import sparse

from index.arrays import BoolArray, Float32Array, Float64Array, Int64Array
from recsys.evaluation.metrics import attainable_recall_at_k, ndcg_at_k
from recsys.evaluation.recommenders.ranker_split import InnerSplit
from recsys.models.ranker.candidates import candidate_pairs
from recsys.models.ranker.pairs import KINDS, RankedLibrary, length_classes
from recsys.models.ranker.terms import term_values
from recsys.threads import for_each

_BLOCK = 256  # listeners at once


@dataclass(frozen=True, eq=False)
class Examples:
    """Pairs of a listener and a candidate, the pairs of each listener together.

    terms      float32 (n_pairs, n_terms)
    scores     the listening model's, float32 (n_pairs,)
    played     whether the track is among those held out: bool (n_pairs,)
    listeners  row of each pair's listener, ascending; int64 (n_pairs,)
    tracks     of each pair, columns of the split's listens: int64 (n_pairs,)
    kinds      number in `KINDS` of each pair's track: int64 (n_pairs,)
    n_held_out of each listener and kind, candidates or not: int64 (n, n_kinds)
    lengths    number in `LENGTHS` of each listener: int64 (n,)
    popularity of each pair's track: float32 (n_pairs,)
    is_new     whether the listener had no part in the model's training: bool (n,)
    """

    terms: Float32Array
    scores: Float32Array
    played: BoolArray
    listeners: Int64Array
    tracks: Int64Array
    kinds: Int64Array
    n_held_out: Int64Array
    lengths: Int64Array
    popularity: Float32Array
    is_new: BoolArray

    @classmethod
    def of(cls, library: RankedLibrary, split: InnerSplit, n_candidates: Sequence[int]) -> Examples:
        """Propose candidates of each kind for the listeners of a split and compute their terms.

        Nothing counts as held out of a kind without candidates.
        """
        blocks: dict[int, tuple[Float32Array, Float32Array, BoolArray]] = {}
        lists: dict[int, tuple[Int64Array, Int64Array]] = {}

        def add(start: int) -> None:
            rows = slice(start, start + _BLOCK)
            times = None if split.times is None else split.times[rows]
            pairs, _ = candidate_pairs(library, split.histories[rows], n_candidates, times)
            played = np.asarray(split.held_out[rows][pairs.listeners, pairs.tracks] > 0).ravel()
            blocks[start] = term_values(pairs), pairs.scores, played
            lists[start] = pairs.listeners + start, pairs.tracks

        starts = range(0, len(split.listeners), _BLOCK)
        for_each(add, starts)
        terms, scores, played = map(np.concatenate, zip(*(blocks[n] for n in starts), strict=True))
        listeners, tracks = map(np.concatenate, zip(*(lists[n] for n in starts), strict=True))
        sought = np.array(n_candidates)[library.kinds] > 0
        return cls(
            terms,
            scores,
            played,
            listeners,
            tracks,
            library.kinds[tracks],
            _by_kind(split.held_out, library.kinds, sought),
            length_classes(split.histories),
            library.popularity[tracks],
            np.diff(split.train.indptr)[split.listeners] == 0,
        )

    def of_listeners(self, chosen: BoolArray) -> Examples:
        """Return the pairs of some listeners, bool (n,)."""
        some = self._of_pairs(chosen[self.listeners])
        return replace(
            some,
            listeners=(np.cumsum(chosen) - 1)[some.listeners],
            n_held_out=self.n_held_out[chosen],
            lengths=self.lengths[chosen],
            is_new=self.is_new[chosen],
        )

    def _of_pairs(self, mask: BoolArray) -> Examples:
        of_pairs = ("terms", "scores", "played", "listeners", "tracks", "kinds", "popularity")
        return replace(self, **{name: getattr(self, name)[mask] for name in of_pairs})

    @classmethod
    def joined(cls, examples: Sequence[Examples]) -> Examples:
        """Return all examples, those of the same listener in two of them as of two listeners."""
        names = [field.name for field in fields(cls)]
        starts = np.cumsum([0, *(len(part.lengths) for part in examples)])
        moved = [
            replace(part, listeners=part.listeners + start)
            for part, start in zip(examples, starts[:-1].tolist(), strict=True)
        ]
        return cls(*(np.concatenate([getattr(part, name) for part in moved]) for name in names))

    @cached_property
    def bounds(self) -> Int64Array:
        """The first pair of each listener, and the number of pairs: int64 (n + 1,)."""
        return np.searchsorted(self.listeners, np.arange(len(self.lengths) + 1))

    def quality(self, scores: Float64Array | Float32Array, kinds: Sequence[int]) -> Float64Array:
        """Return (R@20 + nDCG@100) / 2 of each listener among the candidates of some kinds: (n,).

        NaN for listeners without held-out tracks of these kinds.
        """
        quality = np.full(len(self.lengths), np.nan)
        of_kinds = np.isin(self.kinds, kinds)
        n_held_out = self.n_held_out[:, kinds].sum(axis=1)
        for n in np.flatnonzero(n_held_out).tolist():
            pairs = slice(self.bounds[n], self.bounds[n + 1])
            mask = of_kinds[pairs]
            order = np.argsort(-scores[pairs][mask], kind="stable")[:100]
            hits = np.zeros((1, 100), bool)
            hits[0, : len(order)] = self.played[pairs][mask][order]
            n_wanted = n_held_out[[n]]
            recall = attainable_recall_at_k(hits[:, :20], n_wanted)[0]
            quality[n] = (recall + ndcg_at_k(hits, n_wanted)[0]) / 2
        return quality

    def best(
        self, scores: Float64Array | Float32Array, kinds: Sequence[int], n_best: int
    ) -> BoolArray:
        """Return which pairs are among a listener's best of some kinds: bool (n_pairs,)."""
        best = np.zeros(len(scores), bool)
        of_kinds = np.isin(self.kinds, kinds)
        for start, end in pairwise(self.bounds.tolist()):
            places = start + np.flatnonzero(of_kinds[start:end])
            best[places[np.argsort(-scores[places], kind="stable")[:n_best]]] = True
        return best


def _by_kind(held_out: sparse.csr_matrix, kinds: Int64Array, sought: BoolArray) -> Int64Array:
    """Count the entries of each row (n, n_tracks) in tracks of each kind that are sought."""
    counts = [held_out[:, sought & (kinds == kind)].getnnz(axis=1) for kind in range(len(KINDS))]
    return np.column_stack(counts).astype(np.int64)
