"""Albums, artists and tracks of the library in the orders that people look through them."""

from __future__ import annotations

import operator
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import NamedTuple, TypeVar

from recsys.home.discography import Discography, LibraryAlbum, LibraryArtist, letter, sort_name
from webui.listening import Listening

_T = TypeVar("_T")


class Order(NamedTuple):
    """An order that a person chooses; `by_name` where letters lead into it."""

    words: str
    by_name: bool = False


ALBUM_ORDERS: Mapping[str, Order] = {
    "artist": Order("Artist", by_name=True),
    "name": Order("Title", by_name=True),
    "newest": Order("Recently added"),
    "played": Order("Most played"),
    "recent": Order("Recently played"),
    "never": Order("Never played"),
    "year": Order("Release year"),
}
ARTIST_ORDERS: Mapping[str, Order] = {
    "name": Order("Name", by_name=True),
    "newest": Order("Recently added"),
    "played": Order("Most played"),
    "never": Order("Never played"),
    "tracks": Order("Most tracks"),
}
TRACK_ORDERS: Mapping[str, Order] = {
    "title": Order("Title", by_name=True),
    "artist": Order("Artist"),
    "newest": Order("Recently added"),
    "played": Order("Most played"),
    "recent": Order("Recently played"),
    "never": Order("Never played"),
    "year": Order("Release year"),
}


def albums(order: str, library: Discography, listening: Listening) -> Sequence[LibraryAlbum]:
    """Return the albums in one of ALBUM_ORDERS; by plays those that were played."""
    if order in ("played", "recent"):
        if order == "played":
            return _played(library, listening.plays, operator.add)
        return _played(library, listening.last_at, max)
    if order == "never":
        played = {library.album_of.get(track_id) for track_id in listening.plays}
        return [album for album in library.newest_albums if album.id not in played]
    if order == "year":
        return sorted(library.albums_by_name, key=lambda album: -(album.year or 0))
    if order == "newest":
        return library.newest_albums
    return library.albums_by_name if order == "name" else tuple(library.albums.values())


def artists(order: str, library: Discography, listening: Listening) -> Sequence[LibraryArtist]:
    """Return the artists in one of ARTIST_ORDERS; by plays those that were played."""
    if order == "newest":
        return _of_tracks(library, library.newest_tracks)
    if order == "never":
        played = set(chain.from_iterable(library.artists_of.get(i, ()) for i in listening.plays))
        return [one for one in library.artists.values() if one.id not in played and one.tracks]
    if order == "played":
        plays = artist_plays(library, listening)
        ranked = sorted(plays, key=lambda one: (-plays[one], one))
        return [library.artists[one] for one in ranked]
    everybody = tuple(library.artists.values())
    if order == "tracks":
        return sorted(everybody, key=lambda artist: -len(artist.tracks))
    return everybody


def tracks(order: str, library: Discography, listening: Listening) -> Sequence[int]:
    """Return the ids of the tracks in one of TRACK_ORDERS; by plays those that were played."""
    if order == "artist":
        return library.tracks_by_artist
    if order == "newest":
        return library.newest_tracks
    if order in ("played", "recent"):
        by = listening.plays if order == "played" else listening.last_at
        there = [track_id for track_id in by if track_id in library.titles]
        return sorted(there, key=lambda track_id: (-by[track_id], track_id))
    if order == "never":
        return [one for one in library.newest_tracks if one not in listening.plays]
    if order == "year":
        return sorted(library.tracks_by_artist, key=lambda one: -library.years.get(one, 0))
    return library.tracks_by_title


def artist_plays(library: Discography, listening: Listening) -> dict[str, int]:
    """Return the plays of each artist's tracks together, by id of the artist."""
    plays: dict[str, int] = {}
    for track_id, n in listening.plays.items():
        for one in library.artists_of.get(track_id, ()):
            plays[one] = plays.get(one, 0) + n
    return plays


def letter_starts(items: Sequence[_T], name: Callable[[_T], str]) -> dict[str, int]:
    """Return where each letter begins in items that are sorted by name.

    >>> letter_starts(["2Pac", "The Kinks", "Kraftwerk", "Zappa"], str)
    {'#': 0, 'K': 1, 'Z': 3}
    """
    starts: dict[str, int] = {}
    at = 0
    while at < len(items):
        starts.setdefault(letter(name(items[at])), at)
        initial = sort_name(name(items[at]))[:1]
        at = bisect_right(items, initial, lo=at, key=lambda one: sort_name(name(one))[:1])
    return starts


def _of_tracks(library: Discography, ids: Iterable[int]) -> list[LibraryArtist]:
    """Return the artists of tracks in the tracks' order, each once."""
    found = dict.fromkeys(chain.from_iterable(library.artists_of[one] for one in ids))
    return [library.artists[one] for one in found]


def _played(
    library: Discography, by_track: Mapping[int, int], join: Callable[[int, int], int]
) -> list[LibraryAlbum]:
    """Return the albums with a played track, those first whose tracks' values join to most."""
    values: dict[str, int] = {}
    for track_id, value in by_track.items():
        album = library.album_of.get(track_id)
        if album is not None:
            values[album] = join(values.get(album, 0), value)
    return [library.albums[one] for one in sorted(values, key=lambda one: (-values[one], one))]
