"""Lists as M3U8 for players that open an address: playlists as they are, mixes as they are now.

A list is named by the address of its page: "/playlists/7", or "/?like=tag:jazz" for a mix. With
accounts a link has a token, which opens that one list and its tracks' audio. Without accounts, and
for a person who is logged in, the list is named in the address itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from flask import Blueprint, Response, g, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest, NotFound

from recsys.catalog import Track
from recsys.catalog.people import LONGEST_KEY_NAME
from recsys.playlists import m3u8_of_urls
from recsys.recommendation.query import LARGEST_ID
from recsys.served_home import Served
from webui import current_listener, mix_list
from webui.api.media import send_track, send_transcoded
from webui.api.playlist_files import MEDIA_TYPES
from webui.api.playlists import own_playlist
from webui.link_access import OF_PERSON
from webui.mix_query import Mix
from webui.pages.workbench import title_of
from webui.served import available_track, current, current_or_catalog
from webui.texts import read_whole

FOR_YOU = "For you"  # a mix without seeds
FORMATS = ("", "mp3")  # as the files are, transcoded

links = Blueprint("links", __name__)


class PlayableList(NamedTuple):
    """A list as it is now, with the tracks whose files are gone; `address` says nothing twice."""

    address: str
    title: str
    tracks: list[Track]


@links.get(f"/lists/{OF_PERSON}")
def own_list() -> Response:
    """Send a list of the person who asks, by the address of its page."""
    return _sent(
        request.args.get("of", ""),
        lambda track: url_for("media.audio", track_id=track.id, _external=True),
        lambda track: url_for("media.transcoded", track_id=track.id, _external=True),
    )


@links.get("/lists/<token>.m3u8")
def linked_list(token: str) -> Response:
    """Send the list of a link."""
    return _sent(
        g.link,
        lambda track: url_for(".linked_audio", token=token, track_id=track.id, _external=True),
        lambda track: url_for(".linked_mp3", token=token, track_id=track.id, _external=True),
    )


@links.get("/lists/<token>/<int:track_id>")
def linked_audio(token: str, track_id: int) -> Response:
    """Send the file of a track of a link's list, whole or the ranges asked for."""
    return send_track(_linked_track(track_id))


@links.get("/lists/<token>/<int:track_id>.mp3")
def linked_mp3(token: str, track_id: int) -> Response:
    """Send a track of a link's list as MP3."""
    return send_transcoded(_linked_track(track_id), 0.0)


def list_at(served: Served, address: str) -> PlayableList:
    """Return the list that a page shows to the current person. Raises BadRequest, NotFound."""
    playlist_id, mix = _parsed(address)
    if mix is None:
        stored = own_playlist(served, playlist_id)
        return PlayableList(address, stored.name, served.catalog.tracks(stored.track_ids))
    listing = mix_list.answer(served, mix, current_listener.listener(served))
    tracks = served.catalog.tracks(listing.saved_ids)
    return PlayableList(f"/{mix.address()}", title_of(mix, listing) or FOR_YOU, tracks)


def link_name(title: str) -> str:
    """Return a title as the name of a link.

    >>> link_name("Evening" + chr(10) + "walks " * 12)
    'Evening walks walks walks walks walks walks walks walks walks wa'
    """
    printable = "".join(c if c.isprintable() else " " for c in title)
    return printable[:LONGEST_KEY_NAME].strip() or FOR_YOU


def _parsed(address: str) -> tuple[int, Mix | None]:
    """Return the id of a playlist, or else a mix. Raises BadRequest."""
    playlist = re.fullmatch(r"/playlists/([0-9]+)", address, re.ASCII)
    if playlist is not None:
        number = read_whole(playlist[1], 1, LARGEST_ID)
        if number is None:
            raise NotFound("There is no such playlist.")
        return number, None
    if not re.match(r"/(?:\?|$)", address):
        raise BadRequest('"of" takes the address of a playlist or a mix: /playlists/7, /?like=…')
    return 0, Mix.parse(MultiDict(parse_qsl(urlsplit(address).query)))


def _sent(address: str, audio: Callable[[Track], str], mp3: Callable[[Track], str]) -> Response:
    """Send a list without the tracks whose files are gone; a remark counts these."""
    wanted = request.args.get("format", "")
    if wanted not in FORMATS:
        raise BadRequest('"format" takes mp3.')
    _, title, tracks = list_at(current(), address)
    there = [track for track in tracks if not track.removed]
    n_gone = len(tracks) - len(there)
    are = "track is" if n_gone == 1 else "tracks are"
    remark = f"{n_gone} {are} left out: the files are gone." if n_gone else ""
    data = m3u8_of_urls(there, title, mp3 if wanted else audio, remark=remark)
    return Response(data, content_type=MEDIA_TYPES["m3u8"])


def _linked_track(track_id: int) -> Track:
    """Return a track that the link of the request may play, or raise NotFound.

    A playlist's are its own; a mix may come to any track of the library.
    """
    served = current_or_catalog()
    playlist_id, mix = _parsed(g.link)
    if mix is None:
        listener = current_listener.listener(served)
        stored = served.catalog.playlist(listener, playlist_id) if listener is not None else None
        if stored is None or track_id not in stored.track_ids:
            raise NotFound(f"The list of this link has no track {track_id}.")
    return available_track(served, track_id)
