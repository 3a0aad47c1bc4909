"""Lists: albums in every order, songs of a genre, what is starred, what plays now."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

from recsys.catalog.search import fold
from recsys.home.discography import LibraryAlbum, sort_name
from webui import library_lists
from webui.subsonic.answers import Tree
from webui.subsonic.authentication import username
from webui.subsonic.endpoints import endpoint, group
from webui.subsonic.library import LibraryView, library
from webui.subsonic.parameters import MOST, one_of, required, whole
from webui.subsonic.playback import now_playing

_YEARS = 9999

api = group("lists")


@endpoint(api, "getAlbumList")
def get_album_list() -> Tree:
    """List albums, as folders."""
    view = library()
    return {"albumList": {"album": [view.album_child(album) for album in _listed(view)]}}


@endpoint(api, "getAlbumList2")
def get_album_list2() -> Tree:
    """List albums."""
    view = library()
    return {"albumList2": {"album": [view.album_tree(album) for album in _listed(view)]}}


@endpoint(api, "getSongsByGenre")
def get_songs_by_genre() -> Tree:
    """List the songs of a genre."""
    view = library()
    genre = view.discography.genre(required("genre"))
    count, offset = whole("count", 10, most=MOST), whole("offset", 0)
    ids = genre.tracks[offset : offset + count] if genre else ()
    return {"songsByGenre": {"song": view.songs(ids)}}


@endpoint(api, "getStarred")
def get_starred() -> Tree:
    """List what the person has starred, the newest first."""
    return {"starred": _starred(folders=True)}


@endpoint(api, "getStarred2")
def get_starred2() -> Tree:
    """List what the person has starred, the newest first."""
    return {"starred2": _starred(folders=False)}


@endpoint(api, "getNowPlaying")
def get_now_playing() -> Tree:
    """Say what the person's own players play now; those of others are nobody's business."""
    view = library()
    playing = now_playing()
    tracks = {
        track.id: track for track in view.served.catalog.tracks([p.track_id for p in playing])
    }
    return {
        "nowPlaying": {
            "entry": [
                view.song(tracks[one.track_id])
                | {
                    "username": username(),
                    "minutesAgo": one.minutes,
                    "playerId": number,
                    "playerName": one.player,
                    "state": one.state,
                    "positionMs": one.position_ms,
                    "playbackRate": one.rate,
                }
                for number, one in enumerate(playing)
                if one.track_id in tracks
            ]
        }
    }


def _listed(view: LibraryView) -> Sequence[LibraryAlbum]:
    """Return the albums of the list that the request names."""
    kind = one_of("type", tuple(_LISTS))
    size, offset = whole("size", 10, most=MOST), whole("offset", 0)
    return _LISTS[kind](view)[offset : offset + size]


def _random(view: LibraryView) -> list[LibraryAlbum]:
    albums = list(view.discography.albums.values())
    random.shuffle(albums)
    return albums


def _highest(view: LibraryView) -> list[LibraryAlbum]:
    """Sort the albums that are rated, or whose songs are, by the mean of these ratings."""
    ratings = view.listening.ratings

    def mean(album: LibraryAlbum) -> float:
        own = ratings.get(("album", album.id))
        songs = [ratings.get(("track", str(track_id)), 0) for track_id in album.tracks]
        given = [own] if own else [rating for rating in songs if rating]
        return sum(given) / len(given) if given else 0.0

    rated = [(mean(album), album) for album in view.discography.albums.values()]
    rated.sort(key=lambda pair: (-pair[0], pair[1].id))
    return [album for rating, album in rated if rating]


def _starred_albums(view: LibraryView) -> list[LibraryAlbum]:
    known = (view.discography.albums.get(one) for one, _ in view.listening.marked("album"))
    return [album for album in known if album is not None]


def _by_year(view: LibraryView) -> list[LibraryAlbum]:
    required("fromYear"), required("toYear")
    first, last = whole("fromYear", 0, most=_YEARS), whole("toYear", _YEARS, most=_YEARS)
    low, high = sorted((first, last))
    albums = [a for a in view.discography.albums.values() if a.year and low <= a.year <= high]
    albums.sort(key=lambda album: (album.year or 0, sort_name(album.name)), reverse=first > last)
    return albums


def _by_genre(view: LibraryView) -> list[LibraryAlbum]:
    genre = fold(required("genre"))
    return [
        album
        for album in view.discography.albums.values()
        if any(fold(name) == genre for name in album.genres)
    ]


def _in_order(order: str) -> Callable[[LibraryView], Sequence[LibraryAlbum]]:
    return lambda view: library_lists.albums(order, view.discography, view.listening)


_LISTS: Mapping[str, Callable[[LibraryView], Sequence[LibraryAlbum]]] = {
    "random": _random,
    "newest": _in_order("newest"),
    "highest": _highest,
    "frequent": _in_order("played"),
    "recent": _in_order("recent"),
    "alphabeticalByName": _in_order("name"),
    "alphabeticalByArtist": _in_order("artist"),
    "starred": _starred_albums,
    "byYear": _by_year,
    "byGenre": _by_genre,
}


def _starred(*, folders: bool) -> Tree:
    view = library()
    artists = (view.discography.artists.get(one) for one, _ in view.listening.marked("artist"))
    albums = _starred_albums(view)
    ids = [int(one) for one, _ in view.listening.marked("track")]
    return {
        "artist": [
            view.artist_folder(artist) if folders else view.artist_tree(artist)
            for artist in artists
            if artist is not None
        ],
        "album": [
            view.album_child(album) if folders else view.album_tree(album) for album in albums
        ],
        "song": view.songs(ids),
    }
