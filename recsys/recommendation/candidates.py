"""Candidate generation: the allowed tracks that any term of the score may rank high."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from index.arrays import Float32Array, IndexArray
from index.inner_products import top_n
from recsys.recommendation.context import MAX_PROPOSED, QueryContext
from recsys.recommendation.seeds import ResolvedSeeds
from recsys.reranking import POOL


@dataclass(frozen=True)
class CandidateLimits:
    """How many candidates are generated and re-ranked.

    exhaustive       allowed tracks up to which all are candidates
    rare             share of the library up to which the allowed tracks are compared one by one
    n_candidates     that each search proposes at first, at least; per_result of each result
    growth           times as many are proposed where the query's caps and spacings left too few,
    max_candidates   up to so many of each search
    pool             best candidates that are re-ranked at first
    n_searches       of the index; more seed vectors are searched by the means of so many groups,
    n_full_searches  of which so many propose in full; with more, each proposes less
    n_rounds         in which the groups are found
    """

    exhaustive: int = 2000
    rare: float = 0.05
    n_candidates: int = 500
    per_result: int = 25
    growth: int = 8
    max_candidates: int = 50_000
    pool: int = POOL
    n_searches: int = 6
    n_full_searches: int = 4
    n_rounds: int = 5


DEFAULT_LIMITS = CandidateLimits()


def nearest_rows(
    context: QueryContext, vectors: Float32Array, fetch: int, limits: CandidateLimits
) -> IndexArray:
    """Return the allowed rows nearest to each of some vectors, about `fetch` of each; ascending."""
    if _is_rare(context, limits):
        rows = np.flatnonzero(context.allowed)
        products = vectors @ context.index.vectors_at(rows).T
        return np.unique(np.concatenate([rows[top_n(row, fetch)] for row in products]))
    proposed = _proposed(context, vectors, fetch)
    return proposed[context.allowed[proposed]]


def _is_rare(context: QueryContext, limits: CandidateLimits) -> bool:
    return context.n_allowed < limits.rare * len(context.track_table)


def _proposed(context: QueryContext, vectors: Float32Array, fetch: int) -> IndexArray:
    """Return the rows nearest to each vector, so many that about `fetch` are allowed; ascending."""
    n = int(fetch * len(context.track_table) / context.n_allowed)
    return np.unique(np.concatenate(context.index.candidates(vectors, n)))


def _like_seeds(context: QueryContext, fetch: int, limits: CandidateLimits) -> IndexArray:
    """Return the allowed rows nearest to the positive seeds, ascending."""
    kept, key = context.kept, (fetch, context.n_allowed)
    proposed = None if kept is None else kept.proposed.get(key)
    if proposed is None:
        vectors = search_vectors(context.seeds, limits)
        n_each = round(fetch * min(1, limits.n_full_searches / len(vectors)))
        if kept is None or _is_rare(context, limits):
            return nearest_rows(context, vectors, n_each, limits)
        if len(kept.proposed) >= MAX_PROPOSED:
            kept.proposed.clear()
        proposed = kept.proposed[key] = _proposed(context, vectors, n_each)
    return proposed[context.allowed[proposed]]


def candidate_rows(context: QueryContext, fetch: int, limits: CandidateLimits) -> IndexArray:
    """Return the allowed rows that any term may rank high, ascending; few are all taken."""
    seeds, allowed = context.seeds, context.allowed
    n_allowed = context.n_allowed
    if n_allowed <= max(limits.exhaustive, fetch):
        return np.flatnonzero(allowed)
    proposals = []
    if seeds.positive:
        proposals.append(_like_seeds(context, fetch, limits))
    elif seeds.fallback == "popular" and not context.popularity.any():
        proposals.append(nearest_rows(context, context.library_mean, fetch, limits))
    elif seeds.fallback == "popular":
        proposals.append(_greatest(context, context.pleasing, fetch))
    if seeds.wanted_tags:
        values = np.zeros(len(allowed), np.float32)
        for tag in seeds.wanted_tags:
            values += np.float32(tag.weight) * tag.values
        proposals.append(_greatest(context, values, fetch))
    if context.listener_scores is not None:
        n = len(context.history.rows) + int(fetch * len(allowed) / n_allowed)
        proposals.append(context.listener_scores.candidates(n))
    if not context.query.leaves_out_played:
        proposals.append(context.history.rows)
    rows = np.unique(np.concatenate(proposals))
    return rows[allowed[rows]]


def _greatest(context: QueryContext, values: Float32Array, n: int) -> IndexArray:
    """Return the `n` allowed rows of the greatest values, in no order."""
    return top_n(np.where(context.allowed, values, -np.inf).astype(np.float32), n)


def search_vectors(seeds: ResolvedSeeds, limits: CandidateLimits) -> Float32Array:
    """Return vectors to search with: the seeds', or where there are many the means of groups.

    Spherical k-means (Dhillon and Modha 2001), weighted, from the heaviest seed and those farthest
    from it and from each other (Gonzalez 1985).
    """
    vectors, weights = seeds.vectors, seeds.weights
    if len(vectors) <= limits.n_searches:
        return vectors
    centres = [int(weights.argmax())]
    closest = vectors @ vectors[centres[0]]
    while len(centres) < limits.n_searches:
        centres.append(int(closest.argmin()))
        closest = np.maximum(closest, vectors @ vectors[centres[-1]])
    means = vectors[centres]
    for _ in range(limits.n_rounds):
        groups = (vectors @ means.T).argmax(axis=1)
        members = (groups == np.arange(len(means))[:, None]) * weights
        means = members @ vectors
        means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-6)
    nonempty: Float32Array = means[np.linalg.norm(means, axis=1) > 0.5]
    return nonempty
