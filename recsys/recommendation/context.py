"""Everything that a question needs to be answered, looked up once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from index.arrays import BoolArray, Float32Array, Int64Array
from index.vector_index import VectorIndex
from recsys.catalog.search import fold
from recsys.home.files import LISTENING_NAME
from recsys.home.home import REST, Home, stamp
from recsys.home.tag_table import TagTable
from recsys.home.track_table import TrackTable
from recsys.models.model_file import DamagedModel
from recsys.recommendation.filters import STANDS_OUT, allowed
from recsys.recommendation.listening_scores import IndexedModel, ListenerScores
from recsys.recommendation.query import Query
from recsys.recommendation.seeds import ListenerHistory, ResolvedSeeds, SeedResolver
from recsys.tagging.personal_tags import PersonalTags

N_REMEMBERED = 100  # listeners


class _LibraryColumns(NamedTuple):
    """What is kept of one revision of the catalogue's tracks."""

    revision: int
    shelf: TrackTable


class _Learnt(NamedTuple):
    """The listening model of one file, and a sentence where it cannot be used."""

    stamp: tuple[int, int, int] | None
    tastes: IndexedModel | None
    sentences: list[str]


@dataclass(frozen=True, eq=False)
class QueryContext:
    """A query with what it is to be answered from.

    allowed     the rows that may be in the answer, bool (n,)
    taste       what listens say, None where they say nothing
    learnt      whether anything has been learnt from listens
    popularity  returns how many play each track, as log(1 + n): (n,)
    """

    query: Query
    index: VectorIndex
    shelf: TrackTable
    ground: ResolvedSeeds
    heard: ListenerHistory
    allowed: BoolArray
    taste: ListenerScores | None
    learnt: bool
    popularity: Callable[[], Float32Array]

    @cached_property
    def n_allowed(self) -> int:
        """How many rows may be in the answer."""
        return int(np.count_nonzero(self.allowed))


class ContextLoader:
    """Looks up what questions to one opened home need. Safe to share between threads."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.catalog = home.catalog
        self.index = home.index
        self._lock = threading.Lock()
        self._tags_lock = threading.Lock()
        self._plays_lock = threading.Lock()
        self._tastes_lock = threading.Lock()
        self._taught = PersonalTags(home.catalog, home.index)
        self._library: _LibraryColumns | None = None
        self._tags: TagTable | None = None
        self._plays: tuple[int, float, Float32Array] | None = None
        self._tastes = _Learnt(None, None, [])
        self._heard: dict[int, tuple[int, ListenerHistory]] = {}

    def question(self, query: Query) -> tuple[QueryContext, list[str]]:
        """Return the query with what is known for it, and sentences on what could not be used."""
        library = self._current()
        shelf = library.shelf
        heard = self._heard_by(query.listener, shelf)
        tags = self._taught.of(query.listener, library.revision, shelf, self.tag_table)
        ground = SeedResolver(self.catalog, self.index, shelf, tags).ground(query, heard)
        learnt = self._learnt()
        mask, sentences = allowed(query, heard, shelf, self.index, tags)
        question = QueryContext(
            query,
            self.index,
            shelf,
            ground,
            heard,
            mask,
            learnt.tastes.of(ground, heard) if learnt.tastes else None,
            learnt.tastes is not None,
            lambda: self._popularity(shelf),
        )
        return question, [*ground.sentences, *sentences, *learnt.sentences]

    def shelf(self) -> TrackTable:
        """Return what is known of each indexed track now."""
        return self._current().shelf

    def tagged(self, tag: str) -> Int64Array | None:
        """Return the ids of the living tracks that stand out in a tag, or whose files name it.

        Ascending; None for a tag that neither taggers nor files know.
        """
        shelf = self._current().shelf
        column, filed = self.tag_table().column(tag), shelf.genre_rows.get(fold(tag))
        if column is None and filed is None:
            return None
        mask = np.zeros(len(shelf), np.bool_) if column is None else column >= STANDS_OUT
        if filed is not None:
            mask[filed] = True
        ids: Int64Array = shelf.ids[mask & shelf.available]
        return ids

    def _current(self) -> _LibraryColumns:
        """Read the catalogue's columns, once a revision."""
        revision = self.catalog.track_revision
        with self._lock:
            if self._library is None or self._library.revision != revision:
                shelf = TrackTable.read(self.catalog, self.index)
                self._library = _LibraryColumns(revision, shelf)
            return self._library

    def _learnt(self) -> _Learnt:
        """Read what has been learnt from listens, again whenever its file has been replaced."""
        path = self.home.settings.home / LISTENING_NAME
        found = stamp(path)
        with self._tastes_lock:
            if found != self._tastes.stamp:
                # What it is fitted with takes seconds to import: not before there is a model.
                from recsys.models.hybrid import HybridModel  # noqa: PLC0415

                try:
                    tastes = IndexedModel(HybridModel.load(path), self.index.ids)
                    self._tastes = _Learnt(found, tastes, [])
                except FileNotFoundError:
                    self._tastes = _Learnt(None, None, [])
                except DamagedModel as error:
                    self._tastes = _Learnt(found, None, [str(error)])
            return self._tastes

    def tag_table(self) -> TagTable:
        """Read the taggers' tags of all tracks, when first needed. Raises ProjectionError."""
        with self._tags_lock:
            if self._tags is None:
                projection = self.home.projection
                self._tags = TagTable.read(
                    self.catalog, self.index.ids, projection.extractors, projection.tags
                )
            return self._tags

    def _popularity(self, shelf: TrackTable) -> Float32Array:
        """Return how many listen to each track, as log(1 + n), (n,).

        Counted anew after listens have changed, but not more than a REST-th of the time.
        """
        revision = self.catalog.listens_revision
        with self._plays_lock:
            kept = self._plays
            if kept is None or (kept[0] != revision and time.monotonic() >= kept[1]):
                begin = time.monotonic()
                interactions = self.catalog.interactions()
                columns = interactions.counts.indices
                listeners = np.bincount(columns, minlength=len(interactions.tracks))
                rows, known = shelf.find(interactions.tracks)
                values = np.zeros(len(shelf), np.float32)
                values[rows[known]] = np.log1p(listeners[known])
                end = time.monotonic()
                self._plays = kept = revision, end + REST * (end - begin), values
            return kept[2]

    def _heard_by(self, listener: int | None, shelf: TrackTable) -> ListenerHistory:
        """Return what a listener played and said, nothing for nobody."""
        if listener is None:
            return ListenerHistory()
        revision = self.catalog.listens_revision
        kept = self._heard.get(listener)
        if kept is not None and kept[0] == revision:
            return kept[1]
        history = self.catalog.history(listener)
        rows, known = shelf.find(history.track_ids)
        said: dict[str, list[int]] = {"like": [], "dislike": [], "skip": []}
        for feedback in self.catalog.feedback(listener):
            said[feedback.kind] += shelf.rows([feedback.track_id]).tolist()
        heard = ListenerHistory(
            rows[known],
            history.counts[known],
            tuple(history.track_ids[~known].tolist()),
            tuple(said["like"]),
            tuple(said["dislike"]),
            tuple(said["skip"]),
        )
        with self._lock:
            if len(self._heard) >= N_REMEMBERED:
                self._heard.clear()
            self._heard[listener] = revision, heard
        return heard
