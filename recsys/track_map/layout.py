"""The library in two dimensions: what sounds alike lies close together, build after build.

The embeddings, reduced by PCA, are laid out by t-SNE (van der Maaten and Hinton 2008), with the
gradients of Linderman, Rachh, Hoskins, Steinerberger and Kluger 2019 for large libraries, by
openTSNE (Poličar, Stražar and Zupan 2024).

A map that is drawn again begins with the one there is: known tracks at their places, new ones
among those that sound most like them. A few steps settle it, and what was turned or moved as a
whole is turned back. A new map of a very large library begins likewise with one of some of its
tracks (Kobak and Berens 2019, "downsampling-based initialisation"), so that most steps take a time
that does not grow with the library.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from index.arrays import BoolArray, Float32Array, Int64Array, UInt8Array
from index.neighbours import nearest, neighbours
from index.vector_index import VectorIndex
from recsys.track_map.clusters import find_clusters
from recsys.track_map.layout_file import NO_CLUSTER, DamagedLayout, Layout

PERPLEXITY = 30.0
N_COMPONENTS = 50  # that embeddings are reduced to first
N_EARLY, N_LATE, N_AGAIN = 250, 500, 60  # steps: of a new map exaggerated and plain, of one redrawn
EXAGGERATION = 12.0
MIN_KEPT = 0.5  # of the tracks that must have a place for the map to be redrawn from it
N_AROUND = 5  # known tracks that a new one is placed among
SMALL = 5  # tracks or fewer have too few neighbours for t-SNE
LARGE = 5000  # tracks: from here, FFT is faster than Barnes-Hut, and several cores than one
SAMPLED = 20_000  # tracks: of more, so many are laid out first
BUDGET = 300.0  # s that a map may take; what is begun of neighbours and steps is ended
_CHECK = 10  # steps between two looks at the clock


@dataclass(frozen=True)
class Redrawn:
    """What became of a map: how many tracks it has, and whether it was begun from the last one."""

    tracks: int
    kept: int
    seconds: float
    finished: bool


def refresh_layout(
    index: VectorIndex,
    path: Path,
    *,
    workers: int = 1,
    budget: float = BUDGET,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Redrawn | None:
    """Draw the map of an index into a file, None where it is that of these embeddings already.

    `workers` cores are used for a large library; `progress` is told how many of how many steps are
    done. Raises OSError.
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
    places, labels = _kept(index.ids, old)
    positions, finished = lay_out(
        vectors, places, workers=workers, budget=budget, progress=progress
    )
    clusters = find_clusters(_reduce(vectors), labels)
    Layout(index.ids, positions, clusters, key).save(path)
    kept = int((~np.isnan(places[:, 0])).sum())
    return Redrawn(len(index), kept, time.monotonic() - begin, finished)


def lay_out(
    vectors: Float32Array,
    places: Float32Array,
    *,
    workers: int = 1,
    budget: float = BUDGET,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Float32Array, bool]:
    """Lay out unit vectors (n, dim) in the plane: positions float32 (n, 2), and whether in time.

    `places` (n, 2) are those of an earlier map, NaN for what it has not. The same vectors and
    places give the same map, unless the `budget` of seconds stops it.
    """
    known = ~np.isnan(places[:, 0])
    reduced = _reduce(vectors)
    n = len(reduced)
    if n <= SMALL:
        return _aligned(reduced[:, :2], places, known), True
    again, sampled = known.mean() >= MIN_KEPT, n > SAMPLED
    total = N_AGAIN if again else N_EARLY + N_LATE + N_AGAIN * sampled
    steps = _Steps(total, budget, workers, progress)
    if again:
        positions = steps.settle(reduced, _placed(reduced, places, known))
    elif sampled:
        some = np.linspace(0, n - 1, SAMPLED).astype(np.intp)
        first = np.full((n, 2), np.nan, np.float32)
        first[some] = steps.draw(reduced[some], budget / 2)
        positions = steps.settle(reduced, _placed(reduced, first, ~np.isnan(first[:, 0])))
    else:
        positions = steps.draw(reduced, budget)
    return _aligned(positions, places, known), steps.finished


class _Steps:
    """Takes the steps of a map, says how many are done, and stops when the time is over."""

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
        """Lay out points from nothing, within so many seconds from the beginning: (n, 2)."""
        self._until = self._begin + budget
        embedding = self._embedding(points, _principal(points))
        embedding = self._run(embedding, N_EARLY, exaggeration=EXAGGERATION, momentum=0.5)
        return np.asarray(self._run(embedding, N_LATE, momentum=0.8), np.float32)

    def settle(self, points: Float32Array, start: Float32Array) -> Float32Array:
        """Lay out points from where they are, (n, 2)."""
        self._until = self._begin + self._budget
        embedding = self._embedding(points, start)
        return np.asarray(self._run(embedding, N_AGAIN, momentum=0.8), np.float32)

    def _embedding(self, points: Float32Array, start: Float32Array) -> Any:
        # It and scikit-learn take seconds to import: not before there is something to lay out.
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

    def _run(self, embedding: Any, n_steps: int, **how: float) -> Any:
        done = self._done

        def look(step: int, _error: float, _embedding: object) -> bool:
            self._progress(done + step, self._total)
            late = time.monotonic() >= self._until
            self.finished &= not late or step == n_steps
            return late

        moved = embedding.optimize(n_steps, callbacks=look, callbacks_every_iters=_CHECK, **how)
        self._done = done + n_steps
        return moved


def _digest(ids: Int64Array, vectors: Float32Array) -> str:
    digest = hashlib.blake2b(ids.tobytes(), digest_size=16, person=b"clusters")
    digest.update(np.ascontiguousarray(vectors).data)
    return digest.hexdigest()


def _kept(ids: Int64Array, old: Layout | None) -> tuple[Float32Array, UInt8Array]:
    """Return the earlier places and clusters of tracks, NaN and none for those that had none."""
    places = np.full((len(ids), 2), np.nan, np.float32)
    clusters = np.full(len(ids), NO_CLUSTER, np.uint8)
    if old is not None:
        _, mine, theirs = np.intersect1d(ids, old.ids, return_indices=True)
        places[mine] = old.positions[theirs]
        clusters[mine] = old.clusters[theirs]
    return places, clusters


def _reduce(vectors: Float32Array) -> Float32Array:
    """Return the first principal components, at least two: (n, N_COMPONENTS)."""
    centred = vectors - vectors.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)  # in ascending order
    reduced: Float32Array = centred @ axes[:, ::-1][:, :N_COMPONENTS]
    if reduced.shape[1] < 2:
        reduced = np.pad(reduced, ((0, 0), (0, 1)))
    return reduced


def _principal(reduced: Float32Array) -> Float32Array:
    """Return the first two components as t-SNE begins with them, of a deviation of 1e-4."""
    start: Float32Array = reduced[:, :2] * np.float32(1e-4 / max(float(reduced[:, 0].std()), 1e-12))
    return start


def _placed(reduced: Float32Array, places: Float32Array, known: BoolArray) -> Float32Array:
    """Return known places as they are, and new ones at the mean of those they sound most like."""
    start: Float32Array = places.copy()
    if not known.all():
        rows, distances = nearest(reduced[known], reduced[~known], N_AROUND)
        weights = 1 / np.maximum(distances, 1e-6)
        weights /= weights.sum(axis=1, keepdims=True)
        spread = (
            1e-3 * places[known].std() * np.random.default_rng(0).standard_normal((len(rows), 2))
        )
        start[~known] = (weights[:, :, None] * places[known][rows]).sum(axis=1) + spread
    return start


def _aligned(positions: Float32Array, places: Float32Array, known: BoolArray) -> Float32Array:
    """Turn, mirror, move and scale a map so that what is known lies nearest to where it was.

    Procrustes (Schönemann and Carroll 1970); without anything known it is centred.
    """
    if known.sum() < 2:
        centred: Float32Array = positions - positions.mean(axis=0)
        return centred
    mine, theirs = positions[known].mean(axis=0), places[known].mean(axis=0)
    u, stretch, v = np.linalg.svd((positions[known] - mine).T @ (places[known] - theirs))
    scale = stretch.sum() / max(float(((positions[known] - mine) ** 2).sum()), 1e-12)
    aligned: Float32Array = (scale * (positions - mine) @ (u @ v) + theirs).astype(np.float32)
    return aligned
