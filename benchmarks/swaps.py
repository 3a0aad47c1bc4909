"""Answers while the index is replaced and builds run: how many fail.

    python -m benchmarks.swaps HOME [--seconds 60] [--every 5] [--processes 2] [--kill]

HOME is a copy of a home whose music is there: it is built again and again, and its index replaced
by one with other bytes every few seconds. With `--kill` a worker is killed each time, too. Eight
callers ask for similar tracks, mixes, completions and pages.
"""

from __future__ import annotations

import argparse
import http.client
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import psutil

from benchmarks.load import serving
from benchmarks.serving import ROOT
from index.vector_index import VectorIndex
from recsys.home.files import INDEX_NAME

CALLERS = 8
PATHS = ("/api/v1/tracks/{}/similar", "/api/v1/mix?like=track:{}", "/api/v1/complete?q=a", "/")


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("home", type=Path)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--every", type=float, default=5.0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--kill", action="store_true", help="also kill a worker each time")
    args = parser.parse_args()
    is_over = threading.Event()
    times: list[float] = []
    failed: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    n_tracks = len(read(args.home))
    with serving(ROOT, args.home, "--processes", str(args.processes)) as (process, address):
        host = address.removeprefix("http://")
        threads = [
            threading.Thread(target=call, args=(host, seed, n_tracks, is_over, times, failed))
            for seed in range(CALLERS)
        ]
        threads.append(threading.Thread(target=build, args=(args.home, is_over, counts)))
        for thread in threads:
            thread.start()
        ends = time.monotonic() + args.seconds
        while time.monotonic() < ends:
            time.sleep(args.every)
            replace_index(args.home)
            counts["indexes"] += 1
            if args.kill and (workers := psutil.Process(process.pid).children()):
                workers[-1].kill()
                counts["kills"] += 1
        is_over.set()
        for thread in threads:
            thread.join()
    median, p99 = np.percentile(times, [50, 99])
    print("| answers | median, ms | p99, ms | failed | indexes replaced | builds | kills |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    rest = " | ".join(str(counts[name]) for name in ("indexes", "builds", "kills"))
    print(f"| {len(times):,} | {median:.1f} | {p99:.1f} | {failed.total()} | {rest} |")
    for what, n in failed.most_common():
        print(f"- {n} times {what}")


def read(home: Path) -> VectorIndex:
    """Read a home's index."""
    return VectorIndex.load(home / INDEX_NAME, model=None, projection=None, dim=None)


def replace_index(home: Path) -> None:
    """Replace a home's index as a build does, by one of the same vectors with another revision."""
    index = read(home)
    if (manifest := index.manifest) is None:
        raise SystemExit("The index has no manifest.")
    index.save(
        home / INDEX_NAME,
        model=manifest.model,
        projection=manifest.projection,
        catalogue_revision=manifest.catalogue_revision - 1,
    )


def build(home: Path, is_over: threading.Event, counts: Counter[str]) -> None:
    """Build a home again and again."""
    command = [sys.executable, "-m", "earshot", "build", "--again", "--home", str(home)]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    while not is_over.is_set():
        subprocess.run(command, check=True, capture_output=True, env=environ)
        counts["builds"] += 1


def call(
    host: str,
    seed: int,
    n_tracks: int,
    is_over: threading.Event,
    times: list[float],
    failed: Counter[str],
) -> None:
    """Ask one thing after another; note how long each took, and what failed."""
    connection = http.client.HTTPConnection(host, timeout=60)
    rng = np.random.default_rng(seed)
    while not is_over.is_set():
        path = PATHS[rng.integers(len(PATHS))].format(rng.integers(1, n_tracks + 1))
        begin = time.perf_counter()
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            failed[repr(error)] += 1
            connection.close()
            continue
        times.append(1000 * (time.perf_counter() - begin))
        if answer.status != 200:
            failed[f"{answer.status} of {path}"] += 1
    connection.close()


if __name__ == "__main__":
    main()
