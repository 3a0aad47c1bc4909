"""Listening models of Spark's ALS beside implicit's: quality, time, and memory of a pair.

    python -m benchmarks.spark_als --interactions listens.parquet --items items.parquet
        [--master local-cluster[2,1,1024]] [--factors 64] [--regularization 30] [--alpha 1]
    python -m benchmarks.spark_als --memory 1000000 3000000 10000000

The first splits the listens by the protocol `warm`, fits both to the rest, and prints R@20 and
nDCG@100 of the factors alone and of the listening model on them, with 95 % intervals over
listeners and of the paired difference. The settings are the same for both. `--raw` leaves out the
exact solutions that follow MLlib's.

The second prints the memory that a fit takes beside the listens themselves, one iteration each, in
a process of its own: of invented listens, a hundredth as many listeners, a fiftieth as many tracks.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from benchmarks.recommend import synthetic_listens
from encoders.memory import PeakMemory
from index.arrays import Float64Array
from recsys.evaluation.metrics import bootstrap_means, interval, paired_bootstrap
from recsys.evaluation.recommenders.evaluation import evaluate
from recsys.evaluation.recommenders.splits import Split, split
from recsys.evaluation.recommenders.tables import Columns, read_tables
from recsys.interactions import Content
from recsys.models.als import Als, Factorise
from recsys.models.hybrid import HybridSettings
from recsys.models.protocol import ListeningModel
from recsys.models.spark_als import SWEEPS, on_spark

SEED = 0
METRICS = ("R@20", "nDCG@100")
PER_LISTENER, PER_TRACK = 100, 50  # pairs, of invented listens


def main() -> None:
    """Run the benchmark and print its figures as JSON objects."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--interactions", type=Path)
    parser.add_argument("--items", type=Path)
    parser.add_argument("--master", default="local-cluster[2,1,1024]")
    parser.add_argument("--factors", type=int, default=32)
    parser.add_argument("--regularization", type=float, default=30.0)
    parser.add_argument("--alpha", type=float, default=1.0)
    parser.add_argument("--raw", action="store_true")
    parser.add_argument("--memory", type=int, nargs="+", metavar="PAIRS")
    args = parser.parse_args()
    if args.memory:
        measure_memory(args.memory, args.factors)
        return
    als = Als(args.factors, args.regularization, args.alpha)
    n_sweeps = 0 if args.raw else SWEEPS
    compare(args.interactions, args.items, args.master, als, n_sweeps)


def compare(interactions: Path, items: Path | None, master: str, als: Als, n_sweeps: int) -> None:
    """Print the quality and the time of both."""
    data = read_tables(interactions, items, Columns())
    held = split(data.interactions, data.content.artists, "warm", SEED)
    values = {"implicit": measured(Als.fit, als, held, data.content, "implicit")}
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        with on_spark(master, Path(folder), n_sweeps) as factorise:
            print(json.dumps({"session_s": round(time.perf_counter() - begin, 1)}), flush=True)
            values["spark"] = measured(factorise, als, held, data.content, master)
    for kind in ("factors", "listening model"):
        one, two = values["spark"][kind], values["implicit"][kind]
        for column, metric in enumerate(METRICS):
            found = paired_bootstrap(one[:, column], two[:, column], np.arange(len(one)))
            print(json.dumps({"of": kind, "metric": metric, "spark - implicit": str(found)}))


def measured(
    factorise: Factorise, als: Als, held: Split, content: Content, name: str
) -> dict[str, Float64Array]:
    """Fit, print, and return each listener's metrics by model: (n, 2)."""
    begin = time.perf_counter()
    fitted = factorise(als, held.train, None, SEED)
    seconds = time.perf_counter() - begin
    hybrid = HybridSettings(als).fit_from(fitted, held.train, content, SEED)
    models: dict[str, ListeningModel] = {"factors": fitted, "listening model": hybrid}
    values = {}
    for kind, model in models.items():
        metrics = evaluate(model.scores, held, content, SEED).per_query
        values[kind] = np.column_stack([metrics[metric] for metric in METRICS])
        low, high = interval(bootstrap_means(values[kind], np.arange(len(values[kind]))))
        figures: dict[str, Any] = {"by": name, "of": kind, "fit_s": round(seconds, 1)}
        for column, metric in enumerate(METRICS):
            mean = values[kind][:, column].mean()
            figures[metric] = [round(float(x), 4) for x in (mean, low[column], high[column])]
        print(json.dumps(figures), flush=True)
    return values


def measure_memory(sizes: list[int], factors: int) -> None:
    """Print the memory of fits of so many pairs, and the bytes of one more pair."""
    spawn = multiprocessing.get_context("spawn")
    rows = []
    for n in sizes:
        with spawn.Pool(1) as pool:
            rows.append(pool.apply(memory_of, (n, factors)))
        print(json.dumps(rows[-1]), flush=True)
    if len(rows) > 1:
        pairs = np.array([row["pairs"] for row in rows], float)
        for name in ("als_bytes", "model_bytes"):
            slope = np.polyfit(pairs, [row[name] - row["factor_bytes"] for row in rows], 1)[0]
            print(json.dumps({f"{name} of a pair, without factors": round(float(slope), 1)}))


def memory_of(n: int, factors: int) -> dict[str, int]:
    """Return the peak memory of ALS and of the whole listening model, less that before the fit."""
    counts, content = synthetic_listens(n // PER_TRACK, n // PER_LISTENER, n, SEED)
    als = Als(factors, 30.0, 1.0, iterations=1)
    als.fit(sparse.csr_matrix(np.eye(3, dtype=np.float32)), None, SEED)  # loads what it needs
    before, fitted = footprint(), None
    with PeakMemory(0.05) as memory:
        fitted = als.fit(counts, None, SEED)
    of_als = memory.peak
    with PeakMemory(0.05) as memory:
        HybridSettings(als).fit_from(fitted, counts, content, SEED)
    return {
        "pairs": int(counts.nnz),
        "listeners": counts.shape[0],
        "tracks": counts.shape[1],
        "counts_bytes": counts.data.nbytes + counts.indices.nbytes + counts.indptr.nbytes,
        "factor_bytes": 4 * factors * sum(counts.shape),
        "als_bytes": of_als - before,
        "model_bytes": memory.peak - before,
    }


def footprint() -> int:
    """Return this process's memory in bytes."""
    with PeakMemory() as memory:
        time.sleep(0.1)
    return memory.peak


if __name__ == "__main__":
    main()
