"""Which tracks of the library a playlist names."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

from recsys.catalog import Catalog, MatchLevel, PlacedTrack, Recording, Track
from recsys.listens.matching import LibraryTracks, n_in_common
from recsys.listens.names import artist_name, squeezed, track_title
from recsys.playlists.entries import Entry, Playlist

_IMAGES = (".flac", ".ape", ".wv", ".tta", ".tak", ".wav", ".m4a", ".mp3", ".ogg", ".aiff")
# A file name that many folders have, such as "01.mp3": of itself it names nothing.
_COMMON_NAME = re.compile(
    r"(?:(?:track|titel|piste|audio|cd|dis[ck])?[\s_-]*\d*[\s_-]*)+", re.IGNORECASE
)


class Resolved(NamedTuple):
    """An entry with the id of its track and what found it, None for an entry that matches none."""

    entry: Entry
    track_id: int | None
    found_by: MatchLevel | Literal["path"] | None


def resolve(catalog: Catalog, playlist: Playlist, *, follow_links: bool = True) -> list[Resolved]:
    """Find the available track of each entry: by its path, its MusicBrainz identifier, its name.

    Where no file is at the path, it is the one whose path has the longest common end with it, in
    any case and any form of Unicode, if there is only one. Of a file that holds several tracks it
    is the one at the place or of the title that the entry names, and all of them where it names
    none. Without `follow_links` paths are
    compared as they are written, and no file system is asked: for playlists from strangers.
    """

    def ways(paths: Sequence[Path]) -> Sequence[Path]:
        paths = [*paths, *_beside_sheets(paths)]
        return _real(paths) if follow_links else paths

    ids = catalog.at_paths({path for entry in playlist.entries for path in ways(entry.paths)})
    library: LibraryTracks | None = None
    endings: _Endings | None = None
    resolved = []
    for entry in playlist.entries:
        held = next((ids[path] for path in ways(entry.paths) if path in ids), None)
        if held is not None:
            resolved += [Resolved(entry, track_id, "path") for track_id in _meant(entry, held)]
            continue
        if library is None or endings is None:
            tracks = list(catalog.available_tracks())
            library = LibraryTracks(tracks, catalog.recording_groups())
            endings = _Endings(tracks)
        held = endings.tracks_of(entry)
        if held:
            resolved += [Resolved(entry, track_id, "path") for track_id in _meant(entry, held)]
            continue
        match = library.match(_recording(entry)) or library.match(_swapped(entry))
        resolved.append(Resolved(entry, match and match.track_id, match and match.level))
    return resolved


def _recording(entry: Entry) -> Recording:
    return Recording(
        artist=entry.creator,
        title=entry.title,
        album=entry.album,
        duration=entry.duration,
        mbid=entry.mbid,
    )


def _swapped(entry: Entry) -> Recording:
    """Return what an entry of the form "Title - Artist" names."""
    return _recording(replace(entry, creator=entry.title, title=entry.creator))


def _beside_sheets(paths: Iterable[Path]) -> list[Path]:
    """Return the files of music that cue sheets among these paths may be of."""
    sheets = [path for path in paths if path.suffix.lower() == ".cue"]
    named = [path.with_suffix("") for path in sheets if path.stem and Path(path.stem).suffix]
    return named + [path.with_suffix(suffix) for path in sheets for suffix in _IMAGES]


def _meant(entry: Entry, held: Sequence[PlacedTrack]) -> list[int]:
    """Return which tracks of a file an entry names."""
    if len(held) > 1 and entry.begin is not None:
        return [min(held, key=lambda track: abs(track.begin - (entry.begin or 0.0))).id]
    title = squeezed(track_title(entry.title))
    named = [track.id for track in held if squeezed(track_title(track.title)) == title]
    return named if len(named) == 1 else [track.id for track in held]


class _Endings:
    """The paths of the library, looked up by their ends."""

    def __init__(self, tracks: Iterable[Track]) -> None:
        self._held: dict[Path, list[Track]] = defaultdict(list)
        for track in tracks:
            self._held[track.path].append(track)
        self._by_name: dict[str, list[tuple[tuple[str, ...], Path]]] = defaultdict(list)
        for path in self._held:
            parts = _parts(path)
            self._by_name[parts[0]].append((parts, path))

    def tracks_of(self, entry: Entry) -> list[PlacedTrack]:
        """Return what the one file with the longest common end holds, nothing for several files.

        The end has to say something, unlike "CD 1/01.mp3"; where it is short, the entry's artist
        and title must not speak against it.
        """
        best: dict[Path, int] = {}
        for path in entry.paths:
            parts = _parts(path)
            for others, at in self._by_name.get(parts[0], ()):
                length = n_in_common(parts, others)
                may_be = length > 2 or any(_may_be(entry, track) for track in self._held[at])
                if _is_telling(parts[:length]) and may_be:
                    best[at] = max(best.get(at, 0), length)
        longest = max(best.values(), default=0)
        found = [path for path, length in best.items() if length == longest]
        held = self._held[found[0]] if len(found) == 1 else []
        in_order = sorted(held, key=lambda track: track.begin)
        return [PlacedTrack(track.id, track.begin, track.title) for track in in_order]


def _is_telling(parts: Sequence[str]) -> bool:
    """Say whether any of the parts of a path is not a name that many albums have."""
    stem = parts[0].rpartition(".")[0] or parts[0]
    return not all(_COMMON_NAME.fullmatch(part) for part in (stem, *parts[1:]))


def _may_be(entry: Entry, track: Track) -> bool:
    """Say whether an entry names no artist and title, or one of a track's."""
    names = {squeezed(artist_name(entry.creator)), squeezed(track_title(entry.title))} - {""}
    own = {squeezed(artist_name(track.artist)), squeezed(track_title(track.title))}
    return not entry.title or not names.isdisjoint(own)


def _parts(path: Path) -> tuple[str, ...]:
    """Return the parts of a path from its end, comparable."""
    text = os.fsencode(path).decode("utf-8", "replace")
    parts = unicodedata.normalize("NFC", text).casefold().split("/")
    return tuple(part for part in reversed(parts) if part) or ("",)


def _real(paths: Sequence[Path]) -> list[Path]:
    """Return the paths as written, then without symbolic links, as the library has them."""
    return [*paths, *(path.parent.resolve() / path.name for path in paths)]
