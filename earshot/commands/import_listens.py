"""Import listening histories, and match their recordings with the tracks of the library.

    earshot import listenbrainz_export.zip
    earshot import scrobbles.json --listener ann
    earshot import plays.csv --columns user=who,title=song,artist=by,count=n

ListenBrainz exports, Last.fm, research tables, CSV and Parquet are recognised. Importing a file
again changes nothing; Ctrl-C stops, and the same command goes on.
"""

from __future__ import annotations

import gc
import json
import time
from argparse import ArgumentTypeError
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from earshot.arguments import add_json, new_parser, whole_number
from earshot.command import DONE, NOTHING, Command
from earshot.terminal import TableConsole, printable, suggesting
from encoders.memory import PeakMemory
from index.vector_index import DamagedIndex, StaleIndex
from recsys.catalog import Catalog, Recording
from recsys.home.home import NotIndexed, open_home
from recsys.home.settings import Settings, load_settings
from recsys.listens.choice import FormatChoice
from recsys.listens.columns import parse_columns
from recsys.listens.formats import FORMATS
from recsys.listens.importing import Imported, import_file, sentences
from recsys.listens.matching import match_recordings
from recsys.listens.sources import FormatError
from recsys.listens.text_encoding import known_codec
from recsys.listens.times import ORDERS
from recsys.popularity.measure import PopularityReport

GARBAGE = 200_000  # allocations between collections: rows make none, and walking them takes long
LIVE_INTERVAL, PLAIN_INTERVAL = 0.2, 10.0  # s between lines on a terminal, and otherwise


@dataclass(frozen=True)
class ImportOptions:
    """The arguments of `earshot import`."""

    files: tuple[Path, ...]
    home: Path | None
    format: FormatChoice
    unmatched: int
    tune: bool
    json: bool


def parse(arguments: Sequence[str]) -> ImportOptions:
    """Parse the arguments."""
    parser = new_parser(
        "import",
        "Import listening histories.",
        nothing="1 a file or the catalogue cannot be used",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="listening history")
    parser.add_argument("--format", choices=FORMATS, help="of the files (default: recognised)")
    parser.add_argument(
        "--listener",
        default="",
        metavar="NAME",
        help="whose history it is, where the file does not say so",
    )
    parser.add_argument(
        "--columns",
        metavar="ROLE=COLUMN,…",
        help="which columns of a table hold what; ROLE,ROLE,… for a table without a header",
    )
    parser.add_argument(
        "--dates", choices=ORDERS, help="the order of day, month and year, where rows do not say it"
    )
    parser.add_argument("--decimal", choices=[".", ","], help="the decimal mark of a table")
    parser.add_argument(
        "--encoding", type=codec, metavar="NAME", help="of a text, such as cp1251; default: found"
    )
    parser.add_argument(
        "--unmatched",
        type=whole_number(0),
        default=0,
        metavar="N",
        help="list the N most played recordings that are not in the library",
    )
    parser.add_argument(
        "--tune",
        action="store_true",
        help="choose the weights of listens and sound anew, on held-out listens",
    )
    add_json(parser)
    args = parser.parse_args(arguments)
    try:
        columns = parse_columns(args.columns) if args.columns else None
    except ValueError as error:
        parser.error(str(error))
    choice = FormatChoice(
        args.format, args.listener, columns, args.dates, args.decimal, args.encoding
    )
    return ImportOptions(tuple(args.files), args.home, choice, args.unmatched, args.tune, args.json)


def codec(name: str) -> str:
    """Return the name of a codec. Raises ArgumentTypeError for one that there is not."""
    known = known_codec(name)
    if known is None:
        raise ArgumentTypeError(f"{name!r} is no encoding that is known")
    return known


def run(options: ImportOptions) -> int:
    """Import the files, match their recordings, and print what became of them."""
    gc.set_threshold(GARBAGE)
    display = ImportDisplay()
    settings = load_settings(options.home)
    failures: list[str] = []
    files: list[Imported] = []
    with PeakMemory() as memory, Catalog(settings.home, settings.database) as catalog:
        for path in options.files:
            display.begin()
            try:
                files.append(import_file(catalog, path, options.format, display.show))
            except FormatError as error:
                display.say(str(error))
                failures.append(str(error))
        match_recordings(catalog, display.show_matching)
        summary = summarise(catalog, files, failures, options.unmatched, memory.peak)
    summary["model"], popularity = learn(settings, display, tune=options.tune)
    summary["popularity"] = popularity and popularity.as_json()
    if options.json:
        print(json.dumps(summary))
    else:
        print_report(files, summary)
        if popularity:
            print(popularity.sentence)
    return NOTHING if failures else DONE


def learn(
    settings: Settings, display: ImportDisplay, *, tune: bool
) -> tuple[dict[str, object] | None, PopularityReport | None]:
    """Fit the listening model of an indexed home, and learn what might please many.

    Returns the reports of both, None where nothing was learned.
    """
    from recsys.popularity.learning import renew_popularity  # noqa: PLC0415 - as refit
    from recsys.training.listening_model import refit  # noqa: PLC0415 - implicit and scikit-learn, slow to load

    popularity = None
    try:
        with open_home(settings) as home:
            report = refit(home, tune=tune, progress=display.say)
            if settings.learn:
                popularity = renew_popularity(home, "earshot import")
    except NotIndexed:
        display.say(
            "The library is not indexed yet: `earshot build` will learn from these listens."
        )
        return None, None
    except (DamagedIndex, StaleIndex) as error:
        display.say(f"Nothing is learned from these listens. {error}")
        return None, None
    return None if report is None else asdict(report), popularity


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
        "left_out": dict(imported.notes.left_out),
        "notes": list(imported.notes.sentences),
        "seconds": round(imported.seconds, 2),
        "rows_per_second": round(imported.rows / max(imported.seconds, 1e-9)),
    }


def print_report(files: Sequence[Imported], summary: Mapping[str, object]) -> None:
    """Print the outcome for people."""
    for imported in files:
        first, *rest = sentences(imported)
        print(printable(first))
        for line in rest:
            print(printable(f"  {line}"))
    print_matches(summary)


def print_matches(summary: Mapping[str, object]) -> None:
    """Print by what recordings were matched, and which were not."""
    title = "All recordings of the histories"
    table = Table(box=None, header_style="bold", title=title, title_justify="left")
    for column in ("matched by", "recordings", "listens"):
        table.add_column(column, justify="left" if column == "matched by" else "right")
    rows: list[dict[str, object]] = summary["matched"]  # type: ignore[assignment]
    for row in sorted(rows, key=lambda row: (row["rung"] is None, -int(str(row["listens"])))):
        rung = row["rung"] or ("artists, no track" if row["kind"] == "artist" else "no match")
        table.add_row(str(rung), f"{row['recordings']:,}", f"{row['listens']:,}")
    console = TableConsole()
    console.print(table)
    unmatched: list[dict[str, object]] = summary["unmatched"]  # type: ignore[assignment]
    for entry in unmatched:
        fields = Recording._fields
        recording = Recording(**{name: entry[name] for name in fields})  # type: ignore[arg-type]
        print(printable(f"  {entry['listens']:>6,}  {name_of(recording)}"))


def name_of(recording: Recording) -> str:
    """Return "artist - title", or the identifier of a recording without names."""
    name = " - ".join(filter(None, (recording.artist, recording.title)))
    return name or recording.item or recording.mbid or recording.isrc or ""


@dataclass
class ImportDisplay:
    """Progress on standard error: live on a terminal, a line now and then otherwise."""

    console: Console = field(default_factory=lambda: Console(stderr=True, highlight=False))
    _last: float = 0.0

    def say(self, sentence: str) -> None:
        """Print a sentence."""
        self.console.print(printable(suggesting(sentence)), markup=False, soft_wrap=True)

    def begin(self) -> None:
        """Begin a file."""
        self._last = time.monotonic()

    def show(self, imported: Imported) -> None:
        """Show how far a file is read."""
        rate = imported.rows / max(imported.seconds, 1e-9)
        self._line(f"{imported.path.name}: {imported.rows:,} rows, {rate:,.0f} rows/s")

    def show_matching(self, n_done: int) -> None:
        """Show how many recordings were matched or not."""
        self._line(f"Matching recordings with the library: {n_done:,}")

    def _line(self, text: str) -> None:
        now = time.monotonic()
        if now - self._last < (LIVE_INTERVAL if self.console.is_terminal else PLAIN_INTERVAL):
            return
        self._last = now
        end = "\r" if self.console.is_terminal else "\n"
        self.console.print(printable(text), markup=False, soft_wrap=True, end=end)


COMMAND = Command(
    parse,
    run,
    errors=(FormatError,),
    refused="cannot be read",
    stopped="Stopped. What was read is kept; run the command again to go on.",
)
