"""Which track of the library a recording is: a ladder from sure to likely.

library  heard here: the track itself
mbid     the MusicBrainz identifier of the recording
isrc     the International Standard Recording Code
file     a data set's identifier that is the name of the file
name     artist and title, as `recsys.listens.names` makes them comparable
fuzzy    artist and title but for a typing error
item     a service's identifier, without a name, under which a matched recording was heard too

The first rung with a candidate decides. On the rungs of names a candidate of another version is
none: live against studio, lengths far apart, or another MusicBrainz identifier with nothing else in
common. Among several candidates those of the same album come first, then studio before live, then
the closest length, then the lowest id; of one recording in several files, the lowest id.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from rapidfuzz import fuzz, process

from recsys.catalog import Catalog, Match, MatchLevel, Recording, StoredRecording, Track
from recsys.catalog.base import batches
from recsys.listens.names import album_title, artist_name, is_live, marks, track_title

# Similarities are rapidfuzz's, 0 to 100: one wrong letter of ten gives 90 (see docs/listens.md).
ARTIST_SIMILARITY = 84.0
TITLE_SIMILARITY = 90.0

SAME_LENGTH = 3.0  # seconds by which files of one recording may differ
OTHER_LENGTH = 20.0  # seconds from which on, or OTHER_LENGTH_SHARE, it is another version
OTHER_LENGTH_SHARE = 0.15
PREVIEW = 31.0  # seconds: a file this short is a clip, whose length says nothing

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


class LibraryTracks:
    """The living tracks, as the ladder looks them up."""

    def __init__(self, tracks: Iterable[Track], groups: Mapping[int, int]) -> None:
        """Take the tracks by id, and the lowest id of each one's recording."""
        self._tracks: dict[int, _Candidate] = {}
        self._groups = groups
        self._by_mbid: dict[str, list[int]] = defaultdict(list)
        self._by_isrc: dict[str, list[int]] = defaultdict(list)
        self._by_file: dict[str, list[int]] = defaultdict(list)
        self._by_artist: dict[str, dict[str, list[int]]] = {}
        for track in tracks:
            self._add(track)
        self._artists = list(self._by_artist)
        self._near_artists: dict[str, list[tuple[str, float]]] = {}

    def __contains__(self, track_id: int) -> bool:
        return track_id in self._tracks

    def _add(self, track: Track) -> None:
        title = track_title(track.title)
        self._tracks[track.id] = _Candidate(
            track.id,
            title,
            album_title(track.album or ""),
            track.duration,
            track.recording_mbid,
            is_live(track.title, track.album or ""),
        )
        if track.recording_mbid:
            self._by_mbid[track.recording_mbid].append(track.id)
        if track.isrc:
            self._by_isrc[track.isrc].append(track.id)
        self._by_file[track.path.stem].append(track.id)
        for artist in {artist_name(track.artist), artist_name(track.album_artist or "")} - {""}:
            if title:
                self._by_artist.setdefault(artist, {}).setdefault(title, []).append(track.id)

    def match(self, recording: Recording) -> Match | None:
        """Return the track that a recording is and the rung that found it, None for none."""
        if recording.kind == "artist":
            return None
        if recording.kind == "library":
            track_id = int(recording.item)
            return Match(track_id, "library") if track_id in self else None
        rungs: Sequence[tuple[MatchLevel, Callable[[Recording], list[int]]]] = (
            ("mbid", self._of_mbid),
            ("isrc", lambda r: self._by_isrc.get(r.isrc or "", [])),
            ("file", lambda r: self._by_file.get(r.item, []) if r.item else []),
            ("name", self._of_name),
            ("fuzzy", self._of_fuzzy_name),
        )
        for rung, find in rungs:
            if found := find(recording):
                return Match(self._best(recording, found), rung)
        return None

    def _of_mbid(self, recording: Recording) -> list[int]:
        return self._by_mbid.get(recording.mbid or "") or self._by_mbid.get(
            recording.mapped_mbid or "", []
        )

    def _of_name(self, recording: Recording) -> list[int]:
        titles = self._by_artist.get(artist_name(recording.artist), {})
        return self._same_version(recording, titles.get(track_title(recording.title), []))

    def _of_fuzzy_name(self, recording: Recording) -> list[int]:
        """Return the tracks of the most similar name."""
        title = track_title(recording.title)
        if not title or not recording.artist:
            return []
        wanted, found = marks(title), dict[int, float]()
        name = artist_name(recording.artist)
        if name not in self._near_artists:
            self.look_for_artists([recording.artist])
        for artist, closeness in self._near_artists[name]:
            near = process.extract_iter(
                title,
                self._by_artist[artist].keys(),
                scorer=fuzz.ratio,
                score_cutoff=TITLE_SIMILARITY,
            )
            for other, similarity, _ in near:
                if marks(other) != wanted:
                    continue
                for track_id in self._same_version(recording, self._by_artist[artist][other]):
                    found[track_id] = max(found.get(track_id, 0), similarity + closeness)
        best = max(found.values(), default=0)
        return [track_id for track_id, similarity in found.items() if similarity == best]

    def look_for_artists(self, names: Iterable[str]) -> None:
        """Find the artists of nearly these names, all at once, and remember them.

        Of an artist whom the library has by that very name, no others are looked for.
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
                near = (self._artists[column], float(similarities[row, column]))
                self._near_artists[part[row]].append(near)

    def _same_version(self, recording: Recording, ids: Iterable[int]) -> list[int]:
        """Leave out the tracks that are another version of a recording of that name."""
        album = album_title(recording.album)
        return [i for i in ids if not _is_other_version(recording, album, self._tracks[i])]

    def _best(self, recording: Recording, ids: Iterable[int]) -> int:
        """Choose one of several candidates."""
        album, live = album_title(recording.album), is_live(recording.title, recording.album)

        def rank(track_id: int) -> tuple[bool, bool, float, int]:
            track = self._tracks[track_id]
            apart = _apart(recording.duration, track.duration)
            steps = math.inf if math.isnan(apart) else apart // SAME_LENGTH
            same_album = bool(album) and album == track.album
            return not same_album, track.live != live, steps, track_id

        chosen = min(ids, key=rank)
        return self._groups.get(chosen, chosen)


def _is_other_version(recording: Recording, album: str, track: _Candidate) -> bool:
    """Say whether a track of the same name is a recording of its own."""
    same_album = bool(album) and album == track.album
    other_album = bool(album and track.album) and not same_album
    if other_album and track.live != is_live(recording.title, recording.album):
        return True
    apart = _apart(recording.duration, track.duration)
    limit = max(OTHER_LENGTH, OTHER_LENGTH_SHARE * (recording.duration or 0.0))
    if apart > limit and (track.duration or 0.0) > PREVIEW:
        return True
    mbid = recording.mbid or recording.mapped_mbid
    is_other_mbid = bool(mbid and track.mbid) and mbid != track.mbid
    return is_other_mbid and not same_album and not apart <= SAME_LENGTH


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


def of_track(track: Track) -> Recording:
    """Return a track as a history would name it."""
    return Recording(
        artist=track.artist,
        title=track.title,
        album=track.album or "",
        duration=track.duration,
        mbid=track.recording_mbid,
        isrc=track.isrc,
    )
