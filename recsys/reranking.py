"""Re-ranking: consistency, diversity, randomness, caps and spacings of a list.

Functions of plain arrays, so that any system's scores can be re-ranked and evaluated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from index.arrays import BoolArray, Float32Array, IndexArray, Int64Array

RANDOM_SPREAD = 1.0  # what `randomness` of 1 adds, in standard deviations of the scores
CENTRE_SHARE = 0.7  # of the relevance at a `consistency` of 1, the rest being the scores
POOL = 500  # candidates that are re-ranked, if the limits leave enough of them
N_SHIFTS = 4  # of the centre that `consistency` draws to


@dataclass(frozen=True, eq=False)
class Limit:
    """Cap and spacing of the candidates of one artist (album, …).

    codes    the artist of each candidate, negative where it is unknown and nothing is limited:
             int64 (n,)
    cap      at most so many of one code; None: no limit
    spacing  at least so many others between two of one code
    """

    codes: Int64Array
    cap: int | None = None
    spacing: int = 0


class Transition(Protocol):
    """A rule of which candidates may come right after another."""

    def followers(self, row: int) -> BoolArray:
        """Return which candidates may follow this one, (n,)."""


def rerank(
    scores: Float32Array,
    vectors: Float32Array,
    k: int,
    *,
    consistency: float = 0.0,
    diversity: float = 0.0,
    limits: Sequence[Limit] = (),
    transitions: Sequence[Transition] = (),
) -> IndexArray:
    """Return the rows of at most `k` candidates, in the order of the list.

    scores   (n,), finite, higher is better
    vectors  unit vectors (n, dim) in which alike is near

    `consistency` makes the list more uniform: relevance is (1 - c) s + c a, with s the scores and a
    the products with a centre, both scaled to 0…1 over the candidates, and c CENTRE_SHARE times the
    consistency: a greater share makes features that are not compared no more uniform. The centre is
    the mean of the `k` best, shifted N_SHIFTS - 1 times to the mean of the `k` nearest to it (mean
    shift), so that it lies in one kind of music and not between two. It does not depend on c: for a
    list without limits the sum of a never falls as c rises.

    `diversity` d then chooses one by one by maximal marginal relevance (Carbonell and Goldstein,
    SIGIR 1998): (1 - d) relevance - d (cosine to the most similar track chosen before).

    Limits and transitions are kept exactly: the list is shorter than `k` where no candidate fits
    any more.
    Equal candidates come in the order given.
    """
    n = len(scores)
    if vectors.ndim != 2 or len(vectors) != n:
        raise ValueError(f"vectors: wanted shape ({n}, dim), got {vectors.shape}")
    if k < 1:
        raise ValueError(f"k: wanted at least 1, got {k}")
    relevance = consistent(scores, vectors, k, consistency)
    closest = np.full(n, -1.0, np.float32)  # each one's cosine to the nearest chosen
    free = np.ones(n, dtype=bool)
    used: list[Counter[int]] = [Counter() for _ in limits]
    chosen: list[int] = []
    while len(chosen) < min(k, n):
        allowed = free.copy()
        for limit in limits:
            if limit.spacing:
                allowed &= ~np.isin(limit.codes, _too_near(limit, chosen))
        for transition in transitions if chosen else ():
            allowed &= transition.followers(chosen[-1])
        if not allowed.any():
            break
        marginal = (1 - diversity) * relevance - diversity * closest
        best = int(np.argmax(np.where(allowed, marginal, -np.inf)))
        chosen.append(best)
        free[best] = False
        if diversity:
            closest = np.maximum(closest, vectors @ vectors[best])
        for limit, counts in zip(limits, used, strict=True):
            code = int(limit.codes[best])
            counts[code] += 1
            if code >= 0 and counts[code] == limit.cap:
                free &= limit.codes != code
    return np.array(chosen, np.intp)


def consistent(
    scores: Float32Array, vectors: Float32Array, k: int, consistency: float
) -> Float32Array:
    """Return the relevance of each candidate, 0 to 1 (n,); `rerank` has the formula."""
    relevance = scaled(scores)
    if not consistency or not relevance.size:
        return relevance
    best = np.argsort(-scores, kind="stable")[:k]
    for _ in range(N_SHIFTS):
        to_centre = vectors @ vectors[best].mean(axis=0)
        best = np.argsort(-to_centre, kind="stable")[:k]
    share = CENTRE_SHARE * consistency
    return (1 - share) * relevance + share * scaled(to_centre)


def scaled(values: Float32Array) -> Float32Array:
    """Return values as float32 from 0, the least, to 1, the greatest; all 1 where none differ.

    >>> scaled(np.array([2.0, 4.0, 3.0])).tolist()
    [0.0, 1.0, 0.5]
    """
    values = np.asarray(values, np.float32)
    if not values.size:
        return values
    least, spread = values.min(), np.ptp(values)
    return (values - least) / spread if spread > 0 else np.ones_like(values)


def shuffled(scores: Float32Array, randomness: float, seed: int) -> Float32Array:
    """Return the scores with noise added: candidates near in score change places.

    Adds `randomness` times RANDOM_SPREAD standard deviations of the scores times a standard Gumbel
    variate, so that at 1 the first place is drawn in proportion to exp(score / standard deviation).
    The same seed gives the same scores.
    """
    if not randomness or not len(scores):
        return scores
    noise = np.random.default_rng(seed).gumbel(size=len(scores))
    spread = RANDOM_SPREAD * randomness * float(np.std(scores))
    return (scores + spread * noise).astype(np.float32)


def _too_near(limit: Limit, chosen: Sequence[int]) -> list[int]:
    """Return the codes that the spacing forbids as the next ones."""
    recent = chosen[max(0, len(chosen) - limit.spacing) :]
    return [code for row in recent if (code := int(limit.codes[row])) >= 0]
