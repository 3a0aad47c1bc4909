"""The terms of a candidate's score: one class for each, listed in `TERMS`.

    score_i = (1 - b_i) content_i + b_i listening_i - penalties_i + familiarity_i

A term is made from a query's context, None where it has nothing to say to the query, and gives its
contribution to the score of any candidates. Another term is another class, its place in `TERMS` or
`CONTENT_TERMS`, and, where its reason is a new one, a line of `recsys.recommendation.query.KINDS`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self

import numpy as np

from index.arrays import Float32Array, IndexArray, Int64Array
from recsys.home.track_table import UNKNOWN
from recsys.models.ranker.topics import TOPICS, Topic
from recsys.recommendation.context import QueryContext
from recsys.recommendation.listening_scores import ListenerScores
from recsys.recommendation.query import ReasonKind
from recsys.recommendation.row_memo import RowMemo
from recsys.recommendation.scoring import (
    Candidates,
    Contribution,
    Part,
    Scores,
    moments,
    standardised,
)
from recsys.recommendation.seeds import SeedVector, TagTerm

DEFERENCE = 0.75  # how far being like a positive seed protects from being like a negative one
RANKER_KINDS: Mapping[Topic, ReasonKind] = {
    "listeners": "listeners",
    "own artist": "same_artist",
    "own album": "same_album",
    "artists": "related_artists",
    "sound": "sound",
    "popularity": "audience",
    "habits": "habits",
}
LISTENING_SHARE = 0.5  # where evidence is strong: the plain mean of both
HALF = 0.005  # the evidence at which half of that share is given
FAMILIAR = 3.0  # standard deviations between the best known track and an unknown one, at most


class Term(Protocol):
    """A term of the score, for one query."""

    @classmethod
    def of(cls, context: QueryContext) -> Self | None:
        """Return the term for a query, None where it does not apply."""

    def contribution(self, candidates: Candidates, sample: Candidates) -> Contribution:
        """Return what the term adds to the candidates' scores.

        `sample` are the tracks of the library that values are standardised over.
        """


@dataclass(frozen=True, eq=False)
class SoundSimilarity:
    """Similarity to the positive seeds: z of sum_j a_ij cos_ij, with the attention a_ij.

    Of many seeds the nearest count most, and a track need not sound like the mean of them all.
    """

    share: float

    @classmethod
    def of(cls, context: QueryContext) -> Self | None:
        """Apply where there are positive seeds."""
        return cls(context.seeds.shares[0]) if context.seeds.positive else None

    def contribution(self, candidates: Candidates, sample: Candidates) -> Contribution:
        """Return what is divided among the seeds."""
        mean, deviation = moments(sample.attended[0])
        cosines, weights = candidates.attended
        values = self.share * (cosines - mean * weights) / deviation

        def parts(places: IndexArray) -> list[Part]:
            cosines, weights = candidates.at(places).attention
            amounts = (self.share * weights * (cosines - mean) / deviation).astype(np.float32)
            seeds, found = candidates.seeds.positive, []
            for kind in dict.fromkeys(seed.kind for seed in seeds):
                columns = [number for number, seed in enumerate(seeds) if seed.kind == kind]
                refs = tuple(seeds[number].ref for number in columns)
                found.append(Part(kind, refs, amounts[:, columns]))
            return found

        return Contribution(values.astype(np.float32), parts)


@dataclass(frozen=True, eq=False)
class WantedTags:
    """Standing out in the wanted tags: z of each tag's values by its share of the weights."""

    tags: Sequence[TagTerm]
    share: float

    @classmethod
    def of(cls, context: QueryContext) -> Self | None:
        """Apply where tags are wanted."""
        tags = context.seeds.wanted_tags
        return cls(tags, context.seeds.shares[1]) if tags else None

    def contribution(self, candidates: Candidates, sample: Candidates) -> Contribution:
        """Return what each tag adds."""
        total = sum(tag.weight for tag in self.tags)
        columns = [
            standardised(
                "tag",
                tag.values[candidates.rows],
                tag.values[sample.rows],
                self.share * tag.weight / total,
            ).values
            for tag in self.tags
        ]
        return _of_refs("tag", tuple(tag.ref for tag in self.tags), np.stack(columns, axis=1))


@dataclass(frozen=True, eq=False)
class MostPlayed:
    """How many play a track, where a query has neither seeds nor history; `played` is (n,).

    Tracks that nobody has played follow in the order that their sound says, where it is told.
    """

    played: Float32Array
    share: float

    @classmethod
    def of(cls, context: QueryContext) -> Self | None:
        """Apply where nothing else gives content, and somebody has played something."""
        if context.seeds.fallback != "popular" or not context.popularity.any():
            return None
        return cls(context.pleasing, context.seeds.shares[0])

    def contribution(self, candidates: Candidates, sample: Candidates) -> Contribution:
        """Return one value of each track."""
        values, sampled = self.played[candidates.rows], self.played[sample.rows]
        return standardised("popular", values, sampled, self.share)


@dataclass(frozen=True, eq=False)
class Typicality:
    """Cosine to the library's mean embedding (dim,), where popularity is not known either."""

    mean: Float32Array
    share: float

    @classmethod
    def of(cls, context: QueryContext) -> Self | None:
        """Apply where nothing else gives content, and nobody has played anything."""
        if context.seeds.fallback != "popular" or context.popularity.any():
            return None
        return cls(context.library_mean[0], context.seeds.shares[0])

    def contribution(self, candidates: Candidates, sample: Candidates) -> Contribution:
        """Return one value of each track."""
        values, sampled = candidates.vectors @ self.mean, sample.vectors @ self.mean
        return standardised("typical", values, sampled, self.share)


CONTENT_TERMS: tuple[type[Term], ...] = (SoundSimilarity, WantedTags, MostPlayed, Typicality)


@dataclass(frozen=True, eq=False)
class Relevance:
    """Content and listening: (1 - b_i) content_i + b_i z of the listening model's scores.

    The share of listening follows the evidence e_i of each track, the part of its factors that
    rests on listens: b_i = LISTENING_SHARE e_i / (e_i + HALF), so that content alone scores what
    nobody has played; 0 without a model or listens. The ranker's corrections, in the unit of the
    model's scores, are added with the full share: they say something of new tracks too.
    """

    content: Sequence[Term]
    listener_scores: ListenerScores | None
    ids: Int64Array
    memo: RowMemo | None

    @classmethod
    def of(cls, context: QueryContext) -> Self:
        """Apply always. What is of a listener's history alone is computed once."""
        content = terms_of(CONTENT_TERMS, context)
        kept = context.kept if all(isinstance(term, SoundSimilarity) for term in content) else None
        memo = None if kept is None else kept.relevance
        return cls(content, context.listener_scores, context.track_table.ids, memo)

    def contribution(self, candidates: Candidates, sample: Candidates) -> Contribution:
        """Return what content, the listening model and the ranker add."""

        def compute(places: IndexArray) -> Float32Array:
            return self._values(candidates.at(places), sample)[:, None]

        def parts(places: IndexArray) -> list[Part]:
            return self._parts(candidates.at(places), sample)

        if self.memo is None:
            return Contribution(self._values(candidates, sample), parts)
        return Contribution(self.memo.of(candidates.rows, compute)[:, 0], parts)

    def _values(self, candidates: Candidates, sample: Candidates) -> Float32Array:
        content = np.zeros(len(candidates.rows), np.float32)
        for term in self.content:
            content += term.contribution(candidates, sample).values
        listener = self.listener_scores
        if listener is None:
            return content
        share = _listening_share(listener, candidates.rows)
        mean, deviation = listener.moments
        scores, corrections = listener.ranked_scores(candidates.rows)
        values = (1 - share) * content + share * ((scores - mean) / deviation)
        values += np.float32(LISTENING_SHARE / deviation) * corrections
        return values.astype(np.float32)

    def _parts(self, candidates: Candidates, sample: Candidates) -> list[Part]:
        every = np.arange(len(candidates.rows))
        content = [
            part
            for term in self.content
            for part in term.contribution(candidates, sample).parts(every)
        ]
        listener = self.listener_scores
        if listener is None:
            return content
        rows = candidates.rows
        share = _listening_share(listener, rows)[:, None]
        mean, deviation = listener.moments
        listening = share * ((listener.scores(rows)[:, None] - mean) / deviation)
        amounts = np.maximum(listening, 0) * listener.shares(rows)
        amounts[:, -1:] += np.minimum(listening, 0)
        refs = (*self.ids[listener.history].tolist(), None)
        parts = [replace(part, amounts=part.amounts * (1 - share)) for part in content]
        parts.append(Part("listeners", refs, amounts.astype(np.float32)))
        if listener.has_ranker:
            topics = np.float32(LISTENING_SHARE / deviation) * listener.correction_parts(rows)
            parts += [
                Part(RANKER_KINDS[topic], (None,), topics[:, [number]])
                for number, topic in enumerate(TOPICS)
            ]
        return parts


def _listening_share(listener: ListenerScores, rows: IndexArray) -> Float32Array:
    """Return b of rows, (n,)."""
    evidence = listener.model.evidence[rows]
    share: Float32Array = LISTENING_SHARE * evidence / (evidence + np.float32(HALF))
    return share


@dataclass(frozen=True, eq=False)
class TagPenalty:
    """Standing out in unwanted tags: -w_t max(0, z) of each, weights counting up to 1."""

    tags: Sequence[TagTerm]

    @classmethod
    def of(cls, context: QueryContext) -> Self | None:
        """Apply where tags are unwanted."""
        tags = context.seeds.unwanted_tags
        return cls(tags) if tags else None

    def contribution(self, candidates: Candidates, sample: Candidates) -> Contribution:
        """Return what each tag takes."""
        columns = []
        for tag in self.tags:
            mean, deviation = moments(tag.values[sample.rows])
            excess = np.maximum((tag.values[candidates.rows] - mean) / deviation, 0.0)
            columns.append(-min(tag.weight, 1.0) * excess)
        amounts = np.stack(columns, axis=1).astype(np.float32)
        return _of_refs("dislike", tuple(tag.ref for tag in self.tags), amounts)


@dataclass(frozen=True, eq=False)
class DislikePenalty:
    """Similarity to the negative seed of the greatest penalty.

    It is w_j max(0, z⁺ of cos_ij - DEFERENCE z⁺ of the cosine to the nearest positive seed), where
    z⁺ = max(0, z).
    """

    seeds: Sequence[SeedVector]
    memo: RowMemo | None

    @classmethod
    def of(cls, context: QueryContext) -> Self | None:
        """Apply where there are negative seeds."""
        negative, kept = context.seeds.negative, context.kept
        return cls(negative, None if kept is None else kept.penalties) if negative else None

    def contribution(self, candidates: Candidates, sample: Candidates) -> Contribution:
        """Return what the seed of the greatest penalty takes."""

        def compute(places: IndexArray) -> Float32Array:
            return self._strongest(candidates.at(places), sample)

        rows = candidates.rows
        if self.memo is None:
            strongest = self._strongest(candidates, sample)
        else:
            strongest = self.memo.of(rows, compute)

        def parts(places: IndexArray) -> list[Part]:
            amounts = np.zeros((len(places), len(self.seeds)), np.float32)
            amounts[np.arange(len(places)), strongest[places, 1].astype(np.intp)] = values[places]
            return [Part("dislike", tuple(seed.ref for seed in self.seeds), amounts)]

        values = -strongest[:, 0]
        return Contribution(values, parts)

    def _strongest(self, candidates: Candidates, sample: Candidates) -> Float32Array:
        """Return the greatest penalty of each candidate and the number of its seed: (n, 2)."""
        vectors = np.stack([seed.vector for seed in self.seeds])
        weights = np.array([min(seed.weight, 1.0) for seed in self.seeds], np.float32)
        mean, deviation = moments(sample.vectors @ vectors.T)
        negative = np.maximum((candidates.vectors @ vectors.T - mean) / deviation, 0.0)
        positive = np.maximum((candidates.nearest[:, None] - mean) / deviation, 0.0)
        penalties = weights * np.maximum(negative - DEFERENCE * positive, 0.0)
        strongest = penalties.argmax(axis=1)
        greatest = penalties[np.arange(len(penalties)), strongest]
        return np.column_stack([greatest, strongest]).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Familiarity:
    """Being known to the listener, or new: (1 - 2 discovery) FAMILIAR (f - mean f).

    f is from 0, unknown, to 1, well known: half by the listener's plays, a quarter each by the
    artist and by how many play the track.
    """

    context: QueryContext

    @classmethod
    def of(cls, context: QueryContext) -> Self | None:
        """Apply where `discovery` is not in the middle."""
        return cls(context) if context.query.discovery != 0.5 else None

    def contribution(self, candidates: Candidates, sample: Candidates) -> Contribution:
        """Return one value of each track."""
        values, sampled = self._familiarity(candidates.rows), self._familiarity(sample.rows)
        weight = FAMILIAR * (1 - 2 * self.context.query.discovery)
        amounts = weight * (values - sampled.mean())
        return Contribution.whole("familiar", amounts)

    def _familiarity(self, rows: IndexArray) -> Float32Array:
        """Return f of rows, (n,)."""
        table, history = self.context.track_table, self.context.history
        values = np.zeros(len(rows), np.float32)
        if len(history.rows):
            plays = np.log1p(history.counts)
            at = np.searchsorted(history.rows, rows).clip(max=len(history.rows) - 1)
            values += np.where(history.rows[at] == rows, 0.5 * plays[at] / plays.max(), 0)
        seeds = [seed.row for seed in self.context.seeds.positive if seed.row >= 0]
        known_rows = np.array([*history.rows.tolist(), *seeds], np.intp)
        artists = np.setdiff1d(table.artists[known_rows], [UNKNOWN])
        values += 0.25 * np.isin(table.artists[rows], artists)
        played = self.context.popularity
        return values + 0.25 * played[rows] / max(float(played.max(initial=0.0)), 1.0)


TERMS: tuple[type[Term], ...] = (Relevance, TagPenalty, DislikePenalty, Familiarity)


def terms_of(kinds: Sequence[type[Term]], context: QueryContext) -> list[Term]:
    """Return the terms that apply to a query."""
    return [term for kind in kinds if (term := kind.of(context)) is not None]


def score(context: QueryContext, rows: IndexArray, kinds: Sequence[type[Term]] = TERMS) -> Scores:
    """Score rows by all terms that apply."""
    candidates = Candidates(rows, context.index, context.seeds)
    if not len(rows):
        return Scores.of(candidates, [])
    terms = terms_of(kinds, context)
    return Scores.of(candidates, [one.contribution(candidates, context.sample) for one in terms])


def _of_refs(kind: ReasonKind, refs: tuple[str, ...], amounts: Float32Array) -> Contribution:
    """Return the sum of amounts, a column for each ref: (n, n_refs)."""
    values = amounts.sum(axis=1, dtype=np.float32)
    return Contribution(values, lambda places: [Part(kind, refs, amounts[places])])
