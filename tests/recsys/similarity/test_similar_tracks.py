"""Neighbours as people see them: recordings once, caps, shared tags."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from encoders.features import AudioInfo, TrackFeatures
from index.hubs import METHODS
from index.vector_index import VectorIndex
from recsys.catalog import Catalog, ScannedFile, Tags, Track
from recsys.catalog.comparisons import pair
from recsys.home.library_tables import LibraryTables
from recsys.home.tag_means import TagColumns
from recsys.playlists import m3u8
from recsys.similarity.similar_tracks import SimilarTracks

NAME = "model"
TAGS = ("Rock", "quiet", "rock", "piano")
TYPICAL = np.log(np.array([0.1, 0.1, 0.1, 0.1]) / 0.9).astype(np.float32)


def track(
    number: int, artist: str, title: str, *, audio: str | None = None, seconds: float = 200.0
) -> ScannedFile:
    info = AudioInfo(seconds, 44_100, 2, "flac", audio or f"{number:032x}")
    path = Path(f"/music/{number}.flac")
    return ScannedFile(None, path, 1, 1, info, Tags(title=title, artist=artist))


def heard(*probabilities: float) -> TrackFeatures:
    tags = np.array([probabilities, probabilities], np.float16)
    zeros = np.zeros((2, 3), np.float16)
    return TrackFeatures(np.array([0, 3], np.float32), tags, zeros, np.zeros(4, np.float16))


def towards(angle: float) -> list[float]:
    return [float(np.cos(np.radians(angle))), float(np.sin(np.radians(angle)))]


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog(tmp_path / "home") as catalog:
        yield catalog


def similar(
    catalog: Catalog, tracks: list[tuple[ScannedFile, float, TrackFeatures]], hubs: str = "none"
) -> SimilarTracks:
    """Store tracks, each at an angle from the first; ids are 1, 2, ..."""
    catalog.record_files([scanned_file for scanned_file, _, _ in tracks])
    catalog.store_features(NAME, [(i, f) for i, (_, _, f) in enumerate(tracks, start=1)])
    ids = range(1, len(tracks) + 1)
    index = VectorIndex.build(list(ids), np.array([towards(angle) for _, angle, _ in tracks]))
    tables = LibraryTables(catalog, index, lambda: TagColumns([NAME], TAGS))
    return SimilarTracks(tables, [NAME], TAGS, TYPICAL, hubs)


def ids_like(system: SimilarTracks, track_id: int, k: int = 10, **options: int) -> list[int]:
    seed = system.catalog.track(track_id)
    assert seed
    return [n.track.id for n in system.of_track(seed, k, **options)]


PLAIN = heard(0.1, 0.1, 0.1, 0.1)


def test_nearest_first_and_never_the_track_itself(catalog: Catalog) -> None:
    system = similar(
        catalog, [(track(i, f"artist {i}", f"song {i}"), 25 * i, PLAIN) for i in range(5)]
    )
    assert ids_like(system, 1) == [2, 3, 4, 5]
    assert ids_like(system, 3, k=2) == [2, 4]
    seed = catalog.track(1)
    assert seed
    got = [n.similarity for n in system.of_track(seed, 4)]
    # Of ten pairs four are 25 degrees apart, three 50, two 75 and one 100.
    assert got[0] >= 0.6 > got[1] >= 0.3 > got[2] >= 0.1 > got[3] >= 0


@pytest.mark.parametrize("hubs", METHODS)
def test_a_similarity_falls_with_the_rank_and_is_the_same_both_ways(
    catalog: Catalog, hubs: str
) -> None:
    angles = np.random.default_rng(0).uniform(0, 90, 40)
    tracks = [(track(i, f"artist {i}", f"song {i}"), angles[i], PLAIN) for i in range(40)]
    system = similar(catalog, tracks, hubs)
    alike: dict[tuple[int, int], float] = {}
    for seed in catalog.available_tracks():
        neighbours = system.of_track(seed, 50)
        got = [n.similarity for n in neighbours]
        assert len(got) == 39 and got == sorted(got, reverse=True)
        assert all(0 <= similarity < 1 for similarity in got)
        alike |= {(seed.id, n.track.id): n.similarity for n in neighbours}
    ids = {seed.id: seed for seed in catalog.available_tracks()}
    for (one, other), similarity in alike.items():
        assert alike[other, one] == similarity
        assert system.similarity(ids[one], ids[other]) == similarity


def test_only_the_same_recording_is_wholly_alike(catalog: Catalog) -> None:
    same = "f" * 32
    system = similar(
        catalog,
        [
            (track(0, "a", "one"), 0, PLAIN),
            (track(1, "b", "silence"), 0, PLAIN),
            (track(2, "c", "copy", audio=same), 40, PLAIN),
            (track(3, "d", "copy", audio=same), 40, PLAIN),
            (track(4, "x", "jóga", seconds=300.0), 70, PLAIN),
            (track(5, "x", "Joga", seconds=301.0), 71, PLAIN),
        ],
        "nicdm",
    )
    one, silence, copy, twin, song, encoded = catalog.tracks(range(1, 7))
    confirm(catalog, song, encoded)
    assert system.similarity(copy, twin) == system.similarity(song, encoded) == 1.0
    assert system.similarity(one, one) == 1.0
    assert system.similarity(one, silence) < 1, "equal vectors may be two recordings"
    first, second = system.of_vector(np.array(towards(40), np.float32), (PLAIN,), 2)
    assert (first.track.id, first.similarity) == (copy.id, 1.0), "a file that the library has"
    assert second.similarity < 1


def test_a_removed_track_vanishes_at_once(catalog: Catalog) -> None:
    system = similar(catalog, [(track(i, "a", f"song {i}"), 10 * i, PLAIN) for i in range(4)])
    assert ids_like(system, 1) == [2, 3, 4]
    catalog.set_presence(gone=[2])
    assert ids_like(system, 1) == [3, 4]
    catalog.set_presence(back=[2])
    assert ids_like(system, 1) == [2, 3, 4]


def test_one_audio_is_one_neighbour(catalog: Catalog) -> None:
    same = "f" * 32
    system = similar(
        catalog,
        [
            (track(0, "a", "seed"), 0, PLAIN),
            (track(1, "b", "copy one", audio=same), 10, PLAIN),
            (track(2, "c", "copy two", audio=same), 10, PLAIN),
            (track(3, "d", "other"), 30, PLAIN),
        ],
    )
    assert ids_like(system, 1) == [2, 4]
    assert ids_like(system, 2) == [1, 4], "nor is a track's copy among its neighbours"


def test_two_encodings_of_a_recording_are_one_neighbour(catalog: Catalog) -> None:
    system = similar(
        catalog,
        [
            (track(0, "a", "seed"), 0, PLAIN),
            (track(1, "Björk", "Jóga", seconds=300.2), 10, PLAIN),
            (track(2, "bjork", "joga", seconds=299.9), 11, PLAIN),
            (track(3, "Björk", "Jóga", seconds=330.0), 12, PLAIN),
            (track(4, "Björk", "Unravel", seconds=300.0), 13, PLAIN),
        ],
    )
    assert ids_like(system, 1) == [2, 3, 4, 5], "names and lengths alone hide nothing"
    _, song, encoded, *_ = catalog.tracks(range(1, 6))
    confirm(catalog, song, encoded)
    assert ids_like(system, 1) == [2, 4, 5]
    assert ids_like(system, 2) == [4, 5, 1]
    neighbours = system.of_track(catalog.tracks([1])[0], 9)
    n_hidden = system.n_hidden([neighbour.track for neighbour in neighbours])
    assert n_hidden == [int(neighbour.track.id == 2) for neighbour in neighbours]
    assert [track.id for track in system.copies(song)] == [3]


def confirm(catalog: Catalog, one: Track, other: Track) -> None:
    """Store that two tracks were compared and are one recording."""
    assert one.audio_hash
    assert other.audio_hash
    catalog.record_verdicts({pair(one.audio_hash, other.audio_hash): True})


def test_equal_names_that_sound_different_stay_apart(catalog: Catalog) -> None:
    system = similar(
        catalog,
        [
            (track(0, "a", "seed"), 0, PLAIN),
            (track(1, "x", "intro", seconds=60), 10, PLAIN),
            (track(2, "x", "intro", seconds=60), 60, PLAIN),
        ],
    )
    assert ids_like(system, 1) == [2, 3]


def test_an_artist_is_capped_however_far_that_reaches(catalog: Catalog) -> None:
    many = [(track(i, "Prolific", f"song {i}"), 0.5 * i, PLAIN) for i in range(60)]
    others = [(track(60 + i, f"artist {i}", "song"), 60 + i, PLAIN) for i in range(3)]
    system = similar(catalog, many + others)
    assert ids_like(system, 1, k=4, artist_cap=2) == [2, 3, 61, 62]
    assert ids_like(system, 1, k=4) == [2, 3, 4, 5]


def test_tracks_without_an_artist_are_not_one_artist(catalog: Catalog) -> None:
    system = similar(catalog, [(track(i, "", f"song {i}"), i, PLAIN) for i in range(4)])
    assert ids_like(system, 1, artist_cap=1) == [2, 3, 4]


def test_shared_tags_are_what_both_stand_out_in(catalog: Catalog) -> None:
    system = similar(
        catalog,
        [
            (track(0, "a", "seed"), 0, heard(0.9, 0.01, 0.5, 0.4)),
            (track(1, "b", "rocks too"), 10, heard(0.8, 0.90, 0.9, 0.05)),
            (track(2, "c", "plays piano"), 20, heard(0.0, 0.0, 0.0, 0.7)),
            (track(3, "d", "nothing special"), 30, PLAIN),
        ],
    )
    seed = catalog.track(1)
    assert seed
    shared = [n.shared_tags for n in system.of_track(seed, 3)]
    assert shared == [("Rock",), ("piano",), ()], "a tag that two models know is named once"


def test_a_vector_from_outside(catalog: Catalog) -> None:
    system = similar(
        catalog, [(track(i, f"a{i}", f"s{i}"), 20 * i, heard(0.9, 0, 0, 0)) for i in range(3)]
    )
    found = system.of_vector(np.array(towards(38), np.float32), (heard(0.9, 0, 0, 0),), 2)
    assert [n.track.id for n in found] == [3, 2]
    assert found[0].shared_tags == ("Rock",)


def test_a_track_that_is_not_indexed_is_a_key_error(catalog: Catalog) -> None:
    system = similar(catalog, [(track(0, "a", "seed"), 0, PLAIN)])
    catalog.record_files([track(1, "b", "new")])
    new = catalog.track(2)
    assert new
    with pytest.raises(KeyError):
        system.of_track(new, 3)


def test_m3u8(catalog: Catalog) -> None:
    catalog.record_files([track(0, "Nina", "Sinner\nman", seconds=620.4), track(1, "", "Untitled")])
    text = m3u8(catalog.tracks([1, 2]), "Like that").decode()
    assert text.splitlines() == [
        "#EXTM3U",
        "#PLAYLIST:Like that",
        "#EXTINF:620,Nina - Sinner man",
        "/music/0.flac",
        "#EXTINF:200,Untitled",
        "/music/1.flac",
    ]
