"""AudioMuse-AI's routes, which its plugins for media servers ask: similar tracks, paths, artists.

A plugin is pointed at this server, with an API key as its token. It names songs and artists by the
media server's own ids (`webui.media_server`); without that server's database they are Earshot's. An
error is {"error": a sentence}, as the plugins know it. Names and meanings of parameters:
https://github.com/NeptuneHub/AudioMuse-AI and its plugins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

import numpy as np
from flask import Blueprint, Response, current_app, jsonify, request
from numpy.typing import NDArray
from werkzeug.exceptions import BadRequest, HTTPException, NotFound, ServiceUnavailable

from recsys.catalog import Track
from recsys.catalog.search import fold
from recsys.listens.media_ids import MediaIds
from recsys.listens.sources import FormatError
from recsys.recommendation.query import LARGEST_ID, Query
from recsys.recommendation.recommender import MAX_LENGTH, Unanswerable
from recsys.served_home import Served
from recsys.similarity.percentile import shown
from webui import current_listener
from webui.current_listener import unreadable
from webui.media_server import MediaServer
from webui.served import current, why_not_analysed
from webui.texts import read_whole

MOST = 500  # tracks or artists of one answer
PER_ARTIST = 3  # with eliminate_duplicates
N_REPRESENTATIVE = 5  # tracks that stand for an artist beside another
_MARGIN = 4  # times as many are looked for where the media server lacks some of the library
Answer = Any  # what is written as JSON
IntArray = NDArray[np.intp]

audiomuse = Blueprint("audiomuse", __name__, url_prefix="/api")


class ServerNames:
    """The ids by which the plugin's media server names tracks and artists."""

    def __init__(self, served: Served, ids: MediaIds | None) -> None:
        """With None they are this server's own."""
        self._served = served
        self._ids = ids

    def track(self, item_id: str) -> Track:
        """Return the track of an id. Raises NotFound."""
        ids = self._ids
        number = read_whole(item_id, 1, LARGEST_ID) if ids is None else ids.track(item_id)
        track = None if number is None else self._served.catalog.track(number)
        if track is None or track.removed:
            raise NotFound(f"The library has no song {item_id[:100]}.")
        return track

    def item(self, track: Track) -> str | None:
        """Return the id of a track, None for one that the media server does not have."""
        return str(track.id) if self._ids is None else self._ids.songs.get(track.id)

    def artist_name(self, artist: str) -> str:
        """Return an artist's name, given by name or id."""
        return artist if self._ids is None else self._ids.artist_name(artist)

    def artist_id(self, name: str) -> str | None:
        """Return an artist's id, None for one that the media server does not have."""
        if self._ids is not None:
            return self._ids.artist_id(name)
        artist = self._served.discographies.current().artist_named(name)
        return None if artist is None else artist.id


def route(path: str) -> Callable[[Callable[[Served, ServerNames], Answer]], Callable[[], Response]]:
    """Answer a route as AudioMuse-AI does: JSON, and errors as {"error": …}."""

    def decorate(view: Callable[[Served, ServerNames], Answer]) -> Callable[[], Response]:
        @audiomuse.get(path)
        @wraps(view)
        def answered() -> Response:
            try:
                served = current()
                return jsonify(view(served, _names(served)))
            except HTTPException as error:
                response = jsonify(error=error.description)
                response.status_code = error.code or 500
                return response

        return answered

    return decorate


@route("/similar_tracks")
def similar_tracks(served: Served, names: ServerNames) -> Answer:
    """List what sounds most like a song; `distance` is 1 less the share of pairs less alike."""
    track = names.track(_required("item_id"))
    n = _number("n", 10)
    cap = PER_ARTIST if _flag("eliminate_duplicates") else None
    return [
        {**described, "distance": shown(1.0 - similarity)}
        for described, similarity in _near(served, names, track, n, cap)
    ]


@route("/find_path")
def find_path(served: Served, names: ServerNames) -> Answer:
    """Lead from one song to another in small steps, by `max_steps` songs."""
    start, end = names.track(_required("start_song_id")), names.track(_required("end_song_id"))
    length = _number("max_steps", 25, least=2, most=MAX_LENGTH)
    if start.id == end.id:
        return {"path": _described(names, [start]), "total_distance": 0.0}
    query = Query(listener=current_listener.listener(served), exclude_played=False)
    try:
        path = served.recommender.path(start.id, end.id, length, query).recommendations
    except Unanswerable as error:
        raise NotFound(str(error)) from error
    total = sum(1.0 - one.similarity for one in path[1:])
    return {
        "path": _described(names, (one.track for one in path)),
        "total_distance": round(total, 6),
    }


@route("/similar_artists")
def similar_artists(served: Served, names: ServerNames) -> Answer:
    """List artists who sound like one, with tracks of both that stand for that, on request."""
    given = request.args.get("artist") or _required("artist_id")
    name = names.artist_name(given)
    found = served.artists.similar(name, _number("n", 10))
    if not found:
        raise NotFound(f"The library has no analysed track of the artist {name[:100]}.")
    wanted = _flag("include_component_matches")
    mine = _tracks_of(served, name)
    answers = []
    for other in found:
        answer: dict[str, Any] = {
            "artist": other.name,
            "artist_id": names.artist_id(other.name),
            "divergence": shown(1.0 - other.similarity),
        }
        if wanted:
            pairs = _closest(served, mine, _tracks_of(served, other.name))
            answer["component_matches"] = [
                {
                    "artist1_representative_songs": _described(names, (one for one, _ in pairs)),
                    "artist2_representative_songs": _described(names, (two for _, two in pairs)),
                }
            ]
        answers.append(answer)
    return answers


def _names(served: Served) -> ServerNames:
    """Return how songs and artists are named, or raise ServiceUnavailable."""
    server: MediaServer | None = current_app.extensions["media_server"]
    if server is None:
        return ServerNames(served, None)
    try:
        return ServerNames(served, server.ids(served.catalog))
    except (FormatError, OSError) as error:
        raise ServiceUnavailable(unreadable(error)) from error


def _near(
    served: Served, names: ServerNames, track: Track, n: int, artist_cap: int | None
) -> list[tuple[dict[str, Any], float]]:
    """Return the nearest tracks that the media server has, described, with similarities."""
    if not n:
        return []
    wanted, n_indexed = n, served.n_indexed
    while True:
        try:
            near = served.similar.nearest(track, wanted, artist_cap=artist_cap)
        except KeyError:
            why = why_not_analysed(track)
            raise NotFound(f"{track.name} cannot be compared. {why}") from None
        had = [(one, similarity) for one, similarity in near if names.item(one) is not None]
        if len(had) >= n or len(near) < wanted or wanted >= n_indexed:
            return [(_description(names, one), similarity) for one, similarity in had[:n]]
        wanted *= _MARGIN


def _tracks_of(served: Served, artist: str) -> IntArray:
    """Return the rows of an artist's indexed tracks, at most MOST."""
    table = served.recommender.track_table()
    rows = table.artist_rows.get(fold(artist), np.empty(0, np.intp))
    return rows[table.available[rows]][:MOST]


def _closest(served: Served, mine: IntArray, theirs: IntArray) -> list[tuple[Track, Track]]:
    """Return the pairs of tracks of two artists that sound most alike, no track twice."""
    index = served.recommender.index
    cosines = index.vectors_at(mine) @ index.vectors_at(theirs).T
    pairs: list[tuple[int, int]] = []
    for _ in range(min(N_REPRESENTATIVE, *cosines.shape)):
        row, column = np.unravel_index(int(cosines.argmax()), cosines.shape)
        pairs.append((int(index.ids[mine[row]]), int(index.ids[theirs[column]])))
        cosines[row, :] = cosines[:, column] = -np.inf
    tracks = {one.id: one for one in served.catalog.tracks({i for pair in pairs for i in pair})}
    return [(tracks[one], tracks[two]) for one, two in pairs if one in tracks and two in tracks]


def _described(names: ServerNames, tracks: Iterable[Track]) -> list[dict[str, Any]]:
    """Describe the tracks that the media server has."""
    return [_description(names, track) for track in tracks if names.item(track) is not None]


def _description(names: ServerNames, track: Track) -> dict[str, Any]:
    return {
        "item_id": names.item(track),
        "title": track.title,
        "author": track.artist,
        "album": track.album,
    }


def _required(name: str) -> str:
    value = request.args.get(name)
    if not value:
        raise BadRequest(f'"{name}" is missing.')
    return value


def _number(name: str, default: int, *, least: int = 0, most: int = MOST) -> int:
    """Return a whole number, one above `most` as that. Raises BadRequest."""
    value = request.args.get(name)
    if not value:
        return default
    number = read_whole(value, least, 10**10)
    if number is None:
        raise BadRequest(f'"{name}" takes a whole number of at least {least}.')
    return min(number, most)


def _flag(name: str) -> bool:
    return request.args.get(name, "").lower() in ("true", "1")
