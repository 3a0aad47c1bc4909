"""Fit time and memory of the hybrid model, against plain implicit ALS in the same run.

    python -m benchmarks.recommend --tracks 100000 --listeners 10000 --listens 2000000

Synthetic listens: popularity falls by rank to the power 0.8, listeners prefer one of 50 kinds,
which content shows with noise. "als" is the plain fit. "prior" is what the hybrid model takes on
top of it, for the prediction and the solution around it.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
import psutil
from scipy import sparse

from encoders.memory import PeakMemory
from recsys.interactions import Content
from recsys.models.als import Als, device
from recsys.models.hybrid import HybridSettings

N_KINDS, DIM, PER_ARTIST = 50, 64, 10


def synthetic_listens(
    n_tracks: int, n_listeners: int, n_listens: int, seed: int
) -> tuple[sparse.csr_matrix, Content]:
    """Generate listens and the content of the tracks."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, N_KINDS, n_tracks)
    chance = rng.permutation((np.arange(n_tracks) + 10.0) ** -0.8)
    total = np.cumsum(chance / chance.sum())
    by_kind = np.argsort(kind, kind="stable")
    kind_total = np.cumsum(chance[by_kind] / chance.sum())
    ends = np.concatenate([[0.0], kind_total[np.cumsum(np.bincount(kind, minlength=N_KINDS)) - 1]])
    listener = rng.integers(0, n_listeners, n_listens, dtype=np.int32)
    own = rng.integers(0, N_KINDS, n_listeners)[listener]
    among_own = ends[own] + rng.random(n_listens) * (ends[own + 1] - ends[own])
    favourite = by_kind[np.minimum(np.searchsorted(kind_total, among_own), n_tracks - 1)]
    any_track = np.minimum(np.searchsorted(total, rng.random(n_listens)), n_tracks - 1)
    track = np.where(rng.random(n_listens) < 0.7, favourite, any_track).astype(np.int32)
    counts = sparse.csr_matrix(
        (np.ones(n_listens, np.float32), (listener, track)), shape=(n_listeners, n_tracks)
    )
    counts.sum_duplicates()
    centres = rng.standard_normal((N_KINDS, DIM), np.float32)
    vectors = centres[kind] + 0.7 * rng.standard_normal((n_tracks, DIM), np.float32)
    artists = rng.integers(0, max(n_tracks // PER_ARTIST, 1), n_tracks)
    return counts, Content(vectors, np.ones(n_tracks, bool), artists)


def main() -> None:
    """Run the benchmark and print its figures as one JSON object."""
    parser = argparse.ArgumentParser(description="Fit time and memory of the hybrid model.")
    parser.add_argument("--tracks", type=int, default=1_000_000)
    parser.add_argument("--listeners", type=int, default=100_000)
    parser.add_argument("--listens", type=int, default=20_000_000)
    parser.add_argument("--factors", type=int, default=64)
    args = parser.parse_args()
    counts, content = synthetic_listens(args.tracks, args.listeners, args.listens, 0)
    figures: dict[str, object] = {"pairs": int(counts.nnz), "cores": psutil.cpu_count()}
    als, fitted = Als(args.factors, 60.0, 10.0), None
    seconds, cpu_seconds = {}, {}
    for name in ("als", "prior"):
        settings = HybridSettings(als)
        with PeakMemory() as memory:
            begin, cpu = time.perf_counter(), time.process_time()
            if fitted is None:
                fitted = als.fit(counts, None, 0)
            else:
                settings.fit_from(fitted, counts, content, 0)
            seconds[name] = time.perf_counter() - begin
            cpu_seconds[name] = time.process_time() - cpu
            figures[name] = {
                "seconds": round(seconds[name], 1),
                "cpu_seconds": round(cpu_seconds[name], 1),
                "peak_memory_bytes": memory.peak,
            }
    figures["overhead_of_prior"] = round(seconds["prior"] / seconds["als"], 3)
    figures["overhead_of_prior_cpu"] = round(cpu_seconds["prior"] / cpu_seconds["als"], 3)
    figures["device"] = device()
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
