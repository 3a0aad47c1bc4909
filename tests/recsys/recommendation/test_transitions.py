"""Harmonic mixing and steady tempo, in lists and in paths."""

from __future__ import annotations

import numpy as np

from recsys.home.track_table import UNKNOWN
from recsys.musical_key import KEYS
from recsys.recommendation.track_path import smooth_path
from recsys.recommendation.transitions import HarmonicTransition, SteadyTransition, unfit_steps
from recsys.reranking import rerank


def keys(*names: str) -> HarmonicTransition:
    return HarmonicTransition(np.array([KEYS.index(name) if name else UNKNOWN for name in names]))


def test_a_list_goes_on_in_keys_that_mix() -> None:
    rule = keys("C major", "F# major", "A minor", "E minor", "Eb minor")
    scores = np.array([5, 4, 3, 2, 1], np.float32)
    chosen = rerank(scores, np.eye(5, dtype=np.float32), 5, transitions=[rule])
    assert chosen.tolist() == [0, 2, 3], "C, A minor, E minor; then nothing fits"
    assert rule.followers(1).tolist() == [False, True, False, False, True]
    assert keys("", "F# major").followers(0).all(), "an unknown key fits to every one"


def test_a_list_keeps_its_tempo_and_double_time_is_the_same() -> None:
    rule = SteadyTransition(np.array([120, 124, 131, 61, np.nan], np.float32), 0.05)
    assert rule.followers(0).tolist() == [True, True, False, True, True]
    scores = np.array([5, 1, 4, 3, 2], np.float32)
    assert rerank(scores, np.eye(5, dtype=np.float32), 3, transitions=[rule]).tolist() == [0, 3, 4]


def test_a_path_takes_steps_that_fit_where_there_are_any() -> None:
    angles = np.array([0.0, 1.5, 0.7, 0.75])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    rule = keys("C major", "G major", "F# major", "G major")
    nobody = np.full(4, UNKNOWN)
    assert smooth_path(vectors, nobody, 0, 1, 3).tolist() == [0, 3, 1]
    assert smooth_path(vectors, nobody, 0, 1, 3, [rule]).tolist() == [0, 3, 1]
    swapped = keys("C major", "G major", "G major", "F# major")
    path = smooth_path(vectors, nobody, 0, 1, 3, [swapped])
    assert path.tolist() == [0, 2, 1] and not unfit_steps([swapped], path)
    all_foreign = keys("C major", "G major", "F# major", "F# major")
    path = smooth_path(vectors, nobody, 0, 1, 3, [all_foreign])
    assert len(path) == 3, "of exactly this length all the same"
    assert unfit_steps([all_foreign], path) == [
        "2 of 2 steps do not mix harmonically: no path of this length between these tracks does "
        "throughout."
    ]
