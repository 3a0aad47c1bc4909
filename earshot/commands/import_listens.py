"""Import listening histories, and find the tracks of the library in them.

    python scripts/import_listens.py listenbrainz_export.zip
    python scripts/import_listens.py scrobbles.json --listener ann
    python scripts/import_listens.py plays.csv --columns user=who,title=song,artist=by,count=n

ListenBrainz exports, Last.fm, research tables, CSV and Parquet are recognised. Importing a file
again changes nothing; Ctrl-C stops, and the same command goes on.

Exit status: 0 done, 1 a file or the catalogue cannot be used, 2 usage, 130 stopped.
"""

from __future__ import annotations

import argparse
import gc
import json
import signal
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from earshot.terminal import printable, table_console
from encoders.memory import PeakMemory
from index.vector_index import DamagedIndex, StaleIndex
from recsys.catalog import Catalog, CatalogError, Recording
from recsys.home.home import NotIndexed, open_home
from recsys.home.settings import Settings, SettingsError, load_settings
from recsys.listens.columns import parse_columns
from recsys.listens.formats import FORMATS, FormatChoice
from recsys.listens.importing import Imported, import_file
from recsys.listens.matching import match_recordings
from recsys.listens.sources import FormatError

FAILED, USAGE, STOPPED = 1, 2, 130
GARBAGE = 200_000  # allocations between collections: rows make none, and walking them takes long
LIVE_INTERVAL, PLAIN_INTERVAL = 0.2, 10.0  # s between lines on a terminal, and otherwise


def parse_args(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description="Import listening histories.")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--home", type=Path, help="where the catalogue is kept")
    parser.add_argument("--format", choices=FORMATS, help="default: recognised")
    parser.add_argument(
        "--listener", default="", metavar="NAME", help="whose history it is, if no column says so"
    )
    parser.add_argument(
        "--columns",
        metavar="ROLE=COLUMN,…",
        help="what the columns of a table hold; ROLE,ROLE,… for one without a header",
    )
    parser.add_argument(
        "--unmatched",
        type=int,
        default=0,
        metavar="N",
        help="list the N most heard recordings that are no track of the library",
    )
    parser.add_argument(
        "--tune",
        action="store_true",
        help="choose anew how listens and sound are weighed, on listens held out",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args(arguments)
    if args.unmatched < 0:
        parser.error("--unmatched takes a number of at least 0")
    try:
        args.columns = parse_columns(args.columns) if args.columns else None
    except ValueError as error:
        parser.error(str(error))
    return args


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    args = parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    gc.set_threshold(GARBAGE)
    display = ImportDisplay()
    try:
        with PeakMemory() as memory:
            return run(args, display, memory)
    except SettingsError as error:
        display.say(str(error))
        return USAGE
    except (CatalogError, FormatError) as error:
        display.say(str(error))
    except OSError as error:
        display.say(f"{error.filename or 'The file'} cannot be read: {error.strerror}.")
    except KeyboardInterrupt:
        display.say("Stopped. What was read is kept; run the command again to go on.")
        return STOPPED
    return FAILED


def run(args: argparse.Namespace, display: ImportDisplay, memory: PeakMemory) -> int:
    """Import the files, match what was heard, and say what became of it."""
    choice = FormatChoice(args.format, args.listener, args.columns)
    settings = load_settings(args.home)
    failures: list[str] = []
    files: list[Imported] = []
    with Catalog(settings.home, settings.database) as catalog:
        for path in args.files:
            display.begin()
            try:
                files.append(import_file(catalog, path, choice, display.show))
            except FormatError as error:
                display.say(str(error))
                failures.append(str(error))
        match_recordings(catalog, display.show_matching)
        summary = summarise(catalog, files, failures, args.unmatched, memory.peak)
    summary["model"] = learn(settings, display, tune=args.tune)
    if args.json:
        print(json.dumps(summary))
    else:
        print_report(files, summary)
    return FAILED if failures else 0


def learn(settings: Settings, display: ImportDisplay, *, tune: bool) -> dict[str, object] | None:
    """Learn from the home's listens, as far as its library is indexed, and say so."""
    from recsys.training.listening_model import refit  # noqa: PLC0415 - implicit and scikit-learn, slow to load

    try:
        with open_home(settings) as home:
            report = refit(home, tune=tune, progress=display.say)
    except NotIndexed:
        display.say("The library is not indexed yet: build_index.py learns from these listens.")
        return None
    except (DamagedIndex, StaleIndex) as error:
        display.say(f"Nothing is learnt from these listens. {error}")
        return None
    return None if report is None else asdict(report)


def summarise(
    catalog: Catalog,
    files: Sequence[Imported],
    failures: Sequence[str],
    n_unmatched: int,
    peak: int,
) -> dict[str, object]:
    """Return what became of the files and of all recordings, as --json prints it."""
    return {
        "files": [file_summary(imported) for imported in files],
        "failures": list(failures),
        "listeners": len(catalog.listeners()),
        "matched": [
            {"kind": row.kind, "rung": row.level, "recordings": row.recordings}
            | {"listens": row.listens}
            for row in catalog.match_counts()
        ],
        "unmatched": [
            recording._asdict() | {"listens": n} for recording, n in catalog.unmatched(n_unmatched)
        ],
        "peak_memory_bytes": peak,
    }


def file_summary(imported: Imported) -> dict[str, object]:
    """Return the figures of one file."""
    return {
        "path": str(imported.path),
        "format": "+".join(sorted(imported.formats)),
        "listens": imported.listens,
        "counts": imported.counts,
        "feedback": imported.feedback,
        **asdict(imported.stored),
        "bad": imported.n_bad,
        "bad_lines": [line._asdict() for line in imported.bad],
        "seconds": round(imported.seconds, 2),
        "rows_per_second": round(imported.rows / max(imported.seconds, 1e-9)),
    }


def print_report(files: Sequence[Imported], summary: dict[str, object]) -> None:
    """Print the outcome for people."""
    for imported in files:
        stored = imported.stored
        parts = {
            "listens": imported.listens,
            "counts": imported.counts,
            "likes, dislikes and skips": imported.feedback,
        }
        print(
            printable(f"{imported.path.name} ({'+'.join(sorted(imported.formats))}): ")
            + ", ".join(f"{n:,} {what}" for what, n in parts.items() if n)
        )
        print(
            f"  {stored.new:,} new, {stored.changed:,} changed, {stored.known:,} known already; "
            f"{imported.rows / max(imported.seconds, 1e-9):,.0f} rows/s"
        )
        if imported.n_bad:
            print(f"  {imported.n_bad:,} could not be used:")
        for bad in imported.bad:
            where = f"{bad.member} " if bad.member else ""
            print(printable(f"    {where}line {bad.line}: {bad.reason}"))
        if imported.n_bad > len(imported.bad):
            print(f"    and {imported.n_bad - len(imported.bad):,} more")
    print_matches(summary)


def print_matches(summary: dict[str, object]) -> None:
    """Print which rung found how much, and what no rung found."""
    table = Table(box=None, header_style="bold", title="All recordings heard", title_justify="left")
    for column in ("found by", "recordings", "listens"):
        table.add_column(column, justify="left" if column == "found by" else "right")
    rows: list[dict[str, object]] = summary["matched"]  # type: ignore[assignment]
    for row in sorted(rows, key=lambda row: (row["rung"] is None, -int(str(row["listens"])))):
        rung = row["rung"] or ("artists, no track" if row["kind"] == "artist" else "not found")
        table.add_row(str(rung), f"{row['recordings']:,}", f"{row['listens']:,}")
    console = table_console()
    console.print(table)
    unmatched: list[dict[str, object]] = summary["unmatched"]  # type: ignore[assignment]
    for entry in unmatched:
        fields = Recording._fields
        heard = Recording(**{name: entry[name] for name in fields})  # type: ignore[arg-type]
        print(printable(f"  {entry['listens']:>6,}  {name_of(heard)}"))


def name_of(heard: Recording) -> str:
    """Name a recording as people do, by its identifier where it has no name."""
    name = " - ".join(filter(None, (heard.artist, heard.title)))
    return name or heard.item or heard.mbid or heard.isrc or ""


@dataclass
class ImportDisplay:
    """Progress on standard error: live on a terminal, a line now and then otherwise."""

    console: Console = field(default_factory=lambda: Console(stderr=True, highlight=False))
    _last: float = 0.0

    def say(self, sentence: str) -> None:
        """Print a sentence."""
        self.console.print(printable(sentence), markup=False, soft_wrap=True)

    def begin(self) -> None:
        """Begin a file."""
        self._last = time.monotonic()

    def show(self, imported: Imported) -> None:
        """Show how far a file is read."""
        rate = imported.rows / max(imported.seconds, 1e-9)
        self._line(f"{imported.path.name}: {imported.rows:,} rows, {rate:,.0f} rows/s")

    def show_matching(self, n_done: int) -> None:
        """Show how many recordings were looked for."""
        self._line(f"Looking for recordings in the library: {n_done:,}")

    def _line(self, text: str) -> None:
        now = time.monotonic()
        if now - self._last < (LIVE_INTERVAL if self.console.is_terminal else PLAIN_INTERVAL):
            return
        self._last = now
        end = "\r" if self.console.is_terminal else "\n"
        self.console.print(printable(text), markup=False, soft_wrap=True, end=end)
