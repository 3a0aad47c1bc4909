"""Completing what a person types: tracks, artists, albums and tags of the library."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from rapidfuzz import fuzz, process

from recsys.catalog import Catalog, TrackSummary
from recsys.catalog.search import fold

CompletionKind = Literal["artist", "album", "tag", "track"]
MAX_OF_KIND = 3  # of artists, albums and tags; tracks fill the rest
MAX_WORDS = 200  # characters
_NEARLY = 75  # of 100: rapidfuzz's ratio, asked for where no name has the words


@dataclass(frozen=True)
class Completion:
    """A name in the library that begins as what was typed, or is spelt nearly so.

    ref     the name of an artist or a tag, the id of a track, the id of one of an album's tracks
    detail  the artist of a track or an album; empty for the others
    """

    kind: CompletionKind
    ref: int | str
    name: str
    detail: str = ""


class _Names(NamedTuple):
    """The names at one revision, folded; those that more tracks have come first."""

    revision: int
    artists: Mapping[str, Completion]
    albums: Mapping[str, Completion]
    tags: Mapping[str, Completion]
    album_of: Mapping[int, str]
    on_album: Mapping[str, Sequence[int]]
    by_artist: Mapping[str, Sequence[int]]
    by_album: Mapping[str, Sequence[int]]


class Completer:
    """Completes names, and knows which tracks an album has. Safe to share between threads."""

    def __init__(self, catalog: Catalog, tags: Iterable[str]) -> None:
        """`tags` are the taggers' own; the genres of the files are added."""
        self._catalog = catalog
        self._tags = tuple(dict.fromkeys(tags))
        self._lock = threading.Lock()
        self._names: _Names | None = None

    def complete(
        self, words: str, limit: int = 12, listener: int | None = None
    ) -> list[Completion]:
        """Return at most `limit` names for what was typed: artists, albums, tags, then tracks.

        Of all kinds, names that begin with what was typed go first. Tags that the `listener` has
        taught are among the tags.
        """
        typed = fold(words[:MAX_WORDS])
        if not typed:
            return []
        names = self._current()
        taught = self._catalog.examples(listener) if listener is not None else []
        tags = {**_named("tag", [one.tag for one in taught]), **names.tags}
        found = [
            completion
            for known in (names.artists, names.albums, tags)
            for completion in _matching(typed, known)
        ]
        tracks = self._catalog.search(words[:MAX_WORDS], max(limit - len(found), 1))
        found += [Completion("track", track.id, track.title, track.artist) for track in tracks]
        found.sort(key=lambda one: not fold(one.name).startswith(typed))
        return found[:limit]

    def album_tracks(self, track_id: int) -> Sequence[int]:
        """Return the ids of the living tracks on a track's album; itself alone without an album."""
        names = self._current()
        album = names.album_of.get(track_id)
        return [track_id] if album is None else names.on_album[album]

    def tracks_by(self, artist: str) -> Sequence[int]:
        """Return the ids of an artist's living tracks, ascending; the name in any spelling."""
        return self._current().by_artist.get(fold(artist), ())

    def tracks_on(self, album: str) -> Sequence[int]:
        """Return the ids of the living tracks on albums of a name, ascending."""
        return self._current().by_album.get(fold(album), ())

    def _current(self) -> _Names:
        revision = self._catalog.track_revision
        with self._lock:
            if self._names is None or self._names.revision != revision:
                self._names = _read(revision, self._catalog.track_summaries(), self._tags)
            return self._names


def _read(revision: int, labels: Sequence[TrackSummary], tags: Sequence[str]) -> _Names:
    artists = Counter(label.artist for label in labels if fold(label.artist))
    genres = Counter(genre for label in labels for genre in label.genres if fold(genre))
    on_album: dict[str, list[int]] = {}
    by_artist: defaultdict[str, list[int]] = defaultdict(list)
    by_album: defaultdict[str, list[int]] = defaultdict(list)
    albums: dict[str, Completion] = {}
    for label in labels:
        by_artist[fold(label.artist)].append(label.id)
        by_album[fold(label.album or "")].append(label.id)
        if label.album and fold(label.album):
            by = label.album_artist or label.artist
            key = f"{fold(label.album)} {fold(by)}"
            on_album.setdefault(key, []).append(label.id)
            albums.setdefault(key, Completion("album", label.id, label.album, by))
    by_size = sorted(albums, key=lambda key: -len(on_album[key]))
    return _Names(
        revision,
        _named("artist", [name for name, _ in artists.most_common()]),
        {key: albums[key] for key in by_size},
        _named("tag", [*(name for name, _ in genres.most_common()), *tags]),
        {track_id: key for key, ids in on_album.items() for track_id in ids},
        on_album,
        {artist: ids for artist, ids in by_artist.items() if artist},
        {album: ids for album, ids in by_album.items() if album},
    )


def _named(kind: CompletionKind, names: Iterable[str]) -> dict[str, Completion]:
    found: dict[str, Completion] = {}
    for name in names:
        found.setdefault(fold(name), Completion(kind, name, name))
    return found


def _matching(typed: str, known: Mapping[str, Completion]) -> list[Completion]:
    """Return the best names: with these beginnings of words, or where there are none, spelt alike.

    A name that begins with the words goes before one that has them further on.
    """
    words = [f" {word}" for word in typed.split()]
    having = [key for key in known if all(word in f" {key}" for word in words)]
    if not having:
        near = process.extract(
            typed, list(known), scorer=fuzz.ratio, limit=MAX_OF_KIND, score_cutoff=_NEARLY
        )
        having = [key for key, _, _ in near]
    having.sort(key=lambda key: not key.startswith(typed))
    return [known[key] for key in having[:MAX_OF_KIND]]
