"""How long the map takes to draw, how far a tenth more tracks move it, how long a frame takes.

    python -m benchmarks.map --tracks 20000 --workers 2
    python -m benchmarks.map --tracks 20000 --sampled 5000
    python -m benchmarks.map --tracks 100000 --frames http://127.0.0.1:8000

Embeddings are drawn from a mixture of Gaussians in 32 dimensions, one for each 200 tracks, mapped
linearly to 300 with noise in all of them. Displacements are shares of the map's radius (the root
mean square distance from its middle), of tracks that both maps have. Neighbours kept: the mean
share of the 10 nearest by cosine, of 500 tracks, that are among the 30 nearest on the map.
Trustworthiness (Venna and Kaski 2001) of the 15 nearest on the map, over the same 500 tracks: 1
where all of them are among the 15 nearest by cosine, 0.5 where they are drawn by lot.
With `--frames` the map page of a running server is opened in Chromium, given random places of as
many tracks instead of its own, and drawn 20 times, each until its pixels can be read.
"""

from __future__ import annotations

import argparse
import base64
import resource
import shutil
import struct
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from index.arrays import Float32Array
from index.vector_index import VectorIndex
from recsys.home.files import LAYOUT_NAME
from recsys.track_map import layout
from recsys.track_map.layout import refresh_layout
from recsys.track_map.layout_file import Layout

DIM, LATENT, PER_COMPONENT = 300, 32, 200


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tracks", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--budget", type=float, default=300.0, help="seconds for the steps")
    parser.add_argument(
        "--sampled",
        type=int,
        default=layout.SAMPLED,
        help="of more tracks than this, so many are laid out first (default: %(default)s)",
    )
    parser.add_argument("--frames", metavar="URL", help="measure frames on this server's page")
    args = parser.parse_args(arguments)
    if args.frames:
        whole, moving, part = frames(args.frames, args.tracks)
        print(f"{args.tracks:,} points: {whole:.1f} ms a frame")
        print(f"  while moving {moving:.1f} ms, of {part:.0%} of them")
        return 0
    layout.SAMPLED = args.sampled
    with tempfile.TemporaryDirectory() as folder:
        draw(args.tracks, Path(folder) / LAYOUT_NAME, args.workers, args.budget)
    return 0


def draw(n: int, path: Path, workers: int, budget: float) -> None:
    """Draw a map of ten elevenths of the tracks, then of all of them."""
    vectors = mixture(n)
    fewer = np.sort(np.random.default_rng(1).permutation(n)[: n * 10 // 11])
    for rows in (fewer, np.arange(n)):
        index = VectorIndex.build(rows, vectors[rows])
        old = Layout.load(path) if path.exists() else None
        begin, cpu = time.monotonic(), time.process_time()
        drawn = refresh_layout(index, path, workers=workers, budget=budget)
        seconds, cpu = time.monotonic() - begin, time.process_time() - cpu
        new = Layout.load(path)
        finished = bool(drawn and drawn.finished)
        print(f"{len(rows):,} tracks: {seconds:.1f} s, {cpu:.1f} of a core, finished: {finished}")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
        print(f"  {peak:,.0f} MiB at most, in {len(np.unique(new.clusters))} clusters")
        near, trusted = (
            kept_neighbours(vectors[rows], new.positions),
            trust(vectors[rows], new.positions),
        )
        print(f"  neighbours kept {near:.3f}, trustworthiness {trusted:.4f}", flush=True)
        if old is not None:
            stayed = new.positions[np.isin(new.ids, old.ids)]
            moved = np.linalg.norm(stayed - old.positions, axis=1) / radius(old.positions)
            print(f"  moved {np.median(moved):.4f} median, {np.percentile(moved, 95):.4f} of 95 %")


def mixture(n: int) -> Float32Array:
    """Return unit vectors (n, DIM), reproducible."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((max(n // PER_COMPONENT, 2), LATENT), dtype=np.float32)
    to_sound = rng.standard_normal((LATENT, DIM), dtype=np.float32) / np.float32(LATENT**0.5)
    latent = centres[rng.integers(len(centres), size=n)]
    latent += np.float32(0.5) * rng.standard_normal((n, LATENT), dtype=np.float32)
    vectors = latent @ to_sound + np.float32(0.5) * rng.standard_normal((n, DIM), dtype=np.float32)
    unit: Float32Array = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def radius(positions: Float32Array) -> float:
    """Return the root mean square distance from the middle."""
    return float(np.sqrt(((positions - positions.mean(axis=0)) ** 2).sum(axis=1).mean()))


def kept_neighbours(vectors: Float32Array, positions: Float32Array) -> float:
    """Return how many of the 10 nearest are among the 30 nearest on the map."""
    shares = []
    for row in np.random.default_rng(2).integers(len(vectors), size=500).tolist():
        near = np.argpartition(-(vectors @ vectors[row]), 11)[:11]
        distances = ((positions - positions[row]) ** 2).sum(axis=1)
        on_map = np.argpartition(distances, 31)[:31]
        shares.append(len(np.intersect1d(near, on_map)) - 1)
    return float(np.mean(shares)) / 10


def trust(vectors: Float32Array, positions: Float32Array, k: int = 15) -> float:
    """Return the trustworthiness of the map, over 500 tracks."""
    n, missed, rows = len(vectors), 0, np.random.default_rng(2).integers(len(vectors), size=500)
    for row in rows.tolist():
        distances = ((positions - positions[row]) ** 2).sum(axis=1)
        distances[row] = np.inf
        cosines = vectors @ vectors[row]
        cosines[row] = -np.inf
        on_map = np.argpartition(distances, k)[:k]
        ranks = 1 + (cosines > cosines[on_map, None]).sum(axis=1)
        missed += int(np.maximum(ranks - k, 0).sum())
    return 1 - 2 * missed / (len(rows) * k * (2 * n - 3 * k - 1))


def frames(address: str, n: int) -> tuple[float, float, float]:
    """Return how long all of `n` points take, and the part that is drawn while they move, in ms."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - a tool of developers

    rng = np.random.default_rng(0)
    places = np.clip(rng.normal(0.5, 0.15, (n, 2)), 0, 1) * 65535
    ids = np.arange(1, n + 1, dtype="<u4")
    content = struct.pack("<I", n) + ids.tobytes() + places.astype("<u2").tobytes()
    values = base64.b64encode(rng.integers(1, 10, n).astype(np.uint8).tobytes()).decode()
    answers = {"names": [f"group {i}" for i in range(9)], "values": values}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        page.route("**/api/v1/map", lambda route: route.fulfill(body=content))
        page.route("**/api/v1/map/colours?*", lambda route: route.fulfill(json=answers))
        page.goto(f"{address}/map")
        page.wait_for_selector("[data-ready]")
        whole, moving, part = page.evaluate(
            """async () => {
                const { measure, movingPart } = await import('/static/map.js');
                return [measure(), measure(20, movingPart()), movingPart()];
            }"""
        )
        browser.close()
    return whole, moving, part


if __name__ == "__main__":
    sys.exit(main())
