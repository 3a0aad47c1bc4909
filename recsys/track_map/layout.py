"""Lay out the library in two dimensions by t-SNE, stable from build to build.

The embeddings, reduced by PCA, are laid out by t-SNE (van der Maaten and Hinton 2008), with the
gradients of Linderman, Rachh, Hoskins, Steinerberger and Kluger 2019 for large libraries, by
openTSNE (Poličar, Stražar and Zupan 2024).

An update starts from the last map: known tracks at their positions, new ones at the mean of their
nearest known neighbours. A few iterations follow, and rotation, scale and shift are undone. A new
map of a very large library starts from one of a sample of its tracks (Kobak and Berens 2019,
"downsampling-based initialisation"), so that most iterations take a time that does not grow with
the library.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from index.arrays import BoolArray, Float32Array, Int64Array, UInt8Array
from index.neighbours import nearest, neighbours
from index.vector_index import VectorIndex
from recsys.track_map.clusters import find_clusters
from recsys.track_map.layout_file import NO_CLUSTER, DamagedLayout, Layout

PERPLEXITY = 30.0
N_COMPONENTS = 50  # that embeddings are reduced to first
N_EARLY, N_LATE, N_UPDATE = 250, 500, 60  # iterations: exaggerated, plain, of an update
EXAGGERATION = 12.0
MIN_KNOWN = 0.5  # share of tracks with a position from which the map is updated, not made anew
N_NEIGHBOURS = 5  # known tracks at whose mean a new one starts
SMALL = 5  # tracks or fewer have too few neighbours for t-SNE
LARGE = 5000  # tracks: from here, FFT is faster than Barnes-Hut, and several cores than one
SAMPLED = 20_000  # tracks: of more, a sample of so many is laid out first
BUDGET = 300.0  # s that a map may take, checked every few iterations
_CHECK = 10  # iterations between two checks of the budget


@dataclass(frozen=True)
class LayoutUpdate:
    """The result of drawing a map; `known` tracks had a position in the last one."""

    tracks: int
    known: int
    seconds: float
    finished: bool


def refresh_layout(
    index: VectorIndex,
    path: Path,
    *,
    workers: int = 1,
    budget: float = BUDGET,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> LayoutUpdate | None:
    """Write the map of an index to a file; None where the file is of the same embeddings.

    `workers` cores are used for a large library; `progress` is called with the numbers of
    iterations done and of all. Raises OSError.
    """
    begin = time.monotonic()
    vectors = index.vectors(index.ids)
    key = _digest(index.ids, vectors)
    try:
        old: Layout | None = Layout.load(path)
    except (FileNotFoundError, DamagedLayout):
        old = None
    if old is not None and old.key == key:
        return None
    last_positions, last_clusters = _last(index.ids, old)
    positions, finished = lay_out(
        vectors, last_positions, workers=workers, budget=budget, progress=progress
    )
    clusters = find_clusters(_reduce(vectors), last_clusters)
    Layout(index.ids, positions, clusters, key).save(path)
    known = int((~np.isnan(last_positions[:, 0])).sum())
    return LayoutUpdate(len(index), known, time.monotonic() - begin, finished)


def lay_out(
    vectors: Float32Array,
    last_positions: Float32Array,
    *,
    workers: int = 1,
    budget: float = BUDGET,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Float32Array, bool]:
    """Lay out unit vectors (n, dim): positions float32 (n, 2), and whether in the budget.

    `last_positions` (n, 2) are those of the last map, NaN for tracks that it lacks. Deterministic,
    unless the `budget` of seconds stops it.
    """
    known = ~np.isnan(last_positions[:, 0])
    reduced = _reduce(vectors)
    n = len(reduced)
    if n <= SMALL:
        return _aligned(reduced[:, :2], last_positions, known), True
    again, sampled = known.mean() >= MIN_KNOWN, n > SAMPLED
    total = N_UPDATE if again else N_EARLY + N_LATE + N_UPDATE * sampled
    optimizer = _Optimizer(total, budget, workers, progress)
    if again:
        positions = optimizer.update(reduced, _start_positions(reduced, last_positions, known))
    elif sampled:
        some = np.linspace(0, n - 1, SAMPLED).astype(np.intp)
        first = np.full((n, 2), np.nan, np.float32)
        first[some] = optimizer.draw(reduced[some], budget / 2)
        positions = optimizer.update(
            reduced, _start_positions(reduced, first, ~np.isnan(first[:, 0]))
        )
    else:
        positions = optimizer.draw(reduced, budget)
    return _aligned(positions, last_positions, known), optimizer.finished


class _Optimizer:
    """Runs the iterations of t-SNE with progress, until they are done or the budget is used up."""

    def __init__(
        self, total: int, budget: float, workers: int, progress: Callable[[int, int], None]
    ) -> None:
        self.finished = True
        self._total = total
        self._done = 0
        self._begin, self._until = time.monotonic(), 0.0
        self._budget = budget
        self._workers = workers
        self._progress = progress

    def draw(self, points: Float32Array, budget: float) -> Float32Array:
        """Lay out points anew, within so many seconds from the beginning: (n, 2)."""
        self._until = self._begin + budget
        embedding = self._embedding(points, _principal(points))
        embedding = self._run(embedding, N_EARLY, exaggeration=EXAGGERATION, momentum=0.5)
        return np.asarray(self._run(embedding, N_LATE, momentum=0.8), np.float32)

    def update(self, points: Float32Array, start: Float32Array) -> Float32Array:
        """Lay out points from start positions, (n, 2)."""
        self._until = self._begin + self._budget
        embedding = self._embedding(points, start)
        return np.asarray(self._run(embedding, N_UPDATE, momentum=0.8), np.float32)

    def _embedding(self, points: Float32Array, start: Float32Array) -> Any:
        # Imported here, as it and scikit-learn take seconds to load.
        from openTSNE import TSNEEmbedding  # noqa: PLC0415
        from openTSNE.affinity import PerplexityBasedNN  # noqa: PLC0415
        from openTSNE.nearest_neighbors import PrecomputedNeighbors  # noqa: PLC0415

        self._progress(self._done, self._total)
        large = len(points) >= LARGE
        jobs = self._workers if large else 1  # openTSNE's threads wait for each other
        perplexity = min(PERPLEXITY, (len(points) - 1) / 3)
        rows, distances = neighbours(points, int(3 * perplexity))
        affinities = PerplexityBasedNN(
            knn_index=PrecomputedNeighbors(rows, distances.astype(np.float64)),
            perplexity=perplexity,
            n_jobs=jobs,
        )
        return TSNEEmbedding(
            start.astype(np.float64),
            affinities,
            n_jobs=jobs,
            random_state=0,
            negative_gradient_method="fft" if large else "bh",
        )

    def _run(self, embedding: Any, n_steps: int, **options: float) -> Any:
        done = self._done

        def check(step: int, _error: float, _embedding: object) -> bool:
            self._progress(done + step, self._total)
            late = time.monotonic() >= self._until
            self.finished &= not late or step == n_steps
            return late

        optimized = embedding.optimize(
            n_steps, callbacks=check, callbacks_every_iters=_CHECK, **options
        )
        self._done = done + n_steps
        return optimized


def _digest(ids: Int64Array, vectors: Float32Array) -> str:
    digest = hashlib.blake2b(ids.tobytes(), digest_size=16, person=b"clusters")
    digest.update(np.ascontiguousarray(vectors).data)
    return digest.hexdigest()


def _last(ids: Int64Array, old: Layout | None) -> tuple[Float32Array, UInt8Array]:
    """Return the last positions and clusters of tracks, NaN and NO_CLUSTER for new ones."""
    positions = np.full((len(ids), 2), np.nan, np.float32)
    clusters = np.full(len(ids), NO_CLUSTER, np.uint8)
    if old is not None:
        _, rows, old_rows = np.intersect1d(ids, old.ids, return_indices=True)
        positions[rows] = old.positions[old_rows]
        clusters[rows] = old.clusters[old_rows]
    return positions, clusters


def _reduce(vectors: Float32Array) -> Float32Array:
    """Return the first principal components, at least two: (n, N_COMPONENTS)."""
    centred = vectors - vectors.mean(axis=0)
    products = centred.T @ centred
    with threadpool_limits(1, "blas"):  # threads wait for each other longer than the work takes
        _, axes = np.linalg.eigh(products)  # in ascending order
    reduced: Float32Array = centred @ axes[:, ::-1][:, :N_COMPONENTS]
    if reduced.shape[1] < 2:
        reduced = np.pad(reduced, ((0, 0), (0, 1)))
    return reduced


def _principal(reduced: Float32Array) -> Float32Array:
    """Return the first two components, scaled to a deviation of 1e-4, as t-SNE starts."""
    start: Float32Array = reduced[:, :2] * np.float32(1e-4 / max(float(reduced[:, 0].std()), 1e-12))
    return start


def _start_positions(
    reduced: Float32Array, last_positions: Float32Array, known: BoolArray
) -> Float32Array:
    """Return known positions, and for new tracks the weighted mean of their nearest known ones."""
    start: Float32Array = last_positions.copy()
    if not known.all():
        rows, distances = nearest(reduced[known], reduced[~known], N_NEIGHBOURS)
        weights = 1 / np.maximum(distances, 1e-6)
        weights /= weights.sum(axis=1, keepdims=True)
        spread = (
            1e-3
            * last_positions[known].std()
            * np.random.default_rng(0).standard_normal((len(rows), 2))
        )
        start[~known] = (weights[:, :, None] * last_positions[known][rows]).sum(axis=1) + spread
    return start


def _aligned(
    positions: Float32Array, last_positions: Float32Array, known: BoolArray
) -> Float32Array:
    """Align a map to the last one by rotation, reflection, shift and scale.

    Procrustes (Schönemann and Carroll 1970) over known tracks; without any the map is centred.
    """
    if known.sum() < 2:
        centred: Float32Array = positions - positions.mean(axis=0)
        return centred
    centre, last_centre = positions[known].mean(axis=0), last_positions[known].mean(axis=0)
    u, stretch, v = np.linalg.svd(
        (positions[known] - centre).T @ (last_positions[known] - last_centre)
    )
    scale = stretch.sum() / max(float(((positions[known] - centre) ** 2).sum()), 1e-12)
    aligned: Float32Array = (scale * (positions - centre) @ (u @ v) + last_centre).astype(
        np.float32
    )
    return aligned
