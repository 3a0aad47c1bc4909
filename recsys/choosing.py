"""Choosing: the candidates of a question, their scores, and the list made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.products import greatest
from recsys import scoring
from recsys.filters import recordings
from recsys.ground import Anchor
from recsys.lookup import Question
from recsys.rerank import Limit, rerank, shuffled
from recsys.scoring import Part, Scores, Space
from recsys.shelf import UNKNOWN

SMALL = 2000  # tracks; where no more are allowed, all are candidates
RARE = 0.05  # of the library; where less is allowed, all of it is compared
N_CANDIDATES = 500  # that each search proposes, at least; PER_RESULT of each result asked for
PER_RESULT = 25
GROWTH = 8  # as many are proposed where the limits left too few,
MAX_CANDIDATES = 50_000  # up to so many of each search
N_SEARCHES = 6  # at most so many; more anchors are searched for in groups,
FULL = 4  # of which so many propose in full; of more each proposes less
N_ROUNDS = 5  # found in so many rounds
POOL = 500  # candidates that are re-ranked, if the limits leave enough of them

_Rows = NDArray[np.intp]
_Values = NDArray[np.float32]


class Choice(NamedTuple):
    """The rows of the chosen, best first, and their scores."""

    rows: _Rows
    scores: Scores


def choose(question: Question, k: int) -> Choice:
    """Return at most `k` tracks.

    Few candidates are tried first; where the limits leave too few of them, more are.
    """
    n_allowed = question.n_allowed
    fetch = max(N_CANDIDATES, PER_RESULT * k)
    while True:
        rows = _candidates(question, fetch)
        scores = _score(question, rows)
        drawn = shuffled(scores.values, question.query.randomness, question.query.seed)
        ranked = np.argsort(-drawn, kind="stable")
        for size in (max(POOL, PER_RESULT * k), len(rows)):
            pool = np.sort(ranked[:size])
            places = pool[_rerank(question, rows[pool], drawn[pool], k)]
            if len(places) == k or size >= len(rows):
                break
        if len(places) == k or len(rows) == n_allowed or fetch >= MAX_CANDIDATES:
            return _chosen(question, rows[places], scores.of(places))
        fetch *= GROWTH


def weigh(question: Question, rows: _Rows) -> Choice:
    """Return these rows in their order, with the scores they would have among candidates."""
    return _chosen(question, rows, _score(question, rows))


def _chosen(question: Question, rows: _Rows, scores: Scores) -> Choice:
    if question.taste is not None and len(rows):
        scores = scoring.traced(scores, question.taste, question.shelf.ids, rows)
    return Choice(rows, scores)


def _rerank(question: Question, rows: _Rows, values: _Values, k: int) -> _Rows:
    query, shelf = question.query, question.shelf
    vectors = question.index.vectors_at(rows)
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


def near(question: Question, vectors: _Values, fetch: int) -> _Rows:
    """Return the allowed rows nearest to each of some vectors, about `fetch` of each; ascending."""
    shelf, index = question.shelf, question.index
    share = question.n_allowed / max(len(shelf), 1)
    if share < RARE:
        rows = np.flatnonzero(question.allowed)
        products = vectors @ index.vectors_at(rows).T
        return np.unique(np.concatenate([rows[greatest(row, fetch)] for row in products]))
    proposed = np.unique(np.concatenate(index.nearby(vectors, int(fetch / share))))
    return proposed[question.allowed[proposed]]


def _candidates(question: Question, fetch: int) -> _Rows:
    """Return the allowed rows that any term may rank high, ascending; few are all taken."""
    ground, allowed = question.ground, question.allowed
    n_allowed = question.n_allowed
    if n_allowed <= max(SMALL, fetch):
        return np.flatnonzero(allowed)
    found = []
    if ground.liked:
        searches = _searches(ground.liked)
        found.append(near(question, searches, round(fetch * min(1, FULL / len(searches)))))
    elif ground.rung == "popular" and not question.popularity().any():
        found.append(near(question, _middle(_sample(question)), fetch))
    elif ground.rung == "popular":
        found.append(_greatest(question, question.popularity(), fetch))
    if ground.wishes:
        wished = np.zeros(len(allowed), np.float32)
        for wish in ground.wishes:
            wished += np.float32(wish.weight) * wish.values
        found.append(_greatest(question, wished, fetch))
    if question.taste is not None:
        left_out = len(question.heard.rows) + int(fetch * len(allowed) / n_allowed)
        found.append(question.taste.candidates(left_out))
    if not question.query.leaves_out_played:
        found.append(question.heard.rows)
    rows = np.unique(np.concatenate(found))
    return rows[allowed[rows]]


def _greatest(question: Question, values: _Values, n: int) -> _Rows:
    """Return the `n` allowed rows of the greatest values, in no order."""
    return greatest(np.where(question.allowed, values, -np.inf).astype(np.float32), n)


def _score(question: Question, rows: _Rows) -> Scores:
    """Score candidate rows; `recsys.scoring` has the formula."""
    query, ground, taste = question.query, question.ground, question.taste
    nearest = np.full(len(rows), -1.0, np.float32)
    if not len(rows):
        return scoring.total([], nearest, 0)
    candidates, sample = _space(question, rows), _sample(question)
    wished = sum(wish.weight for wish in ground.wishes)
    spoken = 0.0 if ground.rung == "tags" else ground.loudness
    share = 1 / (wished + spoken)
    parts: list[Part] = []
    if ground.liked:
        found, nearest = scoring.sound(ground.liked, candidates, sample, share * spoken)
        parts += found
    if ground.wishes:
        parts.append(scoring.tags(ground.wishes, candidates, sample, share * wished))
    if ground.rung == "popular":
        parts.append(_everyday(question, candidates, sample, share * spoken))
    if taste is not None:
        parts = scoring.blend(parts, taste, candidates, sample)
    if ground.shunned:
        parts.append(scoring.shunned(ground.shunned, candidates, sample))
    if ground.avoided:
        parts.append(scoring.avoided(ground.avoided, nearest, candidates, sample))
    if query.discovery != 0.5:
        known, typical = _known(question, rows), _known(question, sample.rows)
        parts.append(scoring.familiar(known, typical, query.discovery))
    return scoring.total(parts, nearest, len(rows))


def _space(question: Question, rows: _Rows) -> Space:
    return Space(rows, question.index.vectors_at(rows))


def _sample(question: Question) -> Space:
    """Return the tracks that stand for the library."""
    return Space(question.shelf.sample, question.shelf.sample_vectors)


def _middle(sample: Space) -> _Values:
    """Return what the library sounds like on the whole, (1, dim)."""
    middle: _Values = sample.vectors.mean(axis=0, keepdims=True)
    return middle


def _everyday(question: Question, candidates: Space, sample: Space, share: float) -> Part:
    """Return what speaks where nothing is known: how many play a track, or how typical it is.

    Typical is what sounds most like the mean of the library.
    """
    played = question.popularity()
    if played.any():
        values, sampled = played[candidates.rows], played[sample.rows]
        return scoring.standard("popular", values, sampled, share)
    middle = _middle(sample)
    values, sampled = candidates.vectors @ middle[0], sample.vectors @ middle[0]
    return scoring.standard("typical", values, sampled, share)


def _known(question: Question, rows: _Rows) -> _Values:
    """Return how well known rows are, 0 to 1: half by plays, the rest by artist and by all."""
    shelf, heard = question.shelf, question.heard
    known = np.zeros(len(rows), np.float32)
    if len(heard.rows):
        plays = np.log1p(heard.counts)
        at = np.searchsorted(heard.rows, rows).clip(max=len(heard.rows) - 1)
        known += np.where(heard.rows[at] == rows, 0.5 * plays[at] / plays.max(), 0)
    mine = [*heard.rows.tolist(), *(a.row for a in question.ground.liked if a.row >= 0)]
    artists = np.setdiff1d(shelf.artists[np.array(mine, np.intp)], [UNKNOWN])
    known += 0.25 * np.isin(shelf.artists[rows], artists)
    played = question.popularity()
    return known + 0.25 * played[rows] / max(float(played.max(initial=0.0)), 1.0)


def _searches(anchors: Sequence[Anchor]) -> _Values:
    """Return vectors to search with: the anchors, or where there are many the means of groups.

    Spherical k-means (Dhillon and Modha 2001), weighted, from the heaviest anchor and those
    farthest from it and from each other (Gonzalez 1985).
    """
    vectors = np.stack([anchor.vector for anchor in anchors])
    weights = np.array([anchor.weight for anchor in anchors], np.float32)
    if len(vectors) <= N_SEARCHES:
        return vectors
    taken = [int(weights.argmax())]
    closest = vectors @ vectors[taken[0]]
    while len(taken) < N_SEARCHES:
        taken.append(int(closest.argmin()))
        closest = np.maximum(closest, vectors @ vectors[taken[-1]])
    means = vectors[taken]
    for _ in range(N_ROUNDS):
        groups = (vectors @ means.T).argmax(axis=1)
        members = (groups == np.arange(len(means))[:, None]) * weights
        means = members @ vectors
        means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-6)
    found: _Values = means[np.linalg.norm(means, axis=1) > 0.5]  # without those of no member
    return found
