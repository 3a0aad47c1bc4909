"""Autocomplete: artists, albums, tags and tracks of the library for what a person types."""

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
_MIN_RATIO = 75  # of 100: rapidfuzz's ratio of names spelt nearly so, where no name has the words


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
    """The names at one revision by their folded forms, those of most tracks first.

    album_of   album of a track, by the track's id; on_album: the ids of its tracks
    by_artist  ids of tracks by the artist's name; by_album: by the album's
    """

    revision: int
    artists: Mapping[str, Completion]
    albums: Mapping[str, Completion]
    tags: Mapping[str, Completion]
    album_of: Mapping[int, str]
    on_album: Mapping[str, Sequence[int]]
    by_artist: Mapping[str, Sequence[int]]
    by_album: Mapping[str, Sequence[int]]


class Completer:
    """Completes names, and looks up tracks by artist and album. Safe to share between threads."""

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

        Of all kinds, names that begin with what was typed come first. The `listener`'s own tags are
        among the tags.
        """
        typed = fold(words[:MAX_WORDS])
        if not typed:
            return []
        names = self._current()
        examples = self._catalog.examples(listener) if listener is not None else []
        tags = {**_named("tag", [one.tag for one in examples]), **names.tags}
        completions = [
            completion
            for by_name in (names.artists, names.albums, tags)
            for completion in _matching(typed, by_name)
        ]
        tracks = self._catalog.search(words[:MAX_WORDS], max(limit - len(completions), 1))
        completions += [
            Completion("track", track.id, track.title, track.artist) for track in tracks
        ]
        completions.sort(key=lambda one: not fold(one.name).startswith(typed))
        return completions[:limit]

    def album_tracks(self, track_id: int) -> Sequence[int]:
        """Return the ids of the available tracks on a track's album; its own without an album."""
        names = self._current()
        album = names.album_of.get(track_id)
        return [track_id] if album is None else names.on_album[album]

    def tracks_by(self, artist: str) -> Sequence[int]:
        """Return the ids of an artist's available tracks, ascending; the name in any spelling."""
        return self._current().by_artist.get(fold(artist), ())

    def tracks_on(self, album: str) -> Sequence[int]:
        """Return the ids of the available tracks on albums of a name, ascending."""
        return self._current().by_album.get(fold(album), ())

    def _current(self) -> _Names:
        revision = self._catalog.track_revision
        with self._lock:
            if self._names is None or self._names.revision != revision:
                self._names = _read(revision, self._catalog.track_summaries(), self._tags)
            return self._names


def _read(revision: int, tracks: Sequence[TrackSummary], tags: Sequence[str]) -> _Names:
    artists = Counter(track.artist for track in tracks if fold(track.artist))
    genres = Counter(genre for track in tracks for genre in track.genres if fold(genre))
    on_album: dict[str, list[int]] = {}
    by_artist: defaultdict[str, list[int]] = defaultdict(list)
    by_album: defaultdict[str, list[int]] = defaultdict(list)
    albums: dict[str, Completion] = {}
    for track in tracks:
        by_artist[fold(track.artist)].append(track.id)
        by_album[fold(track.album or "")].append(track.id)
        if track.album and fold(track.album):
            by = track.album_artist or track.artist
            key = f"{fold(track.album)} {fold(by)}"
            on_album.setdefault(key, []).append(track.id)
            albums.setdefault(key, Completion("album", track.id, track.album, by))
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
    by_name: dict[str, Completion] = {}
    for name in names:
        by_name.setdefault(fold(name), Completion(kind, name, name))
    return by_name


def _matching(typed: str, by_name: Mapping[str, Completion]) -> list[Completion]:
    """Return the best names: with words that begin so, or where there are none, spelt nearly so.

    A name that begins with the words comes before one that has them further on.
    """
    words = [f" {word}" for word in typed.split()]
    matches = [name for name in by_name if all(word in f" {name}" for word in words)]
    if not matches:
        near = process.extract(
            typed, list(by_name), scorer=fuzz.ratio, limit=MAX_OF_KIND, score_cutoff=_MIN_RATIO
        )
        matches = [name for name, _, _ in near]
    matches.sort(key=lambda name: not name.startswith(typed))
    return [by_name[name] for name in matches[:MAX_OF_KIND]]
