"""The outcome of a build: as JSON, and printed for people."""

from __future__ import annotations

from earshot.build_progress import BuildDisplay
from encoders.extract import Extractor
from recsys.library import build


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
        "retagged": report.summary.retagged,
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
    workers: int,
    display: BuildDisplay,
) -> None:
    """Print a build's outcome for people."""
    for sentence in (*report.problems, *report.notes):
        display.say(sentence)
    for track in report.failures:
        display.say(f"Not analysed: {track.error}")
    names = ("new", "changed", "moved", "restored", "removed", "retagged", "unchanged")
    counts = {name: getattr(report.summary, name) for name in names}
    print(f"{report.tracks} tracks indexed, {len(report.failures)} failed.")
    print("  " + ", ".join(f"{n} {name}" for name, n in counts.items() if n))
    if report.n_analysed:
        print(
            f"  {report.n_analysed} analysed at {summary['songs_per_hour']:,.0f} songs/hour "
            f"({summary['audio_seconds_per_second']:,.0f} x real time) "
            f"on {summary['device']}, {workers} workers"
        )
    peak = int(str(summary["peak_memory_bytes"])) / 2**20
    print(f"  {summary['seconds']} s, {peak:,.0f} MiB at most")
    if report.index:
        print('Now try: earshot similar "a title, an artist, or an audio file"')
