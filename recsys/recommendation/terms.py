"""The terms of a candidate's score: one class for each, listed in `TERMS`.

    score_i = (1 - b_i) content_i + b_i listening_i - penalties_i + familiarity_i

A term is made from a query's context, None where it has nothing to say to the query, and gives the
parts of the score of any candidates. Another term is another class, its place in `TERMS` or
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
from recsys.recommendation.scoring import Candidates, Part, Scores, moments, standardised
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

    def parts(self, candidates: Candidates, sample: Candidates) -> list[Part]:
        """Return the term's parts of the candidates' scores.

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

    def parts(self, candidates: Candidates, sample: Candidates) -> list[Part]:
        """Return a part for each kind of seed."""
        cosines, weights = candidates.attention
        sample_cosines, sample_weights = sample.attention
        mean, deviation = moments((sample_cosines * sample_weights).sum(axis=1))
        amounts = (self.share * weights * (cosines - mean) / deviation).astype(np.float32)
        seeds, parts = candidates.seeds, []
        for kind in dict.fromkeys(seed.kind for seed in seeds):
            columns = [number for number, seed in enumerate(seeds) if seed.kind == kind]
            refs = tuple(seeds[number].ref for number in columns)
            parts.append(Part(kind, refs, amounts[:, columns]))
        return parts


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

    def parts(self, candidates: Candidates, sample: Candidates) -> list[Part]:
        """Return one part with a column for each tag."""
        total = sum(tag.weight for tag in self.tags)
        columns = [
            standardised(
                "tag",
                tag.values[candidates.rows],
                tag.values[sample.rows],
                self.share * tag.weight / total,
            ).amounts
            for tag in self.tags
        ]
        refs = tuple(tag.ref for tag in self.tags)
        return [Part("tag", refs, np.concatenate(columns, axis=1))]


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

    def parts(self, candidates: Candidates, sample: Candidates) -> list[Part]:
        """Return one part."""
        values, sampled = self.played[candidates.rows], self.played[sample.rows]
        return [standardised("popular", values, sampled, self.share)]


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

    def parts(self, candidates: Candidates, sample: Candidates) -> list[Part]:
        """Return one part."""
        values, sampled = candidates.vectors @ self.mean, sample.vectors @ self.mean
        return [standardised("typical", values, sampled, self.share)]


@dataclass(frozen=True, eq=False)
class RankerPart(Part):
    """The ranker's corrections, times `scale`, before they are divided among its topics."""

    scale: np.float32


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

    @classmethod
    def of(cls, context: QueryContext) -> Self:
        """Apply always."""
        return cls(terms_of(CONTENT_TERMS, context), context.listener_scores)

    def parts(self, candidates: Candidates, sample: Candidates) -> list[Part]:
        """Return the parts of content, and one of the listening model."""
        content = [part for term in self.content for part in term.parts(candidates, sample)]
        listener = self.listener_scores
        if listener is None:
            return content
        evidence = listener.model.evidence[candidates.rows][:, None]
        share = LISTENING_SHARE * evidence / (evidence + HALF)
        scores = listener.scores(np.concatenate([candidates.rows, sample.rows]))
        n = len(candidates.rows)
        listening = standardised("listeners", scores[:n], scores[n:], 1.0)
        parts = [
            *(replace(part, amounts=part.amounts * (1 - share)) for part in content),
            replace(listening, amounts=share * listening.amounts),
        ]
        if listener.has_ranker:
            scale = LISTENING_SHARE / moments(scores[n:])[1]
            amounts = np.float32(scale) * listener.corrections(candidates.rows)[:, None]
            parts.append(RankerPart("habits", (None,), amounts, np.float32(scale)))
        return parts


@dataclass(frozen=True, eq=False)
class TagPenalty:
    """Standing out in unwanted tags: -w_t max(0, z) of each, weights counting up to 1."""

    tags: Sequence[TagTerm]

    @classmethod
    def of(cls, context: QueryContext) -> Self | None:
        """Apply where tags are unwanted."""
        tags = context.seeds.unwanted_tags
        return cls(tags) if tags else None

    def parts(self, candidates: Candidates, sample: Candidates) -> list[Part]:
        """Return one part with a column for each tag."""
        columns = []
        for tag in self.tags:
            mean, deviation = moments(tag.values[sample.rows])
            excess = np.maximum((tag.values[candidates.rows] - mean) / deviation, 0.0)
            columns.append(-min(tag.weight, 1.0) * excess)
        return [Part("dislike", tuple(tag.ref for tag in self.tags), np.stack(columns, axis=1))]


@dataclass(frozen=True, eq=False)
class DislikePenalty:
    """Similarity to the negative seed of the greatest penalty.

    It is w_j max(0, z⁺ of cos_ij - DEFERENCE z⁺ of the cosine to the nearest positive seed), where
    z⁺ = max(0, z).
    """

    seeds: Sequence[SeedVector]

    @classmethod
    def of(cls, context: QueryContext) -> Self | None:
        """Apply where there are negative seeds."""
        return cls(context.seeds.negative) if context.seeds.negative else None

    def parts(self, candidates: Candidates, sample: Candidates) -> list[Part]:
        """Return one part with a column for each seed."""
        vectors = np.stack([seed.vector for seed in self.seeds])
        weights = np.array([min(seed.weight, 1.0) for seed in self.seeds], np.float32)
        mean, deviation = moments(sample.vectors @ vectors.T)
        negative = np.maximum((candidates.vectors @ vectors.T - mean) / deviation, 0.0)
        positive = np.maximum((candidates.nearest[:, None] - mean) / deviation, 0.0)
        penalties = weights * np.maximum(negative - DEFERENCE * positive, 0.0)
        strongest = penalties.argmax(axis=1)
        amounts = np.zeros_like(penalties)
        every = np.arange(len(penalties))
        amounts[every, strongest] = -penalties[every, strongest]
        return [Part("dislike", tuple(seed.ref for seed in self.seeds), amounts)]


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

    def parts(self, candidates: Candidates, sample: Candidates) -> list[Part]:
        """Return one part."""
        values, sampled = self._familiarity(candidates.rows), self._familiarity(sample.rows)
        weight = FAMILIAR * (1 - 2 * self.context.query.discovery)
        amounts = weight * (values - sampled.mean())
        return [Part("familiar", (None,), amounts[:, None].astype(np.float32))]

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
    index, table, seeds = context.index, context.track_table, context.seeds.positive
    candidates = Candidates(rows, index.vectors_at(rows), seeds)
    if not len(rows):
        return Scores.of([], candidates.nearest)
    sample = Candidates(table.sample, table.sample_vectors, seeds)
    terms = terms_of(kinds, context)
    parts = [part for term in terms for part in term.parts(candidates, sample)]
    return Scores.of(parts, candidates.nearest)


def traced_to_listens(
    scores: Scores, listener: ListenerScores, ids: Int64Array, rows: IndexArray
) -> Scores:
    """Return the scores of rows with the listening model's part divided among the history.

    The ranker's part is divided among the topics of its terms.

    `ids` are those of all rows.
    """
    refs = (*ids[listener.history].tolist(), None)
    parts: list[Part] = []
    for part in scores.parts:
        if isinstance(part, RankerPart):
            amounts = part.scale * listener.correction_parts(rows)
            parts += [
                Part(RANKER_KINDS[topic], (None,), amounts[:, [number]])
                for number, topic in enumerate(TOPICS)
            ]
        elif part.kind == "listeners":
            amounts = np.maximum(part.amounts, 0) * listener.shares(rows)
            amounts[:, -1:] += np.minimum(part.amounts, 0)
            parts.append(Part("listeners", refs, amounts))
        else:
            parts.append(part)
    return replace(scores, parts=tuple(parts))
