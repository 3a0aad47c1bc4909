"""Radio leads somewhere new each time; what is alike and paths stay what they are."""

from __future__ import annotations

from typing import Any

import pytest
from asking import Rest
from made_home import N_TRACKS, scanned_file

from encoders.features import AudioInfo
from recsys.catalog import Catalog


def ids(rest: Rest, name: str, where: str, **given: Any) -> list[int]:
    songs = rest.ask(name, **given)[where]["song"]
    return [int(song["id"]) for song in songs]


@pytest.mark.parametrize(("name", "where"), [
    ("getSimilarSongs", "similarSongs"), ("getSimilarSongs2", "similarSongs2")
])  # fmt: skip
def test_radio_does_not_repeat_what_it_gave(rest: Rest, name: str, where: str) -> None:
    first = ids(rest, name, where, id=1, count=6)
    second = ids(rest, name, where, id=1, count=6)
    assert len({*first, *second}) == 12
    assert 1 not in {*first, *second}  # a seed plays already
    everything = ids(rest, name, where, id=1, count=50)
    assert sorted(everything) == sorted(set(range(1, N_TRACKS + 1)) - {1})
    assert set(everything[-12:]) == {*first, *second}  # again, where there is nothing else


@pytest.mark.parametrize(("seed", "genre"), [(1, range(1, 13)), ("ARTIST", range(13, 25))])
def test_radio_stays_near_its_seed(rest: Rest, mine: Any, seed: int | str, genre: range) -> None:
    if seed == "ARTIST":
        seed = rest.ask("getSong", id=13)["song"]["artistId"]
    near = 0
    for _ in range(5):  # lists of chance: one alone may be of another mind
        mine.extensions["handed_out"]._songs.clear()
        near += len({*genre} & {*ids(rest, "getSimilarSongs2", "similarSongs2", id=seed, count=6)})
    assert near >= 20  # of 30; songs drawn among all would be 14


def test_what_was_heard_of_late_or_is_disliked_does_not_come(rest: Rest) -> None:
    rest.ask("scrobble", id=[2, 3, 4])
    rest.ask("scrobble", id=5, time=1_700_000_000_000)
    rest.ask("setRating", id=6, rating=1)
    given = ids(rest, "getSimilarSongs2", "similarSongs2", id=1, count=18)
    assert not {2, 3, 4, 6} & set(given)
    assert 5 in given


def test_each_beginning_is_another_one(rest: Rest, mine: Any) -> None:
    begun = set()
    for _ in range(6):
        mine.extensions["handed_out"]._songs.clear()
        begun.add(tuple(ids(rest, "getSimilarSongs2", "similarSongs2", id=1, count=8)))
    assert len(begun) > 1


def test_artists_and_albums_are_seeds(rest: Rest, shelves: Rest) -> None:
    song = rest.ask("getSong", id=13)["song"]
    by_artist = ids(rest, "getSimilarSongs2", "similarSongs2", id=song["artistId"], count=8)
    assert len(set(by_artist)) == 8
    by_album = ids(rest, "getSimilarSongs", "similarSongs", id=song["albumId"], count=4)
    assert not set(by_album) & {13, 14, 15, 16}
    various = shelves.ask("getAlbum", id=shelves.ask("getSong", id=7)["song"]["albumId"])["album"]
    assert len(ids(shelves, "getSimilarSongs2", "similarSongs2", id=various["artistId"])) > 5
    assert rest.error("getSimilarSongs2", id="ar-0") == 70
    assert ids(rest, "getSimilarSongs2", "similarSongs2", id=1, count=0) == []


def test_random_songs(rest: Rest, shelves: Rest) -> None:
    first = ids(rest, "getRandomSongs", "randomSongs", size=10)
    second = ids(rest, "getRandomSongs", "randomSongs", size=10)
    assert len({*first, *second}) == 20
    rock = ids(rest, "getRandomSongs", "randomSongs", genre="rock", size=50)
    assert sorted(rock) == list(range(1, 13))
    rest.ask("setRating", id=1, rating=1)
    assert 1 not in ids(rest, "getRandomSongs", "randomSongs", size=500)
    years = ids(shelves, "getRandomSongs", "randomSongs", fromYear=1980, toYear=1994)
    assert sorted(years) == [4, 5, 6, 11]
    assert sorted(ids(shelves, "getRandomSongs", "randomSongs", toYear=1970)) == [1, 2, 3]


def test_what_sounds_alike_is_ordered_and_the_same_each_time(rest: Rest) -> None:
    first = rest.ask("getSonicSimilarTracks", id=1, count=8)["sonicMatch"]
    assert first == rest.ask("getSonicSimilarTracks", id=1, count=8)["sonicMatch"]
    similarities = [match["similarity"] for match in first]
    assert similarities == sorted(similarities, reverse=True)
    assert all(0 <= one < 1 for one in similarities) and len(first) == 8
    assert rest.ask("getSonicSimilarTracks", id=1, count=0)["sonicMatch"] == []
    assert len(rest.ask("getSonicSimilarTracks", id=1, count=999)["sonicMatch"]) == N_TRACKS - 1


def test_a_path_has_its_ends_and_its_length(rest: Rest) -> None:
    path = rest.ask("findSonicPath", startSongId=1, endSongId=24, count=7)["sonicMatch"]
    songs = [match["entry"]["id"] for match in path]
    assert (songs[0], songs[-1], len(songs), len(set(songs))) == ("1", "24", 7, 7)
    assert path[0]["similarity"] == 1
    one = rest.ask("findSonicPath", startSongId=3, endSongId=3)["sonicMatch"]
    assert [(match["entry"]["id"], match["similarity"]) for match in one] == [("3", 1)]
    assert rest.error("findSonicPath", startSongId=1, endSongId=2, count=1) == 0
    assert rest.error("findSonicPath", startSongId=1) == 10


def test_a_song_that_is_not_analysed_says_so(rest: Rest, mine: Any) -> None:
    with Catalog(mine.config["HOME"]) as catalog:
        file = scanned_file(0, mine.config["HOME"].parent)
        audio = AudioInfo(1.0, 16_000, 1, "pcm_s16le", "f" * 32)
        catalog.record_files([file._replace(path=file.path.with_name("new.wav"), audio=audio)])
        new = N_TRACKS + 1
    assert rest.error("getSonicSimilarTracks", id=new) == 70
    assert rest.error("findSonicPath", startSongId=1, endSongId=new) == 70
    assert new in ids(rest, "getRandomSongs", "randomSongs", size=500)
    assert len(ids(rest, "getSimilarSongs2", "similarSongs2", id=new, count=5)) == 5
