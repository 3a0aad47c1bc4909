"""Find tracks that sound like one of the library, or like any audio file; or are the same.

    python scripts/similar.py "nina simone sinnerman"
    python scripts/similar.py 17 --why
    python scripts/similar.py ~/Downloads/unknown.flac --m3u > like-this.m3u8
    python scripts/similar.py --duplicates

Exit status: 0 found, 1 nothing found or nothing indexed, 2 usage.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from earshot.query_arguments import (
    NOT_FOUND,
    NotFound,
    complain,
    find,
    hear,
    is_file,
    status_of,
    track_name,
    track_of_file,
)
from earshot.terminal import printable, table_console
from encoders.audio import SegmentGrid
from encoders.decoding import DecoderProcess
from encoders.projection import Projection
from index.arrays import Float32Array
from recsys.catalog import Track
from recsys.durations import clock
from recsys.home.evaluation_reports import save_report
from recsys.home.home import open_home
from recsys.home.settings import load_settings
from recsys.library.coherence import RATE
from recsys.library.duplicates import find_duplicates
from recsys.library.file_tags import read_tags
from recsys.playlists import m3u8
from recsys.similarity.explanation import Reasons, TrackSound
from recsys.similarity.percentile import TABLE_DIGITS, shown
from recsys.similarity.similar_tracks import Neighbour, SimilarTracks


class SimilarAnswer(NamedTuple):
    """What sounds like the query called `title`, and with --why the reasons, by track id."""

    title: str
    neighbours: list[Neighbour]
    reasons: dict[int, Reasons]


def parse_args(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description="Find tracks that sound alike.")
    parser.add_argument("query", nargs="*", help="search words, a track's id, or an audio file")
    parser.add_argument(
        "--duplicates", action="store_true", help="list the files that are one recording instead"
    )
    parser.add_argument("-k", type=int, default=10, help="how many (default: %(default)s)")
    parser.add_argument("--artist-cap", type=int, metavar="N", help="at most N of one artist")
    parser.add_argument("--why", action="store_true", help="say what makes each alike, and where")
    parser.add_argument("--home", type=Path, help="where catalogue and index are kept")
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print a JSON list")
    output.add_argument("--m3u", action="store_true", help="print an M3U8 playlist")
    args = parser.parse_args(arguments)
    if args.k < 1 or (args.artist_cap is not None and args.artist_cap < 1):
        parser.error("-k and --artist-cap take numbers of at least 1")
    if bool(args.query) == args.duplicates:
        parser.error("either a query or --duplicates is needed")
    if args.duplicates and (args.why or args.m3u):
        parser.error("--duplicates prints a table, or --json")
    if args.why and args.m3u:
        parser.error("--why goes into the table or --json: a playlist has no place for it")
    return args


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    args = parse_args(arguments)
    return status_of(run, args, refused="cannot be read")


def run(args: argparse.Namespace) -> int:
    """Answer the query."""
    if args.duplicates:
        return list_duplicates(args)
    query = " ".join(args.query)
    with open_home(load_settings(args.home)) as home:
        similar = SimilarTracks.of(home)
        if is_file(query):
            answer = by_file(Path(query), similar, home.projection, args)
        else:
            answer = by_track(find(home.catalog, query), similar, args)
    if args.json:
        print(json.dumps(as_json(answer, args.why)))
    elif args.m3u:
        sys.stdout.buffer.write(m3u8((n.track for n in answer.neighbours), f"Like {answer.title}"))
    else:
        print_table(answer, args.why)
    if not answer.neighbours:
        complain(f"The library has nothing to compare {answer.title} with.")
        return NOT_FOUND
    return 0


def by_track(track: Track, similar: SimilarTracks, args: argparse.Namespace) -> SimilarAnswer:
    """Find the neighbours of a track of the library."""
    try:
        neighbours = similar.of_track(track, args.k, artist_cap=args.artist_cap)
        heard = similar.heard(track) if args.why else None
    except KeyError:
        reason = track.error or "It is not in the index: run build_index.py again."
        raise NotFound(f"{track_name(track)} cannot be compared. {reason}") from None
    return explained(track_name(track), neighbours, heard, similar)


def by_file(
    path: Path, similar: SimilarTracks, projection: Projection, args: argparse.Namespace
) -> SimilarAnswer:
    """Find the neighbours of a file, which may be one of the library's."""
    track = track_of_file(similar.catalog, path)
    if track:
        return by_track(track, similar, args)
    vector, features = hear(path, similar.catalog, projection)
    neighbours = similar.of_vector(vector, features, args.k, artist_cap=args.artist_cap)
    heard = TrackSound(features, bpm=read_tags(path).bpm) if args.why else None
    return explained(path.name, neighbours, heard, similar)


def explained(
    title: str, neighbours: list[Neighbour], heard: TrackSound | None, similar: SimilarTracks
) -> SimilarAnswer:
    """Add the reasons, where what was heard in the query is given."""
    if heard is None:
        return SimilarAnswer(title, neighbours, {})
    return SimilarAnswer(title, neighbours, similar.reasons(heard, [n.track for n in neighbours]))


def as_json(answer: SimilarAnswer, why: bool) -> list[dict[str, object]]:
    """Return the results in the form --json prints."""
    rows: list[dict[str, object]] = []
    for rank, neighbour in enumerate(answer.neighbours, start=1):
        track = neighbour.track
        row: dict[str, object] = {
            "rank": rank,
            "track_id": track.id,
            "path": str(track.path),
            "title": track.title,
            "artist": track.artist,
            "album": track.album,
            "similarity": shown(neighbour.similarity),
            "shared_tags": list(neighbour.shared_tags),
        }
        if why:
            reasons = answer.reasons.get(track.id)
            row["why"] = reasons.as_json() if reasons else None
        rows.append(row)
    return rows


def print_table(answer: SimilarAnswer, why: bool) -> None:
    """Print the results for people."""
    title = f"Like {printable(answer.title)}"
    table = Table(title=title, title_justify="left", box=None, header_style="bold")
    reasons = answer.reasons
    has_tempo = any(r.tempo for r in reasons.values())
    columns = ["", "title", "artist", "similarity", "both sound"]
    columns += ["most alike at", *(["bpm"] if has_tempo else [])] if why else []
    for column in columns:
        table.add_column(column, justify="right" if column in ("", "similarity") else "left")
    for rank, neighbour in enumerate(answer.neighbours, start=1):
        track = neighbour.track
        cells = [
            str(rank),
            printable(track.title),
            printable(track.artist),
            f"{shown(neighbour.similarity, TABLE_DIGITS):.{TABLE_DIGITS}f}",
        ]
        reason = reasons.get(track.id)
        cells += because(reason) if reason else [", ".join(neighbour.shared_tags)]
        table.add_row(*cells[: len(columns)])
    table_console().print(table)


def because(reasons: Reasons) -> list[str]:
    """Put the reasons into cells: tags with their shares, moments, tempo."""
    tags = ", ".join(f"{shared.tag} {shared.share:.0%}" for shared in reasons.shared_tags)
    moments = " and ".join(f"{clock(m.start)}-{clock(m.end)}" for m in reasons.moments)
    tempo = " and ".join(f"{bpm:.0f}" for bpm in reasons.tempo or ())
    return [tags, moments, tempo]


def list_duplicates(args: argparse.Namespace) -> int:
    """Print the groups of files that are one recording."""
    console = Console(stderr=True)
    bar = Progress(console=console, transient=True, disable=not console.is_terminal)
    with open_home(load_settings(args.home)) as home, closing(DecoderProcess()) as decoder, bar:
        task = bar.add_task("Comparing", total=None)
        found = find_duplicates(
            home.catalog,
            home.index,
            lambda track: waveform(decoder, track),
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
        groups = [[copy_as_json(track) for track in group] for group in found.groups]
        command = "python scripts/similar.py --duplicates"
        kept = {"groups": groups, "failures": found.failures}
        save_report(home.settings.home, "duplicates", command, home.index, kept)
    for failure in found.failures:
        complain(failure)
    if args.json:
        print(json.dumps(groups))
    else:
        print_groups(found.groups)
    return 0


def waveform(decoder: DecoderProcess, track: Track) -> Float32Array:
    """Decode a whole track for comparison, in pieces of 1/4 s that join. Raises AudioError."""
    grid = SegmentGrid(RATE, hop_length=2, n_fft=2, n_frames=RATE // 8)
    decoder.request_segments(track.path, track.duration or 0.0, grid, None)
    joined: Float32Array = decoder.receive_segments(track.path).waveforms.reshape(-1)
    return joined


def copy_as_json(track: Track) -> dict[str, object]:
    """Return one of several copies in the form --json prints."""
    return {
        "track_id": track.id,
        "path": str(track.path),
        "title": track.title,
        "artist": track.artist,
        "album": track.album,
        "duration": track.duration,
        "codec": track.codec,
        "sample_rate": track.sample_rate,
        "channels": track.channels,
    }


def print_groups(groups: Sequence[Sequence[Track]]) -> None:
    """Print the copies of each recording for people."""
    if not groups:
        print("No two files are one recording.")
        return
    title = f"{len(groups)} recordings in {sum(map(len, groups))} files"
    table = Table(title=title, title_justify="left", box=None, header_style="bold")
    for column in ("", "id", "file", "length", "codec", "kHz"):
        table.add_column(column, overflow="fold")
    for number, group in enumerate(groups, start=1):
        for track in group:
            table.add_row(
                str(number) if track is group[0] else "",
                str(track.id),
                printable(str(track.path)),
                clock(track.duration or 0.0),
                track.codec,
                f"{(track.sample_rate or 0) / 1000:g}",
            )
    table_console().print(table)
