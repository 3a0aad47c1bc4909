"""The pages of playlists: all, one, and paths between two tracks."""

from __future__ import annotations

from time import time
from typing import NamedTuple

from flask import Blueprint, render_template, request
from werkzeug.exceptions import BadRequest, NotFound

from recsys.catalog import LONGEST_PLAYLIST, Renewal, StoredPlaylist, Track
from recsys.playlists.schedule import next_time
from recsys.recommendation.controls import PERCENT
from recsys.recommendation.query import LARGEST_ID, Query, RecommendedList
from recsys.recommendation.recommender import Unanswerable
from recsys.served_home import Served
from webui import current_listener
from webui.api.parameters import MAX_RESULTS
from webui.api.playlists import continuation, own_playlist
from webui.api.renewals import folder_shown
from webui.mix_form import CHOICES
from webui.served import current, label
from webui.texts import read_whole

N_MORE = 10  # tracks that a continuation names
LENGTH = 8  # of a path where none is asked for
MAX_WORDS = 200  # characters

playlist_pages = Blueprint("playlist_pages", __name__)


class End(NamedTuple):
    """An end of a path: what was typed for it, and the track that it is."""

    words: str
    track: Track | None

    @property
    def label(self) -> str:
        """The track as a person reads it, or what was typed."""
        return self.words if self.track is None else label(self.track)


@playlist_pages.get("/playlists")
def playlists() -> str:
    """List the current listener's playlists, the last changed first."""
    served = current()
    listener = current_listener.listener(served)
    stored = [] if listener is None else served.catalog.playlists(listener)
    return render_template(
        "playlists.html",
        playlists=sorted(stored, key=lambda p: (-p.changed_at, -p.id)),
        renewals=_renewals(served, listener),
        start=End("", None),
        end=End("", None),
        length=LENGTH,
        **_common(served),
    )


@playlist_pages.get("/playlists/<int:playlist_id>")
def playlist(playlist_id: int) -> str:
    """Show one playlist; with "more" what could come next too."""
    served = current()
    stored = own_playlist(served, playlist_id)
    tracks = served.catalog.tracks(stored.track_ids)
    more = continuation(served, stored, N_MORE) if _asks_for_more(stored) else None
    renewal = served.catalog.renewals.of(stored.id)
    return render_template(
        "playlist.html",
        playlist=stored,
        renewal=renewal,
        folder=folder_shown(renewal.plan) if renewal else "",
        next_at=next_time(renewal.plan.every, time()) if renewal else 0,
        tracks=tracks,
        seconds=sum(track.duration or 0 for track in tracks if not track.removed),
        more=more,
        longest=LONGEST_PLAYLIST,
        **_common(served),
    )


@playlist_pages.get("/playlists/path")
def path() -> str:
    """Show a path from one track to another."""
    served = current()
    start, end = _end(served, "start"), _end(served, "end")
    length = _length()
    notices: list[str] = []
    answer: RecommendedList | None = None
    for name, path_end in (("start", start), ("end", end)):
        if path_end.track is None:
            notices.append(
                f"No results for “{path_end.words}”."
                if path_end.words
                else f"Choose the {name} of the path."
            )
    if start.track and end.track:
        answer, sentence = _path(served, start.track, end.track, length)
        notices += [sentence] if sentence else []
    return render_template(
        "path.html",
        start=start,
        end=end,
        length=length,
        answer=answer,
        notices=notices,
        harmonic=_is_harmonic(),
        tempo_change=_tempo_change(),
        **_common(served),
    )


def _path(
    served: Served, start: Track, end: Track, length: int
) -> tuple[RecommendedList | None, str]:
    """Return a path, or why there is none."""
    if start.id == end.id:
        return None, "The path starts and ends at the same track: choose another end."
    try:
        query = Query(
            listener=current_listener.listener(served),
            harmonic=_is_harmonic(),
            tempo_change=_tempo_change(),
        )
        return served.recommender.path(start.id, end.id, length, query), ""
    except Unanswerable as error:
        return None, str(error)


def _end(served: Served, name: str) -> End:
    """Return the track of an id, or else the one that is called as what was typed."""
    typed = request.args.get(name, "").strip()[:MAX_WORDS]
    text = request.args.get(f"{name}_id", "")
    if text:
        track_id = read_whole(text, 0, LARGEST_ID)
        if track_id is None:
            raise BadRequest(f'"{name}_id" takes the id of a track.')
        track = served.catalog.track(track_id)
        if track is None or track.removed:
            raise NotFound(f"The library has no track {text}.")
        return End(typed, track)
    results = served.catalog.search(typed, 1) if typed else []
    return End(typed, results[0] if results else None)


def _length() -> int:
    length = read_whole(request.args.get("length") or str(LENGTH), 2, MAX_RESULTS)
    if length is None:
        raise BadRequest(f'"length" takes a whole number from 2 to {MAX_RESULTS}.')
    return length


def _renewals(served: Served, listener: int | None) -> dict[int, Renewal]:
    """Return how the listener's playlists renew themselves, by their ids."""
    if listener is None:
        return {}
    return {one.playlist_id: one for one in served.catalog.renewals.all(listener)}


def _is_harmonic() -> bool:
    return request.args.get("harmonic") == "1"


def _tempo_change() -> float | None:
    text = request.args.get("tempo_change") or ""
    percent = read_whole(text, 0, int(PERCENT.most)) if text else None
    if text and percent is None:
        raise BadRequest(f'"tempo_change" takes {PERCENT.public}.')
    return percent


def _asks_for_more(stored: StoredPlaylist) -> bool:
    return "more" in request.args and bool(stored.track_ids)


def _common(served: Served) -> dict[str, object]:
    return {
        "person": current_listener.person(),
        "n_tracks": served.n_indexed,
        "longest_path": MAX_RESULTS,
        "tempo_changes": CHOICES[PERCENT],
    }
