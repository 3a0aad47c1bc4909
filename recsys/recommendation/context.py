"""Everything that answering a query needs, loaded once and cached until it changes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from index.arrays import BoolArray, Float32Array, IndexArray, Int64Array
from index.vector_index import VectorIndex
from recsys.catalog import FeedbackKind, TagExamples
from recsys.catalog.search import fold
from recsys.home.files import LISTENING_NAME
from recsys.home.home import RECOUNT_AFTER, Home, stamp
from recsys.home.tag_table import TagTable
from recsys.home.track_table import TrackTable
from recsys.models.model_file import DamagedModel
from recsys.popularity.stored import ExpectedPopularity, PopularityReader
from recsys.recommendation.filters import STANDS_OUT, allowed_rows
from recsys.recommendation.listening_scores import IndexedModel, ListenerScores
from recsys.recommendation.query import Query
from recsys.recommendation.row_memo import RowMemo
from recsys.recommendation.scoring import Candidates
from recsys.recommendation.seeds import ListenerHistory, ResolvedSeeds, SeedResolver
from recsys.tagging.personal_tags import ListenersTags, PersonalTags

N_CACHED_LISTENERS = 100
MAX_PROPOSED = 8  # lists of proposals that are kept of a listener, by their lengths


class _Model(NamedTuple):
    """The listening model of one file, and a notice where it cannot be used."""

    stamp: tuple[int, int, int] | None
    indexed: IndexedModel | None
    notices: list[str]


class _Popularity(NamedTuple):
    """How many play each track, at one revision of the listens; when to count again."""

    revision: int
    until: float
    values: Float32Array


@dataclass(frozen=True, eq=False)
class Kept:
    """What is kept of a listener's queries that name no seeds: it depends on the history alone.

    seeds      the history as seeds
    sample     the tracks that terms are standardised over, as candidates of these seeds
    scores     the listening model's, None without a model or listens that it has
    relevance  of rows, and penalties likewise: `recsys.recommendation.terms`
    proposed   rows that sound like the history, by how many were asked for and may be recommended
    titles     of tracks that reasons name, by id
    """

    seeds: ResolvedSeeds
    sample: Candidates
    scores: ListenerScores | None
    relevance: RowMemo = field(default_factory=RowMemo)
    penalties: RowMemo = field(default_factory=RowMemo)
    proposed: dict[tuple[int, int], IndexArray] = field(default_factory=dict)
    titles: dict[int, str] = field(default_factory=dict)


class _Listener(NamedTuple):
    """What the catalogue has of a listener at a revision of the listens, for a table of tracks."""

    revision: int
    table: TrackTable
    history: ListenerHistory
    feedback: Mapping[int, FeedbackKind]  # by the track's id
    examples: list[TagExamples]
    model: IndexedModel | None = None  # that `kept` is of
    kept: Kept | None = None

    def holds_for(self, later: _Listener) -> bool:
        """Say whether `kept` is right for what was read later: only others' listens have changed.

        Where artists replace the history, listens count that it does not have.
        """
        same = self.table is later.table and self.history.is_same(later.history)
        from_tracks = self.kept is not None and self.kept.seeds.fallback == "track"
        return same and from_tracks and self.examples == later.examples


@dataclass(frozen=True, eq=False)
class QueryContext:
    """A query with everything that answering it needs.

    allowed          the rows that may be recommended, bool (n,)
    listener_scores  of the listening model, None without a model or listens that it has
    has_model        whether the home has a listening model
    sample           the tracks of the library that terms are standardised over
    kept             where the query names no seeds: what is kept of such queries of its listener
    load_popularity  returns `popularity`, which not every query needs
    load_expected    returns what popularity is expected of tracks, None where it is not told
    """

    query: Query
    index: VectorIndex
    track_table: TrackTable
    seeds: ResolvedSeeds
    history: ListenerHistory
    allowed: BoolArray
    listener_scores: ListenerScores | None
    has_model: bool
    sample: Candidates
    kept: Kept | None
    load_popularity: Callable[[], Float32Array]
    load_expected: Callable[[], ExpectedPopularity | None]

    @cached_property
    def popularity(self) -> Float32Array:
        """How many play each track, as log(1 + n): (n,)."""
        return self.load_popularity()

    @cached_property
    def pleasing(self) -> Float32Array:
        """The popularity, with unplayed tracks in the order that their sound says: (n,).

        All alike where that is not told.
        """
        expected = self.load_expected()
        return self.popularity if expected is None else expected.with_unplayed(self.popularity)

    @cached_property
    def n_allowed(self) -> int:
        """How many rows may be recommended."""
        return int(np.count_nonzero(self.allowed))

    @cached_property
    def library_mean(self) -> Float32Array:
        """The mean embedding of the library's sample, (1, dim)."""
        mean: Float32Array = self.sample.vectors.mean(axis=0, keepdims=True)
        return mean


class ContextLoader:
    """Loads the contexts of queries to one opened home. Safe to share between threads."""

    def __init__(self, home: Home, recount_after: float = RECOUNT_AFTER) -> None:
        """Listens are not counted again for `recount_after` times as long as counting took."""
        self.home = home
        self.catalog = home.catalog
        self.index = home.index
        self._recount_after = recount_after
        self._listeners_lock = threading.Lock()
        self._popularity_lock = threading.Lock()
        self._model_lock = threading.Lock()
        self._personal_tags = PersonalTags(home.index)
        self._counted: _Popularity | None = None
        self._expected = PopularityReader(home)
        self._model = _Model(None, None, [])
        self._listeners: dict[int, _Listener] = {}

    def load(self, query: Query) -> tuple[QueryContext, list[str]]:
        """Return the query's context, and notices on what could not be used."""
        made = self.home.tables.tracks_at_revision()
        table, model = made.value, self._current_model()
        history = ListenerHistory()
        examples: list[TagExamples] = []
        kept: Kept | None = None
        if query.listener is not None:
            listener = self._listener(query.listener, table)
            history, examples, kept = listener.history, listener.examples, listener.kept
        tags = self._personal_tags.of(examples, made.key, table, self.tag_table)
        if query.seeds or kept is None or listener.model is not model.indexed:
            kept = self._resolve(query, history, table, tags, model.indexed)
            if query.listener is not None and not query.seeds:
                self._keep(query.listener, listener._replace(model=model.indexed, kept=kept))
        allowed, notices = allowed_rows(query, history, table, self.index, tags)
        context = QueryContext(
            query,
            self.index,
            table,
            kept.seeds,
            history,
            allowed,
            kept.scores,
            model.indexed is not None,
            kept.sample,
            kept if query.listener is not None and not query.seeds else None,
            lambda: self._popularity(table),
            self._expected.read,
        )
        return context, [*kept.seeds.notices, *notices, *model.notices]

    def _resolve(
        self,
        query: Query,
        history: ListenerHistory,
        table: TrackTable,
        tags: ListenersTags,
        model: IndexedModel | None,
    ) -> Kept:
        seeds = SeedResolver(self.catalog, self.index, table, tags).resolve(query, history)
        scores = None if model is None else model.scores_for(seeds, history, table.sample)
        return Kept(seeds, Candidates(table.sample, self.index, seeds), scores)

    def track_table(self) -> TrackTable:
        """Return the columns of the indexed tracks now."""
        return self.home.tables.tracks()

    def popularity(self) -> Float32Array:
        """Return how many play each track, as log(1 + n): (n,)."""
        return self._popularity(self.track_table())

    def expected_popularity(self) -> ExpectedPopularity | None:
        """Return what popularity is expected of tracks, None where it is not told."""
        return self._expected.read()

    def tags_of(self, listener: int | None) -> ListenersTags:
        """Return the tags that a listener can name; for None those of the taggers."""
        revision, table = self.home.tables.tracks_at_revision()
        examples = [] if listener is None else self._listener(listener, table).examples
        return self._personal_tags.of(examples, revision, table, self.tag_table)

    def feedback_of(self, listener: int) -> Mapping[int, FeedbackKind]:
        """Return a listener's feedback on available tracks, by their ids."""
        return self._listener(listener, self.track_table()).feedback

    def tagged(self, tag: str) -> Int64Array | None:
        """Return the ids of the available tracks that stand out in a tag, or whose files name it.

        Ascending; None for what is neither a tag of the taggers, nor a mood, nor in the files.
        """
        table = self.track_table()
        column, genre_rows = self.tags_of(None).column(tag), table.genre_rows.get(fold(tag))
        if column is None and genre_rows is None:
            return None
        mask = np.zeros(len(table), np.bool_) if column is None else column >= STANDS_OUT
        if genre_rows is not None:
            mask[genre_rows] = True
        ids: Int64Array = table.ids[mask & table.available]
        return ids

    def tag_table(self) -> TagTable:
        """Return the taggers' tags of all tracks, read once. Raises ProjectionError."""
        return self.home.tables.tags()

    def _current_model(self) -> _Model:
        """Return the listening model, loaded again whenever its file has been replaced."""
        path = self.home.settings.home / LISTENING_NAME
        current = stamp(path)
        with self._model_lock:
            if current != self._model.stamp:
                # What it is fitted with takes seconds to import: not before there is a model.
                from recsys.models.ranker.ranked_model import RankedModel  # noqa: PLC0415

                try:
                    ranked = RankedModel.load(path, self.home.copies)
                    notices = [ranked.notice] if ranked.notice else []
                    self._model = _Model(current, IndexedModel(ranked, self.index.ids), notices)
                except FileNotFoundError:
                    self._model = _Model(None, None, [])
                except DamagedModel as error:
                    self._model = _Model(current, None, [str(error)])
            return self._model

    def _popularity(self, table: TrackTable) -> Float32Array:
        """Return how many listen to each track, as log(1 + n), (n,).

        Counted again after listens have changed, but not more often than `recount_after` allows.
        """
        revision = self.catalog.listens_revision
        with self._popularity_lock:
            counted = self._counted
            if counted is None or (
                counted.revision != revision and time.monotonic() >= counted.until
            ):
                begin = time.monotonic()
                values = self._count_listeners(table)
                end = time.monotonic()
                until = end + self._recount_after * (end - begin)
                self._counted = counted = _Popularity(revision, until, values)
            return counted.values

    def _count_listeners(self, table: TrackTable) -> Float32Array:
        interactions = self.catalog.interactions()
        columns = interactions.counts.indices
        listeners = np.bincount(columns, minlength=len(interactions.tracks))
        rows, indexed = table.find(interactions.tracks)
        values = np.zeros(len(table), np.float32)
        values[rows[indexed]] = np.log1p(listeners[indexed])
        return values

    def _listener(self, listener: int, table: TrackTable) -> _Listener:
        """Return a listener's listens, feedback and tags, read again when somebody's change."""
        revision = self.catalog.listens_revision
        known = self._listeners.get(listener)
        if known is not None and (known.revision, known.table) == (revision, table):
            return known
        feedback = {one.track_id: one.kind for one in self.catalog.feedback(listener)}
        history = self._history(listener, feedback, table)
        read = _Listener(revision, table, history, feedback, self.catalog.examples(listener))
        if known is not None and known.holds_for(read):
            read = read._replace(model=known.model, kept=known.kept)
        return self._keep(listener, read)

    def _keep(self, listener: int, known: _Listener) -> _Listener:
        with self._listeners_lock:
            self._listeners.pop(listener, None)
            while len(self._listeners) >= N_CACHED_LISTENERS:
                del self._listeners[next(iter(self._listeners))]
            self._listeners[listener] = known
        return known

    def _history(
        self, listener: int, said: Mapping[int, FeedbackKind], table: TrackTable
    ) -> ListenerHistory:
        listens = self.catalog.history(listener)
        rows, indexed = table.find(listens.track_ids)
        feedback: dict[str, list[int]] = {"like": [], "dislike": [], "skip": []}
        for track_id, kind in said.items():
            feedback[kind] += table.rows([track_id]).tolist()
        return ListenerHistory(
            rows[indexed],
            listens.counts[indexed],
            tuple(listens.track_ids[~indexed].tolist()),
            tuple(feedback["like"]),
            tuple(feedback["dislike"]),
            tuple(feedback["skip"]),
            listens.last_at[indexed],
        )
