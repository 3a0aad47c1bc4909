"""Choosing: the candidates of a question, their scores, and the list made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recsys import scoring
from recsys.filters import recordings
from recsys.ground import Anchor
from recsys.lookup import Question
from recsys.query import ReasonKind
from recsys.rerank import Limit, rerank, shuffled
from recsys.scoring import Part, Scores, Space

SMALL = 2000  # tracks; where no more are allowed, all are candidates
N_CANDIDATES = 400  # that each search proposes, at least; PER_RESULT of each result asked for
PER_RESULT = 10
N_SEARCHES = 8  # at most so many anchors are searched for one by one
POOL = 500  # candidates that are re-ranked, if the limits leave enough of them

_Rows = NDArray[np.intp]
_Values = NDArray[np.float32]


class Choice(NamedTuple):
    """The rows of the chosen, best first; `places` are theirs in `scores`."""

    rows: _Rows
    places: _Rows
    scores: Scores


def choose(question: Question, k: int) -> Choice:
    """Return at most `k` tracks.

    Few candidates are tried first; where the limits leave too few of them, more are.
    """
    everything = np.flatnonzero(question.allowed)
    rows = _candidates(question, k)
    while True:
        scores = score(question, rows)
        drawn = shuffled(scores.values, question.query.randomness, question.query.seed)
        ranked = np.argsort(-drawn, kind="stable")
        for size in (max(POOL, PER_RESULT * k), len(rows)):
            pool = np.sort(ranked[:size])
            places = pool[_rerank(question, rows[pool], drawn[pool], k)]
            if len(places) == k or size >= len(rows):
                break
        if len(places) == k or len(rows) == len(everything):
            return Choice(rows[places], places, scores)
        rows = everything


def _rerank(question: Question, rows: _Rows, values: _Values, k: int) -> _Rows:
    query, shelf = question.query, question.shelf
    vectors = question.index.vectors(shelf.ids[rows])
    return rerank(
        values,
        vectors,
        k,
        consistency=query.consistency,
        diversity=query.diversity,
        limits=[
            Limit(recordings(rows, vectors, shelf), cap=1),
            Limit(shelf.artists[rows], query.artist_cap, query.artist_spacing),
            Limit(shelf.albums[rows], query.album_cap, query.album_spacing),
        ],
    )


def _candidates(question: Question, k: int) -> _Rows:
    """Return the allowed rows that any term may rank high, ascending; few are all taken."""
    rows = np.flatnonzero(question.allowed)
    if len(rows) <= SMALL:
        return rows
    fetch = max(N_CANDIDATES, PER_RESULT * k)
    found = []
    ground = question.ground
    if ground.liked:
        excluded = question.shelf.ids[~question.allowed]
        rankings = question.index.search(_searches(ground.liked), fetch, exclude=excluded)
        found += [question.shelf.rows(ranking.ids) for ranking in rankings]
    if ground.wishes:
        wished = sum(wish.weight * wish.values for wish in ground.wishes)
        found.append(_top(np.asarray(wished), rows, fetch))
    if question.listening is not None:
        found.append(_top(question.listening, rows, fetch))
    if ground.rung == "popular":
        found.append(_top(everyday(question)[1], rows, fetch))
    if not question.query.exclude_played:
        found.append(np.intersect1d(question.heard.rows, rows))
    return np.unique(np.concatenate(found))


def score(question: Question, rows: _Rows) -> Scores:
    """Score candidate rows; `recsys.scoring` has the formula."""
    query, ground = question.query, question.ground
    candidates, reference = _space(question, rows), _reference(question)
    listening = 0.0 if question.listening is None else scoring.LISTENING_SHARE
    nearest = np.full(len(rows), -1.0, np.float32)
    if not len(rows):
        return scoring.total([], nearest, 0)
    parts: list[Part] = []
    wished = sum(abs(wish.weight) for wish in ground.wishes)
    liked = sum(anchor.weight for anchor in ground.liked)
    share = (1 - listening) / ((wished + liked) or 1.0)
    if ground.liked:
        found, nearest = scoring.sound(ground.liked, candidates, reference, share * liked)
        parts += found
    if ground.wishes:
        parts.append(scoring.tags(ground.wishes, candidates, reference, share * wished))
    if ground.rung == "popular":
        kind, values = everyday(question)
        parts.append(scoring.standard(kind, values, candidates, reference, 1 - listening))
    if question.listening is not None:
        parts.append(
            scoring.standard("listeners", question.listening, candidates, reference, listening)
        )
    if ground.avoided:
        parts.append(scoring.avoided(ground.avoided, nearest, candidates, reference))
    if query.discovery != 0.5:
        known = _known(question)
        parts.append(scoring.familiar(known, query.discovery, candidates, reference))
    return scoring.total(parts, nearest, len(rows))


def _space(question: Question, rows: _Rows) -> Space:
    return Space(rows, question.index.vectors(question.shelf.ids[rows]))


def _reference(question: Question) -> Space:
    """Return the sample of the library that terms are standardised against."""
    living = np.flatnonzero(question.shelf.living)
    if len(living) > scoring.N_REFERENCE:
        living = living[np.linspace(0, len(living) - 1, scoring.N_REFERENCE).astype(np.intp)]
    return _space(question, living)


def everyday(question: Question) -> tuple[ReasonKind, _Values]:
    """Return what speaks where nothing is known: how many play a track, or how typical it is.

    Typical is what sounds most like the mean of the library.
    """
    played = question.popularity()
    if played.any():
        return "popular", played
    mean = _reference(question).vectors.mean(axis=0)
    return "typical", (question.index.vectors(question.shelf.ids) @ mean).astype(np.float32)


def _known(question: Question) -> _Values:
    """Return how well known each row is, 0 to 1: half by plays, the rest by artist and all."""
    shelf, heard = question.shelf, question.heard
    known = np.zeros(len(shelf), np.float32)
    if len(heard.rows):
        plays = np.log1p(heard.counts)
        known[heard.rows] = 0.5 * plays / plays.max()
    rows = [*heard.rows.tolist(), *(a.row for a in question.ground.liked if a.row >= 0)]
    artists = np.setdiff1d(shelf.artists[rows], [-1]) if rows else np.empty(0, np.int64)
    known += 0.25 * np.isin(shelf.artists, artists)
    played = question.popularity()
    return known + 0.25 * played / max(float(played.max(initial=0.0)), 1.0)


def _searches(anchors: Sequence[Anchor]) -> _Values:
    """Return vectors to search with: the weighted mean, and anchors that lie far apart.

    Anchors are taken farthest first (Gonzalez 1985), beginning with the heaviest.
    """
    vectors = np.stack([anchor.vector for anchor in anchors])
    weights = np.array([anchor.weight for anchor in anchors], np.float32)
    taken = [int(weights.argmax())]
    closest = vectors @ vectors[taken[0]]
    while len(taken) < min(N_SEARCHES, len(vectors)):
        taken.append(int(closest.argmin()))
        closest = np.maximum(closest, vectors @ vectors[taken[-1]])
    mean = weights @ vectors
    searches = vectors[taken]
    return np.vstack([mean, searches]) if np.linalg.norm(mean) > 1e-6 else searches


def _top(values: _Values, rows: _Rows, n: int) -> _Rows:
    """Return the `n` rows of the greatest values."""
    if len(rows) <= n:
        return rows
    return rows[np.argpartition(-values[rows], n - 1)[:n]]
