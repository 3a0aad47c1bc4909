"""How long an answer takes after start-up: neighbours, reasons and search results.

    python -m benchmarks.queries [--tracks 10000]

The library is invented: random features of the real sizes in a real catalogue and index.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from encoders.features import AudioInfo, TrackFeatures
from index.vector_index import VectorIndex
from recsys.catalog import Catalog, ScannedFile, Tags
from recsys.home.library_tables import LibraryTables
from recsys.home.settings import HUBS
from recsys.home.tag_means import TagColumns
from recsys.similarity.similar_tracks import SimilarTracks

NAMES = ("one-float32-20", "two-float32-20")  # of two models with the sizes of musicnn
N_SEGMENTS, N_TAGS, N_UNITS, N_POOLS, DIM = 20, 50, 200, 1506, 380
N_QUERIES = 200


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tracks", type=int, default=10_000)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as home, Catalog(Path(home)) as catalog:
        fill(catalog, args.tracks, rng)
        index = VectorIndex.build(
            np.arange(1, args.tracks + 1), rng.standard_normal((args.tracks, DIM))
        )
        tags = [f"tag {i}" for i in range(2 * N_TAGS)]
        typical = np.zeros(2 * N_TAGS, np.float32)
        tables = LibraryTables(catalog, index, lambda: TagColumns(NAMES, tags), Path(home))
        served, by_cosine = (
            SimilarTracks(tables, NAMES, tags, typical, hubs) for hubs in (HUBS, "none")
        )
        ids = rng.integers(1, args.tracks + 1, N_QUERIES).tolist()
        print(f"\n{args.tracks} tracks, ms:\n\n| | median | 95 % | largest |\n|---|---:|---:|---:|")
        print_times("ten neighbours with shared tags", lambda i: ask(served, ids[i]))
        print_times("the same, not corrected for hubs", lambda i: ask(by_cosine, ids[i]))
        print_times("why two tracks are alike", lambda i: explain(served, ids[i], ids[i - 1]))
        print_times(
            "a search by two words", lambda i: catalog.search(f"artist{ids[i] % 700} song{ids[i]}")
        )


def ask(system: SimilarTracks, track_id: int) -> None:
    """Answer as `earshot similar` does, one track of an artist."""
    track = system.catalog.track(track_id)
    if track is None or len(system.of_track(track, 10, artist_cap=1)) != 10:
        raise SystemExit(f"no ten neighbours of track {track_id}")


def explain(system: SimilarTracks, one_id: int, other_id: int) -> None:
    """Answer as the API does, from what is stored."""
    one, other = system.catalog.tracks([one_id, other_id])
    if other.id not in system.reasons(system.sound_of(one), [other]):
        raise SystemExit(f"no reasons for tracks {one_id} and {other_id}")


def print_times(name: str, query: Callable[[int], object]) -> None:
    """Time the queries after one for start-up."""
    query(0)
    seconds = []
    for i in range(N_QUERIES):
        begin = time.perf_counter()
        query(i)
        seconds.append(time.perf_counter() - begin)
    median, high, largest = 1000 * np.quantile(seconds, [0.5, 0.95, 1.0])
    print(f"| {name} | {median:.1f} | {high:.1f} | {largest:.1f} |")


def fill(catalog: Catalog, n: int, rng: np.random.Generator) -> None:
    """Invent `n` tracks and their features."""
    catalog.record_files([scanned_file(i) for i in range(n)])
    for start in range(0, n, 1000):
        for name in NAMES:
            ids = range(start + 1, min(start + 1000, n) + 1)
            catalog.store_features(name, [(i, features(rng)) for i in ids])


def scanned_file(i: int) -> ScannedFile:
    """Invent a file."""
    info = AudioInfo(180.0 + i % 100, 44_100, 2, "flac", f"{i:032x}")
    tags = Tags(
        title=f"song{i} of some length", artist=f"artist{i % 700}", album=f"album{i % 2000}"
    )
    return ScannedFile(None, Path(f"/music/{i}.flac"), i, i, info, tags)


def features(rng: np.random.Generator) -> TrackFeatures:
    """Invent features."""
    return TrackFeatures(
        np.arange(N_SEGMENTS, dtype=np.float32),
        rng.random((N_SEGMENTS, N_TAGS)).astype(np.float16),
        rng.random((N_SEGMENTS, N_UNITS)).astype(np.float16),
        rng.random(N_POOLS).astype(np.float16),
    )


if __name__ == "__main__":
    main()
