"""Log-odds that a ranker's trees start from, and their place beside a listening model's scores."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from index.arrays import BoolArray, Float64Array, Int64Array
from recsys.evaluation.recommenders.ranker_examples import Examples
from recsys.evaluation.recommenders.ranker_gate import Decision, compare
from recsys.models.ranker.pairs import KINDS, LENGTHS, REGIMES

STEPS = 20  # of Newton's method, in turns for constants and slopes
PRIOR = 0.5  # tracks played, of the constant of a listener's log-odds
MIN_SLOPE, MAX_SLOPE = 0.1, 10.0  # of the log-odds, for one standard deviation of the scores
BINS = 20  # of a reliability diagram
TOP = 20  # candidates whose mean score offsets keep
_LABELS = ("known track", "new track or artist")  # of the regimes
_REGIME = np.array([number for number, kinds in enumerate(REGIMES) for _ in kinds])


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
    kinds, regimes = examples.kinds, _REGIME[examples.kinds]
    group = examples.listeners * len(REGIMES) + regimes
    n = int(group.max(initial=0)) + 1
    played: Float64Array = examples.played.astype(np.float64)
    size = np.maximum(np.bincount(group, minlength=n), 1)
    means = (np.bincount(group, examples.scores, n) / size)[group]
    centred = np.asarray(examples.scores - means, np.float64)
    n_played = _sums(group, played, n) + PRIOR
    rates = _sums(kinds, played, len(KINDS)) / np.maximum(
        np.bincount(kinds, minlength=len(KINDS)), 1
    )
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
    return Odds(slopes[_REGIME], intercepts, unknown + constants[group], unknown)


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


class Corrections(NamedTuple):
    """Where corrections are used, and what is subtracted of them; all (n_kinds, n_lengths).

    constants  are the corrections where they are not used
    """

    adopted: BoolArray
    offsets: Float64Array
    constants: Float64Array


def adopt(
    corrections: Float64Array, examples: Examples, gate: BoolArray
) -> tuple[Corrections, list[Decision]]:
    """Decide where corrections of scores (n_pairs,) are adopted, by the listeners `gate` (n,).

    Offsets keep the mean score of the best `TOP` candidates of each regime. The order among new
    artists is decided alone: where it gains nothing, all have the mean correction of their best.
    """
    shape = len(KINDS), len(LENGTHS)
    result = Corrections(np.zeros(shape, bool), np.zeros(shape), np.zeros(shape))
    decisions: list[Decision] = []
    lengths = examples.lengths[examples.listeners]
    asked = examples.of_listeners(np.flatnonzero(gate))
    of_asked = gate[examples.listeners]
    for regime, label in zip(REGIMES, _LABELS, strict=True):
        corrected = corrections.copy()
        used = np.ones(shape, bool)
        for kind in regime[1:]:
            alone = compare(asked, (examples.scores + corrected)[of_asked], [kind], KINDS[kind])
            decisions += alone
            top = examples.best(examples.scores + corrected, [kind], TOP)
            for length, decision in enumerate(alone):
                if not decision.adopted:
                    used[kind, length] = False
                    pairs = (examples.kinds == kind) & (lengths == length)
                    of_best = corrected[pairs & top]
                    constant = float(of_best.mean()) if len(of_best) else 0.0
                    corrected[pairs] = result.constants[kind, length] = constant
        before = examples.best(examples.scores, regime, TOP)
        after = examples.best(examples.scores + corrected, regime, TOP)
        for length in range(len(LENGTHS)):
            here = lengths == length
            if not (here & before).any():
                continue
            rise = (examples.scores + corrected)[here & after].mean()
            rise -= examples.scores[here & before].mean()
            result.offsets[regime, length] = rise
            result.constants[regime, length] -= np.where(used[regime, length], 0, rise)
            corrected[here & np.isin(examples.kinds, regime)] -= rise
        together = compare(asked, (examples.scores + corrected)[of_asked], regime, label)
        decisions += together
        for length, decision in enumerate(together):
            result.adopted[regime, length] = used[regime, length] & decision.adopted
            if not decision.adopted:
                result.constants[regime, length] = 0
    return result, decisions
