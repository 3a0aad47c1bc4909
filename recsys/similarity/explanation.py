"""Why two tracks sound alike: shared tags, closest moments, tempo and key, from what is stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from encoders.features import TrackFeatures
from index.arrays import Float32Array, Float64Array, IndexArray

MIN_SHARED_PROBABILITY = 0.05  # what both tracks must reach for a tag to be shared
N_SHARED_TAGS = 4


@dataclass(frozen=True)
class SharedTag:
    """A tag of both tracks, and its share in their similarity, 0 to 1."""

    tag: str
    share: float


@dataclass(frozen=True)
class Moment:
    """A stretch of a track, in seconds from its beginning."""

    start: float
    end: float

    def as_json(self) -> dict[str, float]:
        """Return the form in which commands and the API show it."""
        return {"start": round(self.start, 2), "end": round(self.end, 2)}


@dataclass(frozen=True)
class Reasons:
    """Why two tracks sound alike; pairs name the one track first, the other second.

    shared_tags  the largest share first
    moments      the pair of segments that are most similar
    tempo        beats a minute, where both have one; keys likewise
    """

    shared_tags: tuple[SharedTag, ...]
    moments: tuple[Moment, Moment]
    tempo: tuple[float, float] | None
    keys: tuple[str, str] | None

    def as_json(self) -> dict[str, object]:
        """Return the form in which commands and the API show it."""
        return {
            "shared_tags": [{"tag": s.tag, "share": round(s.share, 4)} for s in self.shared_tags],
            "moments": [m.as_json() for m in self.moments],
            "tempo": list(self.tempo) if self.tempo else None,
            "keys": list(self.keys) if self.keys else None,
        }


class TrackSound(NamedTuple):
    """A track's features by extractor, its length (s), beats a minute, and key."""

    features: Sequence[TrackFeatures]
    duration: float | None = None
    bpm: float | None = None
    key: str | None = None


def explain(
    one: TrackSound, other: TrackSound, typical: Float32Array, tags: Sequence[str]
) -> Reasons:
    """Return why two tracks sound alike; `typical` (n_tags,) are the library's mean log-odds."""
    a, b = mean_logits(one.features), mean_logits(other.features)
    return Reasons(
        shared_tags=shared_tags(a, b, typical, tags),
        moments=closest_moments(one, other, typical),
        tempo=(one.bpm, other.bpm) if one.bpm and other.bpm else None,
        keys=(one.key, other.key) if one.key and other.key else None,
    )


def mean_logits(features: Sequence[TrackFeatures]) -> Float32Array:
    """Return a track's mean log-odds of all extractors' tags, joined: (n_tags,)."""
    return np.concatenate([model.mean_logits() for model in features])


def shared_tags(
    one: Float32Array, other: Float32Array, typical: Float32Array, tags: Sequence[str]
) -> tuple[SharedTag, ...]:
    """Return the up to N_SHARED_TAGS tags that contribute most to two tracks' similarity.

    All arrays are log-odds (n_tags,): each track's mean and the library's typical ones. With u and
    v the two tracks' differences from the typical, tag t contributes u[t] v[t] / (|u| |v|): over
    all tags these add up to the cosine of u and v, one of the views whose mean cosine is the
    similarity of two embeddings. A tag's share is its part of the positive contributions; tags of
    one name from two models are one tag. Listed are the tags that both tracks have more than is
    typical, and with a probability of MIN_SHARED_PROBABILITY; a tag that both lack contributes to
    the similarity too, and has its share, but is not listed.
    """
    return tags_shared_with(one, other[None], typical, tags)[0]


def tags_shared_with(
    one: Float32Array, others: Float32Array, typical: Float32Array, tags: Sequence[str]
) -> list[tuple[SharedTag, ...]]:
    """Return `shared_tags` of one track and each of others, (n, n_tags); none where one is NaN.

    Or of as many tracks as others, (n, n_tags) both.
    """
    names, same_name = _by_name(tuple(tags))
    u, v = one - typical, others - typical
    products = (u * v).astype(np.float64)
    least = np.log(MIN_SHARED_PROBABILITY / (1 - MIN_SHARED_PROBABILITY))
    shared = (np.minimum(u, v) > 0) & (np.minimum(one, others) >= least)
    contributions = np.where(shared, products, 0.0) @ same_name
    totals = products.clip(0.0).sum(axis=1).tolist()
    best = np.argsort(-contributions, axis=1, kind="stable")[:, :N_SHARED_TAGS]
    amounts = np.take_along_axis(contributions, best, axis=1).tolist()
    return [
        tuple(
            SharedTag(names[number], amount / total)
            for number, amount in zip(numbers, of_track, strict=True)
            if amount > 0
        )
        for numbers, of_track, total in zip(best.tolist(), amounts, totals, strict=True)
    ]


@lru_cache(maxsize=8)
def _by_name(tags: tuple[str, ...]) -> tuple[list[str], Float64Array]:
    """Return the distinct names of tags, in any case, and ones where a tag has a name."""
    names: dict[str, str] = {}
    for tag in tags:
        names.setdefault(tag.casefold(), tag)
    numbers = {folded: number for number, folded in enumerate(names)}
    same_name = np.zeros((len(tags), len(names)))
    same_name[np.arange(len(tags)), [numbers[tag.casefold()] for tag in tags]] = 1.0
    return list(names.values()), same_name


def closest_moments(
    one: TrackSound, other: TrackSound, typical: Float32Array
) -> tuple[Moment, Moment]:
    """Return the pair of segments of two tracks that are most similar.

    Their similarity is the cosine of their log-odds of all tags less the `typical` ones (n_tags,).
    A moment ends with its track, where its length is known.
    """
    i, j = _closest(_segment_cosines(one, other, typical))
    return moment(one, i), moment(other, j)


@dataclass(frozen=True, eq=False)
class SegmentComparison:
    """Two tracks compared segment by segment.

    moments  of the one track, and of the other
    cosines  float32 (n_one, n_other)
    closest  the numbers of the most similar pair
    """

    moments: tuple[tuple[Moment, ...], tuple[Moment, ...]]
    cosines: Float32Array
    closest: tuple[int, int]


def compare_segments(
    one: TrackSound, other: TrackSound, typical: Float32Array
) -> SegmentComparison:
    """Compare each segment of one track with each of another.

    By the cosine of their log-odds of all tags less the `typical` ones (n_tags,).
    """
    cosines = _segment_cosines(one, other, typical)
    n_one, n_other = cosines.shape
    moments = (
        tuple(moment(one, number) for number in range(n_one)),
        tuple(moment(other, number) for number in range(n_other)),
    )
    return SegmentComparison(moments, cosines, _closest(cosines))


def _segment_cosines(one: TrackSound, other: TrackSound, typical: Float32Array) -> Float32Array:
    a, b = (_unit_segments(track.features, typical) for track in (one, other))
    return a @ b.T


def _closest(cosines: Float32Array) -> tuple[int, int]:
    i, j = np.unravel_index(int(np.argmax(cosines)), cosines.shape)
    return int(i), int(j)


def typical_moment(track: TrackSound, typical: Float32Array) -> Moment:
    """Return the segment that is most similar to the whole track: a summary of one excerpt.

    It has the greatest mean cosine with all the track's segments, computed as in
    `closest_moments`; of equal ones the first (Cooper and Foote 2002, "Automatic music
    summarization via similarity analysis", who compare frames of a spectrum).
    """
    units = _unit_segments(track.features, typical)
    similarities = units @ units.mean(axis=0)
    return moment(track, int(np.argmax(similarities.round(6))))


def aligned_logits(features: Sequence[TrackFeatures]) -> Float32Array:
    """Return the log-odds of all extractors' tags, joined, for each segment of the first model.

    The shape is (n_segments, n_tags); other models' segments are those nearest in time.
    """
    return aligned(features, TrackFeatures.logits)


def aligned(
    features: Sequence[TrackFeatures], layer: Callable[[TrackFeatures], Float32Array]
) -> Float32Array:
    """Return a layer of all models (n_segments, ·), joined, for each segment of the first model.

    Other models' segments are those nearest in time.
    """
    centres = features[0].starts + features[0].segment_seconds / 2
    return np.concatenate([layer(model)[_nearest(model, centres)] for model in features], axis=1)


def _unit_segments(features: Sequence[TrackFeatures], typical: Float32Array) -> Float32Array:
    """Return unit vectors (n_segments, n_tags), a row for each segment of the first model."""
    logits = aligned_logits(features) - typical
    unit: Float32Array = logits / np.maximum(np.linalg.norm(logits, axis=1, keepdims=True), 1e-12)
    return unit


def _nearest(model: TrackFeatures, times: Float32Array) -> IndexArray:
    """Return the segments of a model, which may cut tracks in its own way, nearest to `times`."""
    centres = model.starts + model.segment_seconds / 2
    nearest: IndexArray = np.abs(times[:, None] - centres).argmin(axis=1)
    return nearest


def moment(track: TrackSound, number: int) -> Moment:
    """Return the time of a segment of the first model."""
    start = float(track.features[0].starts[number])
    end = start + track.features[0].segment_seconds
    return Moment(start, end if track.duration is None else min(end, track.duration))
