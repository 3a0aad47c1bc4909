"""Searching: by words, with typing errors; an empty query lists everything, for offline copies."""

from __future__ import annotations

from itertools import islice
from typing import NamedTuple

from recsys.catalog.search import fold
from recsys.home.discography import LibraryAlbum, LibraryArtist
from webui.subsonic.answers import Tree
from webui.subsonic.endpoints import endpoint, group
from webui.subsonic.errors import missing
from webui.subsonic.library import LibraryView, library
from webui.subsonic.parameters import MOST, texts, whole

_DEEPEST = 10_000  # of a search by words: nobody reads further

api = group("searching")


class SearchResult(NamedTuple):
    """What a search found; songs by their ids."""

    artists: list[LibraryArtist]
    albums: list[LibraryAlbum]
    songs: list[int]


@endpoint(api, "search2")
def search2() -> Tree:
    """Find artists, albums and songs, the former two as folders."""
    view = library()
    result = _search(view)
    return {
        "searchResult2": {
            "artist": [view.artist_folder(artist) for artist in result.artists],
            "album": [view.album_child(album) for album in result.albums],
            "song": view.songs(result.songs),
        }
    }


@endpoint(api, "search3")
def search3() -> Tree:
    """Find artists, albums and songs."""
    view = library()
    result = _search(view)
    return {
        "searchResult3": {
            "artist": [view.artist_tree(artist) for artist in result.artists],
            "album": [view.album_tree(album) for album in result.albums],
            "song": view.songs(result.songs),
        }
    }


def _search(view: LibraryView) -> SearchResult:
    given = texts("query")
    if not given:
        raise missing("query")
    words = given[0]
    everything = not fold(words)
    discography = view.discography

    def part(kind: str) -> tuple[int, int]:
        begin = whole(f"{kind}Offset", 0)
        return begin, begin + whole(f"{kind}Count", 20, most=MOST)

    artists, albums, songs = part("artist"), part("album"), part("song")
    if everything and words.strip("\"'* "):
        return SearchResult([], [], [])  # signs alone, which no name is searched by
    if everything:
        return SearchResult(
            list(islice(discography.artists.values(), *artists)),
            list(islice(discography.albums.values(), *albums)),
            list(islice(discography.album_of, *songs)),
        )
    in_reach = [
        (min(begin, _DEEPEST), min(end, _DEEPEST)) for begin, end in (artists, albums, songs)
    ]
    artists, albums, songs = in_reach
    return SearchResult(
        discography.search_artists(words, artists[1])[artists[0] :],
        discography.search_albums(words, albums[1])[albums[0] :],
        [t.id for t in view.served.catalog.search(words, songs[1])[songs[0] :]] if songs[1] else [],
    )
