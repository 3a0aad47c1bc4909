"""The highlight of a track: where it is liveliest, of a length that is known."""

from __future__ import annotations

import numpy as np
import pytest

from encoders.features import TrackFeatures
from recsys.similarity.explanation import Moment, TrackSound
from recsys.similarity.highlights import SECONDS, highlight, liveliness

TAGS = ("loud", "quiet", "piano", "guitar")
VERSE, CHORUS, BRIDGE = (0.2, 0.6, 0.7, 0.1), (0.8, 0.1, 0.2, 0.7), (0.3, 0.3, 0.1, 0.1)


def song(*parts: tuple[float, ...], step: float = 10.0) -> TrackSound:
    """A track of which a segment of 3 s is known every `step` seconds."""
    tags = np.array(parts, np.float16)
    starts = (step * np.arange(len(parts))).astype(np.float32)
    features = TrackFeatures(starts, tags, tags, np.zeros(2, np.float16), 3.0)
    return TrackSound((features,), step * len(parts))


def test_the_highlight_is_where_the_chorus_is() -> None:
    track = song(VERSE, VERSE, VERSE, VERSE, CHORUS, CHORUS, CHORUS, VERSE, BRIDGE, VERSE, VERSE)
    assert highlight(track, TAGS) == Moment(50.0, 65.0), "the middle of the chorus"
    assert liveliness(track, TAGS)[4:7].min() > liveliness(track, TAGS)[:4].max()


def test_without_telling_tags_it_is_the_middle() -> None:
    track = song(VERSE, VERSE, CHORUS, VERSE, BRIDGE, VERSE, CHORUS)
    assert highlight(track, ("a", "b", "c", "d")) == Moment(30.0, 45.0)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_short_tracks_have_short_highlights(n: int) -> None:
    track = song(*[VERSE] * n)
    found = highlight(track, TAGS)
    assert found.end - found.start == pytest.approx(min(SECONDS, 10 * n / 3))
    assert 0 <= found.start < found.end <= 10 * n
