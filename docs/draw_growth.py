"""Draw how time and memory grow with the number of tracks, from docs/results/at-size.json.

uv run python docs/draw_growth.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

DOCS = Path(__file__).parent
Rows = list[dict[str, Any]]


def main() -> None:
    """Write docs/img/growth.png."""
    stored = json.loads((DOCS / "results" / "at-size.json").read_text())
    catalog, index, pairs = stored["catalog"], stored["index"], stored["listening"]
    figure = Figure((10, 8), layout="constrained")
    panels = figure.subplots(2, 2)
    begin = time_to_load(catalog)
    lines(
        panels[0, 0],
        "PostgreSQL: seconds",
        catalog,
        {
            "to load all rows": begin["rows"],
            "to load all words for searches": begin["words"],
            "to find nothing new in a scan": column(catalog, "unchanged_s"),
            "to look for equal names": column(catalog, "named_alike_s"),
            "to read a server's columns": column(catalog, "tables_s"),
            "to make an index of a column": column(catalog, "index_s"),
        },
    )
    lines(
        panels[0, 1],
        "Milliseconds of an answer",
        catalog,
        {
            "a page of 100 tracks": column(catalog, "page_ms"),
            "a search by words": column(catalog, "search_ms"),
            "an artist's tracks": column(catalog, "artist_ms"),
        },
    )
    also = {
        "similar tracks, median": column(index, "nicdm_p50_ms"),
        "similar tracks, 99 %": column(index, "nicdm_p99_ms"),
    }
    for name, values in also.items():
        panels[0, 1].plot([row["vectors"] for row in index], values, "o--", label=name)
    panels[0, 1].legend(fontsize=8)
    lines(
        panels[1, 0],
        "MiB",
        catalog,
        {
            "PostgreSQL: tracks and words": [
                row["tracks_mib"] + row["words_mib"] for row in catalog
            ],
            "a build compares a scan, most": column(catalog, "unchanged_mib"),
            "a server's columns, kept": column(catalog, "tables_held_mib"),
            "the same, most": column(catalog, "tables_mib"),
        },
    )
    panels[1, 0].plot(
        [row["vectors"] for row in index], column(index, "file_mib"), "o--", label="index file"
    )
    panels[1, 0].plot(
        [row["vectors"] for row in index],
        [max(row["peak_mib"], row["shard_peak_mib"]) for row in index],
        "o--",
        label="indexing, most",
    )
    panels[1, 0].legend(fontsize=8)
    for key, name in (("als_bytes", "ALS"), ("model_bytes", "the whole listening model")):
        seen = [row for row in pairs if row[key] > 2**24]  # else it was over before it was seen
        values = [row[key] / 2**20 for row in seen]
        panels[1, 1].plot([row["pairs"] for row in seen], values, "o-", label=name)
    dress(panels[1, 1], "MiB of a fit beside the listens", "pairs of listener and track")
    figure.savefig(DOCS / "img" / "growth.png", dpi=110)


def time_to_load(catalog: Rows) -> dict[str, list[float]]:
    """Return the seconds to load all tracks and words, from the rates of each part."""
    totals: dict[str, list[float]] = {"rows": [], "words": []}
    before = 0
    for row in catalog:
        for name, seconds in totals.items():
            part = (row["tracks"] - before) / row[f"{name}_a_second"]
            seconds.append(part + (seconds[-1] if seconds else 0.0))
        before = row["tracks"]
    return totals


def column(rows: Rows, name: str) -> list[float]:
    """Return one figure of each size."""
    return [row[name] for row in rows]


def lines(axes: Axes, title: str, rows: Rows, values: dict[str, list[float]]) -> None:
    """Draw a line for each name."""
    for name, each in values.items():
        axes.plot([row["tracks"] for row in rows], each, "o-", label=name)
    dress(axes, title, "tracks")


def dress(axes: Axes, title: str, of: str) -> None:
    """Name axes, both logarithmic."""
    axes.set(title=title, xlabel=of, xscale="log", yscale="log")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)


if __name__ == "__main__":
    main()
