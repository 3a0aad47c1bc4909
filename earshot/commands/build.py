"""Index a music folder: analyse every track once, and find what sounds alike ever after.

    python scripts/build_index.py ~/Music
    python scripts/build_index.py --again

With no folder, a demo library is composed and rendered into the home, and indexed. What is known
already is not analysed again; Ctrl-C stops, and the next run goes on. How far it is stands in
build.json in the home, where the library page of serve.py reads it.

Exit status: 0 done, 1 nothing usable, 2 usage, 3 done with failures and --strict, 130 stopped.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from earshot.build_progress import BuildDisplay
from encoders.bundles import BUNDLES, DEFAULT_MODELS
from encoders.errors import WeightsError
from encoders.extract import N_SEGMENTS, Extractor, load_extractor
from encoders.memory import PeakMemory
from encoders.projection import Projection, ProjectionError
from encoders.trained_bundles import tagger_names
from index.vector_index import DamagedIndex
from recsys.catalog import Catalog, CatalogError
from recsys.catalog.base import shown
from recsys.demo import make_demo_library
from recsys.home.files import DEMO_NAME, LAYOUT_NAME, PROJECTION_NAME, WEIGHTS_NAME
from recsys.home.home import Home, NotIndexed, open_home
from recsys.home.settings import Settings, SettingsError, load_settings
from recsys.library import build
from recsys.library.build_state import BuildRecord, read_state
from recsys.library.scanning import LibraryError, folders_of
from recsys.listens.matching import match_recordings
from recsys.threads import n_cores
from recsys.track_map.layout import BUDGET, refresh_layout

REPEATED = ("taggers", "segments", "recipe")  # the options that --again repeats

BFLOAT16_KEPT = (
    "This home's tracks were analysed in bfloat16 by an earlier version: they are not analysed "
    "again, and new ones, in float32, differ from them by rounding alone."
)
NOTHING_USABLE, USAGE, FAILURES, STOPPED = 1, 2, 3, 130


def parse_args(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description="Index music folders, to find what sounds alike. No folder: a demo library.",
        epilog="Exit status: 0 done, 1 nothing usable, 2 usage, 3 failures with --strict.",
    )
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER")
    parser.add_argument("--home", type=Path, help="where catalogue and index are kept")
    parser.add_argument(
        "--again",
        action="store_true",
        help="the folders, taggers, segments and recipe that the home was built with",
    )
    parser.add_argument(
        "--tagger",
        "--models",
        dest="taggers",
        metavar="NAME,…",
        default=",".join(DEFAULT_MODELS),
        help=f"listen with one or several of {', '.join(BUNDLES)} (default: %(default)s); "
        "get_weights.py fetches those that are not there from the beginning; a file that "
        "train_tagger.py wrote is another one",
    )
    parser.add_argument(
        "--segments",
        type=int,
        default=N_SEGMENTS,
        help="segments of 3 s read of each track (default: %(default)s)",
    )
    parser.add_argument(
        "--workers", type=int, default=n_cores(), help="cores to use (default: all)"
    )
    parser.add_argument("--nice", type=int, default=0, metavar="N", help="lower the priority by N")
    parser.add_argument("--recipe", default="Flat", help="faiss index (default: %(default)s)")
    parser.add_argument("--retry-failed", action="store_true", help="try failed files again")
    parser.add_argument("--refit", action="store_true", help="fit the projection anew")
    parser.add_argument("--strict", action="store_true", help="exit with 3 if anything failed")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args(arguments)
    if args.workers < 1 or args.segments < 1 or args.nice < 0:
        parser.error("--workers and --segments take numbers of at least 1, --nice of at least 0")
    if args.again and args.folders:
        parser.error("--again brings all known folders up to date: name none")
    return args


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    args = parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    display = BuildDisplay()
    try:
        with PeakMemory() as memory, display:
            return run(args, display, memory)
    except (LibraryError, SettingsError) as error:
        display.say(str(error))
        return USAGE
    except (CatalogError, WeightsError, ProjectionError) as error:
        display.say(str(error))
    except ValueError as error:
        display.say(f"{error}.")
        return USAGE
    except OSError as error:
        display.say(f"{error.filename or 'The home'} cannot be written: {error.strerror}.")
    except KeyboardInterrupt:
        display.say("Stopped. What was analysed is kept; run the command again to go on.")
        return STOPPED
    return NOTHING_USABLE


def run(args: argparse.Namespace, display: BuildDisplay, memory: PeakMemory) -> int:
    """Build, and say what was done."""
    begin = time.monotonic()
    if args.nice:
        os.nice(args.nice)
    settings = load_settings(args.home)
    if args.again:
        repeat(args, settings.home, display)
    with Catalog(settings.home, settings.database) as catalog, BuildRecord(catalog.home) as record:
        display.record = record
        folders, extractor, report = build_library(args, settings, catalog, display)
        n_found = match_recordings(catalog)
        display.close()
        learn(settings, display, args.workers)
        record.plan(*plan(args, folders, catalog, record))
        summary = summarise(report, extractor, time.monotonic() - begin, memory.peak)
        record.finish({**summary, "failures": len(report.failures)})
        if not args.json:
            print_report(report, summary, args, display)
            if n_found:
                print(f"  {n_found:,} recordings of listening histories have another match now")
        if report.tracks == 0:
            display.say(f"Nothing usable was found in {', '.join(map(shown, folders))}.")
    if args.json:
        print(json.dumps(summary))
    if report.tracks == 0:
        return NOTHING_USABLE
    return FAILURES if args.strict and (report.failures or report.problems) else 0


def repeat(args: argparse.Namespace, home: Path, display: BuildDisplay) -> None:
    """Take folders and options from the builds before this one. Raises LibraryError."""
    last = read_state(home)
    known = [Path(folder) for folder in last.folders] if last else []
    args.folders = [folder for folder in known if folder.exists()]
    if last is None or not args.folders:
        raise LibraryError(
            f"What {shown(home)} was built from is not known, or is not there: "
            "name the folders of its library."
        )
    for folder in known:
        if folder not in args.folders:
            display.say(f"{shown(folder)} is not there: its tracks stay as they are.")
    for name in REPEATED:
        setattr(args, name, last.options[name])


def plan(
    args: argparse.Namespace, folders: Sequence[Path], catalog: Catalog, record: BuildRecord
) -> tuple[Sequence[Path], dict[str, str | int]]:
    """Return what a later --again needs: the library's folders, and the options."""
    there = [folder for folder in folders if folder.exists()]
    known = {Path(folder) for folder in record.state.folders}.difference(there)
    rows = catalog.files().items() if known else ()
    tracks = [path for path, row in rows if not row.removed]
    return folders_of(there, known, tracks), {name: getattr(args, name) for name in REPEATED}


def build_library(
    args: argparse.Namespace, settings: Settings, catalog: Catalog, display: BuildDisplay
) -> tuple[Sequence[Path], Extractor, build.BuildReport]:
    """Bring the home up to its folders; return them, what listened, and what was done."""
    folders = args.folders or [demo(catalog, args.workers, display)]
    if args.folders:
        leave_demo(catalog, args.folders, display)
    weights = settings.home / WEIGHTS_NAME
    names = tagger_names(args.taggers, weights)
    args.taggers = ",".join(names)  # as they are called in this home, should it be built again
    if display.record:
        display.record.plan(*plan(args, folders, catalog, display.record))
    extractor = load_extractor(
        names,
        weights,
        known=catalog.extractors(),
        n_segments=args.segments,
        workers=args.workers,
        nice=args.nice,
    )
    display.extractor = extractor
    if extractor.continues_bfloat16:
        display.say(BFLOAT16_KEPT)
    report = build.build(
        catalog,
        folders,
        extractor,
        kept_projection(settings.home, extractor.names, display),
        extractor.fit_projection,
        recipe=args.recipe,
        retry_failed=args.retry_failed,
        refit=args.refit,
        progress=display.show,
    )
    return folders, extractor, report


def learn(settings: Settings, display: BuildDisplay, workers: int) -> None:
    """Draw the map, and learn from the home's listens, where anything has changed."""
    with contextlib.suppress(NotIndexed, DamagedIndex), open_home(settings) as home:
        draw(home, display, workers)
        if home.catalog.listeners():
            display.show(build.Progress("learn"))
            from recsys.training.listening_model import refit  # noqa: PLC0415 - implicit, scikit-learn: slow to load

            refit(home, progress=display.say)


def draw(home: Home, display: BuildDisplay, workers: int) -> None:
    """Draw the map of the library, unless it is there."""
    display.show(build.Progress("map"))
    drawn = refresh_layout(
        home.index,
        home.settings.home / LAYOUT_NAME,
        workers=workers,
        progress=lambda done, total: display.show(build.Progress("map", done, total)),
    )
    if drawn and not drawn.finished:
        display.say(
            f"The map was not finished within {BUDGET:.0f} s: it is coarser than it might be."
        )


def demo(catalog: Catalog, workers: int, display: BuildDisplay) -> Path:
    """Make the demo library in the home, unless the home has a library of its own."""
    folder = (catalog.home / DEMO_NAME).resolve()
    if any(not row.removed and folder not in path.parents for path, row in catalog.files().items()):
        raise LibraryError(
            f"The home {catalog.home} already has a library: name its folders to bring it up to "
            "date, or another --home for a demo."
        )
    make_demo_library(
        folder,
        workers=workers,
        progress=lambda done, total: display.show(build.Progress("demo", done, total)),
    )
    return folder


def leave_demo(catalog: Catalog, folders: Sequence[Path], display: BuildDisplay) -> None:
    """Take the demo library out of a home that gets a real one.

    It stays where a folder is missing, or is its own.
    """
    folder = (catalog.home / DEMO_NAME).resolve()
    if not all(other.exists() and apart(folder, other.resolve()) for other in folders):
        return
    rows = catalog.files().items()
    demo_ids = [row.id for path, row in rows if folder in path.parents and not row.removed]
    if demo_ids:
        with catalog.build_lock():
            catalog.set_presence(gone=demo_ids)
            shutil.rmtree(folder, ignore_errors=True)
        display.say("The demo library made room for yours.")


def apart(one: Path, other: Path) -> bool:
    """Say that neither folder is in the other."""
    return not one.is_relative_to(other) and not other.is_relative_to(one)


def kept_projection(home: Path, names: tuple[str, ...], display: BuildDisplay) -> Projection | None:
    """Load the home's projection if it takes these features; a damaged one is fitted anew."""
    path = home / PROJECTION_NAME
    if not path.exists():
        return None
    try:
        projection = Projection.load(path)
    except ProjectionError:
        return None
    if projection.extractors == names:
        return projection
    if projection.has_head:
        display.say(build.HEAD_LOST)
    return None


def summarise(
    report: build.BuildReport, extractor: Extractor, seconds: float, peak_memory: int
) -> dict[str, object]:
    """Return the figures of a build, as --json prints them."""
    analysis = max(report.analysis_seconds, 1e-9)
    index = report.index
    return {
        "tracks": report.tracks,
        "analysed": report.n_analysed,
        "failed": len(report.failures),
        "unchanged": report.summary.unchanged,
        "removed": report.summary.removed,
        "seconds": round(seconds, 2),
        "songs_per_hour": round(3600 * report.n_analysed / analysis, 1),
        "audio_seconds_per_second": round(report.audio_seconds / analysis, 1),
        "peak_memory_bytes": peak_memory,
        "device": f"{extractor.device}; index on {index.device.upper() if index else 'CPU'}",
        "index": index and {"recipe": index.recipe, "dim": index.dim, "ntotal": len(index)},
        "failures": [{"path": str(track.path), "error": track.error} for track in report.failures],
        "problems": list(report.problems),
        "notes": list(report.notes),
    }


def print_report(
    report: build.BuildReport,
    summary: dict[str, object],
    args: argparse.Namespace,
    display: BuildDisplay,
) -> None:
    """Print a build's outcome for people."""
    for sentence in (*report.problems, *report.notes):
        display.say(sentence)
    for track in report.failures:
        display.say(f"Not analysed: {track.error}")
    did = report.summary
    parts = {
        "new": did.new,
        "changed": did.changed,
        "moved": did.moved,
        "restored": did.restored,
        "removed": did.removed,
        "unchanged": did.unchanged,
    }
    print(f"{report.tracks} tracks indexed, {len(report.failures)} failed.")
    print("  " + ", ".join(f"{n} {what}" for what, n in parts.items() if n))
    if report.n_analysed:
        print(
            f"  {report.n_analysed} analysed at {summary['songs_per_hour']:,.0f} songs/hour "
            f"({summary['audio_seconds_per_second']:,.0f} x real time) "
            f"on {summary['device']}, {args.workers} workers"
        )
    peak = int(str(summary["peak_memory_bytes"])) / 2**20
    print(f"  {summary['seconds']} s, {peak:,.0f} MiB at most")
    if report.index:
        print('Now try: python scripts/similar.py "a title, an artist, or an audio file"')
