"""`earshot tags export`: the tags, tempo, key and loudness of all tracks, as CSV or JSON.

earshot tags export --out tags.csv
earshot tags export --out tags.json
earshot tags export --json | jq '.[] | select(.tempo > 170) | .path'
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earshot.arguments import add_json, new_parser, output_file
from earshot.command import DONE, NOTHING, Command
from earshot.terminal import complain
from index.storage import replacing
from recsys.catalog.base import shown
from recsys.home.home import open_home
from recsys.home.settings import load_settings
from recsys.musical_key import camelot
from recsys.tagging.described_tracks import DescribedTrack, described_tracks

DIGITS = 4  # of probabilities


@dataclass(frozen=True)
class ExportOptions:
    """The arguments of `earshot tags export`."""

    home: Path | None
    json: bool
    out: Path | None


def parse(arguments: Sequence[str]) -> ExportOptions:
    """Parse the arguments."""
    parser = new_parser(
        "tags export",
        "Print or write the tags, tempo, key and loudness of all tracks.",
        nothing="1 no track is analysed",
    )
    add_json(parser)
    parser.add_argument(
        "--out", type=output_file(".csv", ".json"), metavar="FILE", help="a .csv or .json to write"
    )
    args = parser.parse_args(arguments)
    if args.json and args.out is not None and args.out.suffix.lower() != ".json":
        parser.error("--json writes JSON, and --out names a .csv")
    return ExportOptions(**vars(args))


def run(options: ExportOptions) -> int:
    """Print or write the table."""
    with open_home(load_settings(options.home)) as home:
        written = Counted(described_tracks(home))
        as_json = options.json or (options.out and options.out.suffix.lower() == ".json")
        lines = json_lines(written) if as_json else csv_lines(written)
        if options.out is None:
            for line in lines:
                sys.stdout.buffer.write(line)
        else:
            with replacing(options.out) as file:
                file.writelines(lines)
        counts = home.catalog.counts()
    n_others = counts.ready + counts.pending + counts.failed - written.n
    if n_others:
        complain(f"{n_others:,} tracks that are not in the index are left out.")
    if options.out is not None:
        complain(f"{written.n:,} tracks written to {options.out}.")
    return DONE if written.n else NOTHING


class Counted:
    """Tracks that are counted as they are gone through once."""

    def __init__(self, tracks: Iterable[DescribedTrack]) -> None:
        self.n = 0
        self._tracks = tracks

    def __iter__(self) -> Iterator[DescribedTrack]:
        """Give the tracks."""
        for one in self._tracks:
            self.n += 1
            yield one


def row_of(one: DescribedTrack) -> dict[str, Any]:
    """Return what is exported of a track beside its tags and moods."""
    track = one.track
    return {
        "track_id": track.id,
        "path": shown(track.path),
        "part": track.part,
        "title": track.title,
        "artist": track.artist,
        "album": track.album,
        "year": track.year,
        "genres": list(track.genres),
        "seconds": None if track.duration is None else round(track.duration, 2),
        "tempo": _rounded(track.tempo),
        "file_tempo": _rounded(track.bpm),
        "estimated_tempo": _rounded(track.estimated_bpm),
        "key": track.key,
        "camelot": camelot(track.key) if track.key else None,
        "file_key": track.initial_key,
        "estimated_key": track.estimated_key,
        "loudness_lufs": _rounded(track.loudness),
    }


def json_lines(tracks: Iterable[DescribedTrack]) -> Iterator[bytes]:
    """Give the lines of a JSON list, an object a track, with `tags` and `moods` by name."""
    before = "[\n"
    for one in tracks:
        tags = {name: round(value, DIGITS) for name, value in one.probabilities.items()}
        moods = {name: round(value, DIGITS) for name, value in one.moods.items()}
        row = {**row_of(one), "tags": tags, "moods": moods}
        yield (before + json.dumps(row, ensure_ascii=False)).encode()
        before = ",\n"
    yield b"[]\n" if before == "[\n" else b"\n]\n"


def csv_lines(tracks: Iterable[DescribedTrack]) -> Iterator[bytes]:
    """Give the lines of a CSV, a column `tag:NAME` for each tag and `mood:NAME` for each mood."""
    buffer = io.StringIO()
    writer: csv.DictWriter[str] | None = None
    for one in tracks:
        row = {**row_of(one), "genres": "; ".join(one.track.genres)}
        row |= {f"tag:{name}": round(value, DIGITS) for name, value in one.probabilities.items()}
        row |= {f"mood:{name}": round(value, DIGITS) for name, value in one.moods.items()}
        if writer is None:
            writer = csv.DictWriter(buffer, list(row), restval="", lineterminator="\r\n")
            writer.writeheader()
        writer.writerow(row)
        yield buffer.getvalue().encode()
        buffer.seek(0)
        buffer.truncate()


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


COMMAND = Command(parse, run, refused="cannot be written")
