"""What a server's answers take, the first of each kind after its start and later ones.

    python -m benchmarks.serving [--tracks 100000] [--after 60]

The library is that of queries.py, with a projection fitted on a part of it; the server is `earshot
serve`, asked one question at a time, from `--after` seconds after its start on.
"""

from __future__ import annotations

import argparse
import http.client
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil

from benchmarks.queries import N_TAGS, N_UNITS, NAMES, fill
from encoders.projection import fit_projection
from index.vector_index import VectorIndex
from recsys.catalog import Catalog
from recsys.catalog.track_features import read_features
from recsys.home.files import INDEX_NAME, PROJECTION_NAME

ROOT = Path(__file__).parents[1]
N_FITTED = 2000  # tracks that the projection is fitted on
N_EMBEDDED = 5000  # at once
N_QUERIES = 30  # of each kind


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tracks", type=int, default=100_000)
    parser.add_argument("--after", type=float, default=60.0, help="seconds (default: %(default)s)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        make_home(home, args.tracks)
        with serving(home) as (process, connection, seconds):
            print(f"\n{args.tracks} tracks; {seconds:.1f} s to the first answer; from ", end="")
            time.sleep(args.after)
            print(
                f"{args.after:g} s on, ms:\n\n| | first | median | largest |\n|---|---:|---:|---:|"
            )
            rng = np.random.default_rng(1)
            for name, path in questions():
                times = [ask(connection, path.format(*pair)) for pair in draws(rng, args.tracks)]
                later = np.median(times[1:])
                print(f"| {name} | {times[0]:.1f} | {later:.1f} | {max(times[1:]):.1f} |")
            print(f"\n{psutil.Process(process.pid).memory_info().rss >> 20} MiB")


def make_home(home: Path, n: int) -> None:
    """Invent a library, its projection and its index."""
    ids = range(1, n + 1)
    tags = [f"tag {i}" for i in range(N_TAGS)]
    with Catalog(home) as catalog:
        fill(catalog, n, np.random.default_rng(0))
        sample = [features for _, features in read_features(catalog, NAMES, ids[:N_FITTED])]
        units, logits = np.zeros(N_UNITS, np.float32), np.zeros(2 * N_TAGS, np.float32)
        projection = fit_projection(sample, len(sample), NAMES, 2 * tags, units, logits)
        projection.save(home / PROJECTION_NAME)
        blocks = []
        for start in range(0, n, N_EMBEDDED):
            batch = read_features(catalog, NAMES, ids[start : start + N_EMBEDDED])
            blocks.append(projection.embed([features for _, features in batch]))
        VectorIndex.build(ids, np.concatenate(blocks)).save(
            home / INDEX_NAME,
            model="+".join(NAMES),
            projection=projection.id,
            catalogue_revision=catalog.revision,
        )


@contextmanager
def serving(
    home: Path, *options: str
) -> Iterator[tuple[subprocess.Popen[str], http.client.HTTPConnection, float]]:
    """Serve a home; give the process, a connection, and after how many seconds it answered."""
    script = str(ROOT / "scripts" / "serve.py")
    command = [sys.executable, script, "--home", str(home), "--port", "0", *options]
    begin = time.perf_counter()
    with subprocess.Popen(command, stdout=-1, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout
            address = process.stdout.readline().rpartition("/")[2].strip()
            connection = http.client.HTTPConnection(address)
            ask(connection, "/healthz")
            yield process, connection, time.perf_counter() - begin
        finally:
            process.terminate()


def questions() -> list[tuple[str, str]]:
    """Return kinds of questions, each a path into which two ids of tracks are put."""
    return [
        ("workbench, one seed", "/?like=track:{}"),
        ("workbench, two seeds, one turned away from", "/?like=track:{}&unlike=track:{}"),
        ("workbench, a tag", "/?like=tag:tag%207"),
        ("completion", "/api/v1/complete?q=song{}"),
        ("search", "/api/v1/search?q=artist7%20song{}"),
        ("track page", "/tracks/{}"),
        ("similar tracks", "/api/v1/tracks/{}/similar"),
        ("artist page", "/artist?name=artist7"),
        ("library page", "/library"),
    ]


def draws(rng: np.random.Generator, n: int) -> list[tuple[int, int]]:
    """Return pairs of ids."""
    return [(int(a), int(b)) for a, b in rng.integers(1, n + 1, (N_QUERIES, 2))]


def ask(connection: http.client.HTTPConnection, path: str) -> float:
    """Return how many milliseconds an answer took."""
    begin = time.perf_counter()
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200:
        raise SystemExit(f"{path}: {answer.status}")
    return 1000 * (time.perf_counter() - begin)


if __name__ == "__main__":
    main()
