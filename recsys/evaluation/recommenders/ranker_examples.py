"""Candidates of listeners with what they turned out to play: what a ranker learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from index.arrays import BoolArray, Float32Array, Float64Array, Int64Array
from recsys.evaluation.metrics import attainable_recall_at_k, ndcg_at_k
from recsys.evaluation.recommenders.ranker_split import MixedSplit
from recsys.models.ranker.candidates import candidate_pairs
from recsys.models.ranker.pairs import KINDS, RankedLibrary, length_classes
from recsys.models.ranker.terms import term_values

N_CANDIDATES = (300, 150, 150)  # of each kind, of each listener
_BLOCK = 256  # listeners at once


@dataclass(frozen=True, eq=False)
class Examples:
    """Pairs of a listener and a candidate, the pairs of each listener together.

    terms      float32 (n_pairs, n_terms)
    scores     the listening model's, float32 (n_pairs,)
    played     whether the track is among those held out: bool (n_pairs,)
    listeners  row of each pair's listener, ascending; int64 (n_pairs,)
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
    kinds: Int64Array
    n_held_out: Int64Array
    lengths: Int64Array
    popularity: Float32Array
    is_new: BoolArray

    @classmethod
    def of(cls, library: RankedLibrary, split: MixedSplit) -> Examples:
        """Propose candidates for each listener of a split and compute their terms."""
        blocks: list[tuple[Float32Array, ...]] = []
        lists: list[tuple[Int64Array, ...]] = []
        for start in range(0, len(split.listeners), _BLOCK):
            rows = slice(start, start + _BLOCK)
            pairs, _ = candidate_pairs(library, split.histories[rows], N_CANDIDATES)
            played = np.asarray(split.held_out[rows][pairs.listeners, pairs.tracks] > 0).ravel()
            popularity = library.popularity[pairs.tracks]
            blocks.append((term_values(pairs), pairs.scores, played, popularity))
            lists.append((pairs.listeners + start, library.kinds[pairs.tracks]))
        terms, scores, played, popularity = map(np.concatenate, zip(*blocks, strict=True))
        listeners, kinds = map(np.concatenate, zip(*lists, strict=True))
        held_out = [
            split.held_out[:, library.kinds == kind].getnnz(axis=1) for kind in range(len(KINDS))
        ]
        return cls(
            terms,
            scores,
            played,
            listeners,
            kinds,
            np.column_stack(held_out),
            length_classes(split.histories),
            popularity,
            np.diff(split.train.indptr)[split.listeners] == 0,
        )

    @cached_property
    def bounds(self) -> Int64Array:
        """The first pair of each listener, and the number of pairs: int64 (n + 1,)."""
        return np.searchsorted(self.listeners, np.arange(len(self.lengths) + 1))

    def of_listeners(self, listeners: Int64Array) -> Examples:
        """Return the pairs of some listeners, given by ascending rows."""
        mask = np.isin(self.listeners, listeners)
        return Examples(
            self.terms[mask],
            self.scores[mask],
            self.played[mask],
            np.searchsorted(listeners, self.listeners[mask]),
            self.kinds[mask],
            self.n_held_out[listeners],
            self.lengths[listeners],
            self.popularity[mask],
            self.is_new[listeners],
        )

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
