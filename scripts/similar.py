"""Find tracks that sound like one of the library, or like any audio file.

    python scripts/similar.py "nina simone sinnerman"
    python scripts/similar.py 17
    python scripts/similar.py ~/Downloads/unknown.flac --m3u > like-this.m3u8

Exit status: 0 found, 1 nothing found or nothing indexed, 2 usage.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from asking import NotFound, complain, find, hear, is_file, track_name, track_of_file
from rich.console import Console
from rich.table import Table

from encoders.errors import AudioError, WeightsError
from encoders.projection import Projection, ProjectionError
from index.vector_index import DamagedIndex, StaleIndex
from recsys.catalog import CatalogError, Track
from recsys.content import Neighbour, SimilarTracks
from recsys.home import NotIndexed, open_home
from recsys.playlists import m3u8
from recsys.settings import SettingsError, load_settings
from recsys.similarity import TABLE_DIGITS, shown
from recsys.terminal import printable

NOT_FOUND, USAGE, STOPPED = 1, 2, 130


def parse_args(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description="Find tracks that sound alike.")
    parser.add_argument("query", nargs="+", help="search words, a track's id, or an audio file")
    parser.add_argument("-k", type=int, default=10, help="how many (default: %(default)s)")
    parser.add_argument("--artist-cap", type=int, metavar="N", help="at most N of one artist")
    parser.add_argument("--home", type=Path, help="where catalogue and index are kept")
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print a JSON list")
    output.add_argument("--m3u", action="store_true", help="print an M3U8 playlist")
    args = parser.parse_args(arguments)
    if args.k < 1 or (args.artist_cap is not None and args.artist_cap < 1):
        parser.error("-k and --artist-cap take numbers of at least 1")
    return args


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    args = parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # not every terminal can show every title
    try:
        status = run(args)
        print(end="", flush=True)
        return status
    except SettingsError as error:
        complain(error)
        return USAGE
    except (
        AudioError,
        CatalogError,
        DamagedIndex,
        NotFound,
        NotIndexed,
        ProjectionError,
        StaleIndex,
        WeightsError,
    ) as error:
        complain(error)
        return NOT_FOUND
    except BrokenPipeError:  # whoever reads has seen enough
        sys.stdout = None
        return 0
    except OSError as error:
        complain(f"{error.filename or 'The home'} cannot be read: {error.strerror}.")
        return NOT_FOUND
    except KeyboardInterrupt:
        return STOPPED


def run(args: argparse.Namespace) -> int:
    """Answer the query."""
    query = " ".join(args.query)
    with open_home(load_settings(args.home)) as home:
        similar = home.similar()
        if is_file(query):
            title, neighbours = by_file(Path(query), similar, home.projection, args)
        else:
            track = find(home.catalog, query)
            title, neighbours = track_name(track), by_track(track, similar, args)
    if args.json:
        print(json.dumps([as_json(rank, n) for rank, n in enumerate(neighbours, start=1)]))
    elif args.m3u:
        sys.stdout.buffer.write(m3u8((n.track for n in neighbours), f"Like {title}"))
    else:
        print_table(title, neighbours)
    if not neighbours:
        complain(f"The library has nothing to compare {title} with.")
        return NOT_FOUND
    return 0


def by_track(track: Track, similar: SimilarTracks, args: argparse.Namespace) -> list[Neighbour]:
    """Find the neighbours of a track of the library."""
    try:
        return similar.of_track(track, args.k, artist_cap=args.artist_cap)
    except KeyError:
        reason = track.error or "It is not in the index: run build_index.py again."
        raise NotFound(f"{track_name(track)} cannot be compared. {reason}") from None


def by_file(
    path: Path, similar: SimilarTracks, projection: Projection, args: argparse.Namespace
) -> tuple[str, list[Neighbour]]:
    """Find the neighbours of a file, which may be one of the library's."""
    track = track_of_file(similar.catalog, path)
    if track:
        return track_name(track), by_track(track, similar, args)
    vector, heard = hear(path, similar.catalog, projection)
    return path.name, similar.of_vector(vector, heard, args.k, artist_cap=args.artist_cap)


def as_json(rank: int, neighbour: Neighbour) -> dict[str, object]:
    """Return one result in the form --json prints."""
    track = neighbour.track
    return {
        "rank": rank,
        "track_id": track.id,
        "path": str(track.path),
        "title": track.title,
        "artist": track.artist,
        "album": track.album,
        "similarity": shown(neighbour.similarity),
        "shared_tags": list(neighbour.shared_tags),
    }


def print_table(title: str, neighbours: Sequence[Neighbour]) -> None:
    """Print the results for people."""
    table = Table(
        title=f"Like {printable(title)}", title_justify="left", box=None, header_style="bold"
    )
    for column in ("", "title", "artist", "similarity", "both sound"):
        table.add_column(column, justify="right" if column in ("", "similarity") else "left")
    for rank, neighbour in enumerate(neighbours, start=1):
        track = neighbour.track
        table.add_row(
            str(rank),
            printable(track.title),
            printable(track.artist),
            f"{shown(neighbour.similarity, TABLE_DIGITS):.{TABLE_DIGITS}f}",
            ", ".join(neighbour.shared_tags),
        )
    Console(markup=False, highlight=False, emoji=False).print(table)


if __name__ == "__main__":
    sys.exit(main())
