"""A track's tags by the taggers: the surest on the whole, and their probabilities over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from index.arrays import Float32Array
from recsys.home.tag_table import join_tags
from recsys.similarity.explanation import Moment, TrackSound, aligned_logits, mean_logits, moment

N_TAGS = 12


class TagBar(NamedTuple):
    """A tag's probability in a track, and its usual one in this library."""

    tag: str
    probability: float
    usual: float


@dataclass(frozen=True, eq=False)
class Taggram:
    """Tags over time.

    moments        the analysed segments, in order
    tags           the names
    probabilities  float32 (n_tags, n_moments)
    """

    moments: tuple[Moment, ...]
    tags: tuple[str, ...]
    probabilities: Float32Array

    def as_json(self) -> dict[str, object]:
        """Return the form in which the API shows it."""
        return {
            "moments": [m.as_json() for m in self.moments],
            "tags": [
                {"tag": tag, "probabilities": [round(p, 3) for p in row]}
                for tag, row in zip(self.tags, self.probabilities.tolist(), strict=True)
            ],
        }


def tag_bars(
    logits: Float32Array, typical: Float32Array, tags: Sequence[str], n: int = N_TAGS
) -> tuple[TagBar, ...]:
    """Return the `n` tags of the greatest probability, in order.

    logits, typical  a track's mean log-odds and the library's, of all models' tags: (n_tags,)
    Where several models have a tag of one name their log-odds are averaged.
    """
    names, joined = join_tags(tags)
    mine, usual = expit(logits @ joined), expit(typical @ joined)
    surest = np.argsort(-mine, kind="stable")[:n]
    return tuple(TagBar(names[i], float(mine[i]), float(usual[i])) for i in surest.tolist())


def taggram(track: TrackSound, tags: Sequence[str], n: int = N_TAGS) -> Taggram:
    """Return the probabilities over time of the tags of `tag_bars`, in their order."""
    names, joined = join_tags(tags)
    surest = np.argsort(-(mean_logits(track.features) @ joined), kind="stable")[:n]
    logits = aligned_logits(track.features) @ joined
    return Taggram(
        tuple(moment(track, number) for number in range(len(logits))),
        tuple(names[i] for i in surest.tolist()),
        expit(logits[:, surest].T),
    )
