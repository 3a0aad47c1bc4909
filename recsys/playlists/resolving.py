"""Which tracks of the library a playlist names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from recsys.catalog import Catalog, MatchLevel, Recording
from recsys.listens.matching import LibraryTracks
from recsys.playlists.entries import Entry, Playlist


class Resolved(NamedTuple):
    """An entry with the id of its track and what found it, None for an entry that matches none."""

    entry: Entry
    track_id: int | None
    found_by: MatchLevel | Literal["path"] | None


def resolve(catalog: Catalog, playlist: Playlist, *, follow_links: bool = True) -> list[Resolved]:
    """Find the living track of each entry: by its path, its MusicBrainz identifier, its name.

    Without `follow_links` paths are compared as they are written, and no file system is asked: for
    playlists from strangers.
    """

    def ways(paths: Sequence[Path]) -> Sequence[Path]:
        return _real(paths) if follow_links else paths

    known = catalog.at_paths({path for entry in playlist.entries for path in ways(entry.paths)})
    library: LibraryTracks | None = None
    resolved = []
    for entry in playlist.entries:
        at_path = next((known[path] for path in ways(entry.paths) if path in known), None)
        if at_path is not None:
            resolved.append(Resolved(entry, at_path, "path"))
            continue
        if library is None:
            library = LibraryTracks(catalog.available_tracks(), catalog.recording_groups())
        match = library.match(
            Recording(
                artist=entry.creator,
                title=entry.title,
                album=entry.album,
                duration=entry.duration,
                mbid=entry.mbid,
            )
        )
        resolved.append(Resolved(entry, match and match.track_id, match and match.level))
    return resolved


def _real(paths: Sequence[Path]) -> list[Path]:
    """Return the paths as written, then without symbolic links, as the library has them."""
    return [*paths, *(path.parent.resolve() / path.name for path in paths)]
