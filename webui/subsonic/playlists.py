"""The playlists of the person who asks, which are the same as on the pages and in the API."""

from __future__ import annotations

import re

from recsys.catalog import (
    LONGEST_PLAYLIST,
    PlaylistChanged,
    PlaylistRenews,
    Renewal,
    StoredPlaylist,
    is_name,
)
from recsys.recommendation.query import LARGEST_ID
from recsys.served_home import Served
from webui import current_listener
from webui.api.playlists import RENEWS
from webui.subsonic.answers import Tree
from webui.subsonic.authentication import username
from webui.subsonic.endpoints import endpoint, group
from webui.subsonic.errors import FORBIDDEN, PROBLEM, SubsonicError, missing
from webui.subsonic.library import LibraryView, library, when
from webui.subsonic.parameters import required, text, texts, unknown, wholes

START = "pl-"  # of ids

api = group("playlists")


@endpoint(api, "getPlaylists")
def get_playlists() -> Tree:
    """List the person's playlists."""
    name = text("username")
    if name is not None and name.casefold() != username().casefold():
        raise SubsonicError(FORBIDDEN, "Only your own playlists can you ask for here.")
    view = library()
    listener = current_listener.listener(view.served)
    playlists, renewing = [], dict[int, Renewal]()
    if listener is not None:
        playlists = view.served.catalog.playlists(listener)
        renewing = {one.playlist_id: one for one in view.served.catalog.renewals.all(listener)}
    listed = [_playlist(view, one, renewing.get(one.id)) for one in playlists]
    return {"playlists": {"playlist": listed}}


@endpoint(api, "getPlaylist")
def get_playlist() -> Tree:
    """Show a playlist with its songs."""
    view = library()
    return {"playlist": _with_songs(view, own_playlist(view.served, required("id")))}


@endpoint(api, "createPlaylist")
def create_playlist() -> Tree:
    """Keep a new playlist, or replace the songs of one."""
    view, one, name = library(), text("playlistId"), text("name")
    if one is None and name is None:
        raise missing("name")
    ids = [track.id for track in view.tracks(texts("songId"))]
    playlist = None if one is None else own_playlist(view.served, one)
    return {"playlist": _with_songs(view, _save(view.served, playlist, name, ids))}


@endpoint(api, "updatePlaylist")
def update_playlist() -> None:
    """Rename a playlist, take songs out of it by their places, and add others at its end."""
    view = library()
    playlist = own_playlist(view.served, required("playlistId"))
    added = [track.id for track in view.tracks(texts("songIdToAdd"))]
    shown = [place for place, i in enumerate(playlist.track_ids) if i in view.discography.seconds]
    removed = set()
    for place in wholes("songIndexToRemove", most=LONGEST_PLAYLIST):
        if place >= len(shown):
            raise SubsonicError(PROBLEM, f"The playlist has no song at {place}.")
        removed.add(shown[place])
    rest = [i for place, i in enumerate(playlist.track_ids) if place not in removed]
    _save(view.served, playlist, text("name"), [*rest, *added])


@endpoint(api, "deletePlaylist")
def delete_playlist() -> None:
    """Delete a playlist."""
    view = library()
    playlist = own_playlist(view.served, required("id"))
    try:
        view.served.catalog.delete_playlist(playlist.listener_id, playlist.id)
    except KeyError:
        raise unknown("playlist", f"{START}{playlist.id}") from None


def own_playlist(served: Served, playlist_id: str) -> StoredPlaylist:
    """Return a playlist of the person who asks by its id. Raises SubsonicError."""
    number = re.fullmatch(f"{START}([0-9]{{1,10}})", playlist_id, re.ASCII)
    listener = current_listener.listener(served)
    playlist = None
    if listener is not None and number is not None and int(number[1]) <= LARGEST_ID:
        playlist = served.catalog.playlist(listener, int(number[1]))
    if playlist is None:
        raise unknown("playlist", playlist_id)
    return playlist


def _save(
    served: Served, playlist: StoredPlaylist | None, name: str | None, ids: list[int]
) -> StoredPlaylist:
    """Write a playlist, in place of `playlist` as it was read. Raises SubsonicError."""
    called = name or (playlist.name if playlist else "")
    if not is_name(called):
        raise SubsonicError(PROBLEM, '"name" takes 1 to 200 characters on one line.')
    if len(ids) > LONGEST_PLAYLIST:
        raise SubsonicError(PROBLEM, f"A playlist has at most {LONGEST_PLAYLIST} songs.")
    listener = playlist.listener_id if playlist else current_listener.writing_listener(served)
    try:
        return served.catalog.save_playlist(
            listener,
            called,
            ids,
            playlist.id if playlist else None,
            revision=playlist.revision if playlist else None,
        )
    except PlaylistChanged:
        words = "The playlist was changed meanwhile: try again."
        raise SubsonicError(PROBLEM, words) from None
    except PlaylistRenews:
        raise SubsonicError(FORBIDDEN, RENEWS) from None
    except KeyError as error:
        raise unknown("song or playlist", str(error.args[0])) from None


def _playlist(view: LibraryView, playlist: StoredPlaylist, renewal: Renewal | None) -> Tree:
    seconds = view.discography.seconds
    lengths = [seconds[track_id] for track_id in playlist.track_ids if track_id in seconds]
    one = f"{START}{playlist.id}"
    comment = {} if renewal is None else {"comment": f"{renewal.plan.words}."}
    return comment | {
        "id": one,
        "name": playlist.name,
        "owner": username(),
        "public": False,
        "readonly": renewal is not None,
        "songCount": len(lengths),
        "duration": round(sum(lengths)),
        "created": when(playlist.created_at),
        "changed": when(playlist.changed_at),
        "coverArt": one,
    }


def _with_songs(view: LibraryView, playlist: StoredPlaylist) -> Tree:
    renewal = view.served.catalog.renewals.of(playlist.id)
    return _playlist(view, playlist, renewal) | {"entry": view.songs(playlist.track_ids)}
