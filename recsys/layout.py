"""The library in two dimensions: what sounds alike lies close together, build after build.

The embeddings, reduced by PCA, are laid out by t-SNE (van der Maaten and Hinton 2008), with the
gradients of Linderman, Rachh, Hoskins, Steinerberger and Kluger 2019 for large libraries, by
openTSNE (Poličar, Stražar and Zupan 2024).

A map that is drawn again begins with the one there is: known tracks at their places, new ones
among those that sound most like them. A few steps settle it, and what was turned or moved as a
whole is turned back.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from index.vector_index import VectorIndex
from recsys.layout_file import DamagedLayout, Layout

PERPLEXITY = 30.0
N_COMPONENTS = 50  # that embeddings are reduced to first
N_EARLY, N_LATE, N_AGAIN = 250, 500, 60  # steps: of a new map exaggerated and plain, of one redrawn
EXAGGERATION = 12.0
MIN_KEPT = 0.5  # of the tracks that must have a place for the map to be redrawn from it
N_AROUND = 5  # known tracks that a new one is placed among
SMALL = 5  # tracks or fewer have too few neighbours for t-SNE
FEW, MANY = 5000, 10_000  # tracks: below, one core is faster; from here, FFT is
BUDGET = 300.0  # s that the steps may take together; the search for neighbours comes on top
_CHECK = 10  # steps between two looks at the clock

_Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Redrawn:
    """What became of a map: how many tracks it has, and whether it was begun from the last one."""

    tracks: int
    kept: int
    seconds: float
    finished: bool


def refresh_layout(
    index: VectorIndex, path: Path, *, workers: int = 1, budget: float = BUDGET
) -> Redrawn | None:
    """Draw the map of an index into a file, None where it is that of these embeddings already.

    `workers` cores are used for a large library. Raises OSError.
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
    positions, finished = lay_out(
        vectors, _known_places(index.ids, old), workers=workers, budget=budget
    )
    Layout(index.ids, positions, key).save(path)
    kept = 0 if old is None else int(np.isin(index.ids, old.ids).sum())
    return Redrawn(len(index), kept, time.monotonic() - begin, finished)


def lay_out(
    vectors: _Floats, places: _Floats, *, workers: int = 1, budget: float = BUDGET
) -> tuple[_Floats, bool]:
    """Lay out unit vectors (n, dim) in the plane: positions float32 (n, 2), and whether in time.

    `places` (n, 2) are those of an earlier map, NaN for what it has not. The same vectors and
    places give the same map, unless the `budget` of seconds stops it.
    """
    known = ~np.isnan(places[:, 0])
    reduced = _reduce(vectors)
    if len(vectors) <= SMALL:
        return _aligned(reduced[:, :2], places, known), True
    # It and scikit-learn take seconds to import: not before there is something to lay out.
    from openTSNE import TSNEEmbedding  # noqa: PLC0415
    from openTSNE.affinity import PerplexityBasedNN  # noqa: PLC0415

    again = known.mean() >= MIN_KEPT
    start = _placed(reduced, places, known) if again else _principal(reduced)
    jobs = workers if len(vectors) >= FEW else 1  # openTSNE's threads wait for each other
    affinities = PerplexityBasedNN(
        reduced, perplexity=min(PERPLEXITY, (len(vectors) - 1) / 3), n_jobs=jobs, random_state=0
    )
    embedding = TSNEEmbedding(
        start.astype(np.float64),
        affinities,
        n_jobs=jobs,
        random_state=0,
        negative_gradient_method="fft" if len(vectors) >= MANY else "bh",
    )
    until = time.monotonic() + budget
    stop = _stopper(until)
    if not again:
        embedding = embedding.optimize(
            N_EARLY,
            exaggeration=EXAGGERATION,
            momentum=0.5,
            callbacks=stop,
            callbacks_every_iters=_CHECK,
        )
    embedding = embedding.optimize(
        N_AGAIN if again else N_LATE, momentum=0.8, callbacks=stop, callbacks_every_iters=_CHECK
    )
    positions = np.asarray(embedding, np.float32)
    return _aligned(positions, places, known), time.monotonic() < until


def _digest(ids: NDArray[np.int64], vectors: _Floats) -> str:
    digest = hashlib.blake2b(ids.tobytes(), digest_size=16)
    digest.update(np.ascontiguousarray(vectors).data)
    return digest.hexdigest()


def _known_places(ids: NDArray[np.int64], old: Layout | None) -> _Floats:
    """Return the earlier places of tracks, NaN for those that had none: (n, 2)."""
    places = np.full((len(ids), 2), np.nan, np.float32)
    if old is not None:
        _, mine, theirs = np.intersect1d(ids, old.ids, return_indices=True)
        places[mine] = old.positions[theirs]
    return places


def _reduce(vectors: _Floats) -> _Floats:
    """Return the first principal components, at least two: (n, N_COMPONENTS)."""
    centred = vectors - vectors.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)  # in ascending order
    reduced: _Floats = centred @ axes[:, ::-1][:, :N_COMPONENTS]
    if reduced.shape[1] < 2:
        reduced = np.pad(reduced, ((0, 0), (0, 1)))
    return reduced


def _principal(reduced: _Floats) -> _Floats:
    """Return the first two components as t-SNE begins with them, of a deviation of 1e-4."""
    start: _Floats = reduced[:, :2] * np.float32(1e-4 / max(float(reduced[:, 0].std()), 1e-12))
    return start


def _placed(reduced: _Floats, places: _Floats, known: NDArray[np.bool_]) -> _Floats:
    """Return known places as they are, and new ones at the mean of those they sound most like."""
    from sklearn.neighbors import NearestNeighbors  # noqa: PLC0415 - as above

    start: _Floats = places.copy()
    if not known.all():
        finder = NearestNeighbors(n_neighbors=min(N_AROUND, int(known.sum())), algorithm="brute")
        distances, rows = finder.fit(reduced[known]).kneighbors(reduced[~known])
        weights = 1 / np.maximum(distances, 1e-6)
        weights /= weights.sum(axis=1, keepdims=True)
        spread = (
            1e-3 * places[known].std() * np.random.default_rng(0).standard_normal((len(rows), 2))
        )
        start[~known] = (weights[:, :, None] * places[known][rows]).sum(axis=1) + spread
    return start


def _aligned(positions: _Floats, places: _Floats, known: NDArray[np.bool_]) -> _Floats:
    """Turn, mirror, move and scale a map so that what is known lies nearest to where it was.

    Procrustes (Schönemann and Carroll 1970); without anything known it is centred.
    """
    if known.sum() < 2:
        centred: _Floats = positions - positions.mean(axis=0)
        return centred
    mine, theirs = positions[known].mean(axis=0), places[known].mean(axis=0)
    u, stretch, v = np.linalg.svd((positions[known] - mine).T @ (places[known] - theirs))
    scale = stretch.sum() / max(float(((positions[known] - mine) ** 2).sum()), 1e-12)
    aligned: _Floats = (scale * (positions - mine) @ (u @ v) + theirs).astype(np.float32)
    return aligned


def _stopper(until: float) -> Callable[[int, float, object], bool]:
    """Return what tells openTSNE to stop when the time is over."""
    return lambda _step, _error, _embedding: time.monotonic() >= until
