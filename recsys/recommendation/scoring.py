"""How candidates are scored: every term in the library's standard deviations, and adding up.

A term's raw values (cosines, log-odds, products of factors) have scales of their own. Each is
standardised against the same fixed sample of the library: z = (x - mean) / standard deviation, both
over the sample, for this query. So 0 is the library's typical track, and terms may be added.

    score_i = (1 - b_i) content_i + b_i listening_i - avoided_i + familiar_i

content    sound and tags, by their shares of the weights. Sound is z of sum_j a_ij cos_ij, with
           a_ij the softmax over the anchors j of log w_j + cos_ij / TEMPERATURE: of many seeds the
           nearest speak loudest, and a track need not sound like the mean of them all
listening  z of the listening model's scores. Its share follows the evidence e_i of each track, the
           part of its factors that rests on listens: b_i = LISTENING_SHARE e_i / (e_i + HALF), so
           that sound alone speaks for what nobody has played; 0 without a model or listens
avoided    w_t z⁺ of each tag t to be unlike; and of the anchors to be unlike the strongest
           w_j max(0, z⁺ of cos_ij - DEFERENCE z⁺ of the cosine to the nearest liked anchor), where
           z⁺ = max(0, z)
familiar   (1 - 2 discovery) FAMILIAR (f - mean f), with f from 0, unknown, to 1, well known
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from index.arrays import Float32Array, Float64Array, IndexArray, Int64Array
from recsys.recommendation.listening_scores import ListenerScores
from recsys.recommendation.query import Reason, ReasonKind
from recsys.recommendation.seeds import SeedVector, TagTerm

TEMPERATURE = 0.2  # of cosines
DEFERENCE = 0.75  # how much being like what is liked protects from being like what is not
LISTENING_SHARE = 0.5  # where evidence is strong: the plain mean of both
HALF = 0.005  # the evidence at which half of that share is given
FAMILIAR = 3.0  # standard deviations between the best known track and an unknown one, at most
MAX_REASONS = 5  # of one kind, of a track; the rest are summed,
LEAST_REASON = 0.01  # and so are smaller ones


@dataclass(frozen=True, eq=False)
class Part:
    """Amounts of one kind of reason: float32 (n_candidates, n_refs), a column for each ref."""

    kind: ReasonKind
    refs: tuple[int | str | None, ...]
    amounts: Float32Array


@dataclass(frozen=True, eq=False)
class Scores:
    """The scores of candidates, and their parts, which sum to them; `nearest` is a cosine."""

    values: Float32Array
    nearest: Float32Array
    parts: tuple[Part, ...]

    def of(self, places: IndexArray) -> Scores:
        """Return those of some of the candidates, in this order."""
        parts = (replace(part, amounts=part.amounts[places]) for part in self.parts)
        return Scores(self.values[places], self.nearest[places], tuple(parts))

    def reasons(self) -> list[tuple[Reason, ...]]:
        """Return the reasons of each candidate, the greatest amounts first."""
        found: list[list[Reason]] = [[] for _ in self.values]
        for kind in dict.fromkeys(part.kind for part in self.parts):
            refs, amounts = _joined([part for part in self.parts if part.kind == kind])
            named = amounts * [ref is not None for ref in refs]
            order = np.argsort(-np.abs(named), axis=1, kind="stable")[:, :MAX_REASONS]
            greatest = np.take_along_axis(named, order, axis=1)
            listed = np.abs(greatest) >= LEAST_REASON
            for place, reasons in enumerate(found):
                columns = order[place, listed[place]].tolist()
                reasons += [Reason(kind, refs[at], float(amounts[place, at])) for at in columns]
                amounts[place, columns] = 0
                if rest := float(amounts[place].sum()):
                    reasons.append(Reason(kind, None, rest))
        return [tuple(sorted(each, key=lambda reason: -abs(reason.amount))) for each in found]


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


@dataclass(frozen=True, eq=False)
class Candidates:
    """Rows to be scored, and the vectors of them."""

    rows: IndexArray
    vectors: Float32Array


def sound(
    anchors: Sequence[SeedVector], candidates: Candidates, reference: Candidates, share: float
) -> tuple[list[Part], Float32Array]:
    """Return the parts of likeness to the anchors, times `share`, and the nearest's cosine (n,)."""
    cosines, attention = _attend(anchors, candidates)
    sampled, weights = _attend(anchors, reference)
    mean, deviation = _moments((sampled * weights).sum(axis=1))
    amounts = (share * attention * (cosines - mean) / deviation).astype(np.float32)
    parts = []
    for kind in dict.fromkeys(anchor.kind for anchor in anchors):
        columns = [number for number, anchor in enumerate(anchors) if anchor.kind == kind]
        refs = tuple(anchors[number].ref for number in columns)
        parts.append(Part(kind, refs, amounts[:, columns]))
    return parts, np.where(attention > 0, cosines, -1.0).max(axis=1).astype(np.float32)


def tags(
    wishes: Sequence[TagTerm], candidates: Candidates, reference: Candidates, share: float
) -> Part:
    """Return the part of standing out in tags, each by its share of the weights."""
    total = sum(wish.weight for wish in wishes)
    columns = [
        standard(
            "tag",
            wish.values[candidates.rows],
            wish.values[reference.rows],
            share * wish.weight / total,
        ).amounts
        for wish in wishes
    ]
    return Part("tag", tuple(wish.ref for wish in wishes), np.concatenate(columns, axis=1))


def shunned(wishes: Sequence[TagTerm], candidates: Candidates, reference: Candidates) -> Part:
    """Return what standing out in tags that are not wanted takes away, weights counting up to 1."""
    columns = []
    for wish in wishes:
        mean, deviation = _moments(wish.values[reference.rows])
        unlike = np.maximum((wish.values[candidates.rows] - mean) / deviation, 0.0)
        columns.append(-min(wish.weight, 1.0) * unlike)
    return Part("dislike", tuple(wish.ref for wish in wishes), np.stack(columns, axis=1))


def avoided(
    anchors: Sequence[SeedVector],
    nearest: Float32Array,
    candidates: Candidates,
    reference: Candidates,
) -> Part:
    """Return what sounding like the most alike of the anchors to be unlike takes away.

    `nearest` is each candidate's cosine to the nearest anchor that is liked (n,).
    """
    vectors = np.stack([anchor.vector for anchor in anchors])
    weights = np.array([min(anchor.weight, 1.0) for anchor in anchors], np.float32)
    mean, deviation = _moments(reference.vectors @ vectors.T)
    unlike = np.maximum((candidates.vectors @ vectors.T - mean) / deviation, 0.0)
    like = np.maximum((nearest[:, None] - mean) / deviation, 0.0)
    pressed = weights * np.maximum(unlike - DEFERENCE * like, 0.0)
    strongest = pressed.argmax(axis=1)
    amounts = np.zeros_like(pressed)
    every = np.arange(len(pressed))
    amounts[every, strongest] = -pressed[every, strongest]
    return Part("dislike", tuple(anchor.ref for anchor in anchors), amounts)


def standard(kind: ReasonKind, values: Float32Array, sample: Float32Array, share: float) -> Part:
    """Return the part of one value that each track has, standardised by those of the sample."""
    mean, deviation = _moments(sample)
    amounts = share * (values - mean) / deviation
    return Part(kind, (None,), amounts[:, None].astype(np.float32))


def blend(
    content: Sequence[Part], taste: ListenerScores, candidates: Candidates, reference: Candidates
) -> list[Part]:
    """Return the parts of content, and of the listening model, by their shares."""
    evidence = taste.model.evidence[candidates.rows][:, None]
    trust = LISTENING_SHARE * evidence / (evidence + HALF)
    scores = taste.scores(np.concatenate([candidates.rows, reference.rows]))
    n = len(candidates.rows)
    heard = standard("listeners", scores[:n], scores[n:], 1.0)
    return [
        *(replace(part, amounts=part.amounts * (1 - trust)) for part in content),
        replace(heard, amounts=trust * heard.amounts),
    ]


def traced(scores: Scores, taste: ListenerScores, ids: Int64Array, rows: IndexArray) -> Scores:
    """Return the scores of rows with what the model says for them traced to listens.

    `ids` are those of all rows.
    """
    refs = (*ids[taste.history].tolist(), None)
    parts = []
    for part in scores.parts:
        if part.kind == "listeners":
            amounts = np.maximum(part.amounts, 0) * taste.shares(rows)
            amounts[:, -1:] += np.minimum(part.amounts, 0)
            part = Part("listeners", refs, amounts)  # noqa: PLW2901
        parts.append(part)
    return replace(scores, parts=tuple(parts))


def familiar(known: Float32Array, sample: Float32Array, discovery: float) -> Part:
    """Return the part of being known, 0 to 1, or of being new."""
    amounts = FAMILIAR * (1 - 2 * discovery) * (known - sample.mean())
    return Part("familiar", (None,), amounts[:, None].astype(np.float32))


def total(parts: Sequence[Part], nearest: Float32Array, n: int) -> Scores:
    """Add up the parts of `n` candidates."""
    values = np.zeros(n, np.float32)
    for part in parts:
        values += part.amounts.sum(axis=1, dtype=np.float32)
    return Scores(values, nearest, tuple(parts))


def _attend(anchors: Sequence[SeedVector], space: Candidates) -> tuple[Float32Array, Float32Array]:
    """Return cosines to the anchors and their weights, both (n, n_anchors); weights sum to 1.

    A track never attends to itself, unless it is all that speaks for an artist. One that is the
    only anchor gets weights of 0.
    """
    cosines = space.vectors @ np.stack([anchor.vector for anchor in anchors]).T
    heard = np.log([anchor.weight for anchor in anchors]).astype(np.float32)
    logits = cosines / np.float32(TEMPERATURE) + heard
    of_artist = Counter(anchor.ref for anchor in anchors if anchor.kind == "artist")
    others = np.array([of_artist[anchor.ref] != 1 for anchor in anchors])
    own = (space.rows[:, None] == np.array([anchor.row for anchor in anchors])) & others
    logits[own] = -np.inf
    top = logits.max(axis=1, keepdims=True)
    weights = np.exp(logits - np.where(np.isfinite(top), top, 0.0))
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
    return cosines, weights


def _moments(sample: Float32Array) -> tuple[float, float]:
    """Return mean and standard deviation, which is 1 for a sample in which nothing differs."""
    deviation = float(sample.std())
    return float(sample.mean()), deviation if deviation > 1e-6 else 1.0
