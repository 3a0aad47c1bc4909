"""Scores of candidates: what terms contribute, added up, and divided among named reasons.

A term's raw values (cosines, log-odds, products of factors) have scales of their own. Each is
standardised against the same fixed sample of the library: z = (x - mean) / standard deviation, both
over the sample, for this query. So 0 is the library's typical track, and terms may be added.
`recsys.recommendation.terms` has the formula of each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from index.arrays import Float32Array, Float64Array, IndexArray
from index.vector_index import VectorIndex
from recsys.recommendation.query import Reason, ReasonKind
from recsys.recommendation.seeds import ResolvedSeeds

TEMPERATURE = 0.2  # of cosines
MAX_REASONS = 5  # of one kind, of a track; the rest are summed,
LEAST_REASON = 0.01  # and so are smaller ones


@dataclass(frozen=True, eq=False)
class Candidates:
    """Rows of an index to be scored, and the seeds that they are to sound like."""

    rows: IndexArray
    index: VectorIndex
    seeds: ResolvedSeeds

    def at(self, places: IndexArray) -> Candidates:
        """Return some of them; themselves for all in their order."""
        if len(places) == len(self.rows) and np.array_equal(places, np.arange(len(places))):
            return self
        return Candidates(self.rows[places], self.index, self.seeds)

    @cached_property
    def vectors(self) -> Float32Array:
        """Their vectors, (n, dim)."""
        return self.index.vectors_at(self.rows)

    @cached_property
    def attention(self) -> tuple[Float32Array, Float32Array]:
        """Cosines to the positive seeds and their weights, both (n, n_seeds); weights sum to 1.

        The weights are the softmax over the seeds j of log w_j + cosine / TEMPERATURE. A track has
        no weight for itself as a seed, unless it is the only track of an artist asked for. One that
        is the only seed has weights of 0.
        """
        seeds = self.seeds.positive
        cosines = self.vectors @ self.seeds.vectors.T
        weights = cosines * np.float32(1 / TEMPERATURE)
        weights += np.log(self.seeds.weights)
        n_of_artist = Counter(seed.ref for seed in seeds if seed.kind == "artist")
        replaceable = np.array([n_of_artist[seed.ref] != 1 for seed in seeds])
        seed_rows = np.array([seed.row for seed in seeds])
        themselves = np.flatnonzero(np.isin(self.rows, seed_rows))
        own = self.rows[themselves, None] == seed_rows
        weights[themselves] = np.where(own & replaceable, -np.inf, weights[themselves])
        top = weights.max(axis=1, keepdims=True)
        weights -= np.where(np.isfinite(top), top, 0)
        np.exp(weights, out=weights)
        weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
        return cosines, weights

    @cached_property
    def attended(self) -> tuple[Float32Array, Float32Array]:
        """The cosines to the seeds, each by its weight, summed, and the weights' sum: (n,) each."""
        cosines, weights = self.attention
        return np.einsum("ij,ij->i", cosines, weights), weights.sum(axis=1)

    @cached_property
    def nearest(self) -> Float32Array:
        """The cosine to the nearest seed that has a weight, -1 without one: (n,)."""
        if not self.seeds.positive:
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
class Contribution:
    """What a term adds to the scores of candidates.

    values  float32 (n,)
    parts   returns what adds up to them, of the candidates at some places: few are ever explained
    """

    values: Float32Array
    parts: Callable[[IndexArray], list[Part]]

    @classmethod
    def whole(cls, kind: ReasonKind, values: Float32Array) -> Contribution:
        """Return one of a single reason, which has no name."""
        values = values.astype(np.float32)
        return cls(values, lambda places: [Part(kind, (None,), values[places, None])])


@dataclass(frozen=True, eq=False)
class Scores:
    """The scores of candidates, (n,), and the contributions that they are the sums of."""

    candidates: Candidates
    values: Float32Array
    contributions: tuple[Contribution, ...]

    @classmethod
    def of(cls, candidates: Candidates, contributions: Sequence[Contribution]) -> Scores:
        """Add up the contributions."""
        values = np.zeros(len(candidates.rows), np.float32)
        for contribution in contributions:
            values += contribution.values
        return cls(candidates, values, tuple(contributions))

    def explained(self, places: IndexArray) -> ExplainedScores:
        """Return the scores of some of the candidates, in this order, with their parts."""
        parts = [part for one in self.contributions for part in one.parts(places)]
        nearest = self.candidates.at(places).nearest
        return ExplainedScores(self.values[places], nearest, tuple(parts))


@dataclass(frozen=True, eq=False)
class ExplainedScores:
    """The scores of tracks, and their parts, which sum to them.

    nearest  cosine to the nearest seed, -1 without one: (n,)
    """

    values: Float32Array
    nearest: Float32Array
    parts: tuple[Part, ...]

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
) -> Contribution:
    """Return what one value of each track adds, standardised by those of the sample."""
    mean, deviation = moments(sample)
    return Contribution.whole(kind, share * (values - mean) / deviation)


def moments(sample: Float32Array) -> tuple[float, float]:
    """Return mean and standard deviation, which is 1 for a sample in which nothing differs."""
    deviation = float(sample.std())
    return float(sample.mean()), deviation if deviation > 1e-6 else 1.0
