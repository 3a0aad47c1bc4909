"""The recommender: from a question to a list with its reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from index.arrays import IndexArray
from recsys.home.home import Home
from recsys.home.tag_table import TagTable
from recsys.home.track_table import TrackTable
from recsys.recommendation.candidates import SMALL, near
from recsys.recommendation.context import ContextLoader, QueryContext
from recsys.recommendation.filters import recordings
from recsys.recommendation.query import (
    Fallback,
    Query,
    Reason,
    ReasonKind,
    Recommendation,
    RecommendedList,
    Seed,
)
from recsys.recommendation.ranking import RankedTracks, choose, weigh
from recsys.recommendation.track_path import smooth_path, waypoints
from recsys.similarity.percentile import SAME, Similarity

MAX_LENGTH = 500  # of a path
N_ON_THE_WAY = 400  # candidates of a path; at least MIN_NEAR of each station
MIN_NEAR = 20

_RUNGS: dict[ReasonKind, Fallback] = {
    "seed": "track",
    "listens": "track",
    "listeners": "track",
    "artist": "artist",
    "tag": "tags",
    "popular": "popular",
    "typical": "popular",
}


class Unanswerable(LookupError):
    """The question names what the library has not; the message says what."""


class Recommender:
    """Answers queries from one opened home. Safe to share between threads.

    Opening one costs nothing; the first query reads the catalogue and the listening model, later
    ones only what has changed. Another index needs another Recommender.

        with open_home(load_settings(Path("~/.earshot").expanduser())) as home:
            recommender = Recommender(home)
            for result in recommender.recommend(Query.like([17]), 10).recommendations:
                print(result.rank, result.track.title, result.score)
    """

    def __init__(self, home: Home) -> None:
        self.catalog = home.catalog
        self.index = home.index
        self._lookup = ContextLoader(home)
        self._similarity = Similarity(home.index.statistics, "none")

    def shelf(self) -> TrackTable:
        """Return what is known of each indexed track now."""
        return self._lookup.shelf()

    def tag_table(self) -> TagTable:
        """Return how much each indexed track stands out in each tag. Raises ProjectionError."""
        return self._lookup.tag_table()

    def recommend(self, query: Query, k: int) -> RecommendedList:
        """Return at most `k` tracks, best first.

        Raises ValueError for `k` below 1 and for a sound that is no vector of the index;
        ProjectionError or StaleIndex where a tag is asked for and the library's cannot be read.
        """
        if k < 1:
            raise ValueError(f"k: wanted at least 1, got {k}")
        question, sentences = self._lookup.question(query)
        choice = choose(question, k)
        sentences += self._remarks(question) + _shortage(question, len(choice.rows), k)
        results = self._results(question, choice)
        return RecommendedList(tuple(results), question.ground.rung, tuple(sentences))

    def describe(self, query: Query, ids: Sequence[int]) -> tuple[Recommendation, ...]:
        """Return tracks scored as the query's answers are, in their order, whatever it leaves out.

        Those that are not indexed are missing.
        """
        question, _ = self._lookup.question(query)
        return tuple(self._results(question, weigh(question, question.shelf.rows(ids))))

    def tagged(self, tag: str) -> Sequence[int] | None:
        """Return the ids of the living tracks that stand out in a tag, or whose files name it.

        Ascending; None for an unknown tag. Raises ProjectionError or StaleIndex as `recommend`.
        """
        found = self._lookup.tagged(tag)
        return None if found is None else found.tolist()

    def path(
        self, start: int, end: int, length: int, query: Query | None = None
    ) -> RecommendedList:
        """Return a way of exactly `length` tracks from one track to another, both included.

        Of `query` the exclusions count, and what its listener dislikes. The score of each track is
        the mean of its cosines to both ends, its similarity that to the track before it. Shorter,
        with a sentence, where the library has too few tracks. Raises Unanswerable for an end that
        is not indexed, ValueError for a length below 2 or above MAX_LENGTH, or ends that are one
        track.
        """
        if not 2 <= length <= MAX_LENGTH:
            raise ValueError(f"length: wanted 2 to {MAX_LENGTH}, got {length}")
        if start == end:
            raise ValueError(f"end: wanted another track than the start, got {end}")
        ends = (Seed("track", start), Seed("track", end))
        question, sentences = self._lookup.question(replace(query or Query(), seeds=ends))
        shelf = question.shelf
        rows = shelf.rows([start, end])
        if len(rows) < 2:
            raise Unanswerable(" ".join(self._why_missing([start, end], shelf)))
        rows = self._on_the_way(question, rows, length)
        vectors = self.index.vectors_at(rows)
        path = smooth_path(vectors, shelf.artists[rows], 0, 1, length)
        if len(path) < length:
            sentences.append(
                f"The library has only {len(path)} of {length} tracks for this way, "
                "with what is left out."
            )
        tracks = self.catalog.tracks(shelf.ids[rows[path]].tolist())
        steps = np.vecdot(vectors[path[1:]], vectors[path[:-1]])
        similarities = [SAME, *self._similarity.of(steps).tolist()]
        shares = (vectors[path] @ vectors[:2].T / 2).tolist()
        names = tracks[0].title, tracks[-1].title
        results = []
        for rank, (track, similarity, (one, other)) in enumerate(
            zip(tracks, similarities, shares, strict=True), start=1
        ):
            reasons = Reason("seed", start, one, names[0]), Reason("seed", end, other, names[1])
            results.append(
                Recommendation(rank, track, one + other, similarity, 0.0, "track", reasons)
            )
        return RecommendedList(tuple(results), "track", tuple(sentences))

    def _results(self, question: QueryContext, choice: RankedTracks) -> list[Recommendation]:
        ids = question.shelf.ids[choice.rows].tolist()
        reasons, scores = choice.scores.reasons(), choice.scores.values.tolist()
        refs = {r.ref for each in reasons for r in each if isinstance(r.ref, int)}
        titles = self.catalog.titles(refs)
        tracks = {track.id: track for track in self.catalog.tracks(ids)}

        def named(reason: Reason) -> Reason:
            kind, ref, amount = reason.kind, reason.ref, reason.amount
            name = titles.get(ref, "") if isinstance(ref, int) else ref or ""
            return Reason(kind, ref, amount, name)

        taste = question.taste
        evidence = np.zeros(len(ids)) if taste is None else taste.model.evidence[choice.rows]
        similarities = self._similarity.of(choice.scores.nearest)
        return [
            Recommendation(
                rank + 1,
                tracks[track_id],
                scores[rank],
                float(similarities[rank]),
                float(evidence[rank]),
                _rung(reasons[rank], question.ground.rung),
                tuple(map(named, reasons[rank])),
            )
            for rank, track_id in enumerate(ids)
        ]

    def _remarks(self, question: QueryContext) -> list[str]:
        """Say what the answer rests on, where a person would expect something else."""
        query, rung = question.query, question.ground.rung
        if rung != "popular":
            if query.listener is None or question.taste is not None:
                return []
            return [
                "What this listener played was not there when listens were learnt from: the answer "
                "rests on sound."
                if question.learnt
                else "Nothing has been learnt from listens in this home yet: the answer rests on "
                "sound."
            ]
        sentences = []
        if query.listener is not None and not query.seeds:
            sentences.append("Nothing is known yet of what this listener likes.")
        sentences.append(
            "The answer is what most listeners play."
            if question.popularity().any()
            else "Nobody has listened to anything yet: the answer is what is most typical of the "
            "library."
        )
        return sentences

    def _on_the_way(self, question: QueryContext, ends: IndexArray, length: int) -> IndexArray:
        """Return the ends, and the rows of one file of each recording that lies near the way."""
        shelf = question.shelf
        allowed_rows = np.flatnonzero(question.allowed)
        start, end = self.index.vectors_at(ends)
        if len(allowed_rows) > SMALL:
            points = waypoints(start, end, length)
            found = near(question, points, max(MIN_NEAR, N_ON_THE_WAY // length))
        else:
            found = allowed_rows
        codes = recordings(found, self.index.vectors_at(found), shelf)
        _, first = np.unique(codes, return_index=True)
        return np.concatenate([ends, found[np.sort(first)]])

    def _why_missing(self, ids: Sequence[int], shelf: TrackTable) -> list[str]:
        sentences = []
        for track_id in ids:
            if not len(shelf.rows([track_id])):
                track = self.catalog.track(track_id)
                sentences.append(
                    f"There is no track {track_id} in the library."
                    if track is None
                    else f"{track.title} is not in the index. {track.error or ''}".strip()
                )
        return sentences


def _shortage(question: QueryContext, n: int, k: int) -> list[str]:
    """Say why there are fewer than asked for."""
    if n == k:
        return []
    n_allowed, n_living = int(question.allowed.sum()), int(question.shelf.available.sum())
    if not n_allowed:
        return [f"None of the library's {n_living} tracks is left to be recommended."]
    why = f"{n_allowed} of the library's {n_living} tracks may be in the answer"
    return [
        f"{n} instead of {k}: {why}"
        + (", and these limits let no more in." * (n < n_allowed) or ".")
    ]


def _rung(reasons: Sequence[Reason], otherwise: Fallback) -> Fallback:
    """Return the rung of the greatest reason that speaks for a track."""
    speaking = (
        _RUNGS[reason.kind] for reason in reasons if reason.amount > 0 and reason.kind in _RUNGS
    )
    return next(speaking, otherwise)
