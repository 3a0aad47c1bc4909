"""Browsing, lists and searching, on a library with albums of every kind."""

from __future__ import annotations

from typing import Any

import pytest
from asking import TRACKS, Rest

from recsys.catalog import Catalog


def names(albums: list[dict[str, Any]]) -> list[str]:
    return [album["name"] for album in albums]


def titles(songs: list[dict[str, Any]]) -> list[str]:
    return [song["title"] for song in songs]


def artists(rest: Rest) -> dict[str, dict[str, Any]]:
    index = rest.ask("getArtists")["artists"]["index"]
    return {artist["name"]: artist for letter in index for artist in letter["artist"]}


def albums(rest: Rest, **given: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = rest.ask("getAlbumList2", size=500, **given)["albumList2"][
        "album"
    ]
    return found


def test_artists_by_letters_without_their_articles(shelves: Rest) -> None:
    index = shelves.ask("getArtists")["artists"]["index"]
    listed = [(letter["name"], [one["name"] for one in letter["artist"]]) for letter in index]
    assert listed == [
        ("K", ["The Kinks"]),
        ("U", ["[Unknown artist]"]),
        ("V", ["Various Artists"]),
        ("W", ["Weezer"]),
    ]
    indexes = shelves.ask("getIndexes")["indexes"]
    assert [one["name"] for one in indexes["index"]] == ["K", "U", "V", "W"]
    later = shelves.ask("getIndexes", ifModifiedSince=indexes["lastModified"])["indexes"]
    assert later["index"] == []


def test_an_artists_albums_and_an_albums_songs(shelves: Rest) -> None:
    kinks = shelves.ask("getArtist", id=artists(shelves)["The Kinks"]["id"])["artist"]
    assert names(kinks["album"]) == ["One", "Two"]
    assert kinks["albumCount"] == 2
    one = shelves.ask("getAlbum", id=kinks["album"][0]["id"])["album"]
    assert titles(one["song"]) == ["First", "Second", "Third"]  # by disc, then by number
    assert (one["year"], one["songCount"], one["duration"]) == (1970, 3, 303)
    assert [genre["name"] for genre in one["genres"]] == ["Rock", "Pop"]
    two = shelves.ask("getAlbum", id=kinks["album"][1]["id"])["album"]
    assert titles(two["song"]) == ["Lead", "Guest", "Tail"]  # of whom most of its songs are
    guest = two["song"][1]
    assert [one["name"] for one in guest["artists"]] == ["Anna", "The Kinks"]
    assert guest["displayArtist"] == "Anna & The Kinks"


def test_compilations_are_of_various_artists(shelves: Rest) -> None:
    various = shelves.ask("getArtist", id=artists(shelves)["Various Artists"]["id"])["artist"]
    assert sorted(names(various["album"])) == ["Hits", "Mixed"]
    assert all(album["isCompilation"] for album in various["album"])
    hit = shelves.ask("getSong", id=7)["song"]
    anna = shelves.ask("getArtist", id=hit["artistId"])["artist"]
    assert (anna["name"], names(anna["album"])) == ("Anna", ["Two", "Hits", "Mixed"])


def test_albums_of_one_name_are_told_apart_by_year(shelves: Rest) -> None:
    weezer = shelves.ask("getArtist", id=artists(shelves)["Weezer"]["id"])["artist"]
    assert [(album["name"], album["year"]) for album in weezer["album"]] == [
        ("Weezer", 1994),
        ("Weezer", 2001),
    ]


def test_folders_lead_to_the_same(shelves: Rest) -> None:
    indexes = shelves.ask("getIndexes")["indexes"]["index"]
    (kinks,) = next(letter["artist"] for letter in indexes if letter["name"] == "K")
    folder = shelves.ask("getMusicDirectory", id=kinks["id"])["directory"]
    assert [(one["title"], one["isDir"]) for one in folder["child"]] == [
        ("One", True),
        ("Two", True),
    ]
    album = shelves.ask("getMusicDirectory", id=folder["child"][0]["id"])["directory"]
    assert titles(album["child"]) == ["First", "Second", "Third"]
    assert album["parent"] == kinks["id"]


def test_a_song_says_what_its_file_is_but_not_where(shelves: Rest) -> None:
    song = shelves.ask("getSong", id=1)["song"]
    assert (song["track"], song["discNumber"], song["year"]) == (1, 1, 1970)
    assert (song["suffix"], song["contentType"], song["size"]) == ("flac", "audio/flac", 1000)
    assert song["path"] == "The Kinks/One/1-01 - First.flac"


def test_lists_of_albums(shelves: Rest) -> None:
    by_name = albums(shelves, type="alphabeticalByName")
    assert names(by_name) == [
        "Hits", "Mixed", "One", "Two", "[Unknown album]", "Weezer", "Weezer"
    ]  # fmt: skip
    by_artist = albums(shelves, type="alphabeticalByArtist")
    assert [a["artist"] for a in by_artist] == [
        "The Kinks", "The Kinks", "[Unknown artist]", "Various Artists", "Various Artists",
        "Weezer", "Weezer",
    ]  # fmt: skip
    assert names(albums(shelves, type="byYear", fromYear=1970, toYear=1994)) == [
        "One", "Two", "Weezer"
    ]  # fmt: skip
    assert names(albums(shelves, type="byYear", fromYear=1994, toYear=1970)) == [
        "Weezer", "Two", "One"
    ]  # fmt: skip
    assert names(albums(shelves, type="byGenre", genre="rock")) == ["One"]
    assert len(albums(shelves, type="random")) == len(albums(shelves, type="newest")) == 7
    page = shelves.ask("getAlbumList2", type="alphabeticalByName", size=2, offset=1)
    assert names(page["albumList2"]["album"]) == ["Mixed", "One"]
    assert albums(shelves, type="alphabeticalByName", offset=7) == []
    folders = shelves.ask("getAlbumList", type="alphabeticalByName", size=1)["albumList"]["album"]
    assert (folders[0]["title"], folders[0]["isDir"]) == ("Hits", True)


def test_lists_of_what_was_played_and_rated(shelves: Rest) -> None:
    for kind in ("frequent", "recent", "highest", "starred"):
        assert albums(shelves, type=kind) == []
    by_name = {album["name"]: album["id"] for album in albums(shelves, type="newest")}
    for song, times in ((1, 2), (4, 3), (10, 1)):
        for n in range(times):
            shelves.ask("scrobble", id=song, time=1000 * (1_700_000_000 + 100 * song + n))
    assert names(albums(shelves, type="frequent")) == ["Two", "One", "Mixed"]
    assert names(albums(shelves, type="recent")) == ["Mixed", "Two", "One"]
    assert albums(shelves, type="frequent")[0]["playCount"] == 3
    shelves.ask("setRating", id=by_name["Hits"], rating=3)
    shelves.ask("setRating", id=1, rating=5)
    assert names(albums(shelves, type="highest")) == ["One", "Hits"]
    shelves.ask("star", albumId=by_name["Mixed"])
    assert names(albums(shelves, type="starred")) == ["Mixed"]


def test_genres_and_their_songs(shelves: Rest) -> None:
    genres = shelves.ask("getGenres")["genres"]["genre"]
    assert genres == [
        {"value": "Pop", "songCount": 1, "albumCount": 1},
        {"value": "Rock", "songCount": 3, "albumCount": 1},
    ]
    songs = shelves.ask("getSongsByGenre", genre="rock", count=2, offset=1)["songsByGenre"]["song"]
    assert titles(songs) == ["Second", "Third"]


def test_searching(shelves: Rest) -> None:
    found = shelves.ask("search3", query="kinks")["searchResult3"]
    assert [one["name"] for one in found["artist"]] == ["The Kinks"]
    assert {"First", "Guest", "Tail"} <= set(titles(found["song"]))
    assert names(shelves.ask("search3", query="weezr")["searchResult3"]["album"]) == ["Weezer"] * 2
    assert titles(shelves.ask("search2", query="Uno")["searchResult2"]["song"]) == ["Uno"]
    nothing = shelves.ask("search3", query="zzzzzz")["searchResult3"]
    assert nothing == {"artist": [], "album": [], "song": []}


@pytest.mark.parametrize("query", ["", '""', "*"])
def test_an_empty_search_lists_everything_by_pages(shelves: Rest, query: str) -> None:
    seen: list[str] = []
    for offset in range(0, 100, 5):
        page = shelves.ask("search3", query=query, songCount=5, songOffset=offset)
        songs = page["searchResult3"]["song"]
        seen += titles(songs)
        if not songs:
            break
    assert seen == [tags.title for _, tags in TRACKS]
    counts = shelves.ask("search3", query=query, songCount=0, albumCount=100)["searchResult3"]
    assert (len(counts["album"]), counts["song"]) == (7, [])


def test_what_there_is_not(shelves: Rest) -> None:
    for name, given in (
        ("getAlbum", {"id": "al-0"}),
        ("getArtist", {"id": "1"}),
        ("getSong", {"id": "999"}),
        ("getSong", {"id": "9" * 30}),
        ("getSong", {"id": "²"}),
        ("getMusicDirectory", {"id": "x"}),
        ("stream", {"id": "al-0"}),
        ("star", {"id": "x"}),
        ("createPlaylist", {"name": "x", "songId": "99"}),
        ("getPlaylist", {"id": "pl-9"}),
    ):
        assert shelves.error(name, **given) == 70, (name, given)
    assert shelves.error("getAlbum") == 10
    assert shelves.error("getAlbumList2", type="best") == 0
    assert shelves.error("getAlbumList2", type="newest", size=-1) == 0
    assert shelves.error("getAlbumList2", type="byYear", fromYear=1) == 10
    assert shelves.raw("getPodcasts").status_code == 404
    assert shelves.error("getPodcasts") == 70


def test_an_album_follows_its_files(shelves: Rest) -> None:
    before = {album["id"] for album in albums(shelves, type="newest")}
    with Catalog(shelves.client.application.config["HOME"]) as catalog:
        catalog.set_presence(gone=[1, 2, 3])
    after = albums(shelves, type="newest")
    assert "One" not in names(after)
    assert {album["id"] for album in after} < before
