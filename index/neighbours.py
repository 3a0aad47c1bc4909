"""Nearest neighbours by Euclidean distance, for maps: exact for few points, by IVF for many."""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np

from index.arrays import Float32Array, Int64Array
from index.structure import set_search

EXACT = 20_000  # points; up to so many, all distances are computed
LISTS = 2  # times the square root of the number of points: IVF lists
N_PROBE = 16  # lists that are searched for each query
BLOCK = 4096  # queries in one call of faiss, which cannot be interrupted


def nearest(points: Float32Array, queries: Float32Array, k: int) -> tuple[Int64Array, Float32Array]:
    """Return the rows of the `k` points nearest to each query, nearest first, and their distances.

    points (n, dim) and queries (m, dim) are finite; both arrays are (m, min(k, n)), the distances
    Euclidean. Of more than EXACT points some neighbours are missed: of clustered points less than
    one in a thousand (docs/results/benchmarks.md). Deterministic.
    """
    points, queries = (np.ascontiguousarray(part, np.float32) for part in (points, queries))
    k = min(k, len(points))
    structure = _structure(points)
    rows = np.empty((len(queries), k), np.int64)
    squares = np.empty((len(queries), k), np.float32)
    for begin in range(0, len(queries), BLOCK):
        part = slice(begin, begin + BLOCK)
        squares[part], rows[part] = structure.search(queries[part], k)
    short = np.flatnonzero(rows[:, -1] < 0)  # faiss pads what its lists do not fill
    if short.size:
        squares[short], rows[short] = faiss.knn(queries[short], points, k)
    return rows, np.sqrt(np.maximum(squares, 0))


def neighbours(points: Float32Array, k: int) -> tuple[Int64Array, Float32Array]:
    """Return the `k` nearest other points of each point and distances: both (n, min(k, n - 1))."""
    rows, distances = nearest(points, points, k + 1)
    # A point is not always its own first neighbour: copies of it are as near.
    drop = rows == np.arange(len(points))[:, None]
    drop[~drop.any(axis=1), -1] = True
    shape = (len(points), rows.shape[1] - 1)
    return rows[~drop].reshape(shape), distances[~drop].reshape(shape)


def _structure(points: Float32Array) -> Any:
    n_lists = round(LISTS * len(points) ** 0.5)
    recipe = "Flat" if len(points) <= EXACT else f"IVF{n_lists},Flat"
    index = faiss.index_factory(points.shape[1], recipe, faiss.METRIC_L2)
    index.train(points)
    index.add(points)
    if len(points) > EXACT:
        set_search(index, f"nprobe={N_PROBE}")
    return index
