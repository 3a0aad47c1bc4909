"""Autocomplete: artists, albums, tags and tracks of the library for what a person types."""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple

import numpy as np
from rapidfuzz import fuzz, process

from index.arrays import Int64Array
from recsys.catalog import Catalog, TrackNames
from recsys.catalog.search import fold
from recsys.renewed import Renewed

CompletionKind = Literal["artist", "album", "tag", "track"]
MAX_OF_KIND = 3  # of artists, albums and tags; tracks fill the rest
MAX_WORDS = 200  # characters
_SORTED_BY = 24  # characters
_MOST_SORTED = 100  # words of names that begin so, among which the first names are
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


class _NameIndex:
    """Names, sorted by what they and each of their words begin with."""

    def __init__(self, by_name: Mapping[str, Completion]) -> None:
        """`by_name` has folded names, those of most tracks first."""
        self._names = list(by_name)
        self._completions = list(by_name.values())
        begins = sorted(
            (name[at : at + _SORTED_BY], number, at > 0)
            for number, name in enumerate(self._names)
            for at in _word_begins(name)
        )
        self._texts = [text for text, _, _ in begins]
        # One number to order by: names that begin so, then those that go on so; most tracks first.
        n = len(self._names)
        self._order = np.array([number + n * inside for _, number, inside in begins], np.int64)

    def matching(self, typed: str) -> list[Completion]:
        """Return the best MAX_OF_KIND names with words that begin so, or else spelt nearly so.

        A name that begins with what was typed comes before one that has it further on.
        """
        matches = self._first(self._beginning(typed), typed)
        words = typed.split()
        if len(matches) < MAX_OF_KIND and len(words) > 1:  # in any order
            longest = max(words, key=len)
            wanted = [f" {word}" for word in words]
            others = (
                number
                for number in np.unique(self._beginning(longest) % max(len(self._names), 1))
                if all(word in f" {self._names[number]}" for word in wanted)
            )
            matches += itertools.islice((n for n in others if n not in matches), MAX_OF_KIND)
        if not matches:
            near = process.extract(
                typed, self._names, scorer=fuzz.ratio, limit=MAX_OF_KIND, score_cutoff=_MIN_RATIO
            )
            matches = [number for _, _, number in near]
        return [self._completions[number] for number in matches[:MAX_OF_KIND]]

    def _beginning(self, typed: str) -> Int64Array:
        """Return the order numbers of the names or words that begin so."""
        text = typed[:_SORTED_BY]
        begin = bisect_left(self._texts, text)
        return self._order[begin : bisect_left(self._texts, f"{text}\U0010ffff", begin)]

    def _first(self, order: Int64Array, typed: str) -> list[int]:
        n = max(len(self._names), 1)
        if len(typed) > _SORTED_BY:
            has = [f" {typed}" in f" {self._names[number]}" for number in order % n]
            order = order[np.array(has, np.bool_)]
        if len(order) > _MOST_SORTED:
            order = np.partition(order, _MOST_SORTED)[:_MOST_SORTED]
        return list(dict.fromkeys((np.sort(order) % n).tolist()))[:MAX_OF_KIND]


def _distinct(*completions: Completion) -> list[Completion]:
    """Return the first of each name."""
    by_name: dict[str, Completion] = {}
    for one in completions:
        by_name.setdefault(fold(one.name), one)
    return list(by_name.values())


def _word_begins(name: str) -> list[int]:
    return [0, *(at + 1 for at, letter in enumerate(name) if letter == " ")]


class _Grouped:
    """Ids of tracks in groups, which have names."""

    def __init__(self, ids: Int64Array, numbers: Mapping[str, int], groups: Int64Array) -> None:
        """`groups` has a number of each of `ids`, ascending: a group's, or -1 for none."""
        order = np.argsort(groups, kind="stable")
        self._ids, self._groups, self._numbers = ids, groups, numbers
        self._grouped = ids[order]
        self._ends = np.searchsorted(groups[order], np.arange(-1, len(numbers)), side="right")

    def named(self, name: str) -> list[int]:
        """Return the ids in a group, ascending; none of an unknown name."""
        number = self._numbers.get(name, -1)
        return self._members(number) if number >= 0 else []

    def mates(self, track_id: int) -> list[int]:
        """Return the ids in the group of a track; its own where it is in none."""
        row = int(np.searchsorted(self._ids, track_id))
        known = row < len(self._ids) and self._ids[row] == track_id
        number = int(self._groups[row]) if known else -1
        return self._members(number) if number >= 0 else [track_id]

    def _members(self, number: int) -> list[int]:
        members: list[int] = self._grouped[self._ends[number] : self._ends[number + 1]].tolist()
        return members


class _Names(NamedTuple):
    """The names at one revision.

    on_album   the tracks of albums by name and artist
    by_artist  tracks by the artist's name; by_album: by the album's, of whomever
    """

    artists: _NameIndex
    albums: _NameIndex
    tags: _NameIndex
    on_album: _Grouped
    by_artist: _Grouped
    by_album: _Grouped


class Completer:
    """Completes names, and looks up tracks by artist and album. Safe to share between threads."""

    def __init__(self, catalog: Catalog, tags: Iterable[str]) -> None:
        """`tags` are the taggers' own; the genres of the files are added."""
        self._catalog = catalog
        self._tags = tuple(dict.fromkeys(tags))
        self._names = Renewed[int, _Names](lambda _: _read(catalog.track_names(), self._tags))

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
        own_tags = _NameIndex(_named("tag", [one.tag for one in examples]))
        completions = [
            completion
            for found in (
                names.artists.matching(typed),
                names.albums.matching(typed),
                _distinct(*own_tags.matching(typed), *names.tags.matching(typed))[:MAX_OF_KIND],
            )
            for completion in found
        ]
        tracks = self._catalog.search(words[:MAX_WORDS], max(limit - len(completions), 1))
        completions += [
            Completion("track", track.id, track.title, track.artist) for track in tracks
        ]
        completions.sort(key=lambda one: not fold(one.name).startswith(typed))
        return completions[:limit]

    def album_tracks(self, track_id: int) -> Sequence[int]:
        """Return the ids of the available tracks on a track's album; its own without an album."""
        return self._current().on_album.mates(track_id)

    def tracks_by(self, artist: str) -> Sequence[int]:
        """Return the ids of an artist's available tracks, ascending; the name in any spelling."""
        return self._current().by_artist.named(fold(artist))

    def tracks_on(self, album: str) -> Sequence[int]:
        """Return the ids of the available tracks on albums of a name, ascending."""
        return self._current().by_album.named(fold(album))

    def _current(self) -> _Names:
        return self._names.of(self._catalog.track_revision).value


def _read(tracks: Sequence[TrackNames], tags: Sequence[str]) -> _Names:
    """Make the indexes; each spelling of a name is folded once."""
    folded = cache(fold)
    ids = np.fromiter((track.id for track in tracks), np.int64, len(tracks))

    @cache
    def key(album: str | None, by: str) -> str:
        return f"{folded(album)} {folded(by)}" if album and folded(album) else ""

    artists = Counter(track.artist for track in tracks)
    genres = Counter(genre for track in tracks for genre in track.genres if folded(genre))
    keys = [key(track.album, track.album_artist or track.artist) for track in tracks]
    sizes = Counter(keys)
    albums: dict[str, Completion] = {}
    for name, track in zip(keys, tracks, strict=True):
        if name and name not in albums:
            by = track.album_artist or track.artist
            albums[name] = Completion("album", track.id, track.album or "", by)
    by_size = sorted(albums, key=lambda name: -sizes[name])
    return _Names(
        _NameIndex(_named("artist", [name for name, _ in artists.most_common() if folded(name)])),
        _NameIndex({name: albums[name] for name in by_size}),
        _NameIndex(_named("tag", [*(name for name, _ in genres.most_common()), *tags])),
        _grouped(ids, keys),
        _grouped(ids, [folded(track.artist) for track in tracks]),
        _grouped(ids, [folded(track.album or "") for track in tracks]),
    )


def _grouped(ids: Int64Array, names: Sequence[str]) -> _Grouped:
    """Group ids by their names, "" being none."""
    numbers = {name: number for number, name in enumerate(filter(None, dict.fromkeys(names)))}
    return _Grouped(ids, numbers, np.array([numbers.get(name, -1) for name in names], np.int64))


def _named(kind: CompletionKind, names: Iterable[str]) -> dict[str, Completion]:
    by_name: dict[str, Completion] = {}
    for name in names:
        by_name.setdefault(fold(name), Completion(kind, name, name))
    return by_name
