"""Which tracks may follow each other in a mix: by key, harmonically, and by tempo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np

from index.arrays import BoolArray, Float32Array, IndexArray, Int64Array
from recsys.home.track_table import UNKNOWN, TrackTable
from recsys.musical_key import KEYS, mixes_with
from recsys.recommendation.controls import Controls

_MIX = np.array([[other in mixes_with(key) for other in KEYS] for key in KEYS])


@dataclass(frozen=True, eq=False)
class HarmonicTransition:
    """A key follows those that it mixes with; an unknown one, as of a path's end, every one.

    keys  numbers in KEYS or UNKNOWN, (n,)
    """

    keys: Int64Array
    wanted = "mix harmonically"

    def followers(self, row: int) -> BoolArray:
        """Return which candidates may follow this one, (n,)."""
        known = self.keys != UNKNOWN
        mixes: BoolArray = ~known | (self.keys[row] == UNKNOWN) | _MIX[self.keys[row], self.keys]
        return mixes


@dataclass(frozen=True, eq=False)
class SteadyTransition:
    """A tempo follows one that is nearly the same; half and double time count as the same.

    tempos  beats a minute, NaN for an unknown one, as of a path's end, (n,)
    most    share of the tempo that it may change by
    """

    tempos: Float32Array
    most: float
    wanted = "keep the tempo"

    def followers(self, row: int) -> BoolArray:
        """Return which candidates may follow this one, (n,)."""
        octaves = np.log2(self.tempos / self.tempos[row])
        changed: BoolArray = np.abs(octaves - np.round(octaves)) > np.log2(1 + self.most)
        return ~changed


MixTransition: TypeAlias = HarmonicTransition | SteadyTransition


def transitions(controls: Controls, table: TrackTable, rows: IndexArray) -> list[MixTransition]:
    """Return the rules that controls set for some rows of the table."""
    rules: list[MixTransition] = []
    if controls.harmonic:
        rules.append(HarmonicTransition(table.keys[rows]))
    if controls.tempo_change is not None:
        rules.append(SteadyTransition(table.tempos[rows], controls.tempo_change / 100))
    return rules


def unfit_steps(rules: Sequence[MixTransition], places: IndexArray) -> list[str]:
    """Return a sentence for each rule that steps of a path break."""
    sentences = []
    for rule in rules:
        n = sum(not rule.followers(one)[other] for one, other in pairwise(places.tolist()))
        if n:
            sentences.append(
                f"{n} of {len(places) - 1} steps {'does' if n == 1 else 'do'} not "
                f"{rule.wanted}: no path of this length "
                "between these tracks does throughout."
            )
    return sentences
