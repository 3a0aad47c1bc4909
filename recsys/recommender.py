"""The recommender: from a question to a list with its reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from recsys.catalog import Track
from recsys.choosing import SMALL, Choice, choose, everyday, score
from recsys.filters import recordings
from recsys.home import Home
from recsys.lookup import ListeningModel, Lookup, Question
from recsys.paths import progress, smooth_path, waypoints
from recsys.query import Answer, Query, Reason, ReasonKind, Recommendation, Rung, Seed
from recsys.shelf import Shelf

MAX_LENGTH = 500  # of a path
N_ON_THE_WAY = 400  # candidates of a path; at least MIN_NEAR of each station
MIN_NEAR = 20

_RUNGS: dict[ReasonKind, Rung] = {
    "seed": "track",
    "listens": "track",
    "listeners": "track",
    "artist": "artist",
    "tag": "tags",
    "popular": "popular",
    "typical": "popular",
}
_Rows = NDArray[np.intp]


class Unanswerable(LookupError):
    """The question names what the library has not; the message says what."""


class Recommender:
    """Answers queries from one opened home. Safe to share between threads.

    The catalogue is read again whenever it has changed; another index or listening model needs
    another Recommender.
    """

    def __init__(self, home: Home, listening: ListeningModel | None = None) -> None:
        """`listening` is what was learnt from the home's listens, None where nothing was."""
        self.catalog = home.catalog
        self.index = home.index
        self._lookup = Lookup(home, listening)

    def recommend(self, query: Query, k: int) -> Answer:
        """Return at most `k` tracks, best first.

        Raises ValueError for `k` below 1 and for a sound that is no vector of the index.
        """
        if k < 1:
            raise ValueError(f"k: wanted at least 1, got {k}")
        question, sentences = self._lookup.question(query)
        choice = choose(question, k)
        sentences += self._remarks(question) + _shortage(question, len(choice.rows), k)
        results = self._results(question, choice)
        return Answer(tuple(results), question.ground.rung, tuple(sentences))

    def describe(self, query: Query, ids: Sequence[int]) -> tuple[Recommendation, ...]:
        """Return tracks scored as the query's answers are, in their order, whatever it leaves out.

        Those that are not indexed are missing.
        """
        question, _ = self._lookup.question(query)
        rows = question.shelf.rows(ids)
        choice = Choice(rows, np.arange(len(rows)), score(question, rows))
        return tuple(self._results(question, choice))

    def path(self, start: int, end: int, length: int, query: Query | None = None) -> Answer:
        """Return a way of exactly `length` tracks from one track to another, both included.

        Of `query` the exclusions count. The score of each track is how far it is on the way, 0 to
        1, its similarity that to the track before it. Shorter, with a sentence, where the library
        has too few tracks. Raises Unanswerable for an end that is not indexed, ValueError for a
        length below 2 or above MAX_LENGTH, or ends that are one track.
        """
        if not 2 <= length <= MAX_LENGTH:
            raise ValueError(f"length: wanted 2 to {MAX_LENGTH}, got {length}")
        if start == end:
            raise ValueError(f"end: wanted another track than the start, got {end}")
        ends = (Seed("track", start), Seed("track", end))
        question, sentences = self._lookup.question(replace(query or Query(), seeds=ends))
        shelf = question.shelf
        ends_rows = shelf.rows([start, end])
        if len(ends_rows) < 2:
            raise Unanswerable(" ".join(self._why_missing([start, end], shelf)))
        rows = self._on_the_way(question, ends_rows, length)
        vectors = self.index.vectors(shelf.ids[rows])
        path = smooth_path(vectors, shelf.artists[rows], 0, 1, length)
        if len(path) < length:
            sentences.append(
                f"The library has only {len(path)} of {length} tracks for this way, "
                "with what is left out."
            )
        places = progress(vectors[path], vectors[0], vectors[1]).tolist()
        steps = [1.0, *np.vecdot(vectors[path[1:]], vectors[path[:-1]]).tolist()]
        tracks = self._tracks(shelf.ids[rows[path]])
        results = tuple(
            Recommendation(
                track,
                place,
                max(step, 0.0),
                0.0,
                "track",
                (Reason("seed", start, 1 - place), Reason("seed", end, place)),
            )
            for track, place, step in zip(tracks, places, steps, strict=True)
        )
        return Answer(results, "track", tuple(sentences))

    def _results(self, question: Question, choice: Choice) -> list[Recommendation]:
        scores = choice.scores
        results = []
        tracks = self._tracks(question.shelf.ids[choice.rows])
        for track, row, place in zip(tracks, choice.rows, choice.places.tolist(), strict=True):
            reasons = scores.reasons(place)
            results.append(
                Recommendation(
                    track,
                    float(scores.values[place]),
                    min(max(float(scores.nearest[place]), 0.0), 1.0),
                    float(question.evidence[row]),
                    _rung(reasons, question.ground.rung),
                    reasons,
                )
            )
        return results

    def _tracks(self, ids: NDArray[np.int64]) -> list[Track]:
        return self.catalog.tracks(ids.tolist())

    def _remarks(self, question: Question) -> list[str]:
        """Say what the answer rests on, where a person would expect something else."""
        query, ground = question.query, question.ground
        sentences = []
        if (
            query.listener is not None
            and self._lookup.listening is None
            and ground.rung != "popular"
        ):
            sentences.append(
                "Nothing has been learnt from listens in this home yet: the answer rests on sound."
            )
        if ground.rung == "popular":
            if query.listener is not None and not query.seeds:
                sentences.append("Nothing is known yet of what this listener likes.")
            kind, _ = everyday(question)
            sentences.append(
                "The answer is what most listeners play."
                if kind == "popular"
                else "Nobody has listened to anything yet: the answer is what is most typical of "
                "the library."
            )
        return sentences

    def _on_the_way(self, question: Question, ends: _Rows, length: int) -> _Rows:
        """Return the ends, and the rows of one file of each recording that lies near the way."""
        shelf = question.shelf
        allowed_rows = np.flatnonzero(question.allowed)
        start, end = self.index.vectors(shelf.ids[ends])
        points = waypoints(start, end, length)
        if len(allowed_rows) > SMALL:
            fetch = max(MIN_NEAR, N_ON_THE_WAY // length)
            excluded = shelf.ids[~question.allowed]
            found = self.index.search(points, fetch, exclude=excluded)
            near = np.unique(np.concatenate([shelf.rows(ranking.ids) for ranking in found]))
        else:
            near = allowed_rows
        codes = recordings(near, self.index.vectors(shelf.ids[near]), shelf)
        _, first = np.unique(codes, return_index=True)
        return np.concatenate([ends, near[np.sort(first)]])

    def _why_missing(self, ids: Sequence[int], shelf: Shelf) -> list[str]:
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


def _shortage(question: Question, n: int, k: int) -> list[str]:
    """Say why there are fewer than asked for."""
    if n == k:
        return []
    n_allowed, n_living = int(question.allowed.sum()), int(question.shelf.living.sum())
    if not n_allowed:
        return [f"None of the library's {n_living} tracks is left to be recommended."]
    why = f"{n_allowed} of the library's {n_living} tracks may be in the answer"
    return [
        f"{n} instead of {k}: {why}"
        + (", and these limits let no more in." * (n < n_allowed) or ".")
    ]


def _rung(reasons: Sequence[Reason], otherwise: Rung) -> Rung:
    """Return the rung of the greatest reason that speaks for a track."""
    speaking = (
        _RUNGS[reason.kind] for reason in reasons if reason.amount > 0 and reason.kind in _RUNGS
    )
    return next(speaking, otherwise)
