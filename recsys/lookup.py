"""Everything that a question needs to be answered, looked up once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from index.vector_index import VectorIndex
from recsys.filters import allowed, seeds_and_copies
from recsys.ground import LIKE_COUNTS_AS, Ground, Heard, Ladder
from recsys.home import Home
from recsys.query import Query
from recsys.shelf import Shelf, TagTable

REST = 100  # times as long as counting plays takes, they are not counted again

_Values = NDArray[np.float32]


class ListeningModel(Protocol):
    """What is learnt from listens; `recsys.blend.Blend` is one."""

    @property
    def tracks(self) -> NDArray[np.int64]:
        """The ids of the tracks it knows, ascending: (n_tracks,)."""

    @property
    def evidence(self) -> _Values:
        """How much of each track's factors rests on listens, 0 to 1: (n_tracks,)."""

    def scores(self, histories: sparse.csr_matrix) -> _Values:
        """Score every track for listeners with these listens: both (n, n_tracks)."""


class _Library(NamedTuple):
    """What is kept of one revision."""

    revision: tuple[int, int]
    shelf: Shelf
    ladder: Ladder


@dataclass(frozen=True, eq=False)
class Question:
    """A query with what it is to be answered from.

    allowed     the rows that may be in the answer, bool (n,)
    listening   the listening model's score of each row, (n,); None where it has nothing to go by
    evidence    how much of each track's factors rests on listens, 0 to 1: (n,)
    popularity  returns how many play each track, as log(1 + n): (n,)
    """

    query: Query
    index: VectorIndex
    shelf: Shelf
    ground: Ground
    heard: Heard
    allowed: NDArray[np.bool_]
    listening: _Values | None
    evidence: _Values
    popularity: Callable[[], _Values]


class Lookup:
    """Looks up what questions to one opened home need. Safe to share between threads."""

    def __init__(self, home: Home, listening: ListeningModel | None) -> None:
        self.home = home
        self.catalog = home.catalog
        self.index = home.index
        self.listening = listening
        self._lock = threading.Lock()
        self._library: _Library | None = None
        self._tags: TagTable | None = None
        self._plays: tuple[int, float, _Values] | None = None

    def question(self, query: Query) -> tuple[Question, list[str]]:
        """Return the query with what is known for it, and sentences on what could not be used."""
        library = self._current()
        shelf = library.shelf
        heard = self._heard(query.listener, shelf)
        ground = library.ladder.ground(query, heard)
        mask, sentences = allowed(query, heard, shelf, self._tag_table)
        named = [*ground.liked, *(anchor for anchor in ground.avoided if query.exclude_disliked)]
        mask &= ~seeds_and_copies(named, shelf, self.index)
        listening, evidence = self._listening_scores(ground, heard, shelf)
        question = Question(
            query,
            self.index,
            shelf,
            ground,
            heard,
            mask,
            listening,
            evidence,
            lambda: self._popularity(shelf),
        )
        return question, [*ground.sentences, *sentences]

    def _current(self) -> _Library:
        """Read the catalogue's columns, once a revision."""
        revision = self.catalog.revision, self.catalog.track_revision
        with self._lock:
            if self._library is None or self._library.revision != revision:
                shelf = Shelf.read(self.catalog, self.index)
                ladder = Ladder(self.catalog, self.index, shelf, self._tag_table)
                self._library = _Library(revision, shelf, ladder)
            return self._library

    def _tag_table(self) -> TagTable:
        """Read the taggers' tags of all tracks, when first needed. Raises ProjectionError."""
        with self._lock:
            if self._tags is None:
                projection = self.home.projection
                self._tags = TagTable.read(
                    self.catalog, self.index.ids, projection.extractors, projection.tags
                )
            return self._tags

    def _popularity(self, shelf: Shelf) -> _Values:
        """Return how many listen to each track, as log(1 + n), (n,).

        Counted anew after listens have changed, but not more than a REST-th of the time.
        """
        revision = self.catalog.listens_revision
        with self._lock:
            if self._plays is None or (
                self._plays[0] != revision and time.monotonic() >= self._plays[1]
            ):
                begin = time.monotonic()
                interactions = self.catalog.interactions()
                listeners = np.bincount(
                    interactions.counts.indices, minlength=len(interactions.tracks)
                )
                values = np.zeros(len(shelf), np.float32)
                values[shelf.rows(interactions.tracks)] = np.log1p(
                    listeners[np.isin(interactions.tracks, shelf.ids)]
                )
                end = time.monotonic()
                self._plays = revision, end + REST * (end - begin), values
            return self._plays[2]

    def _heard(self, listener: int | None, shelf: Shelf) -> Heard:
        """Return what a listener played and said, nothing for nobody."""
        if listener is None:
            return Heard()
        history = self.catalog.history(listener)
        said: dict[str, list[int]] = {"like": [], "dislike": [], "skip": []}
        for feedback in self.catalog.feedback(listener):
            said[feedback.kind] += shelf.rows([feedback.track_id]).tolist()
        return Heard(
            shelf.rows(history.track_ids),
            history.counts[np.isin(history.track_ids, shelf.ids)],
            tuple(said["like"]),
            tuple(said["dislike"]),
            tuple(said["skip"]),
        )

    def _listening_scores(
        self, ground: Ground, heard: Heard, shelf: Shelf
    ) -> tuple[_Values | None, _Values]:
        """Return the listening model's score of each row, None where it has nothing to go by.

        Listens, or the seeds in the place of listens, are what it goes by. Tracks that it does not
        know yet get its mean.
        """
        evidence = np.zeros(len(shelf), np.float32)
        weights = dict(zip(heard.rows.tolist(), heard.counts.tolist(), strict=True))
        for row in heard.liked:
            weights[row] = weights.get(row, 0.0) + LIKE_COUNTS_AS
        if any(anchor.kind != "listens" for anchor in ground.liked):
            weights = {anchor.row: anchor.weight for anchor in ground.liked if anchor.row >= 0}
        if self.listening is None or not weights:
            return None, evidence
        known = np.isin(shelf.ids, self.listening.tracks)
        columns = np.searchsorted(self.listening.tracks, shelf.ids[known])
        evidence[known] = self.listening.evidence[columns]
        history = np.zeros(len(shelf), np.float32)
        history[list(weights)] = list(weights.values())
        listens = np.zeros((1, len(self.listening.tracks)), np.float32)
        listens[0, columns] = history[known]
        if not listens.any():
            return None, np.zeros(len(shelf), np.float32)
        scores = self.listening.scores(sparse.csr_matrix(listens))[0]
        values = np.full(len(shelf), scores.mean(), np.float32)
        values[known] = scores[columns]
        return values, evidence
