"""Why two tracks are alike, against naive sums and planted moments."""

from __future__ import annotations

import numpy as np
import pytest

from encoders.features import TrackFeatures
from recsys.similarity.explanation import (
    Moment,
    TrackSound,
    explain,
    mean_logits,
    shared_tags,
    typical_moment,
)

TAGS = ("Rock", "quiet", "piano", "rock")
TYPICAL = np.log(np.array([0.1, 0.1, 0.2, 0.1]) / np.array([0.9, 0.9, 0.8, 0.9])).astype(np.float32)
SECONDS = 2.5


def heard(
    *segments: tuple[float, ...], duration: float | None = None, bpm: float | None = None
) -> TrackSound:
    """A track by the probabilities of three tags that one model knows and one that another does."""
    tags = np.array(segments, np.float16)
    starts = np.arange(len(tags), dtype=np.float32) * 10
    empty = np.zeros((len(tags), 2), np.float16)
    models = [
        TrackFeatures(starts, part, empty, np.zeros(2, np.float16), SECONDS)
        for part in (tags[:, :3], tags[:, 3:])
    ]
    return TrackSound(models, duration, bpm)


def random_tracks(n: int) -> list[TrackSound]:
    rng = np.random.default_rng(5)
    return [heard(*rng.uniform(0.01, 0.99, (6, 4)).tolist()) for _ in range(n)]


def test_shares_are_the_tags_parts_of_the_cosine() -> None:
    """Naively, and with what is not named they add up to the positive part of the cosine."""
    for one, other in zip(random_tracks(20), random_tracks(40)[20:], strict=True):
        u, v = (mean_logits(track.features).astype(float) - TYPICAL for track in (one, other))
        parts = [x * y / np.linalg.norm(u) / np.linalg.norm(v) for x, y in zip(u, v, strict=True)]
        cosine = float(u @ v / np.linalg.norm(u) / np.linalg.norm(v))
        assert sum(parts) == pytest.approx(cosine)
        naive: dict[str, float] = {}
        for tag, part, x, y in zip(TAGS, parts, u, v, strict=True):
            if x > 0 and y > 0:
                naive[tag.lower()] = naive.get(tag.lower(), 0) + part
        whole = sum(part for part in parts if part > 0)
        found = explain(one, other, TYPICAL, TAGS).shared_tags
        assert {s.tag.lower(): s.share for s in found} == pytest.approx(
            {tag: part / whole for tag, part in naive.items()}, rel=1e-4
        )
        assert [s.share for s in found] == sorted((s.share for s in found), reverse=True)
        assert sum(s.share for s in found) <= 1 + 1e-6


def test_identical_taggings_share_everything() -> None:
    """One tag stands out, in two models: it is named once and carries all but what is typical."""
    logits = TYPICAL + np.array([2, 0, 0, 1], np.float32)
    (shared,) = shared_tags(logits, logits, TYPICAL, TAGS)
    assert (shared.tag, shared.share) == ("Rock", pytest.approx(1.0))


def test_what_both_lack_has_its_share_without_a_name() -> None:
    one = TYPICAL + np.array([3, -4, 0, 0], np.float32)
    (shared,) = shared_tags(one, one, TYPICAL, TAGS)
    assert (shared.tag, shared.share) == ("Rock", pytest.approx(9 / 25))


def test_opposites_share_nothing() -> None:
    away = np.array([3, -3, 1, 2], np.float32)
    assert shared_tags(TYPICAL + away, TYPICAL - away, TYPICAL, TAGS) == ()
    assert shared_tags(TYPICAL, TYPICAL, TYPICAL, TAGS) == ()
    rare = np.full(4, -8, np.float32)
    assert shared_tags(rare + 3, rare + 3, rare, TAGS) == (), "above typical, but unheard"


def test_the_moments_that_are_most_alike() -> None:
    rock, calm, piano = (0.9, 0.01, 0.1, 0.9), (0.01, 0.9, 0.1, 0.01), (0.1, 0.1, 0.95, 0.1)
    one = heard(calm, calm, piano, duration=100.0)
    other = heard(rock, piano, rock, rock, duration=11.5)
    found = explain(one, other, TYPICAL, TAGS)
    assert found.moments == (Moment(20.0, 22.5), Moment(10.0, 11.5)), "cut where the track ends"
    assert explain(other, one, TYPICAL, TAGS).moments == found.moments[::-1]
    assert explain(other, one, TYPICAL, TAGS).shared_tags == found.shared_tags


def test_no_moment_of_two_random_tracks_is_closer() -> None:
    tracks = random_tracks(8)
    for one, other in zip(tracks[:4], tracks[4:], strict=True):
        best, where = -2.0, (0, 0)
        for i in range(6):
            for j in range(6):
                a, b = (
                    np.concatenate([model.logits()[n] for model in track.features]) - TYPICAL
                    for track, n in ((one, i), (other, j))
                )
                cosine = float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
                if cosine > best:
                    best, where = cosine, (10 * i, 10 * j)
        assert tuple(m.start for m in explain(one, other, TYPICAL, TAGS).moments) == where


def test_tempo_is_named_where_both_files_name_it() -> None:
    segment = (0.5, 0.5, 0.5, 0.5)
    fast, slow, unknown = heard(segment, bpm=140), heard(segment, bpm=70), heard(segment)
    assert explain(fast, slow, TYPICAL, TAGS).tempo == (140, 70)
    assert explain(fast, unknown, TYPICAL, TAGS).tempo is None
    assert explain(unknown, slow, TYPICAL, TAGS).as_json()["tempo"] is None


def test_models_that_cut_tracks_their_own_way_speak_of_the_same_moments() -> None:
    def track(rock_at: int) -> TrackSound:
        """Four segments of 2.5 s, and a second model's two of 5 s over the same ten seconds."""
        short = np.full((4, 2), 0.1, np.float16)
        short[rock_at] = 0.9
        long = np.full((2, 2), 0.1, np.float16)
        long[rock_at // 2] = 0.9
        layers = np.zeros((4, 2), np.float16), np.zeros((2, 2), np.float16)
        pooled = np.zeros(2, np.float16)
        fine = TrackFeatures(np.arange(4, dtype=np.float32) * 2.5, short, layers[0], pooled, 2.5)
        coarse = TrackFeatures(np.arange(2, dtype=np.float32) * 5, long, layers[1], pooled, 5.0)
        return TrackSound((fine, coarse), 10.0, None)

    found = explain(track(1), track(2), TYPICAL, TAGS)
    assert found.moments == (Moment(2.5, 5.0), Moment(5.0, 7.5))


def test_the_typical_moment_is_most_like_the_whole() -> None:
    for track in random_tracks(20):
        joined = np.concatenate([model.logits() for model in track.features], axis=1) - TYPICAL
        units = [row.astype(float) / np.linalg.norm(row) for row in joined]
        naive = [sum(float(a @ b) for b in units) for a in units]
        assert typical_moment(track, TYPICAL).start == 10 * naive.index(max(naive))
    verse, chorus = (0.9, 0.05, 0.1, 0.9), (0.1, 0.8, 0.7, 0.1)
    song = heard(verse, chorus, verse, chorus, chorus, duration=12.0)
    assert typical_moment(song, TYPICAL) == Moment(10, 12)  # the first of equal ones
    assert typical_moment(heard(verse), TYPICAL) == Moment(0, SECONDS)
