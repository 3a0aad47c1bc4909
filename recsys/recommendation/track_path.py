"""A path from one track to another: of an exact length, in small and even steps.

Every candidate has a place on the way from A to B: (cosine to B - cosine to A), which is its
projection onto B - A. A path visits places in rising order, so it never turns back and never
repeats itself, and the best one of exactly n tracks is found by dynamic programming over the
candidates in that order. A step costs the fourth power of its length, (1 - cosine)², so that many
small steps are better than few large ones.
"""

from __future__ import annotations

import numpy as np

from index.arrays import Float32Array, IndexArray, Int64Array

SAME_ARTIST = 0.1  # what a step between two of one artist costs more


def waypoints(start: Float32Array, end: Float32Array, length: int) -> Float32Array:
    """Return `length` unit vectors on the great circle from one unit vector to another.

    Both ends included; (length, dim). Spherical linear interpolation (Shoemake, SIGGRAPH 1985).
    """
    angle = float(np.arccos(np.clip(start @ end, -1.0, 1.0)))
    share = np.linspace(0.0, 1.0, length, dtype=np.float32)[:, None]
    if angle < 1e-3 or angle > np.pi - 1e-3:  # no way between them, or no one way: straight
        points = (1 - share) * start + share * end
    else:
        points = np.sin((1 - share) * angle) * start + np.sin(share * angle) * end
    norms = np.linalg.norm(points, axis=1, keepdims=True)
    unit: Float32Array = (points / np.maximum(norms, 1e-6)).astype(np.float32)
    return unit


def progress(vectors: Float32Array, start: Float32Array, end: Float32Array) -> Float32Array:
    """Return how far each vector is on the way: 0 at the start, 1 at the end, (n,)."""
    way = end - start
    length = float(way @ way)
    if length < 1e-12:
        return np.zeros(len(vectors), np.float32)
    return ((vectors - start) @ way / length).astype(np.float32)


def smooth_path(
    vectors: Float32Array, artists: Int64Array, start: int, end: int, length: int
) -> IndexArray:
    """Return the rows of the best path of `length` tracks, or of all where there are fewer.

    vectors  unit, (n, dim), among them those of the rows `start` and `end`, which begin and end it
    artists  codes (n,), negative where unknown

    Candidates that lie before the start or behind the end are used only where the others are too
    few, the nearest first; they then stand in the order of their places, between the ends.
    Raises ValueError for a length below 2 or one row as both ends.
    """
    if length < 2:
        raise ValueError(f"length: wanted at least 2, got {length}")
    if start == end:
        raise ValueError(f"end: wanted another row than the start, got {end}")
    places = progress(vectors, vectors[start], vectors[end])
    between = np.setdiff1d(np.arange(len(vectors)), [start, end])
    inside = between[(places[between] > 0) & (places[between] < 1)]
    if len(inside) < length - 2:  # take those nearest to an end as well
        outside = np.setdiff1d(between, inside)
        nearness = (vectors[outside] @ vectors[[start, end]].T).max(axis=1)
        missing = length - 2 - len(inside)
        inside = np.append(inside, outside[np.argsort(-nearness, kind="stable")[:missing]])
    ordered = inside[np.argsort(places[inside], kind="stable")]
    rows = np.concatenate([[start], ordered, [end]]).astype(np.intp)
    stations = _cheapest(_costs(vectors[rows], artists[rows]), min(length, len(rows)))
    return rows[stations]


def _costs(vectors: Float32Array, artists: Int64Array) -> Float32Array:
    """Return what a step from each to each later one costs, infinite backwards: (n, n)."""
    costs: Float32Array = np.square(1 - np.clip(vectors @ vectors.T, -1, 1)).astype(np.float32)
    costs += np.float32(SAME_ARTIST) * ((artists[:, None] == artists) & (artists >= 0))
    costs[np.tril_indices(len(costs))] = np.inf
    return costs


def _cheapest(costs: Float32Array, length: int) -> IndexArray:
    """Return the cheapest way from the first to the last in exactly `length` stations."""
    best = np.full(len(costs), np.inf, np.float32)
    best[0] = 0.0
    came = np.zeros((length, len(costs)), np.intp)
    for station in range(1, length):
        through = best[:, None] + costs
        came[station] = through.argmin(axis=0)
        best = through[came[station], np.arange(len(costs))]
    path = [len(costs) - 1]
    for station in range(length - 1, 0, -1):
        path.append(int(came[station, path[-1]]))
    return np.array(path[::-1], np.intp)
