"""Log-odds that a ranker's trees start from, and their place beside a listening model's scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from index.arrays import BoolArray, Float64Array, Int64Array
from recsys.evaluation.recommenders.ranker_examples import Examples
from recsys.evaluation.recommenders.ranker_gate import N_ERRORS, Decision, compare
from recsys.models.ranker.pairs import KINDS, LENGTHS, REGIME_OF_KIND, REGIMES

STEPS = 20  # of Newton's method, in turns for constants and slopes
PRIOR = 0.5  # tracks played, of the constant of a listener's log-odds
MIN_SLOPE, MAX_SLOPE = 0.1, 10.0  # of the log-odds, for one standard deviation of the scores
BINS = 20  # of a reliability diagram
NO_LOSS = -1.0  # standard errors
TOP = 20  # candidates whose mean score offsets keep
_LABELS = ("known track", "new track or artist")  # of the regimes


class Odds(NamedTuple):
    """Log-odds = slope · score + intercept + a constant of the listener.

    slopes, intercepts  of each kind, float64 (n_kinds,); slopes are the same within a regime
    start               of every pair: float64 (n_pairs,)
    unknown             the same without the listener's constant, which nobody knows in advance
    """

    slopes: Float64Array
    intercepts: Float64Array
    start: Float64Array
    unknown: Float64Array


def start_of(examples: Examples, training: BoolArray) -> Odds:
    """Fit them to examples, slopes and intercepts to the pairs `training` (n_pairs,).

    Intercepts are the log-odds of all of a kind. A listener has a constant for each regime, shrunk
    towards 0. It takes away how many tracks there were to play: trees that start from there learn
    which.
    """
    kinds, regimes = examples.kinds, REGIME_OF_KIND[examples.kinds]
    group = examples.listeners * len(REGIMES) + regimes
    n = int(group.max(initial=0)) + 1
    played: Float64Array = examples.played.astype(np.float64)
    size = np.maximum(np.bincount(group, minlength=n), 1)
    means = (np.bincount(group, examples.scores, n) / size)[group]
    centred = np.asarray(examples.scores - means, np.float64)
    n_played = _sums(group, played, n) + PRIOR
    of_training = np.maximum(np.bincount(kinds[training], minlength=len(KINDS)), 1)
    rates = _sums(kinds[training], played[training], len(KINDS)) / of_training
    intercepts = np.log((rates + 1e-4) / (1 + 1e-4 - rates))
    slopes, constants = np.full(len(REGIMES), 0.5), np.zeros(n)
    known = regimes[training]
    for _ in range(STEPS):
        chance = _chance(intercepts[kinds] + slopes[regimes] * centred + constants[group])
        surplus = n_played - _sums(group, chance, n) - PRIOR * np.exp(constants)
        variance = _sums(group, chance * (1 - chance), n) + PRIOR * np.exp(constants)
        constants += np.clip(surplus / variance, -1, 1)
        chance = _chance(intercepts[kinds] + slopes[regimes] * centred + constants[group])
        rise = _sums(known, (centred * (played - chance))[training], len(REGIMES))
        curvature = (centred**2 * chance * (1 - chance))[training]
        slopes += np.clip(rise / (_sums(known, curvature, len(REGIMES)) + 1), -0.2, 0.2)
        slopes = np.clip(slopes, MIN_SLOPE, MAX_SLOPE)
    unknown = intercepts[kinds] + slopes[regimes] * centred
    return Odds(slopes[REGIME_OF_KIND], intercepts, unknown + constants[group], unknown)


def reliability(odds: Float64Array, played: BoolArray) -> list[dict[str, float]]:
    """Compare the chances of log-odds with what was played: (n_pairs,) each.

    Pairs are divided into `BINS` by their chance, equally many in each: its mean, and the share
    that was played (a reliability diagram; Niculescu-Mizil and Caruana 2005).
    """
    chance = _chance(odds)
    bins = np.array_split(np.argsort(chance, kind="stable"), min(BINS, len(chance)))
    return [
        {"predicted": float(chance[pairs].mean()), "played": float(played[pairs].mean())}
        for pairs in bins
    ]


def _chance(odds: Float64Array) -> Float64Array:
    chance: Float64Array = 1 / (1 + np.exp(-odds))
    return chance


def _sums(groups: Int64Array, values: Float64Array, n_groups: int) -> Float64Array:
    sums: Float64Array = np.bincount(groups, values, n_groups).astype(np.float64)
    return sums


class Places(NamedTuple):
    """Where corrections of scores come to lie; both (n_kinds, n_lengths).

    offsets    what is subtracted of them
    constants  are the corrections where they are not adopted
    """

    offsets: Float64Array
    constants: Float64Array

    def applied(
        self, corrections: Float64Array, examples: Examples, adopted: BoolArray
    ) -> Float64Array:
        """Return the corrected scores of examples: (n_pairs,)."""
        cell = examples.kinds, examples.lengths[examples.listeners]
        placed = np.where(adopted[cell], corrections - self.offsets[cell], self.constants[cell])
        return np.asarray(examples.scores + placed, np.float64)


def adopt(
    corrections: Float64Array, examples: Examples, gate: BoolArray, of_new_artists: BoolArray
) -> tuple[BoolArray, list[Decision]]:
    """Decide where corrections of scores (n_pairs,) are adopted, by the listeners `gate` (n,).

    Returns bool (n_kinds, n_lengths). The order among new artists is decided alone, by `gate` and
    by listeners who have nothing else to find (n,): it must not lose. Then that of a regime
    together, which must gain.
    """
    adopted = np.ones((len(KINDS), len(LENGTHS)), bool)
    decisions: list[Decision] = []

    def decide(kinds: Sequence[int], label: str, asked: BoolArray, least: float) -> None:
        placed = place(corrections, examples, adopted).applied(corrections, examples, adopted)
        some = examples.of_listeners(asked)
        decided = compare(some, placed[asked[examples.listeners]], kinds, label, least)
        adopted[list(kinds)] &= [decision.adopted for decision in decided]
        decisions.extend(decided)

    for regime, label in zip(REGIMES, _LABELS, strict=True):
        for kind in regime[1:]:
            decide([kind], KINDS[kind], gate | of_new_artists, NO_LOSS)
        decide(regime, label, gate, N_ERRORS)
    return adopted, decisions


def place(corrections: Float64Array, examples: Examples, adopted: BoolArray) -> Places:
    """Keep regimes where they were: the mean score of the best `TOP` candidates stays.

    Where only some kinds of a regime are adopted, bool (n_kinds, n_lengths), all of the others have
    the mean correction of their best.
    """
    places = Places(np.zeros(adopted.shape), np.zeros(adopted.shape))
    lengths = examples.lengths[examples.listeners]
    corrected = corrections.copy()
    some = np.zeros(adopted.shape, bool)
    for regime in REGIMES:
        some[list(regime)] = adopted[list(regime)].any(axis=0)
    for kind, length in np.argwhere(some & ~adopted).tolist():
        pairs = (examples.kinds == kind) & (lengths == length)
        best = examples.best(examples.scores + corrections, [kind], TOP)
        constant = float(corrections[pairs & best].mean()) if (pairs & best).any() else 0.0
        corrected[pairs] = places.constants[kind, length] = constant
    for regime in REGIMES:
        before = examples.best(examples.scores, regime, TOP)
        after = examples.best(examples.scores + corrected, regime, TOP)
        for length in np.flatnonzero(some[regime[0]]).tolist():
            here = lengths == length
            if not (here & before).any():
                continue
            rise = (examples.scores + corrected)[here & after].mean()
            rise -= examples.scores[here & before].mean()
            places.offsets[regime, length] = rise
            places.constants[regime, length] -= np.where(adopted[regime, length], 0, rise)
    return places
