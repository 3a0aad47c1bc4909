"""Groups of copies in a catalogue whose tracks are waves in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from encoders.errors import AudioError, FileUnavailable
from encoders.features import AudioInfo, AudioSpan, TrackFeatures
from index.vector_index import VectorIndex
from recsys.catalog import Catalog, ScannedFile, Tags, Track
from recsys.library import duplicates, fingerprints
from recsys.library.coherence import RATE
from recsys.library.duplicates import find_duplicates, group_alike
from recsys.library.fingerprints import NOTHING

SECONDS = 12.0
NEAR, FAR = 20.0, 60.0  # degrees between neighbours in the index


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog(tmp_path / "home") as catalog:
        yield catalog


def wave(seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=int(SECONDS * RATE)).astype(np.float32)


def fill(
    catalog: Catalog,
    tracks: list[Tags],
    angle: float,
    *,
    seconds: float = SECONDS,
    hashes: str = "0123456789",
    codecs: dict[int, str] | None = None,
) -> VectorIndex:
    """Store tracks with ids 1, 2, ..., each at an angle from the one before."""
    codec = codecs or {}
    scanned_files = [
        ScannedFile(
            None,
            Path(f"/music/{i}"),
            1,
            1,
            AudioInfo(seconds + i / 10, 44_100, 2, codec.get(i + 1, "mp3float"), hashes[i] * 32),
            tags,
        )
        for i, tags in enumerate(tracks)
    ]
    catalog.record_files(scanned_files)
    zeros = np.zeros((1, 2), np.float16)
    heard = TrackFeatures(np.zeros(1, np.float32), zeros, zeros, zeros[0])
    ids = range(1, len(tracks) + 1)
    catalog.store_features("model", [(i, heard) for i in ids])
    turns = np.radians(angle) * np.arange(len(tracks))
    return VectorIndex.build(list(ids), np.stack([np.cos(turns), np.sin(turns)], axis=1))


def playing(**seeds: int) -> Callable[[AudioSpan], NDArray[np.float32]]:
    """Let track 1 play the wave of seed `t1`, and so on; the others cannot be read."""

    def listen(span: AudioSpan) -> NDArray[np.float32]:
        if (name := f"t{int(span.path.name) + 1}") not in seeds:
            raise AudioError(f"{span.path} is gone.")
        begin = round((span.begin or 0.0) * RATE)
        return wave(seeds[name])[begin : begin + round(span.duration * RATE)]

    return listen


def names(*titles: str) -> list[Tags]:
    return [Tags(title, f"artist of {title}") for title in titles]


def ids(groups: tuple[tuple[Track, ...], ...]) -> list[list[int]]:
    return [sorted(track.id for track in group) for group in groups]


def test_what_is_near_and_sounds_the_same_is_grouped(catalog: Catalog) -> None:
    index = fill(catalog, names("a", "b", "c", "d"), NEAR, codecs={3: "flac"})
    found = find_duplicates(catalog, index, playing(t1=7, t2=8, t3=7, t4=9))
    assert [[track.id for track in group] for group in found.groups] == [[3, 1]], "lossless first"
    assert found.failures == ()


def test_names_propose_where_the_features_are_far_apart(catalog: Catalog) -> None:
    same = Tags("Jóga", "Björk")
    mbid = "3c1a9ed0-1b1d-4f9c-8ab0-5d1f2f5a5d37"
    others = [Tags("JOGA", "bjork"), Tags("x", "y", recording_mbid=mbid)]
    tracks = [same, *others, Tags("z", "", recording_mbid=mbid), Tags("q", "w")]
    index = fill(catalog, tracks, FAR)
    found = find_duplicates(catalog, index, playing(t1=1, t2=1, t3=2, t4=2, t5=1))
    assert ids(found.groups) == [[1, 2], [3, 4]]


def test_equal_names_do_not_make_a_recording(catalog: Catalog) -> None:
    """Two takes under one name, near each other; a third, cut by more than ten seconds."""
    index = fill(catalog, names("a", "a", "a"), NEAR)
    assert find_duplicates(catalog, index, playing(t1=1, t2=2, t3=3)).groups == ()
    with Catalog(catalog.home.with_name("other")) as longer:
        index = fill(longer, names("a", "a"), NEAR)
        longer.record_files(
            [
                ScannedFile(
                    2,
                    Path("/music/1"),
                    1,
                    1,
                    AudioInfo(30.0, 1, 1, "flac", "1" * 32),
                    names("a")[0],
                )
            ]
        )
        assert find_duplicates(longer, index, playing(t1=1, t2=1)).groups == ()


def test_equal_audio_is_grouped_without_listening(catalog: Catalog) -> None:
    index = fill(catalog, names("a", "b", "c"), FAR, hashes="xyx")
    assert ids(find_duplicates(catalog, index, playing()).groups) == [[1, 3]]


def test_what_cannot_be_read_is_said_once_and_left_out(catalog: Catalog) -> None:
    index = fill(catalog, names("a", "b", "c"), 5)
    found = find_duplicates(catalog, index, playing(t1=1, t3=1))
    assert ids(found.groups) == [[1, 3]]
    assert found.failures == ("/music/1 is gone.",)


def test_a_file_that_is_away_gets_its_fingerprint_when_it_is_back(catalog: Catalog) -> None:
    index = fill(catalog, names("a", "b"), 5)
    play, is_away = playing(t1=1, t2=1), [True]

    def listen(span: AudioSpan) -> NDArray[np.float32]:
        if is_away[0] and span.path.name == "0":
            raise FileUnavailable(f"{span.path} cannot be read: Input/output error.")
        return play(span)

    assert not find_duplicates(catalog, index, listen).groups
    assert len(fingerprints.load(catalog.home)) == 1
    is_away[0] = False
    assert ids(find_duplicates(catalog, index, listen).groups) == [[1, 2]]
    assert len(fingerprints.load(catalog.home)) == 2


def test_only_what_is_alike_in_the_middle_is_decoded_whole(catalog: Catalog) -> None:
    index = fill(catalog, names("a", "b", "c", "d"), NEAR, seconds=40.0)
    waves = {name: noise(seed, 40.0) for name, seed in zip("0123", (1, 2, 1, 3), strict=True)}
    decoded: list[AudioSpan] = []

    def listen(span: AudioSpan) -> NDArray[np.float32]:
        decoded.append(span)
        begin = round((span.begin or 0.0) * RATE)
        return waves[span.path.name][begin : begin + round(span.duration * RATE)]

    found = find_duplicates(catalog, index, listen, workers=2)
    assert ids(found.groups) == [[1, 3]]
    assert sorted(span.path.name for span in decoded if span.begin is None) == ["0", "2"]
    assert sorted(span.path.name for span in decoded if span.begin is not None) == [*"0123"]
    decoded.clear()
    assert ids(find_duplicates(catalog, index, listen).groups) == [[1, 3]]
    assert decoded == [], "fingerprints and verdicts are kept"


def test_verdicts_of_several_threads_are_written_while_others_are_found(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duplicates, "_PER_TRANSACTION", 1)
    index = fill(catalog, names(*"aaaaaaaaaa"), NEAR)
    same = playing(**{f"t{i}": 1 for i in range(1, 11)})
    assert ids(find_duplicates(catalog, index, same, workers=8).groups) == [[*range(1, 11)]]
    assert len(catalog.verdicts()) == 45, "of every two"


def noise(seed: int, seconds: float) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=int(seconds * RATE)).astype(np.float32)


@pytest.mark.parametrize("shift", [0.0, 0.03, 2.5, -7.9])
def test_fingerprints_of_copies_are_alike_wherever_they_begin(shift: float) -> None:
    sound = noise(1, 40.0)
    begin = round((12.0 + shift) * RATE)
    length = round(fingerprints.SECONDS * RATE)
    one = fingerprints.fingerprint(sound[12 * RATE :][:length])
    rough = sound[begin:][:length] + 0.3 * noise(2, 40.0)[:length]
    others = np.stack(
        [fingerprints.fingerprint(0.1 * rough), fingerprints.fingerprint(noise(3, 40.0)[:length])]
    )
    same, other = fingerprints.unlikeness(one, others)
    assert same < 0.3 < fingerprints.MOST_UNLIKE < 0.42 < other


def test_short_tracks_are_compared_at_the_offsets_that_they_have() -> None:
    one, other = (fingerprints.fingerprint(noise(seed, 8.0)) for seed in (1, 2))
    same, unlike = fingerprints.unlikeness(one, np.stack([one, other]))
    assert (same, unlike > fingerprints.MOST_UNLIKE) == (0.0, True)


def test_what_is_silent_or_short_has_no_fingerprint() -> None:
    assert not len(fingerprints.fingerprint(np.zeros(16 * RATE, np.float32)))
    assert not len(fingerprints.fingerprint(noise(1, 1.0)))
    assert not len(fingerprints.fingerprint(np.zeros(0, np.float32)))


def test_damaged_fingerprints_are_made_anew(tmp_path: Path) -> None:
    fingerprints.save(tmp_path, {"a": np.arange(3, dtype=np.uint32), "b": NOTHING}, ["a", "b"])
    kept = fingerprints.load(tmp_path)
    assert kept["a"].tolist() == [0, 1, 2]
    (tmp_path / fingerprints.NAME).write_bytes(b"{")
    assert fingerprints.load(tmp_path) == {}


def test_removed_tracks_are_nobody(catalog: Catalog) -> None:
    index = fill(catalog, names("a", "b", "c"), 5)
    catalog.set_presence(gone=[2])
    seen: list[tuple[int, int]] = []
    found = find_duplicates(
        catalog,
        index,
        playing(t1=1, t2=1, t3=1),
        progress=lambda done, total: seen.append((done, total)),
    )
    assert ids(found.groups) == [[1, 3]]
    assert seen == [(1, 2), (2, 2), (0, 1), (1, 1)], "two middles, then a pair of wholes"


def test_a_link_between_two_takes_joins_them_not() -> None:
    alike = {(1, 2), (2, 3)}
    groups = group_alike({1: {2}, 2: {1, 3}, 3: {2}}, lambda a, b: (min(a, b), max(a, b)) in alike)
    assert groups == [[1, 2], [3]]


@given(st.sets(st.tuples(st.integers(1, 8), st.integers(1, 8)).filter(lambda p: p[0] < p[1])))
def test_every_two_of_a_group_are_the_same(alike: set[tuple[int, int]]) -> None:
    candidates: dict[int, set[int]] = {}
    for one, other in alike:
        candidates.setdefault(one, set()).add(other)
        candidates.setdefault(other, set()).add(one)
    groups = group_alike(candidates, lambda a, b: (min(a, b), max(a, b)) in alike)
    assert sorted(i for group in groups for i in group) == sorted(candidates)
    for group in groups:
        for i in group:
            assert all((min(i, j), max(i, j)) in alike for j in group if i != j)
