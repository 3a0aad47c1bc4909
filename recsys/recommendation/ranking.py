"""Choosing: the candidates of a question, their scores, and the list made of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from index.arrays import Float32Array, IndexArray
from recsys.home.track_table import UNKNOWN
from recsys.recommendation import scoring
from recsys.recommendation.candidates import candidate_rows, library_mean, reference_sample
from recsys.recommendation.context import QueryContext
from recsys.recommendation.filters import recordings
from recsys.recommendation.scoring import Candidates, Part, Scores
from recsys.reranking import POOL, Limit, rerank, shuffled

N_CANDIDATES = 500  # that each search proposes, at least; PER_RESULT of each result asked for
PER_RESULT = 25
GROWTH = 8  # as many are proposed where the limits left too few,
MAX_CANDIDATES = 50_000  # up to so many of each search


class RankedTracks(NamedTuple):
    """The rows of the chosen, best first, and their scores."""

    rows: IndexArray
    scores: Scores


def choose(question: QueryContext, k: int) -> RankedTracks:
    """Return at most `k` tracks.

    Few candidates are tried first; where the limits leave too few of them, more are.
    """
    n_allowed = question.n_allowed
    fetch = max(N_CANDIDATES, PER_RESULT * k)
    while True:
        rows = candidate_rows(question, fetch)
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


def weigh(question: QueryContext, rows: IndexArray) -> RankedTracks:
    """Return these rows in their order, with the scores they would have among candidates."""
    return _chosen(question, rows, _score(question, rows))


def _chosen(question: QueryContext, rows: IndexArray, scores: Scores) -> RankedTracks:
    if question.taste is not None and len(rows):
        scores = scoring.traced(scores, question.taste, question.shelf.ids, rows)
    return RankedTracks(rows, scores)


def _rerank(question: QueryContext, rows: IndexArray, values: Float32Array, k: int) -> IndexArray:
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


def _score(question: QueryContext, rows: IndexArray) -> Scores:
    """Score candidate rows; `recsys.recommendation.scoring` has the formula."""
    query, ground, taste = question.query, question.ground, question.taste
    nearest = np.full(len(rows), -1.0, np.float32)
    if not len(rows):
        return scoring.total([], nearest, 0)
    candidates, sample = _space(question, rows), reference_sample(question)
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


def _space(question: QueryContext, rows: IndexArray) -> Candidates:
    return Candidates(rows, question.index.vectors_at(rows))


def _everyday(
    question: QueryContext, candidates: Candidates, sample: Candidates, share: float
) -> Part:
    """Return what speaks where nothing is known: how many play a track, or how typical it is.

    Typical is what sounds most like the mean of the library.
    """
    played = question.popularity()
    if played.any():
        values, sampled = played[candidates.rows], played[sample.rows]
        return scoring.standard("popular", values, sampled, share)
    middle = library_mean(sample)
    values, sampled = candidates.vectors @ middle[0], sample.vectors @ middle[0]
    return scoring.standard("typical", values, sampled, share)


def _known(question: QueryContext, rows: IndexArray) -> Float32Array:
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
