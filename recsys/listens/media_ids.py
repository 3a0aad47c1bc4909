"""Which track of the library each song of a media server is, and the other way round.

By MusicBrainz id, ISRC, path, and then artist, title and length, as listening histories are matched
(`recsys.listens.matching`). Both see the same files, but perhaps under different folders: a path is
the same where the name of the file and of its folder are, and no other track's path ends alike.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from recsys.catalog import Catalog, Recording, Track
from recsys.catalog.search import fold
from recsys.listens.matching import SAME_LENGTH, LibraryTracks, n_in_common
from recsys.listens.server_items import ServerItems, ServerSong, canonical_id

LEAST_PARTS = 2  # of a path that have to be the same: the file's name, and its folder's


@dataclass(frozen=True)
class MediaIds:
    """A media server's ids and the library's.

    tracks     the track of each song
    songs      the song of each track of which there is one, also of a recording's other files
    artists    the names of the server's artists by id, and their ids by folded name
    by_level   how many songs were found by what; "" for none
    """

    server: str
    tracks: Mapping[str, int]
    songs: Mapping[int, str]
    artists: Mapping[str, str]
    artist_ids: Mapping[str, str]
    by_level: Mapping[str, int]

    def track(self, song_id: str) -> int | None:
        """Return the track of a song's id, None for a song that the library does not have."""
        return self.tracks.get(canonical_id(song_id))

    def artist_name(self, artist: str) -> str:
        """Return the name of an artist that is given by id or name."""
        return self.artists.get(canonical_id(artist), artist)

    def artist_id(self, name: str) -> str | None:
        """Return the server's id of an artist in any spelling, None for one that it lacks."""
        return self.artist_ids.get(fold(name))


def match_items(catalog: Catalog, items: ServerItems) -> MediaIds:
    """Find the tracks of a media server's songs."""
    tracks = list(catalog.available_tracks())
    groups = catalog.recording_groups()
    library, paths = LibraryTracks(tracks, groups), _Paths(tracks)
    library.look_for_artists(song.recording.artist for song in items.songs)
    found: dict[str, int] = {}
    levels: Counter[str] = Counter()
    by_file: dict[int, str] = {}
    by_recording: dict[int, str] = {}
    for song in items.songs:
        track_id, level = _track_of(song, library, paths)
        levels[level] += 1
        if track_id is None:
            continue
        found[song.id] = track_id
        same_file = paths.of(song)
        if same_file is not None:
            by_file.setdefault(same_file, song.id)
        by_recording.setdefault(groups.get(track_id, track_id), song.id)
    songs = dict(by_file)
    for track in tracks:
        one = by_recording.get(groups.get(track.id, track.id))
        if one is not None:
            songs.setdefault(track.id, one)
    artist_ids: dict[str, str] = {}
    for artist_id, name in items.artists.items():
        artist_ids.setdefault(fold(name), artist_id)
    return MediaIds(items.server, found, songs, items.artists, artist_ids, dict(levels))


def _track_of(song: ServerSong, library: LibraryTracks, paths: _Paths) -> tuple[int | None, str]:
    """Return the track of a song, and the level that found it."""
    described = song.recording
    coded = library.match(Recording(mbid=described.mbid, isrc=described.isrc))
    if coded is not None:
        return coded.track_id, coded.level
    same_file = paths.of(song)
    if same_file is not None:
        return same_file, "path"
    named = library.match(described)
    return (None, "") if named is None else (named.track_id, named.level)


class _Paths:
    """The library's tracks by the ends of their paths."""

    def __init__(self, tracks: Iterable[Track]) -> None:
        self._by_end: dict[tuple[str, ...], list[Track]] = defaultdict(list)
        self._parts: dict[int, tuple[str, ...]] = {}
        for track in tracks:
            parts = self._parts[track.id] = _parts(str(track.path))
            self._by_end[parts[:LEAST_PARTS]].append(track)

    def of(self, song: ServerSong) -> int | None:
        """Return the one track whose path ends most as a song's, of the same length."""
        parts = _parts(song.path)
        if len(parts) < LEAST_PARTS:
            return None
        seconds = song.recording.duration
        near = [
            (n_in_common(parts, self._parts[track.id]), track.id)
            for track in self._by_end.get(parts[:LEAST_PARTS], ())
            if None in (seconds, track.duration)
            or abs((seconds or 0) - (track.duration or 0)) <= SAME_LENGTH
        ]
        if not near:
            return None
        most = max(n for n, _ in near)
        best = [track_id for n, track_id in near if n == most]
        return best[0] if len(best) == 1 else None


def _parts(path: str) -> tuple[str, ...]:
    """Return the parts of a path of any system, the file's name first."""
    return tuple(part for part in re.split(r"[/\\]", path)[::-1] if part)
