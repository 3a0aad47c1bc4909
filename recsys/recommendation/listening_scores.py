"""Scores of indexed tracks by the home's listening model, and the listens they are traced to."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from index.arrays import Float32Array, IndexArray
from index.inner_products import top_n
from recsys.recommendation.row_memo import RowMemo
from recsys.recommendation.scoring import moments
from recsys.recommendation.seeds import LIKE_COUNTS_AS, ListenerHistory, ResolvedSeeds

if TYPE_CHECKING:  # what it is fitted with takes seconds to import: not before there is a model
    from recsys.models.profile import Profile
    from recsys.models.ranker.pairs import Pairs
    from recsys.models.ranker.ranked_model import RankedModel
    from recsys.models.ranker.ranker import Ranker

MAX_KNOWN = 200  # listeners whose profiles are kept
MAX_CANDIDATES = 8  # lists of candidates that are kept of each, by their lengths
MAX_EXPLAINED = 500  # rows of which a listener's reasons are kept
MAX_NAMED = 100  # tracks of a history that a score may be traced to: the most played


class IndexedModel:
    """A listening model whose tracks are mapped to the rows of an index.

    rows      the row of each of the model's columns, -1 for a track that is not indexed
    columns   the column of each row, -1 for a track that the model does not have: int64 (n,)
    evidence  of each row, 0 for a track that the model does not have: float32 (n,)
    """

    def __init__(self, ranked: RankedModel, ids: ArrayLike) -> None:
        """`ids` are the index's, ascending."""
        ids = np.asarray(ids, np.int64)
        self.ranked, model = ranked, ranked.hybrid
        rows = np.searchsorted(ids, model.tracks)
        indexed = np.searchsorted(ids, model.tracks, side="right") > rows
        self.model = model
        self.rows = np.where(indexed, rows, -1)
        self.columns = np.full(len(ids), -1, np.int64)
        self.columns[rows[indexed]] = np.flatnonzero(indexed)
        self.evidence = np.zeros(len(ids), np.float32)
        self.evidence[rows[indexed]] = model.evidence[indexed]
        model.products()  # now, and not while somebody waits for an answer
        self._known: dict[bytes, KnownListener] = {}
        self._lock = threading.Lock()

    def scores_for(
        self, seeds: ResolvedSeeds, history: ListenerHistory, sample: IndexArray
    ) -> ListenerScores | None:
        """Return the scores for a listener's listens and likes, or for the seeds in their place.

        `sample` are the rows that they are standardised over. None where the model has none of
        these tracks.
        """
        listens = _listens(seeds, history)
        rows = np.fromiter(listens, np.intp, len(listens))
        counts = np.fromiter(listens.values(), np.float32, len(listens))
        columns = self.columns[rows]
        known = columns >= 0
        if not known.any():
            return None
        at = (np.zeros(int(known.sum()), np.intp), columns[known])
        shape = 1, len(self.model.tracks)
        matrix = sparse.csr_matrix((counts[known], at), shape=shape)
        last_at = dict(zip(history.rows.tolist(), history.last_at.tolist(), strict=False))
        times = np.array([last_at.get(row, 0) for row in rows[known].tolist()], np.float64)
        dated = sparse.csr_matrix((times, at), shape=shape)
        strongest = np.argsort(-counts[known], kind="stable")[:MAX_NAMED]
        ranked = not _replaced(seeds)
        listener = self._listener(matrix, dated)
        return ListenerScores(self, listener, rows[known][strongest], ranked, sample)

    def _listener(self, listens: sparse.csr_matrix, times: sparse.csr_matrix) -> KnownListener:
        """Return who listens so, solved once for the same listens: (1, n_tracks)."""
        arrays = listens.indices, listens.data, times.data
        key = hashlib.blake2b(b"".join(array.tobytes() for array in arrays)).digest()
        with self._lock:
            known = self._known.pop(key, None)
            if known is not None:
                self._known[key] = known  # the last that was asked for
                return known
        known = KnownListener(self.model.profile(listens), listens, times, {})
        with self._lock:
            self._known[key] = known
            for old in list(self._known)[:-MAX_KNOWN]:
                del self._known[old]
        return known


class KnownListener(NamedTuple):
    """What a listening model knows of somebody with certain listens, kept for their next query.

    listens     by the model's columns: CSR (1, n_tracks)
    times       of the last listens: CSR with the same stored entries, 0 where one is not known
    candidates  columns of the `n` tracks that the model may rank high, and whether by its ranker
                too, by these two
    """

    profile: Profile
    listens: sparse.csr_matrix
    times: sparse.csr_matrix
    candidates: dict[tuple[int, bool], IndexArray]


@dataclass(frozen=True, eq=False)
class ListenerScores:
    """A listening model's scores of the rows of an index, for one query.

    known    what the scores are computed from
    history  the rows of the most played of these tracks
    ranked   whether the ranker takes part: it was trained on histories, and is used on nothing else
    sample   rows of the library that scores are standardised over
    topics   what the ranker adds to rows by its topics, kept
    """

    model: IndexedModel
    known: KnownListener
    history: IndexArray
    ranked: bool
    sample: IndexArray
    topics: RowMemo = field(default_factory=lambda: RowMemo(MAX_EXPLAINED))

    def scores(self, rows: IndexArray) -> Float32Array:
        """Return scores of rows, higher is better, (n,); 0 for a track the model does not have.

        That is the typical score, and such a track has no evidence by which it would count.
        """
        columns = self.model.columns[rows]
        scores = np.zeros(len(rows), np.float32)
        scores[columns >= 0] = self.known.profile.scores(columns[columns >= 0])[0]
        return scores

    def ranked_scores(self, rows: IndexArray) -> tuple[Float32Array, Float32Array]:
        """Return the scores of rows, and what the ranker adds to them, 0 without one: (n,) each."""
        if not self.has_ranker:
            return self.scores(rows), np.zeros(len(rows), np.float32)

        def both(ranker: Ranker, pairs: Pairs) -> Float32Array:
            return np.column_stack([pairs.scores, ranker.corrections(pairs)])

        scores, corrections = self._by_ranker(rows, both).T
        return scores, corrections

    @cached_property
    def moments(self) -> tuple[float, float]:
        """Mean and standard deviation of the scores of the sample."""
        return moments(self.scores(self.sample))

    @cached_property
    def has_ranker(self) -> bool:
        """Whether the ranker changes anything for a history of this length."""
        ranker = self.model.ranked.ranker
        return self.ranked and ranker is not None and ranker.is_adopted(self.known.listens)

    def correction_parts(self, rows: IndexArray) -> Float32Array:
        """Return the part of each of the ranker's topics in the corrections: (n, n_topics)."""

        def compute(places: IndexArray) -> Float32Array:
            return self._by_ranker(rows[places], lambda ranker, pairs: ranker.parts(pairs))

        return self.topics.of(rows, compute)

    def candidates(self, n: int) -> IndexArray:
        """Return about `n` rows that the model may rank high, and as many by artists played."""
        kept, key = self.known.candidates, (n, self.has_ranker)
        columns = kept.get(key)
        if columns is None:
            if len(kept) >= MAX_CANDIDATES:
                kept.clear()
            columns = kept[key] = self._candidates(n)
        rows: IndexArray = self.model.rows[columns]
        return rows[rows >= 0]

    def _candidates(self, n: int) -> IndexArray:
        """Return the columns of the candidates."""
        columns: IndexArray = self.known.profile.candidates(n)
        if self.has_ranker:
            artists = self.model.ranked.library.artists
            of_artist = artists.sums(self.known.listens.sign())[0]
            tracks = np.flatnonzero(artists.of_tracks(of_artist, np.arange(len(artists.codes))))
            own = artists.of_tracks(of_artist, tracks)
            columns = np.unique(np.concatenate([columns, tracks[top_n(own, n)]]))
        return columns

    def _by_ranker(
        self, rows: IndexArray, compute: Callable[[Ranker, Pairs], Float32Array]
    ) -> Float32Array:
        """Compute something of each row, 0 for a track that the model does not have."""
        ranker = self.model.ranked.ranker
        columns = self.model.columns[rows]
        known = columns >= 0
        if ranker is None:
            raise ValueError("the listening model has no ranker")
        listener = self.known
        pairs = self.model.ranked.pairs(
            listener.profile, listener.listens, columns[known], listener.times
        )
        values = compute(ranker, pairs)
        of_rows = np.zeros((len(rows), values.shape[1]), np.float32)
        of_rows[known] = values
        return of_rows

    def shares(self, rows: IndexArray) -> Float32Array:
        """Return the shares of the history's tracks in the scores of rows, by their factors.

        Those that speak for a row: (n, n_history + 1), rows sum to 1; the last column is 1 where
        none does.
        """
        columns = self.model.columns[rows]
        known = columns >= 0
        shares = np.zeros((len(rows), len(self.history)), np.float32)
        shares[known] = self.model.model.item_factors[columns[known]] @ self._influence
        shares = np.maximum(shares, 0)
        totals = shares.sum(axis=1, keepdims=True)
        shares /= np.where(totals > 0, totals, 1)
        with_rest: Float32Array = np.append(shares, totals <= 0, axis=1).astype(np.float32)
        return with_rest

    @cached_property
    def _influence(self) -> Float32Array:
        """What each track of the history gives to each factor: (n_factors, n_history)."""
        played = self.model.columns[self.history]
        return self.model.model.influence(self.known.listens, played)


def _listens(seeds: ResolvedSeeds, history: ListenerHistory) -> dict[int, float]:
    """Return the number of listens by row: those of the seeds, or else of the history."""
    if _replaced(seeds):
        return {s.row: LIKE_COUNTS_AS * s.weight for s in seeds.positive if s.row >= 0}
    listens = dict(zip(history.rows.tolist(), history.counts.tolist(), strict=True))
    for row in history.liked:
        listens[row] = listens.get(row, 0.0) + LIKE_COUNTS_AS
    return listens


def _replaced(seeds: ResolvedSeeds) -> bool:
    """Return whether seeds take the place of the listener's listens."""
    return any(seed.kind != "listens" for seed in seeds.positive)
