"""What each recipe of the index costs and finds: build, load, latency, recall, size on disk.

    python -m benchmarks.vector_index                           10,000 and 100,000 vectors
    python -m benchmarks.vector_index --sizes 1000000 --json results.json

The vectors are drawn from a mixture of 500 Gaussians in 32 dimensions, overlapping enough that the
nearest neighbours of a track often lie in another component, mapped linearly to 328 dimensions with
noise in all of them. Queries are further draws. Latency is that of one query at a time.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from index.arrays import Float32Array, Float64Array
from index.vector_index import Ranking, VectorIndex

DIM = 328
K = 10
WARM_UP = 10
NAMES = {"model": "benchmark", "projection": "none"}


@dataclass
class Row:
    """One line of the table; `recall` is the mean share of the true `K` nearest that was found."""

    vectors: int
    recipe: str
    search: str
    build_s: float
    load_s: float
    p50_ms: float
    p95_ms: float
    recall: float
    file_mib: float


def mixture(n: int, n_queries: int) -> tuple[Float32Array, Float32Array]:
    """Vectors (n, DIM) and queries (n_queries, DIM) of the mixture, reproducible."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((500, 32), dtype=np.float32)
    basis = rng.standard_normal((32, DIM), dtype=np.float32) / math.sqrt(32)
    vectors = np.empty((n + n_queries, DIM), dtype=np.float32)
    for start in range(0, len(vectors), 50_000):
        block = vectors[start : start + 50_000]
        latent = centres[rng.integers(len(centres), size=len(block))]
        latent += rng.standard_normal(latent.shape, dtype=np.float32)
        block[:] = latent @ basis
        block += 0.3 * rng.standard_normal(block.shape, dtype=np.float32)
    return vectors[:n], vectors[n:]


def recipes(n: int, all_up_to: int) -> Iterator[tuple[str, list[str]]]:
    """Recipes for `n` vectors, each with the search parameters to try ("" is the default)."""
    # About 4 √n lists, and no more than there are vectors to train.
    n_lists = 2 ** min(round(math.log2(4 * math.sqrt(n))), math.floor(math.log2(n / 39)))
    probes = ["nprobe=1", "nprobe=8", "nprobe=32", "", "nprobe=256"]
    yield "Flat", [""]
    yield f"IVF{n_lists},Flat", probes
    if n <= all_up_to:
        yield f"IVF{n_lists},SQ8", [""]
        yield "HNSW32", ["efSearch=32", "efSearch=64", "", "efSearch=256"]


def one_at_a_time(index: VectorIndex, queries: Float32Array) -> tuple[list[Ranking], Float64Array]:
    """The rankings of the queries, and the milliseconds each took."""
    index.search(queries[:WARM_UP], K)
    rankings, milliseconds = [], []
    for query in queries:
        start = time.perf_counter()
        rankings += index.search(query[None], K)
        milliseconds.append(1000 * (time.perf_counter() - start))
    return rankings, np.array(milliseconds)


def measure(n: int, n_queries: int, all_up_to: int, folder: Path) -> Iterator[Row]:
    """Build, save, load and search each recipe over `n` vectors."""
    vectors, queries = mixture(n, n_queries)
    exact: list[Ranking] = []
    for recipe, searches in recipes(n, all_up_to):
        start = time.perf_counter()
        built = VectorIndex.build(np.arange(n), vectors, recipe)
        build_s = time.perf_counter() - start
        path = folder / "benchmark.index"
        built.save(path, **NAMES, catalogue_revision=0)
        del built
        for search in searches:
            start = time.perf_counter()
            index = VectorIndex.load(path, **NAMES, dim=DIM, search=search)  # type: ignore[arg-type]
            load_s = time.perf_counter() - start
            rankings, milliseconds = one_at_a_time(index, queries)
            exact = exact or rankings
            pairs = zip(exact, rankings, strict=True)
            recall = np.mean([np.isin(true.ids, found.ids).mean() for true, found in pairs])
            p50, p95 = np.percentile(milliseconds, [50, 95])
            yield Row(
                vectors=n,
                recipe=recipe,
                search=index.search_parameters
                + ("" if search or recipe == "Flat" else " (default)"),
                build_s=round(build_s, 1),
                load_s=round(load_s, 2),
                p50_ms=round(p50, 2),
                p95_ms=round(p95, 2),
                recall=round(float(recall), 4),
                file_mib=round(path.stat().st_size / 2**20, 1),
            )


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument(
        "--all-up-to", type=int, default=100_000, help="for more vectors: only Flat and IVF,Flat"
    )
    parser.add_argument("--json", type=Path, help="write the rows to this file, too")
    arguments = parser.parse_args()
    rows = []
    print(f"| vectors | recipe | search | build s | load s | p50 ms | p95 ms | recall@{K} | MiB |")
    print("|---:|---|---|---:|---:|---:|---:|---:|---:|")
    for n in arguments.sizes:
        with tempfile.TemporaryDirectory() as folder:
            for row in measure(n, arguments.queries, arguments.all_up_to, Path(folder)):
                print(
                    "|", " | ".join(str(value) for value in asdict(row).values()), "|", flush=True
                )
                rows.append(asdict(row))
        if n > arguments.all_up_to:
            print(f"| {n} | SQ8, HNSW32 | skipped: minutes to build | | | | | | |", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
