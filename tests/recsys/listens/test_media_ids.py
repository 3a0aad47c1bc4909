"""Which track of the library each song of a media server is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # for media_server_files

from media_server_files import Song, jellyfin, navidrome

from encoders.features import AudioInfo
from recsys.catalog import Catalog, ScannedFile, Tags
from recsys.listens.media_ids import match_items
from recsys.listens.server_items import canonical_id, read_items
from recsys.listens.sources import FormatError

MBID = "0b1e2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
OTHER_MBID = "1b1e2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
IDS = [f"{n:032x}" for n in range(0xA0, 0xB0)]  # of Jellyfin; Navidrome's can be anything
Make = Callable[[Path, list[Song], list[tuple[str, str]]], Path]


def old_jellyfin(path: Path, songs: list[Song], artists: list[tuple[str, str]]) -> Path:
    return jellyfin(path, songs, artists, old=True)


def track(
    path: str, title: str, artist: str, *, seconds: float = 200.0, **tags: str
) -> ScannedFile:
    info = AudioInfo(seconds, 44_100, 2, "mp3", path.encode().hex()[:32].ljust(32, "0"))
    return ScannedFile(None, Path(path), 1, 1, info, Tags(title, artist, **tags))


def library(home: Path) -> Catalog:
    """Make a library of tracks that only one level finds each: 1 mbid, 2 isrc, 3 path, 4 name."""
    catalog = Catalog(home)
    catalog.record_files(
        [
            track("/mnt/a/Ada/One/1.mp3", "Blue", "Ada", recording_mbid=MBID),
            track("/mnt/a/Ada/One/2.mp3", "Red", "Ada", isrc="USPR36507810"),
            track("/mnt/a/Bix/Live/3.mp3", "", ""),
            track("/mnt/a/Cleo/Songs/4.mp3", "Summer", "Cleo", album="Songs"),
            track("/mnt/a/Dinah/Songs/5.mp3", "Night", "Dinah", seconds=100.0),
        ]
    )
    return catalog


SONGS = [
    Song(IDS[0], "Другой", "Ада", "x/y.mp3", mbid=MBID, seconds=200.0),
    Song(IDS[1], "Rot", "A.", "x/z.mp3", isrc="US-PR3-65-07810", seconds=200.0),
    Song(IDS[2], "Untitled", "Nobody", "Bix/Live/3.mp3", seconds=201.0),
    Song(IDS[3], "summer", "CLEO", "elsewhere.mp3", "Songs", seconds=199.0),
    Song(IDS[4], "Night", "Dinah", "5.mp3", seconds=300.0),  # another version
    Song(IDS[5], "Nothing", "Nobody", "Bix/Live/99.mp3"),
]


@pytest.mark.parametrize("make", [navidrome, jellyfin, old_jellyfin])
def test_each_level_finds_its_song(tmp_path: Path, make: Make) -> None:
    artists = [(IDS[8], "Cleo"), (IDS[9], "Ada")]
    path = make(tmp_path / "server.db", SONGS, artists)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    items = read_items(path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    assert [song.id for song in items.songs] == [song.id for song in SONGS]
    with library(tmp_path / "home") as catalog:
        ids = match_items(catalog, items)
    found = {IDS[0]: 1, IDS[1]: 2, IDS[2]: 3, IDS[3]: 4}
    if make is not navidrome:  # Jellyfin keeps no ISRC
        del found[IDS[1]]
    assert ids.tracks == found
    assert ids.songs == {track_id: song for song, track_id in found.items()}
    assert ids.by_level["mbid"] == ids.by_level["path"] == ids.by_level["name"] == 1
    assert ids.by_level[""] == len(SONGS) - len(found)
    assert ids.artist_name(IDS[8]) == "Cleo"
    assert ids.artist_name("Cleo") == "Cleo"
    assert (ids.artist_id("ADA"), ids.artist_id("Bix")) == (IDS[9], None)
    if make is not navidrome:
        dashed = f"{IDS[0][:8]}-{IDS[0][8:12]}-{IDS[0][12:16]}-{IDS[0][16:20]}-{IDS[0][20:]}"
        assert ids.track(dashed.upper()) == ids.track(IDS[0]) == 1
    assert ids.track("no such id") is None


def test_one_recording_in_two_files_has_the_song_of_its_own_file(tmp_path: Path) -> None:
    with Catalog(tmp_path / "home") as catalog:
        catalog.record_files(
            [
                track("/m/Ada/One/1.mp3", "Blue", "Ada", recording_mbid=MBID),
                track("/m/Ada/Best/9.mp3", "Blue", "Ada", recording_mbid=MBID),
                track("/m/Ada/Copies/9.mp3", "Blue", "Ada", recording_mbid=MBID),
            ]
        )
        songs = [
            Song("best", "Blue", "Ada", "Ada/Best/9.mp3", seconds=200.0, mbid=MBID),
            Song("one", "Blue", "Ada", "Ada/One/1.mp3", seconds=200.0, mbid=MBID),
        ]
        ids = match_items(catalog, read_items(navidrome(tmp_path / "n.db", songs)))
    assert (ids.songs[1], ids.songs[2]) == ("one", "best")
    assert set(ids.tracks) == {"best", "one"}


def test_a_path_that_several_tracks_end_with_says_nothing(tmp_path: Path) -> None:
    with Catalog(tmp_path / "home") as catalog:
        catalog.record_files(
            [
                track("/m/Ada/Disc 1/01.mp3", "Blue", "Ada"),
                track("/m/Bix/Disc 1/01.mp3", "Red", "Bix"),
            ]
        )
        songs = [
            Song("a", "X", "Y", "Cleo/Disc 1/01.mp3", seconds=200.0),
            Song("b", "X", "Y", "Bix/Disc 1/01.mp3", seconds=200.0),
            Song("c", "X", "Y", "Bix/Disc 1/01.mp3", seconds=90.0),
        ]
        ids = match_items(catalog, read_items(navidrome(tmp_path / "n.db", songs)))
    assert ids.tracks == {"b": 2}


def test_what_is_no_media_servers_database_is_named(tmp_path: Path) -> None:
    other = Catalog(tmp_path / "home")
    other.close()
    with pytest.raises(FormatError, match=r"catalogue\.db is no database of Navidrome"):
        read_items(tmp_path / "home" / "catalogue.db")
    (tmp_path / "text.db").write_text("no database" * 99)
    with pytest.raises(FormatError, match=r"text\.db is a damaged SQLite database"):
        read_items(tmp_path / "text.db")
    with pytest.raises(OSError, match=r"missing\.db"):
        read_items(tmp_path / "missing.db")
    assert canonical_id("0" * 31) == "0" * 31
