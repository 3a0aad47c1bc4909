"""Time the import of listening histories: rows a second and memory, by format.

    python benchmarks/listens.py --rows 1000000

The rows are random: 1,000 listeners, 100,000 recordings, popular ones more often.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from encoders.memory import PeakMemory
from recsys.catalog import Catalog
from recsys.listens.formats import Choice
from recsys.listens.importing import import_file

N_LISTENERS, N_RECORDINGS = 1_000, 100_000
BEGIN = 1_600_000_000  # Unix seconds
CHUNK = 100_000  # rows drawn at once


def main() -> None:
    """Import made histories into an empty catalogue, twice each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    args = parser.parse_args()
    print(
        "| format | rows | rows/s | again, rows/s | largest memory MiB |\n|---|---:|---:|---:|---:|"
    )
    for name, write in (("csv", write_csv), ("listenbrainz", write_listenbrainz)):
        with tempfile.TemporaryDirectory() as folder, PeakMemory() as memory:
            path = Path(folder, "history")
            write(path, args.rows)
            with Catalog(Path(folder, "home")) as catalog:
                rates = []
                for _ in range(2):
                    done = import_file(catalog, path, Choice(None, "", None))
                    rates.append(done.rows / done.seconds)
        peak = memory.peak / 2**20
        print(f"| {name} | {done.rows:,} | {rates[0]:,.0f} | {rates[1]:,.0f} | {peak:,.0f} |")


def draw(n_rows: int) -> Iterator[tuple[int, int, int]]:
    """Give listener, recording and time of each row."""
    rng = np.random.default_rng(0)
    for start in range(0, n_rows, CHUNK):
        n = min(CHUNK, n_rows - start)
        recordings = (N_RECORDINGS * rng.random(n) ** 3).astype(int)
        listeners = rng.integers(N_LISTENERS, size=n)
        times = BEGIN + np.arange(start, start + n)
        yield from zip(listeners.tolist(), recordings.tolist(), times.tolist(), strict=True)


def write_csv(path: Path, n_rows: int) -> None:
    """Write a table of user, artist, title and time."""
    with path.open("w", encoding="utf-8") as file:
        file.write("user,artist,title,timestamp\n")
        for listener, recording, at in draw(n_rows):
            file.write(f"u{listener},artist {recording % 5000},song {recording},{at}\n")


def write_listenbrainz(path: Path, n_rows: int) -> None:
    """Write the same as JSON lines."""
    with path.open("w", encoding="utf-8") as file:
        for listener, recording, at in draw(n_rows):
            metadata = {"artist_name": f"artist {recording % 5000}"}
            metadata |= {"track_name": f"song {recording}"}
            entry = {"user_name": f"u{listener}", "listened_at": at, "track_metadata": metadata}
            file.write(json.dumps(entry) + "\n")


if __name__ == "__main__":
    main()
