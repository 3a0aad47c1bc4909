"""Rank a query's candidates: generate, score, re-rank, and try more where the limits left few."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from index.arrays import Float32Array, IndexArray
from recsys.recommendation.candidates import CandidateLimits, candidate_rows
from recsys.recommendation.context import QueryContext
from recsys.recommendation.scoring import ExplainedScores
from recsys.recommendation.terms import score
from recsys.recommendation.transitions import transitions
from recsys.reranking import Limit, rerank, shuffled


class RankedTracks(NamedTuple):
    """Rows, best first, and their scores."""

    rows: IndexArray
    scores: ExplainedScores


def rank(context: QueryContext, k: int, limits: CandidateLimits) -> RankedTracks:
    """Return at most `k` tracks.

    Few candidates are tried first; where the query's caps and spacings leave too few, more are.
    """
    fetch = max(limits.n_candidates, limits.per_result * k)
    while True:
        rows = candidate_rows(context, fetch, limits)
        scores = score(context, rows)
        drawn = shuffled(scores.values, context.query.randomness, context.query.seed)
        ranked = np.argsort(-drawn, kind="stable")
        for size in (max(limits.pool, limits.per_result * k), len(rows)):
            pool = np.sort(ranked[:size])
            places = pool[_rerank(context, rows[pool], drawn[pool], k)]
            if len(places) == k or size >= len(rows):
                break
        exhausted = len(rows) == context.n_allowed or fetch >= limits.max_candidates
        if len(places) == k or exhausted:
            return RankedTracks(rows[places], scores.explained(places))
        fetch *= limits.growth


def scored(context: QueryContext, rows: IndexArray) -> RankedTracks:
    """Return these rows in their order, with the scores they would have among candidates."""
    return RankedTracks(rows, score(context, rows).explained(np.arange(len(rows))))


def _rerank(context: QueryContext, rows: IndexArray, values: Float32Array, k: int) -> IndexArray:
    query, table = context.query, context.track_table
    vectors = context.index.vectors_at(rows)
    return rerank(
        values,
        vectors,
        k,
        consistency=query.consistency,
        diversity=query.diversity,
        limits=[
            Limit(table.recordings.codes[rows], cap=1),
            Limit(table.artists[rows], query.artist_cap, query.artist_spacing),
            Limit(table.albums[rows], query.album_cap, query.album_spacing),
        ],
        transitions=transitions(query, table, rows),
    )
