"""Similar moments: which part of which track is found, on tracks whose parts a test chooses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from encoders.features import AudioInfo, TrackFeatures
from encoders.tensor_file import read_tensors
from index.vector_index import VectorIndex
from recsys.catalog import Catalog, ScannedFile, Tags
from recsys.home.files import SEGMENTS_NAME
from recsys.home.library_tables import LibraryTables
from recsys.home.tag_means import TagColumns
from recsys.similarity.explanation import Moment, TrackSound
from recsys.similarity.segment_index import SegmentIndex
from recsys.similarity.similar_moments import NoSuchPart, SimilarMoments, segments_in
from recsys.similarity.similar_tracks import SimilarTracks

N_KINDS, N_SEGMENTS = 6, 10
KINDS = 4.0 * np.eye(N_KINDS, 12, dtype=np.float32) + 1.0
NAMES = ("one", "other")
TAGS = ("rock",)
# Of each track the kind of sound of each of its ten segments, of 3 s every 5 s.
SONGS = (
    "0001110000",
    "2222224411",
    "1100022222",
    "3333333333",
    "0001110000",  # another file of the first's audio
    "4444455555",
)


def sound(kinds: str, seed: int) -> TrackFeatures:
    rng = np.random.default_rng(seed)
    layer = KINDS[[int(kind) for kind in kinds]] + 0.1 * rng.random((len(kinds), 12))
    starts = 5.0 * np.arange(len(kinds), dtype=np.float32)
    tags = np.full((len(kinds), 1), 0.1, np.float16)
    return TrackFeatures(starts, tags, layer.astype(np.float16), np.zeros(4, np.float16), 3.0)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog(tmp_path / "home") as catalog:
        yield catalog


def moments(catalog: Catalog, home: Path | None = None) -> SimilarMoments:
    artists = ("Ann", "Bob", "Bob", "Cid", "Ann", "Dee")
    files = []
    for number, artist in enumerate(artists):
        audio = f"{0 if number == 4 else number:032x}"
        info = AudioInfo(48.0, 44_100, 2, "flac", audio)
        tags = Tags(title=f"song {number}", artist=artist)
        files.append(ScannedFile(None, Path(f"/music/{number}.flac"), 1, 1, info, tags))
    catalog.record_files(files)
    for shift, name in enumerate(NAMES):
        rows = [sound(kinds, 10 * shift + i % 4) for i, kinds in enumerate(SONGS)]
        catalog.store_features(name, list(enumerate(rows, start=1)))
    index = VectorIndex.build(range(1, 7), np.eye(6, dtype=np.float32))
    tables = LibraryTables(catalog, index, lambda: TagColumns(NAMES, TAGS * 2))
    return SimilarMoments(SimilarTracks(tables, NAMES, TAGS * 2, np.zeros(2, np.float32)), home)


def ask(
    search: SimilarMoments, track_id: int, part: tuple[float, float | None], k: int = 3
) -> Sequence[tuple[int, Moment]]:
    track = search.similar.catalog.track(track_id)
    assert track
    answer = search.of_part(search.similar.sound_of(track), part, k, seed=track)
    return [(one.track.id, one.moment) for one in answer.moments]


def test_the_parts_that_sound_alike_are_found_where_they_are(catalog: Catalog) -> None:
    search = moments(catalog)
    # Kind 1 of the first song: the second has it at the end, the third at the beginning.
    (first, where), (second, there), *_ = ask(search, 1, (14, 30))
    assert {first: where, second: there} == {2: Moment(35.0, 48.0), 3: Moment(0.0, 13.0)}
    ((first, where),) = ask(search, 2, (0, 20), 1)  # kind 2, four segments long
    assert (first, where) in [(3, Moment(25.0, 43.0)), (3, Moment(30.0, 48.0))]
    assert ask(search, 6, (24, None), 1)[0][0] != 6


def test_the_seed_and_its_copies_are_no_answer_and_caps_hold(catalog: Catalog) -> None:
    search = moments(catalog)
    assert {number for number, _ in ask(search, 1, (0, 10), 9)} == {2, 3, 4, 6}
    track = catalog.track(1)
    assert track
    answer = search.of_part(search.similar.sound_of(track), (14, 30), 9, seed=track, artist_cap=1)
    assert len({one.track.artist for one in answer.moments}) == len(answer.moments) == 3
    similarities = [one.similarity for one in answer.moments]
    assert similarities == sorted(similarities, reverse=True)
    assert all(0 <= value < 1 for value in similarities)


def test_sound_from_outside_finds_the_same(catalog: Catalog) -> None:
    search = moments(catalog)
    outside = TrackSound((sound("5555", 9), sound("5555", 19)))
    (best,) = search.of_part(outside, (0, 8), 1).moments
    assert (best.track.id, best.moment.start) in [(6, 25.0), (6, 30.0), (6, 35.0), (6, 40.0)]


@pytest.mark.parametrize(
    ("part", "numbers"),
    [
        ((0, None), range(10)),
        ((14, 30), [3, 4, 5]),
        ((3.2, 4.8), [0]),  # between two: the nearest stands for it
        ((46.2, 90), [9]),
    ],
)
def test_which_segments_lie_in_a_part(
    part: tuple[float, float | None], numbers: Sequence[int]
) -> None:
    chosen, compared = segments_in(TrackSound((sound("0" * 10, 0),), 48.0), *part)
    assert chosen.tolist() == list(numbers)
    assert compared == Moment(5.0 * numbers[0], 5.0 * numbers[-1] + 3)


def test_parts_that_a_track_has_not() -> None:
    track = TrackSound((sound("00", 0),), 65.0)
    with pytest.raises(NoSuchPart, match="The track is 1:05 long: 1:10 is behind its end"):
        segments_in(track, 70, None)
    with pytest.raises(NoSuchPart, match="must end behind its beginning, 0:10"):
        segments_in(track, 10, 10)


def test_the_index_is_kept_and_made_anew_where_it_does_not_fit(
    catalog: Catalog, tmp_path: Path
) -> None:
    search = moments(catalog)
    ids, home = search.similar.index.ids, tmp_path
    path = home / SEGMENTS_NAME
    made = SegmentIndex.load_or_build(home, catalog, NAMES, ids, "7")
    kept = path.read_bytes()
    again = SegmentIndex.load_or_build(home, catalog, NAMES, ids, "7")
    np.testing.assert_allclose(again.vectors, made.vectors, atol=1e-3)
    assert path.read_bytes() == kept
    SegmentIndex.load_or_build(home, catalog, NAMES, ids, "8")
    newer = path.read_bytes()
    assert newer != kept
    for damaged in (newer[: len(newer) // 2], b"", b"\x08" * 100, newer[:-64] + bytes(64)):
        path.write_bytes(damaged)
        SegmentIndex.load_or_build(home, catalog, NAMES, ids, "8")
        read_tensors(path)
        assert path.stat().st_size == len(newer)


def test_a_library_without_features_says_so(catalog: Catalog) -> None:
    with pytest.raises(ValueError, match="run `earshot build` again"):
        SegmentIndex.build(catalog, NAMES, np.array([1, 2]))
