"""Radio: endless songs from a seed, other ones each time, without those of the last hours.

What was handed out is remembered in this process; what was played, in the catalogue. Where a
library has not enough else, songs of the last hours come again at the end of a list.
"""

from __future__ import annotations

import random
import secrets
import threading
import time
from collections import deque
from collections.abc import Collection, Iterable, Sequence

from flask import current_app, g

from recsys.catalog.search import fold
from recsys.home.discography import LibraryArtist
from recsys.recommendation.query import Query, Seed
from recsys.served_home import Served
from webui import current_listener
from webui.listening import listening

HOURS = 6  # in which no song comes again
_MOST_HANDED_OUT = 2000  # songs to one person that are remembered
_MOST_PEOPLE = 1000
_MOST_SEEDS = 30  # tracks of an album or an artist
_RANDOMNESS = 0.5
_SPACING = 2  # songs between two of one artist
_LEAST_OF_ARTIST, _SHARE_OF_ARTIST = 3, 8


class HandedOut:
    """Which songs were handed out to whom of late. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._songs: dict[str, deque[tuple[float, int]]] = {}

    def add(self, listener: str, ids: Iterable[int], now: float) -> None:
        """Remember songs."""
        with self._lock:
            if listener not in self._songs and len(self._songs) >= _MOST_PEOPLE:
                self._songs.clear()
            songs = self._songs.setdefault(listener, deque(maxlen=_MOST_HANDED_OUT))
            songs.extend((now, track_id) for track_id in ids)

    def since(self, listener: str, earliest: float) -> set[int]:
        """Return the songs since a time."""
        with self._lock:
            return {i for at, i in self._songs.get(listener, ()) if at >= earliest}


def radio(served: Served, seeds: Sequence[Seed], count: int) -> list[int]:
    """Return the ids of songs to go on with from seeds."""
    recent = _recent(served)
    listener = current_listener.listener(served)
    cap = max(_LEAST_OF_ARTIST, count // _SHARE_OF_ARTIST)
    chosen: list[int] = []
    for left_out, artist_cap in ((recent, cap), (recent, None), (set[int](), None)):
        if len(chosen) >= count:
            break
        query = Query(
            listener=listener,
            seeds=tuple(seeds),
            exclude_tracks=(*left_out, *chosen),
            exclude_played=False,
            artist_cap=artist_cap,
            artist_spacing=_SPACING if artist_cap else 0,
            randomness=_RANDOMNESS,
            seed=secrets.randbelow(1 << 31),
        )
        mix = served.recommender.recommend(query, count - len(chosen))
        chosen += [one.track.id for one in mix.recommendations]
    _hand_out(chosen)
    return chosen


def at_random(served: Served, ids: Collection[int], count: int) -> list[int]:
    """Return songs drawn among some; those of the last hours and disliked ones come last."""
    disliked = listening(served).disliked
    recent = _recent(served)
    fresh = [track_id for track_id in ids if track_id not in recent and track_id not in disliked]
    chosen = random.sample(fresh, min(count, len(fresh)))
    if len(chosen) < count:
        again = [track_id for track_id in ids if track_id in recent and track_id not in disliked]
        chosen += random.sample(again, min(count - len(chosen), len(again)))
    _hand_out(chosen)
    return chosen


def seeds_of_artist(served: Served, artist: LibraryArtist) -> list[Seed]:
    """Return the artist by name; or their songs, where files name no artist so."""
    if fold(artist.name) in served.recommender.track_table().artist_rows:
        return [Seed("artist", artist.name)]
    albums = [served.discographies.current().albums[album] for album in artist.albums]
    return seeds_of_tracks(
        artist.tracks or [track_id for album in albums for track_id in album.tracks]
    )


def seeds_of_tracks(ids: Sequence[int]) -> list[Seed]:
    """Return tracks as seeds; of many, some that are evenly spread."""
    step = max(1, -(-len(ids) // _MOST_SEEDS))
    return [Seed("track", track_id) for track_id in ids[::step]]


def _recent(served: Served) -> set[int]:
    """Return what the person has heard or was given within the last hours."""
    earliest = time.time() - 3600 * HOURS
    heard = {i for i, at in listening(served).last_at.items() if at >= earliest}
    handed_out: HandedOut = current_app.extensions["handed_out"]
    return heard | handed_out.since(g.person.listener, earliest)


def _hand_out(ids: Sequence[int]) -> None:
    handed_out: HandedOut = current_app.extensions["handed_out"]
    handed_out.add(g.person.listener, ids, time.time())
