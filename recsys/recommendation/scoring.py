"""Scores of candidates: parts of named reasons, added up.

A part's raw values (cosines, log-odds, products of factors) have scales of their own. Each is
standardised against the same fixed sample of the library: z = (x - mean) / standard deviation, both
over the sample, for this query. So 0 is the library's typical track, and parts may be added.
`recsys.recommendation.terms` has the formula of each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from index.arrays import Float32Array, Float64Array, IndexArray
from recsys.recommendation.query import Reason, ReasonKind
from recsys.recommendation.seeds import SeedVector

TEMPERATURE = 0.2  # of cosines
MAX_REASONS = 5  # of one kind, of a track; the rest are summed,
LEAST_REASON = 0.01  # and so are smaller ones


@dataclass(frozen=True, eq=False)
class Candidates:
    """Rows to be scored, their vectors (n, dim), and the seeds that they are to sound like."""

    rows: IndexArray
    vectors: Float32Array
    seeds: Sequence[SeedVector]

    @cached_property
    def attention(self) -> tuple[Float32Array, Float32Array]:
        """Cosines to the seeds and their weights, both (n, n_seeds); weights sum to 1.

        The weights are the softmax over the seeds j of log w_j + cosine / TEMPERATURE. A track has
        no weight for itself as a seed, unless it is the only track of an artist asked for. One that
        is the only seed has weights of 0.
        """
        cosines = self.vectors @ np.stack([seed.vector for seed in self.seeds]).T
        log_weights = np.log([seed.weight for seed in self.seeds]).astype(np.float32)
        logits = cosines / np.float32(TEMPERATURE) + log_weights
        n_of_artist = Counter(seed.ref for seed in self.seeds if seed.kind == "artist")
        replaceable = np.array([n_of_artist[seed.ref] != 1 for seed in self.seeds])
        own = self.rows[:, None] == np.array([seed.row for seed in self.seeds])
        logits[own & replaceable] = -np.inf
        top = logits.max(axis=1, keepdims=True)
        weights = np.exp(logits - np.where(np.isfinite(top), top, 0.0))
        weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
        return cosines, weights

    @cached_property
    def nearest(self) -> Float32Array:
        """The cosine to the nearest seed that has a weight, -1 without one: (n,)."""
        if not self.seeds:
            return np.full(len(self.rows), -1.0, np.float32)
        cosines, weights = self.attention
        nearest: Float32Array = np.where(weights > 0, cosines, -1.0).max(axis=1).astype(np.float32)
        return nearest


@dataclass(frozen=True, eq=False)
class Part:
    """Amounts of one kind of reason: float32 (n_candidates, n_refs), a column for each ref."""

    kind: ReasonKind
    refs: tuple[int | str | None, ...]
    amounts: Float32Array


@dataclass(frozen=True, eq=False)
class Scores:
    """The scores of candidates, and their parts, which sum to them.

    nearest  cosine to the nearest seed, -1 without one: (n,)
    """

    values: Float32Array
    nearest: Float32Array
    parts: tuple[Part, ...]

    @classmethod
    def of(cls, parts: Sequence[Part], nearest: Float32Array) -> Scores:
        """Add up the parts."""
        values = np.zeros(len(nearest), np.float32)
        for part in parts:
            values += part.amounts.sum(axis=1, dtype=np.float32)
        return cls(values, nearest, tuple(parts))

    def take(self, places: IndexArray) -> Scores:
        """Return the scores of some of the candidates, in this order."""
        parts = (replace(part, amounts=part.amounts[places]) for part in self.parts)
        return Scores(self.values[places], self.nearest[places], tuple(parts))

    def reasons(self) -> list[tuple[Reason, ...]]:
        """Return the reasons of each candidate, the greatest amounts first."""
        reasons: list[list[Reason]] = [[] for _ in self.values]
        for kind in dict.fromkeys(part.kind for part in self.parts):
            refs, amounts = _joined([part for part in self.parts if part.kind == kind])
            named = amounts * [ref is not None for ref in refs]
            order = np.argsort(-np.abs(named), axis=1, kind="stable")[:, :MAX_REASONS]
            greatest = np.take_along_axis(named, order, axis=1)
            listed = np.abs(greatest) >= LEAST_REASON
            for place, of_candidate in enumerate(reasons):
                columns = order[place, listed[place]].tolist()
                of_candidate += [
                    Reason(kind, refs[at], float(amounts[place, at])) for at in columns
                ]
                amounts[place, columns] = 0
                if rest := float(amounts[place].sum()):
                    of_candidate.append(Reason(kind, None, rest))
        return [tuple(sorted(each, key=lambda reason: -abs(reason.amount))) for each in reasons]


def _joined(parts: Sequence[Part]) -> tuple[list[int | str | None], Float64Array]:
    """Return the refs of parts of one kind, each once, and their summed amounts."""
    refs = [ref for part in parts for ref in part.refs]
    names = list(dict.fromkeys(refs))
    amounts = np.concatenate([part.amounts for part in parts], axis=1, dtype=np.float64)
    if len(names) < len(refs):
        number = {name: place for place, name in enumerate(names)}
        sums = np.zeros((len(refs), len(names)))
        sums[np.arange(len(refs)), [number[ref] for ref in refs]] = 1
        amounts = amounts @ sums
    return names, amounts


def standardised(
    kind: ReasonKind, values: Float32Array, sample: Float32Array, share: float
) -> Part:
    """Return the part of one value that each track has, standardised by those of the sample."""
    mean, deviation = moments(sample)
    amounts = share * (values - mean) / deviation
    return Part(kind, (None,), amounts[:, None].astype(np.float32))


def moments(sample: Float32Array) -> tuple[float, float]:
    """Return mean and standard deviation, which is 1 for a sample in which nothing differs."""
    deviation = float(sample.std())
    return float(sample.mean()), deviation if deviation > 1e-6 else 1.0
