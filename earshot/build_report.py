"""The outcome of a build: as JSON, and printed for people."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from earshot.build_progress import BuildDisplay
from earshot.terminal import suggesting
from encoders.extract import Extractor
from recsys.library import build
from recsys.library.scanning import LeftOut
from recsys.library.suffixes import listed

if TYPE_CHECKING:
    from earshot.on_ray.extractor import RayExtractor

MOST_NAMED = 20  # files that could not be read


def passing(count: int) -> str:
    """Return how many files could not be read for the moment.

    >>> passing(1)
    '1 file could not be read for the moment: the next build tries it again.'
    """
    files, them = (f"{count:,} files", "them") if count > 1 else ("1 file", "it")
    return f"{files} could not be read for the moment: the next build tries {them} again."


def left_out(files: LeftOut) -> str:
    """Return how many files were left out, by kind.

    >>> left_out(LeftOut({".jpg": 30, ".mid": 2}, hidden=1))
    'Left out: 30 .jpg, 2 .mid, 1 hidden'
    """
    odd = {
        "hidden": files.hidden,
        "broken links": files.broken_links,
        "no regular files": files.no_files,
        "cue sheets": files.cue_sheets,
    }
    parts = [listed(files.by_suffix)] if files.by_suffix else []
    parts += [f"{count:,} {name}" for name, count in odd.items() if count]
    return f"Left out: {', '.join(parts)}"


def summarise(
    report: build.BuildReport,
    extractor: Extractor | RayExtractor,
    seconds: float,
    peak_memory: int,
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
        "retagged": report.summary.retagged,
        "seconds": round(seconds, 2),
        "songs_per_hour": round(3600 * report.n_analysed / analysis, 1),
        "audio_seconds_per_second": round(report.audio_seconds / analysis, 1),
        "peak_memory_bytes": peak_memory,
        "device": f"{extractor.device}; index on {index.device.upper() if index else 'CPU'}",
        "index": index and {"recipe": index.recipe, "dim": index.dim, "ntotal": len(index)},
        "failures": [{"path": str(track.path), "error": track.error} for track in report.failures],
        "problems": [*report.problems, *report.unavailable[:MOST_NAMED]],
        "unavailable": len(report.unavailable),
        "left_out": asdict(report.left_out),
        "notes": list(report.notes),
    }


def print_report(
    report: build.BuildReport,
    summary: dict[str, object],
    workers: int | None,
    display: BuildDisplay,
) -> None:
    """Print a build's outcome for people; the `workers` of this machine are None on a cluster."""
    for sentence in (*report.problems, *report.unavailable[:MOST_NAMED], *report.notes):
        display.say(sentence)
    for track in report.failures:
        display.say(f"Not analysed: {track.error}")
    names = ("new", "changed", "moved", "restored", "removed", "retagged", "unchanged")
    counts = {name: getattr(report.summary, name) for name in names}
    print(f"{report.tracks} tracks indexed, {len(report.failures)} failed.")
    print("  " + ", ".join(f"{n} {name}" for name, n in counts.items() if n))
    if report.unavailable:
        print(f"  {passing(len(report.unavailable))}")
    if report.left_out.total:
        print(f"  {left_out(report.left_out)}")
    if report.n_analysed:
        print(
            f"  {report.n_analysed} analysed at {summary['songs_per_hour']:,.0f} songs/hour "
            f"({summary['audio_seconds_per_second']:,.0f} x real time) "
            f"on {summary['device']}{f', {workers} workers' if workers else ''}"
        )
    peak = int(str(summary["peak_memory_bytes"])) / 2**20
    print(f"  {summary['seconds']} s, {peak:,.0f} MiB at most")
    if report.index:
        print(suggesting('Now try: `earshot similar "a title, an artist, or an audio file"`'))
