"""What names of files and folders say is a guess, and unknown to caps, learning and matching."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from audio_files import inspect, make_audio
from mutagen import id3

from index.vector_index import VectorIndex
from recsys.catalog import Catalog, Recording
from recsys.evaluation.labels import catalogue_labels
from recsys.home.track_table import UNKNOWN, TrackTable
from recsys.library.file_tags import TagReader
from recsys.library.identification import identify
from recsys.library.name_guesses import guess_tags
from recsys.library.scanning import scan
from recsys.listens.matching import LibraryTracks


@pytest.mark.parametrize(
    ("root", "path", "artist", "album"),
    [
        ("/home/ann/Music", "Nina Simone/Pastel Blues/10 Sinnerman.mp3", "Nina Simone", "Pastel"),
        ("/home/ann/Music", "Pastel Blues/10 Sinnerman.mp3", "", "Pastel"),
        ("/home/ann/Music", "10 Sinnerman.mp3", "", ""),
        ("/home/ann", "Music/10 Sinnerman.mp3", "", ""),
        ("/home/ann", "Music/Pastel Blues/10 Sinnerman.mp3", "", "Pastel"),
        ("/home", "ann/Pastel Blues/10 Sinnerman.mp3", "", "Pastel"),
        ("/", "home/ann/Downloads/10 Sinnerman.mp3", "", ""),
        ("/srv", "Downloads/Pastel Blues/10 Sinnerman.mp3", "", "Pastel"),
        ("/srv", "Nina Simone/Pastel Blues/CD1/10 Sinnerman.mp3", "Nina Simone", "Pastel"),
        ("/srv", "Nina Simone/Pastel Blues/Disc 2 - Live/10 x.mp3", "Nina Simone", "Pastel"),
        ("/srv", "Nina Simone/Pastel Blues/Side A/10 x.mp3", "Nina Simone", "Pastel"),
        ("/srv", "Pastel Blues/CD 1/10 Sinnerman.mp3", "", "Pastel"),
        ("/srv", "CD1/10 Sinnerman.mp3", "", ""),
        ("/srv", "N/Pastel Blues/10 Sinnerman.mp3", "", "Pastel"),
        ("/srv", "1965/Pastel Blues/10 Sinnerman.mp3", "", "Pastel"),
        ("/srv", "Various Artists/Pastel Blues/10 Sinnerman.mp3", "", "Pastel"),
        ("/srv", "Unknown Artist/Unknown Album/10 Sinnerman.mp3", "", ""),
        ("/srv/Nina Simone/Pastel Blues", "10 Sinnerman.mp3", "", ""),
        ("/elsewhere", "/srv/Nina Simone/Pastel Blues/10 Sinnerman.mp3", "", ""),
    ],
)
def test_folders(root: str, path: str, artist: str, album: str) -> None:
    tags = guess_tags(Path(root) / path, Path(root))
    assert (tags.artist, (tags.album or "").removesuffix(" Blues")) == (artist, album)


def test_discs_have_numbers() -> None:
    for folder, number in (
        ("CD1", 1),
        ("Disc 02", 2),
        ("disk_3", 3),
        ("Disc Two", 2),
        ("CD II", 2),
    ):
        path = Path("/srv/Nina Simone/Pastel Blues", folder, "10 Sinnerman.mp3")
        assert guess_tags(path, Path("/srv")).disc_number == number


def test_the_album_artist_comes_before_any_guess(tmp_path: Path) -> None:
    path = make_audio(tmp_path / "Someone/Blues/Nobody - Sinnerman.mp3")
    tags = id3.ID3()
    tags.add(id3.TPE2(text="Nina Simone"))
    tags.save(path)
    read = TagReader(frozenset({tmp_path})).read(path)
    assert (read.artist, read.title) == ("Nina Simone", "Sinnerman")
    assert "artist" not in read.guessed
    tags.add(id3.TPE2(text="Various Artists"))
    tags.save(path)
    read = TagReader(frozenset({tmp_path})).read(path)
    assert (read.artist, read.known_artist) == ("Nobody", "")


@pytest.fixture
def library(catalog: Catalog, tmp_path: Path) -> Catalog:
    """Two songs of one artist by their folders alone, one by its tags."""
    for number, name in enumerate(["Mine Blues", "Mississippi Goddam", "Tagged"]):
        path = make_audio(tmp_path / "Nina Simone" / "Pastel Blues" / f"{name}.mp3", 300 + number)
        if name == "Tagged":
            tags = id3.ID3()
            tags.add(id3.TPE1(text="Nina Simone"))
            tags.save(path)
    identify(catalog, scan([tmp_path]), inspect)
    return catalog


def test_a_guess_is_shown_and_counts_as_unknown(library: Catalog) -> None:
    tracks = list(library.available_tracks())
    assert [track.artist for track in tracks] == 3 * ["Nina Simone"]
    assert [track.known_artist for track in tracks] == ["", "", "Nina Simone"]
    index = VectorIndex.build([1, 2, 3], np.eye(3, dtype=np.float32), "Flat")
    table = TrackTable.read(library, index)
    assert (table.artists == UNKNOWN).tolist() == [True, True, False]
    assert table.artist_rows["nina simone"].tolist() == [0, 1, 2]  # as it is shown
    assert (table.albums == UNKNOWN).all()
    assert catalogue_labels(library)["artist"].tolist() == ["", "", "Nina Simone"]


def test_a_guess_matches_no_history(library: Catalog) -> None:
    match = LibraryTracks(library.available_tracks(), library.recording_groups()).match
    assert match(Recording("Nina Simone", "Mississippi Goddam")) is None
    found = match(Recording("Nina Simone", "Tagged"))
    assert found
    assert found.track_id == 3


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("Ada - Colours - 03 - Blue.mp3", ("Ada", "Colours", "Blue", 3)),
        ("Colours/Ada - 03 - Blue.mp3", ("Ada", "Colours", "Blue", 3)),
        ("Ada/Colours/Track 07.mp3", ("Ada", "Colours", "Track 07", 7)),
        ("Ada/Colours/Bonus Disc/01 Blue.mp3", ("Ada", "Colours", "Blue", 1)),
        ("New Folder/Blue.mp3", ("", None, "Blue", None)),
        ("Ada/Colours/1999.mp3", ("Ada", "Colours", "1999", None)),
    ],
)
def test_numbers_within_names(path: str, wanted: tuple[object, ...]) -> None:
    root = Path("/music")
    tags = guess_tags(root / path, root)
    assert (tags.artist, tags.album, tags.title, tags.track_number) == wanted
