"""What the person who asks has played, starred and rated."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flask import current_app

from recsys.catalog import Catalog, MarkedKind
from recsys.home.discography import LibraryAlbum
from recsys.served_home import Served
from webui import current_listener

_MOST_CACHED = 100  # listeners
Marked = tuple[MarkedKind, str]


@dataclass(frozen=True)
class Listening:
    """The plays, stars and ratings of one listener.

    plays     how often by id of the track; last_at: when last, Unix seconds, where that is known
    starred   since when, Unix seconds; ratings: 1 to 5
    liked     ids of tracks, and disliked
    """

    plays: Mapping[int, int] = field(default_factory=dict)
    last_at: Mapping[int, int] = field(default_factory=dict)
    starred: Mapping[Marked, int] = field(default_factory=dict)
    ratings: Mapping[Marked, int] = field(default_factory=dict)
    liked: frozenset[int] = frozenset()
    disliked: frozenset[int] = frozenset()

    def album_plays(self, album: LibraryAlbum) -> int:
        """Return the plays of an album's tracks together."""
        return sum(self.plays.get(track_id, 0) for track_id in album.tracks)

    def album_last_at(self, album: LibraryAlbum) -> int:
        """Return when one of an album's tracks was played last, 0 where that is not known."""
        return max((self.last_at.get(track_id, 0) for track_id in album.tracks), default=0)

    def marked(self, kind: MarkedKind) -> Sequence[tuple[str, int]]:
        """Return what has a star and since when, the newest first."""
        marks = [(item, at) for (one, item), at in self.starred.items() if one == kind]
        return sorted(marks, key=lambda mark: (-mark[1], mark[0]))


class Listenings:
    """Reads them once for each change. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cached: dict[int, tuple[int, Listening]] = {}

    def of(self, catalog: Catalog, listener_id: int) -> Listening:
        """Return what a listener has played, starred and rated."""
        revision = catalog.listens_revision
        cached = self._cached.get(listener_id)
        if cached is not None and cached[0] == revision:
            return cached[1]
        marks = _read(catalog, listener_id)
        with self._lock:
            if len(self._cached) >= _MOST_CACHED:
                self._cached.clear()
            self._cached[listener_id] = revision, marks
        return marks


def listening(served: Served) -> Listening:
    """Return what the person who asks has played, starred and rated."""
    listener_id = current_listener.listener(served)
    if listener_id is None:
        return Listening()
    kept: Listenings = current_app.extensions["listenings"]
    return kept.of(served.catalog, listener_id)


def _read(catalog: Catalog, listener_id: int) -> Listening:
    history = catalog.history(listener_id)
    ids, last_at = history.track_ids.tolist(), history.last_at.tolist()
    marks = catalog.marks(listener_id)
    said = catalog.feedback(listener_id)
    return Listening(
        plays={i: round(n) for i, n in zip(ids, history.counts.tolist(), strict=True)},
        last_at={i: at for i, at in zip(ids, last_at, strict=True) if at},
        starred={(m.kind, m.item): m.starred_at for m in marks if m.starred_at is not None},
        ratings={(m.kind, m.item): m.rating for m in marks if m.rating is not None},
        liked=frozenset(one.track_id for one in said if one.kind == "like"),
        disliked=frozenset(one.track_id for one in said if one.kind == "dislike"),
    )
