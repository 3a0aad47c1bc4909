"""An index of up to ten million vectors, built by shards and mapped: time, memory, recall, latency.

    python -m benchmarks.index_at_size --home HOME [--sizes 10000 100000 1000000 10000000]
        [--folder FOLDER] [--workers 2] [--json FILE]

The vectors are made after the embeddings of a home whose tracks name artists: an artist is a draw
from a normal distribution with the covariance between its artists, a track a draw around its artist
with the covariance within them; artists have 16 tracks on average, one after another, as a scan of
folders finds them. How alike made and real vectors are is printed first.

Queries are tracks of the library, itself left out, one at a time by one process that maps the file.
Recall is the share of the ten tracks of the greatest cosines, by float32 products of the vectors as
they were made with all, that are among the ten found. Each size is built, and searched, in
processes of their own; memory is theirs alone. FOLDER needs 2 KB a vector.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil

from index import shards
from index.arrays import Float32Array, Int64Array
from index.hubs import reference_rows, track_statistics
from index.storage import Manifest
from index.vector_index import VectorIndex
from recsys.home.home import open_home
from recsys.home.settings import Settings

K = 10
BLOCK = 2**14  # vectors made at once; a shard is several
N_QUERIES = 200
N_TIMED = 1000
TRACKS_PER_ARTIST = 16.0
PER_SHARD = shards.SHARD // BLOCK


class Likeness(NamedTuple):
    """What vectors are made after: mean (dim,), roots of the covariances between and within."""

    mean: Float32Array
    between: Float32Array
    within: Float32Array


def likeness_of(vectors: Float32Array, artists: Int64Array) -> Likeness:
    """Estimate the covariances of embeddings (n, dim), `artists` being negative where unknown."""
    mean = vectors.mean(axis=0)
    _, codes, counts = np.unique(artists, return_inverse=True, return_counts=True)
    several = (counts[codes] > 1) & (artists >= 0)
    sums = np.zeros((len(counts), vectors.shape[1]))
    np.add.at(sums, codes, vectors)
    means = sums / counts[:, None]
    rest = (vectors - means[codes])[several]
    n_free = several.sum() - len(np.unique(codes[several]))
    within = rest.T @ rest / n_free
    total = np.cov(vectors, rowvar=False)
    return Likeness(mean, _root(total - within), _root(within))


def _root(covariance: Any) -> Float32Array:
    values, axes = np.linalg.eigh(covariance)
    root: Float32Array = (axes * np.sqrt(values.clip(0.0))).T.astype(np.float32)
    return root


def made(likeness: Likeness, number: int, size: int = BLOCK) -> Float32Array:
    """Return one block of unit vectors (size, dim), the same each time."""
    rng = np.random.default_rng(number)
    n_tracks = rng.geometric(1 / TRACKS_PER_ARTIST, size)
    artists = np.repeat(np.arange(size), n_tracks)[:size]
    centres = rng.standard_normal((artists[-1] + 1, len(likeness.between)), np.float32)
    vectors = rng.standard_normal((size, len(likeness.within)), np.float32) @ likeness.within
    vectors += (centres @ likeness.between)[artists] + likeness.mean
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def rows_made(likeness: Likeness, rows: Int64Array) -> Float32Array:
    """Return the vectors of some rows, ascending."""
    found = np.empty((len(rows), len(likeness.mean)), np.float32)
    numbers = rows // BLOCK
    for number in np.unique(numbers).tolist():
        mine = numbers == number
        found[mine] = made(likeness, number)[rows[mine] % BLOCK]
    return found


class Shard(NamedTuple):
    """The times of a shard in seconds, and the best of its rows for each query."""

    making: float
    exact: float
    writing: float
    rows: Int64Array  # (n_queries, K)
    cosines: Float32Array
    memory: int  # most bytes of the process


def write_shard(
    number: int,
    n: int,
    likeness: Likeness,
    training: Path,
    queries: tuple[Int64Array, Float32Array],
) -> Shard:
    """Make a shard's vectors and write its file beside the training."""
    begin = time.perf_counter()
    first = number * shards.SHARD
    ids = np.arange(first, min(first + shards.SHARD, n))
    numbers = range(number * PER_SHARD, (int(ids[-1]) // BLOCK) + 1)
    vectors = np.concatenate([made(likeness, one) for one in numbers])[: len(ids)]
    made_at = time.perf_counter()
    cosines = queries[1] @ vectors.T
    for place, query in enumerate(queries[0].tolist()):
        if first <= query < first + len(ids):
            cosines[place, query - first] = -1.0
    best = np.argpartition(cosines, -K, axis=1)[:, -K:]
    exact_at = time.perf_counter()
    path = training.with_name(f"{number}.shard")
    shards.write_shard(path, shards.Training.load(training), ids, vectors)
    return Shard(
        made_at - begin,
        exact_at - made_at,
        time.perf_counter() - exact_at,
        ids[best],
        np.take_along_axis(cosines, best, 1),
        peak(),
    )


def peak() -> int:
    """Return the most bytes of memory that this process has had, mapped files included.

    Not by getrusage, which counts the memory of whoever started it as well.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    found = next(line for line in lines if line.startswith("VmHWM:"))
    return 1024 * int(found.split()[1])


def build(args: argparse.Namespace) -> None:
    """Build one size in FOLDER and print its figures as JSON."""
    n, folder = args.build, args.folder
    with np.load(folder / "likeness.npz") as stored:
        likeness = Likeness(**stored)
    dim = len(likeness.mean)
    recipe = args.recipe or shards.recipe_by_shards(n, dim)
    figures: dict[str, Any] = {"vectors": n, "dim": dim, "recipe": recipe}
    begin = time.perf_counter()
    size = min(shards.sample_size(recipe), n)
    every = max(1, min(8, n // size))  # of the blocks that are made, one vector of so many
    n_blocks = -(-size * every // BLOCK)
    numbers = np.arange(n_blocks) * -(-n // BLOCK) // n_blocks
    sample = np.concatenate([made(likeness, one)[::every] for one in numbers.tolist()])[:size]
    references = reference_rows(min(n, shards.SHARD * 4))[:: args.fewer]
    training_begin = time.perf_counter()
    figures["sample_s"] = training_begin - begin
    training = shards.train(sample, references, rows_made(likeness, references), recipe)
    training.save(folder / "training")
    figures["training_s"] = time.perf_counter() - training_begin
    figures["references"] = len(references)
    del sample
    queries = np.arange(N_QUERIES, dtype=np.int64) * min(n, 32 * BLOCK) // N_QUERIES
    n_shards = -(-n // shards.SHARD)
    begin = time.perf_counter()
    work = partial(
        write_shard,
        n=n,
        likeness=likeness,
        training=folder / "training",
        queries=(queries, rows_made(likeness, queries)),
    )
    context = multiprocessing.get_context("spawn")
    results = []
    with ProcessPoolExecutor(args.workers, mp_context=context) as pool:
        for done, result in enumerate(pool.map(work, range(n_shards)), start=1):
            results.append(result)
            print(f"{done} of {n_shards} shards", file=sys.stderr, flush=True)
    figures["shards_wall_s"] = time.perf_counter() - begin
    figures["workers"] = args.workers
    for name in ("making", "exact", "writing"):
        figures[f"{name}_s"] = sum(getattr(result, name) for result in results)
    figures["shard_peak_mib"] = max(result.memory for result in results) / 2**20
    few = made(likeness, 0)[:4096][:n]
    begin = time.perf_counter()
    track_statistics(few, rows_made(likeness, reference_rows(min(n, 10_000))))
    figures["statistics_us"] = 1e6 * (time.perf_counter() - begin) / len(few)
    rows = np.concatenate([result.rows for result in results], axis=1)
    cosines = np.concatenate([result.cosines for result in results], axis=1)
    best = np.argsort(-cosines, axis=1)[:, :K]
    np.savez(folder / "exact.npz", queries=queries, rows=np.take_along_axis(rows, best, 1))
    begin = time.perf_counter()
    shards.merge(
        folder / "index",
        training,
        [folder / f"{number}.shard" for number in range(n_shards)],
        Manifest("benchmark", "none", 0, 0, 0, "", ""),
    )
    figures["merging_s"] = time.perf_counter() - begin
    figures["peak_mib"] = peak() / 2**20
    figures["file_mib"] = (folder / "index").stat().st_size / 2**20
    for number in range(n_shards):
        (folder / f"{number}.shard").unlink()
    print(json.dumps(figures))


def search(args: argparse.Namespace) -> None:
    """Search the index in FOLDER and print figures as JSON."""
    before = psutil.Process().memory_full_info()
    begin = time.perf_counter()
    index = VectorIndex.load(
        folder := args.folder / "index", model=None, projection=None, dim=None, search=args.nprobe
    )
    figures: dict[str, Any] = {"load_s": time.perf_counter() - begin, "search": ""}
    figures["search"] = index.search_parameters
    with np.load(args.folder / "exact.npz") as stored:
        queries, exact = stored["queries"], stored["rows"]
    rng = np.random.default_rng(0)
    timed = np.concatenate([queries, rng.integers(0, len(index), N_TIMED - len(queries))])
    for hubs in ("none", "nicdm"):
        times, hits = [], []
        for place, query in enumerate(timed.tolist()):
            begin = time.perf_counter()
            cpu = time.thread_time()
            (found,) = index.search(
                index.vectors([query]),
                K,
                exclude=[query],
                hubs=hubs,
                query_statistics=index.track_statistics([query]),
            )
            times.append((time.perf_counter() - begin, time.thread_time() - cpu))
            if hubs == "none" and place < len(queries):
                hits.append(np.isin(exact[place], found.ids).mean())
        wall, cpu_times = 1000 * np.array(times).T
        for name, values in (("", wall), ("cpu_", cpu_times)):
            figures[f"{hubs}_{name}p50_ms"], figures[f"{hubs}_{name}p99_ms"] = np.percentile(
                values, [50, 99]
            ).tolist()
        if hits:
            figures["recall"] = float(np.mean(hits))
    after = psutil.Process().memory_full_info()
    figures["own_mib"] = (after.uss - before.uss) / 2**20
    figures["resident_mib"] = (after.rss - before.rss) / 2**20
    figures["file"] = str(folder)
    print(json.dumps(figures))


def run(*arguments: object) -> dict[str, Any]:
    """Run this module in a process of its own and return the JSON of its last line."""
    command = [sys.executable, "-m", "benchmarks.index_at_size", *map(str, arguments)]
    out = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    figures: dict[str, Any] = json.loads(out.splitlines()[-1])
    return figures


def compare(likeness: Likeness, vectors: Float32Array) -> None:
    """Print how alike made and real vectors are."""
    others = rows_made(likeness, np.arange(len(vectors)))
    print("| cosines | .01 | .5 | .99 | of the nearest, median | of the tenth, median |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, some in (("real", vectors), ("made", others)):
        cosines = some @ some.T
        pairs = cosines[np.triu_indices(len(some), 1)]
        np.fill_diagonal(cosines, -1.0)
        near = -np.partition(-cosines, (0, K - 1), axis=1)[:, [0, K - 1]]
        values = (*np.quantile(pairs, [0.01, 0.5, 0.99]), *np.median(near, axis=0))
        print(f"| {name} | " + " | ".join(f"{value:.3f}" for value in values) + " |")
    print(flush=True)


COLUMNS = (
    "vectors",
    "recipe",
    "search",
    "training_s",
    "writing_s",
    "merging_s",
    "file_mib",
    "load_s",
    "recall",
    "none_p50_ms",
    "none_p99_ms",
    "nicdm_p50_ms",
    "nicdm_p99_ms",
    "own_mib",
    "resident_mib",
)


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--home", type=Path, help="a home whose tracks name artists")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10**4, 10**5, 10**6])
    parser.add_argument("--folder", type=Path, help="for the files; they are deleted")
    parser.add_argument("--workers", type=int, default=2, help="processes that make shards")
    parser.add_argument("--recipe", help="instead of the usual one")
    parser.add_argument("--nprobe", default="", help='search parameters, "nprobe=64"')
    parser.add_argument(
        "--fewer", type=int, default=1, help="compare with every Nth reference alone"
    )
    parser.add_argument("--json", type=Path, help="write the rows to this file, too")
    parser.add_argument("--build", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--search", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Measure and print a Markdown table."""
    args = arguments()
    if args.build:
        build(args)
        return
    if args.search:
        search(args)
        return
    folder = Path(tempfile.mkdtemp(dir=args.folder))
    try:
        with open_home(Settings(args.home)) as home:
            table = home.tables.tracks()
            vectors = home.index.vectors(home.index.ids)
            likeness = likeness_of(vectors, table.artists)
        np.savez(folder / "likeness.npz", **likeness._asdict())
        compare(likeness, vectors)
        print("| " + " | ".join(COLUMNS) + " |\n|" + "---|" * len(COLUMNS))
        rows = []
        for n in args.sizes:
            options = ["--folder", folder, "--workers", args.workers, "--fewer", args.fewer]
            options += ["--recipe", args.recipe] if args.recipe else []
            figures = run("--build", n, *options)
            print(json.dumps(figures), file=sys.stderr, flush=True)
            figures |= run("--search", "--folder", folder, "--nprobe", args.nprobe)
            rows.append(figures)
            shown = (figures[name] for name in COLUMNS)
            cells = (f"{one:.4g}" if isinstance(one, float) else str(one) for one in shown)
            print("| " + " | ".join(cells) + " |", flush=True)
            if args.json:
                args.json.write_text(json.dumps(rows, indent=1) + "\n")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
