"""Tags on the whole and over time, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from encoders.features import TrackFeatures
from recsys.similarity.explanation import Moment, TrackSound, mean_logits
from recsys.tagging.taggram import tag_bars, taggram

TAGS = ("rock", "calm", "Rock", "piano")


def logit(p: float) -> float:
    return float(np.log(p / (1 - p)))


def heard() -> TrackSound:
    """Three segments of one model, of rock and calm, and two of another, of Rock and piano."""
    empty = np.zeros(2, np.float16)

    def model(starts: list[float], tags: list[list[float]]) -> TrackFeatures:
        rows = np.array(tags, np.float16)
        return TrackFeatures(
            np.array(starts, np.float32), rows, np.zeros((len(rows), 2), np.float16), empty, 3.0
        )

    one = model([0, 10, 20], [[0.9, 0.1], [0.5, 0.5], [0.1, 0.9]])
    other = model([0, 20], [[0.5, 0.2], [0.5, 0.75]])
    return TrackSound((one, other), duration=21.5)


def test_tags_of_one_name_are_one_over_time() -> None:
    found = taggram(heard(), TAGS, n=2)
    bars = tag_bars(mean_logits(heard().features), np.zeros(4, np.float32), TAGS, n=2)
    assert found.tags == tuple(bar.tag for bar in bars)
    assert found.moments == (Moment(0, 3), Moment(10, 13), Moment(20, 21.5))
    rock = [1 / (1 + np.exp(-logit(p) / 2)) for p in (0.9, 0.5, 0.1)]
    assert found.probabilities[found.tags.index("rock")] == pytest.approx(rock, abs=2e-3)
    assert found.probabilities[found.tags.index("calm")] == pytest.approx([0.1, 0.5, 0.9], abs=2e-3)
    assert found.as_json()["moments"] == [
        {"start": 0.0, "end": 3.0},
        {"start": 10.0, "end": 13.0},
        {"start": 20.0, "end": 21.5},
    ]


def test_bars_have_what_is_usual_beside_them() -> None:
    logits = mean_logits(heard().features)
    usual = np.array([logit(0.2), logit(0.5), logit(0.2), logit(0.1)], np.float32)
    bars = {bar.tag: bar for bar in tag_bars(logits, usual, TAGS)}
    assert set(bars) == {"rock", "calm", "piano"}
    assert bars["rock"].usual == pytest.approx(0.2)
    piano = 1 / (1 + np.exp(-(logit(0.2) + logit(0.75)) / 2))
    assert bars["piano"].probability == pytest.approx(piano, abs=2e-3)
    shown = [bar.probability for bar in tag_bars(logits, usual, TAGS)]
    assert shown == sorted(shown, reverse=True)
