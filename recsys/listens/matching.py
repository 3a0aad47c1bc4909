"""Matches recordings of histories to tracks of the library, by levels from sure to likely.

library  played in Earshot: the track itself
mbid     the MusicBrainz identifier of the recording
isrc     the International Standard Recording Code
file     a data set's identifier that is the name of the file
name     artist and title, as `recsys.listens.names` makes them comparable
fuzzy    artist and title but for a typing error
item     a service's identifier, without a name, that a matched recording has too

The first level with a candidate decides. On the levels of names a candidate of another version is
none: live against studio, lengths far apart, two of album, length and track number that contradict,
or another MusicBrainz identifier with nothing else in common. Generic titles need the same album or
length. Among several candidates those of the same album come first, then studio before live, then
the closest length, then the lowest id; of one recording in several files, the lowest id.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA

from recsys.catalog import Catalog, Match, MatchLevel, Recording, StoredRecording, Track
from recsys.catalog.base import batches
from recsys.listens.names import (
    Credit,
    album_title,
    artist_name,
    credit,
    is_catalogued,
    is_generic,
    is_live,
    marks,
    squeezed,
    track_title,
)

# Similarities are rapidfuzz's, 0 to 100: one wrong letter of ten gives 90 (see docs/listens.md).
ARTIST_SIMILARITY = 84.0
TITLE_SIMILARITY = 90.0

SAME_LENGTH = 3.0  # seconds by which files of one recording may differ
OTHER_LENGTH = 20.0  # seconds from which on, or OTHER_LENGTH_SHARE, it is another version
OTHER_LENGTH_SHARE = 0.15
PREVIEW = 31.0  # seconds: a file this short is a clip, whose length says nothing

UNLIKE_LENGTH = 10.0  # seconds from which on a length speaks against a match
LETTERS_OF_AN_ERROR = 12  # of a title, for each wrong letter after the first
SHORTEST_FUZZY_TITLE = 8  # letters; shorter titles differ by a letter on purpose
LONG_WORD, LONG_NAME = 5, 8  # letters of a word, and of a name, that may have a wrong one

_RECORDINGS_AT_ONCE = 2000
_ARTISTS_KEPT = 100_000
_SIMILARITIES_AT_ONCE = 4_000_000  # 16 MB


class _Candidate(NamedTuple):
    """What is compared of a track."""

    id: int
    title: str
    album: str
    duration: float | None
    mbid: str | None
    live: bool
    number: int | None
    credit: Credit
    album_artist: str
    has_artists: bool  # whether its tag has several values


class LibraryTracks:
    """The available tracks, indexed for the levels of matching."""

    def __init__(self, tracks: Iterable[Track], groups: Mapping[int, int]) -> None:
        """Index tracks; `groups` maps a track's id to the lowest id of its recording."""
        self._tracks: dict[int, _Candidate] = {}
        self._groups = groups
        self._by_mbid: dict[str, list[int]] = defaultdict(list)
        self._by_isrc: dict[str, list[int]] = defaultdict(list)
        self._by_file: dict[str, list[int]] = defaultdict(list)
        self._by_name: dict[tuple[str, str], list[int]] = defaultdict(
            list
        )  # artist or album, title
        self._by_artist: dict[str, dict[str, list[int]]] = {}
        for track in tracks:
            self._add(track)
        self._artists = list(self._by_artist)
        self._near_artists: dict[str, list[tuple[str, float]]] = {}

    def __contains__(self, track_id: int) -> bool:
        return track_id in self._tracks

    def _add(self, track: Track) -> None:
        candidate = _Candidate(
            track.id,
            track_title(track.title),
            album_title(track.known_album),
            track.duration,
            track.recording_mbid,
            is_live(track.title, track.known_album),
            None if "track_number" in track.guessed else track.track_number,
            credit(track.known_artist, track.title, track.artists),
            artist_name(track.album_artist or ""),
            len(track.artists) > 1,
        )
        self._tracks[track.id] = candidate
        if track.recording_mbid:
            self._by_mbid[track.recording_mbid].append(track.id)
        if track.isrc:
            self._by_isrc[track.isrc].append(track.id)
        if not track.part:
            self._by_file[track.path.stem].append(track.id)
        if not (title := candidate.title):
            return
        for name in _keys(candidate.credit) | {squeezed(candidate.album_artist)} - {""}:
            self._by_name[name, squeezed(title)].append(track.id)
        if candidate.album:
            self._by_name["album " + squeezed(candidate.album), squeezed(title)].append(track.id)
        for artist in {candidate.credit.name, candidate.album_artist} - {""}:
            self._by_artist.setdefault(artist, {}).setdefault(title, []).append(track.id)

    def match(self, recording: Recording) -> Match | None:
        """Return the matching track and the match level, None without a match."""
        if recording.kind == "artist":
            return None
        if recording.kind == "library":
            track_id = int(recording.item)
            return Match(track_id, "library") if track_id in self else None
        levels: Sequence[tuple[MatchLevel, Callable[[Recording], list[int]]]] = (
            ("mbid", self._of_mbid),
            ("isrc", lambda r: self._by_isrc.get(r.isrc or "", [])),
            ("file", lambda r: self._by_file.get(r.item, []) if r.item else []),
            ("name", self._of_name),
            ("fuzzy", self._of_fuzzy_name),
        )
        for level, find in levels:
            candidates = find(recording)
            if level in ("mbid", "isrc"):
                candidates = self._of_that_title(recording, candidates)
            if candidates:
                return Match(self._best(recording, candidates), level)
        return None

    def _of_that_title(self, recording: Recording, ids: list[int]) -> list[int]:
        """Return those of the title, where an identifier is of tracks of several by mistake."""
        titles = {squeezed(self._tracks[i].title) for i in ids}
        recordings = {self._groups.get(i, i) for i in ids}
        wanted = squeezed(track_title(recording.title))
        if len(titles) < 2 or len(recordings) < 2 or not wanted:
            return ids
        return [i for i in ids if squeezed(self._tracks[i].title) == wanted]

    def _of_mbid(self, recording: Recording) -> list[int]:
        return self._by_mbid.get(recording.mbid or "") or self._by_mbid.get(
            recording.mapped_mbid or "", []
        )

    def _of_name(self, recording: Recording) -> list[int]:
        """Return the tracks of the same title whose artists are the same, the surest ones alone."""
        title = squeezed(track_title(recording.title))
        if not title:
            return []
        if not recording.artist:
            return self._of_album(recording, title)
        credited = credit(recording.artist, recording.title)
        names = _keys(credited)
        ids = {i for name in names for i in self._by_name.get((name, title), ())}
        described = _Described.of(recording)
        agreeing: dict[int, list[int]] = {}
        for track_id in ids:
            track = self._tracks[track_id]
            level = _agreement(credited, track)
            if level is None or _is_other_version(described, track):
                continue
            if level == _NEEDS_SUPPORT and not _has_support(described, track):
                continue
            agreeing.setdefault(level, []).append(track_id)
        return agreeing[min(agreeing)] if agreeing else []

    def _of_album(self, recording: Recording, title: str) -> list[int]:
        """Return the tracks of an album's title, for a recording without an artist."""
        described = _Described.of(recording)
        if not described.album or is_generic(described.album) or is_generic(described.title):
            return []
        ids = self._by_name.get(("album " + squeezed(described.album), title), [])
        same = [i for i in ids if not _is_other_version(described, self._tracks[i])]
        artists = {self._tracks[i].credit.name for i in same}
        return same if len(artists) == 1 else []

    def _of_fuzzy_name(self, recording: Recording) -> list[int]:
        """Return the tracks of the most similar name."""
        described = _Described.of(recording)
        title = described.title
        is_short = len(squeezed(title)) < SHORTEST_FUZZY_TITLE
        if not title or not recording.artist or is_generic(title):
            return []
        wanted, similarities = marks(title), dict[int, float]()
        name = artist_name(recording.artist)
        if name not in self._near_artists:
            self.look_for_artists([recording.artist])
        for artist, closeness in self._near_artists[name]:
            near = process.extract_iter(
                title,
                self._by_artist[artist].keys(),
                scorer=fuzz.ratio,
                score_cutoff=100.0 if is_short else TITLE_SIMILARITY,
            )
            for other, similarity, _ in near:
                errors = 1 + len(title) // LETTERS_OF_AN_ERROR
                if marks(other) != wanted or OSA.distance(title, other) > errors:
                    continue
                for track_id in self._by_artist[artist][other]:
                    track = self._tracks[track_id]
                    if _is_other_version(described, track) or _contradictions(described, track):
                        continue
                    best = max(similarities.get(track_id, 0), similarity + closeness)
                    similarities[track_id] = best
        best = max(similarities.values(), default=0)
        return [track_id for track_id, similarity in similarities.items() if similarity == best]

    def look_for_artists(self, names: Iterable[str]) -> None:
        """Find similar artist names in one pass and cache them.

        A name that the library has exactly gets only itself.
        """
        if len(self._near_artists) > _ARTISTS_KEPT:
            self._near_artists = {}
        new = dict.fromkeys(map(artist_name, names))
        unknown = []
        for name in new:
            if name in self._by_artist:
                self._near_artists[name] = [(name, 100.0)]
            elif name not in self._near_artists:
                self._near_artists[name] = []
                unknown.append(name)
        at_once = max(1, _SIMILARITIES_AT_ONCE // max(1, len(self._artists)))
        for part in batches(unknown, at_once):
            similarities = process.cdist(
                part, self._artists, scorer=fuzz.ratio, score_cutoff=ARTIST_SIMILARITY
            )
            for row, column in np.argwhere(similarities).tolist():
                if _is_misspelt(part[row], self._artists[column]):
                    near = (self._artists[column], float(similarities[row, column]))
                    self._near_artists[part[row]].append(near)

    def _best(self, recording: Recording, ids: Iterable[int]) -> int:
        """Choose one of several candidates."""
        described = _Described.of(recording)

        def rank(track_id: int) -> tuple[bool, bool, bool, float, int]:
            track = self._tracks[track_id]
            apart = _apart(described.duration, track.duration)
            steps = math.inf if math.isnan(apart) else apart // SAME_LENGTH
            same_album = bool(described.album) and described.album == track.album
            other_number = None not in (described.number, track.number) and (
                described.number != track.number
            )
            return not same_album, track.live != described.live, other_number, steps, track_id

        chosen = min(ids, key=rank)
        return self._groups.get(chosen, chosen)


class _Described(NamedTuple):
    """What is compared of a recording."""

    title: str
    album: str
    duration: float | None
    mbid: str | None
    live: bool
    number: int | None

    @classmethod
    def of(cls, recording: Recording) -> _Described:
        """Return what is compared of a recording."""
        return cls(
            track_title(recording.title),
            album_title(recording.album),
            recording.duration,
            recording.mbid or recording.mapped_mbid,
            is_live(recording.title, recording.album),
            recording.track_number,
        )


def _keys(credited: Credit) -> set[str]:
    """Return the names under which a credit is looked up: whole, in any order, and its parts."""
    in_order = squeezed(" ".join(credited.parts))
    in_any = squeezed(" ".join(sorted((*credited.parts, *credited.guests))))
    parts = (squeezed(part) for part in credited.parts)
    return {squeezed(credited.name), in_order, in_any, *parts} - {""}


_SAME, _SAME_FIRST, _NEEDS_SUPPORT = 1, 2, 3  # how surely two credits are of the same artists


def _agreement(recording: Credit, track: _Candidate) -> int | None:
    """Return how surely a recording's credit is the track's, None where they are of others."""
    own = track.credit
    if squeezed(recording.name) in (squeezed(own.name), squeezed(track.album_artist)):
        return _SAME
    if not recording.parts or not own.parts:
        return None
    credited, everybody = set(recording.parts), {*own.parts, *own.guests}
    named = credited | recording.guests
    if set(own.parts) == credited or named == everybody:
        return _SAME
    is_same_first = recording.parts[0] in (own.parts[0], own.name)
    is_part_of_list = track.has_artists and named <= everybody
    if is_same_first and (is_part_of_list or everybody <= named <= everybody | recording.guests):
        return _SAME_FIRST
    return _NEEDS_SUPPORT if named & everybody else None


def _has_support(recording: _Described, track: _Candidate) -> bool:
    """Say whether the same album, or the same length beside no other album, supports a match."""
    if is_generic(recording.title):
        return False
    if recording.album and track.album:
        return recording.album == track.album
    return _apart(recording.duration, track.duration) <= SAME_LENGTH


def _contradictions(recording: _Described, track: _Candidate) -> int:
    """Count what speaks against a track of the same name: album, length, track number."""
    same_album = bool(recording.album) and recording.album == track.album
    other_album = bool(recording.album and track.album) and not same_album
    is_clip = (track.duration or 0.0) <= PREVIEW
    other_length = not is_clip and _apart(recording.duration, track.duration) > UNLIKE_LENGTH
    numbers = {recording.number, track.number}
    other_number = same_album and len(numbers) == 2 and None not in numbers
    return other_album + other_length + other_number


def _is_other_version(recording: _Described, track: _Candidate) -> bool:
    """Say whether a track of the same name is a recording of its own."""
    same_album = bool(recording.album) and recording.album == track.album
    other_album = bool(recording.album and track.album) and not same_album
    if other_album and track.live != recording.live:
        return True
    apart = _apart(recording.duration, track.duration)
    limit = max(OTHER_LENGTH, OTHER_LENGTH_SHARE * (recording.duration or 0.0))
    if apart > limit and (track.duration or 0.0) > PREVIEW:
        return True
    if _contradictions(recording, track) > 1:
        return True
    if is_generic(recording.title) and not _is_same_place(recording, track):
        return True
    if is_catalogued(recording.title) and other_album and not apart <= SAME_LENGTH:
        return True  # another performer
    is_other_mbid = bool(recording.mbid and track.mbid) and recording.mbid != track.mbid
    return is_other_mbid and not same_album and not apart <= SAME_LENGTH


def _is_same_place(recording: _Described, track: _Candidate) -> bool:
    """Say whether a generic title is of the same album, track number and length, as far as known.

    At least the album or the length has to be known.
    """
    apart = _apart(recording.duration, track.duration)
    if apart > SAME_LENGTH or _contradictions(recording, track):
        return False
    same_album = bool(recording.album) and recording.album == track.album
    return same_album or apart <= SAME_LENGTH


def _is_misspelt(one: str, other: str) -> bool:
    """Say whether two names differ by no more than a wrong letter in some of their longer words."""
    if squeezed(one) == squeezed(other):
        return True
    if min(len(one), len(other)) >= LONG_NAME and OSA.distance(one, other) <= 1:
        return True
    words, others = one.split(), other.split()
    return len(words) == len(others) and all(
        word == another
        or (min(len(word), len(another)) >= LONG_WORD and OSA.distance(word, another) <= 1)
        for word, another in zip(words, others, strict=True)
    )


def _apart(one: float | None, other: float | None) -> float:
    """Return by how many seconds two lengths differ, NaN where one is not known."""
    return math.nan if one is None or other is None else abs(one - other)


def match_recordings(
    catalog: Catalog, progress: Callable[[int], None] = lambda n_done: None
) -> int:
    """Look in the library for the recordings that were not looked for since it changed.

    Returns how many matches changed. Costs next to nothing where there is nothing to do. What was
    done before a stop is kept, and the next call goes on behind it.
    """
    last = catalog.begin_matching()
    batch = catalog.recordings_after(last, _RECORDINGS_AT_ONCE)
    if not batch:
        return 0
    library = LibraryTracks(catalog.available_tracks(), catalog.recording_groups())
    n_changed = n_done = 0
    while batch:
        changed = _changes(catalog, library, batch)
        catalog.set_matches(changed, upto=batch[-1].id)
        n_changed += len(changed)
        n_done += len(batch)
        progress(n_done)
        batch = catalog.recordings_after(batch[-1].id, _RECORDINGS_AT_ONCE)
    return n_changed + catalog.match_by_items()


def _changes(
    catalog: Catalog, library: LibraryTracks, batch: Sequence[StoredRecording]
) -> dict[int, Match | None]:
    """Return the matches that are not what they were.

    A recording whose track is gone keeps it until the library has another one.
    """
    gone = [
        int(kept.recording.item)
        for kept in batch
        if kept.recording.kind == "library" and int(kept.recording.item) not in library
    ]
    tags = {track.id: of_track(track) for track in catalog.tracks(gone)}
    library.look_for_artists(kept.recording.artist for kept in batch)
    changes: dict[int, Match | None] = {}
    for kept in batch:
        is_gone = kept.recording.kind == "library" and int(kept.recording.item) in tags
        found = library.match(tags[int(kept.recording.item)] if is_gone else kept.recording)
        if found is None and kept.match:
            waits = kept.match.track_id not in library or kept.match.level == "item"
            found = kept.match if waits else None
        if found != kept.match:
            changes[kept.id] = found
    return changes


def n_in_common(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many parts two paths have in common; the parts are given from the paths' ends."""
    n = 0
    for part, another in zip(one, other, strict=False):
        if part != another:
            break
        n += 1
    return n


def of_track(track: Track) -> Recording:
    """Return a track as a history would name it."""
    return Recording(
        artist=track.known_artist,
        title=track.title,
        album=track.known_album,
        duration=track.duration,
        mbid=track.recording_mbid,
        isrc=track.isrc,
    )
