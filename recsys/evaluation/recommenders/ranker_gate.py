"""The gate of a ranker: for which candidates and histories it is adopted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from index.arrays import BoolArray, Float64Array
from recsys.evaluation.recommenders.ranker_examples import Examples
from recsys.models.ranker.pairs import LENGTHS

MIN_LISTENERS = 30  # who have held-out tracks of a kind
N_ERRORS = 2.6  # standard errors that a gain must be above 0: nine tests, 5 % together by chance


@dataclass(frozen=True)
class Decision:
    """Whether the ranker is adopted for a kind of candidate and a length of history, and why.

    Figures are means over listeners of (R@20 + nDCG@100) / 2 among the candidates of the kind.

    listeners   who were asked
    model       the listening model's own order
    popularity  the most played first
    ranker      the ranker's order
    gain        of the ranker above the better of the others,
    error       and the standard error of that, over listeners
    new_gain    above the model, of listeners whom it did not know, and new_error likewise
    """

    kind: str
    least_length: int
    listeners: int
    model: float = 0.0
    popularity: float = 0.0
    ranker: float = 0.0
    gain: float = 0.0
    error: float = 0.0
    new_gain: float = 0.0
    new_error: float = 0.0
    adopted: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return it for a model card."""
        return {
            name: round(value, 5) if isinstance(value, float) else value
            for name, value in asdict(self).items()
        }


def compare(
    examples: Examples,
    corrected: Float64Array,
    kinds: Sequence[int],
    label: str,
    least: float = N_ERRORS,
) -> list[Decision]:
    """Decide for some kinds of candidates and each length of history.

    examples   of listeners that the ranker was not trained on
    corrected  the ranker's scores of the pairs: (n_pairs,)

    It is adopted where it gains more than `least` standard errors, on the listening model and on
    popularity alone: what finds no more than the most played tracks has learned nothing of the
    listener. The listening model scores those too well whose listens it was trained on, and what
    only corrects that would harm new listeners: among these alone it must not lose.
    """
    orders = (examples.scores, examples.popularity, corrected)
    qualities = np.stack([examples.quality(scores, kinds) for scores in orders], axis=1)
    asked = ~np.isnan(qualities[:, 0])
    return [
        _decision(qualities[here], examples.is_new[here], label, length, least)
        for number, length in enumerate(LENGTHS)
        for here in [asked & (examples.lengths == number)]
    ]


def _decision(
    qualities: Float64Array, is_new: BoolArray, kind: str, length: int, least: float
) -> Decision:
    n = len(qualities)
    if n < MIN_LISTENERS:
        return Decision(kind, length, n)
    model, popularity, ranker = qualities.mean(axis=0).tolist()
    best = qualities[:, 0] if model >= popularity else qualities[:, 1]
    gain, error = _mean(qualities[:, 2] - best)
    new_gain, new_error = _mean((qualities[:, 2] - qualities[:, 0])[is_new])
    adopted = gain > least * error and new_gain >= 0
    return Decision(
        kind, length, n, model, popularity, ranker, gain, error, new_gain, new_error, adopted
    )


def _mean(gains: Float64Array) -> tuple[float, float]:
    """Return a mean and its standard error; no gain where there are fewer than two."""
    if len(gains) < 2:
        return 0.0, 0.0
    return float(gains.mean()), max(float(gains.std(ddof=1) / np.sqrt(len(gains))), 1e-9)
