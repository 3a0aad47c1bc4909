"""The tracks that any term of a question may rank high."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from index.arrays import Float32Array, IndexArray
from index.inner_products import top_n
from recsys.recommendation.context import QueryContext
from recsys.recommendation.scoring import Candidates
from recsys.recommendation.seeds import SeedVector

SMALL = 2000  # tracks; where no more are allowed, all are candidates
RARE = 0.05  # of the library; where less is allowed, all of it is compared
N_SEARCHES = 6  # at most so many; more anchors are searched for in groups,
FULL = 4  # of which so many propose in full; of more each proposes less
N_ROUNDS = 5  # found in so many rounds


def near(question: QueryContext, vectors: Float32Array, fetch: int) -> IndexArray:
    """Return the allowed rows nearest to each of some vectors, about `fetch` of each; ascending."""
    shelf, index = question.shelf, question.index
    share = question.n_allowed / max(len(shelf), 1)
    if share < RARE:
        rows = np.flatnonzero(question.allowed)
        products = vectors @ index.vectors_at(rows).T
        return np.unique(np.concatenate([rows[top_n(row, fetch)] for row in products]))
    proposed = np.unique(np.concatenate(index.candidates(vectors, int(fetch / share))))
    return proposed[question.allowed[proposed]]


def candidate_rows(question: QueryContext, fetch: int) -> IndexArray:
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
        found.append(near(question, library_mean(reference_sample(question)), fetch))
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


def _greatest(question: QueryContext, values: Float32Array, n: int) -> IndexArray:
    """Return the `n` allowed rows of the greatest values, in no order."""
    return top_n(np.where(question.allowed, values, -np.inf).astype(np.float32), n)


def reference_sample(question: QueryContext) -> Candidates:
    """Return the tracks that stand for the library."""
    return Candidates(question.shelf.sample, question.shelf.sample_vectors)


def library_mean(sample: Candidates) -> Float32Array:
    """Return what the library sounds like on the whole, (1, dim)."""
    middle: Float32Array = sample.vectors.mean(axis=0, keepdims=True)
    return middle


def _searches(anchors: Sequence[SeedVector]) -> Float32Array:
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
    found: Float32Array = means[np.linalg.norm(means, axis=1) > 0.5]  # without those of no member
    return found
