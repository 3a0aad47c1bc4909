"""The recommender: from a query to a ranked list with reasons, and from one track to another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from index.arrays import Float32Array, IndexArray
from recsys.catalog import FeedbackKind
from recsys.home.home import RECOUNT_AFTER, Home
from recsys.home.tag_table import TagTable
from recsys.home.track_table import TrackTable
from recsys.popularity.stored import ExpectedPopularity
from recsys.recommendation.candidates import DEFAULT_LIMITS, CandidateLimits, nearest_rows
from recsys.recommendation.context import ContextLoader, QueryContext
from recsys.recommendation.query import (
    Query,
    Reason,
    Recommendation,
    RecommendedList,
    Seed,
)
from recsys.recommendation.resolved_query import ResolvedQuery
from recsys.recommendation.track_path import smooth_path, waypoints
from recsys.recommendation.transitions import transitions, unfit_steps
from recsys.similarity.percentile import SAME, Similarity
from recsys.tagging.personal_tags import ListenersTags

MAX_LENGTH = 500  # of a path
N_PATH_CANDIDATES = 400  # at least MIN_NEAR of each waypoint
MIN_NEAR = 20


class Unanswerable(LookupError):
    """The query names tracks that are not indexed; the message says which."""


class Recommender:
    """Answers queries from one opened home. Safe to share between threads.

    Opening one costs nothing; the first query reads the catalogue and the listening model, later
    ones only what has changed. Another index needs another Recommender.

        with open_home(load_settings(Path("~/.earshot").expanduser())) as home:
            recommender = Recommender(home)
            for result in recommender.recommend(Query.like([17]), 10).recommendations:
                print(result.rank, result.track.title, result.score)
    """

    def __init__(
        self,
        home: Home,
        limits: CandidateLimits = DEFAULT_LIMITS,
        recount_after: float = RECOUNT_AFTER,
    ) -> None:
        """Listens are not counted again for `recount_after` times as long as counting took."""
        self.catalog = home.catalog
        self.index = home.index
        self._limits = limits
        self._contexts = ContextLoader(home, recount_after)
        self._similarity = Similarity(home.index.statistics, "none")

    def track_table(self) -> TrackTable:
        """Return the columns of the indexed tracks now."""
        return self._contexts.track_table()

    def tag_table(self) -> TagTable:
        """Return how much each indexed track stands out in each tag. Raises ProjectionError."""
        return self._contexts.tag_table()

    def popularity(self) -> Float32Array:
        """Return how many play each indexed track, as log(1 + n): (n,)."""
        return self._contexts.popularity()

    def expected_popularity(self) -> ExpectedPopularity | None:
        """Return what popularity is expected of tracks, None where it is not told."""
        return self._contexts.expected_popularity()

    def tags_of(self, listener: int | None) -> ListenersTags:
        """Return the tags that a listener can name; for None those of the taggers."""
        return self._contexts.tags_of(listener)

    def feedback_of(self, listener: int) -> Mapping[int, FeedbackKind]:
        """Return a listener's feedback on available tracks, by their ids."""
        return self._contexts.feedback_of(listener)

    def resolve(self, query: Query) -> ResolvedQuery:
        """Load what answering the query needs, once for several answers.

        Raises ValueError for a sound that is no vector of the index; ProjectionError or StaleIndex
        where a tag is asked for and the library's cannot be read.
        """
        context, notices = self._contexts.load(query)
        return ResolvedQuery(context, notices, self.catalog, self._similarity, self._limits)

    def recommend(self, query: Query, k: int) -> RecommendedList:
        """Return at most `k` tracks, best first.

        Raises ValueError for `k` below 1, and what `resolve` raises.
        """
        return self.resolve(query).recommend(k)

    def tagged(self, tag: str) -> Sequence[int] | None:
        """Return the ids of the available tracks that stand out in a tag, or whose files name it.

        Ascending; None for an unknown tag. Raises ProjectionError or StaleIndex as `resolve`.
        """
        ids = self._contexts.tagged(tag)
        return None if ids is None else ids.tolist()

    def path(
        self, start: int, end: int, length: int, query: Query | None = None
    ) -> RecommendedList:
        """Return a path of exactly `length` tracks from one track to another, both included.

        Of `query` the exclusions count, what its listener dislikes, and how key and tempo may
        change. The score of each track is
        the mean of its cosines to both ends, its similarity that to the track before it. Shorter,
        with a notice, where the library has too few tracks. Raises Unanswerable for an end that is
        not indexed, ValueError for a length below 2 or above MAX_LENGTH, or ends that are one
        track.
        """
        if not 2 <= length <= MAX_LENGTH:
            raise ValueError(f"length: wanted 2 to {MAX_LENGTH}, got {length}")
        if start == end:
            raise ValueError(f"end: wanted another track than the start, got {end}")
        ends = (Seed("track", start), Seed("track", end))
        context, notices = self._contexts.load(
            (query or Query()).model_copy(update={"seeds": ends})
        )
        table = context.track_table
        rows = table.rows([start, end])
        if len(rows) < 2:
            raise Unanswerable(" ".join(self._why_missing([start, end], table)))
        rows = self._path_candidates(context, rows, length)
        vectors = self.index.vectors_at(rows)
        rules = transitions(context.query, table, rows)
        places = smooth_path(vectors, table.artists[rows], 0, 1, length, rules)
        notices += unfit_steps(rules, places)
        if len(places) < length:
            notices.append(
                f"The library has only {len(places)} of {length} tracks for this path, "
                "with what is left out."
            )
        tracks = self.catalog.tracks(table.ids[rows[places]].tolist())
        steps = np.vecdot(vectors[places[1:]], vectors[places[:-1]])
        similarities = [SAME, *self._similarity.of(steps).tolist()]
        halves = (vectors[places] @ vectors[:2].T / 2).tolist()
        names = tracks[0].title, tracks[-1].title
        results = []
        for rank, (track, similarity, (one, other)) in enumerate(
            zip(tracks, similarities, halves, strict=True), start=1
        ):
            reasons = Reason("seed", start, one, names[0]), Reason("seed", end, other, names[1])
            results.append(
                Recommendation(rank, track, one + other, similarity, 0.0, "track", reasons)
            )
        return RecommendedList(tuple(results), "track", tuple(notices))

    def _path_candidates(self, context: QueryContext, ends: IndexArray, length: int) -> IndexArray:
        """Return the ends, and the rows of one file of each recording that lies near the path."""
        rows = np.flatnonzero(context.allowed)
        if len(rows) > self._limits.exhaustive:
            start, end = self.index.vectors_at(ends)
            points = waypoints(start, end, length)
            n_each = max(MIN_NEAR, N_PATH_CANDIDATES // length)
            rows = nearest_rows(context, points, n_each, self._limits)
        codes = context.track_table.recordings.codes[rows]
        _, first = np.unique(codes, return_index=True)
        return np.concatenate([ends, rows[np.sort(first)]])

    def _why_missing(self, ids: Sequence[int], table: TrackTable) -> list[str]:
        sentences = []
        for track_id in ids:
            if not len(table.rows([track_id])):
                track = self.catalog.track(track_id)
                sentences.append(
                    f"There is no track {track_id} in the library."
                    if track is None
                    else f"{track.title} is not in the index. {track.error or ''}".strip()
                )
        return sentences
