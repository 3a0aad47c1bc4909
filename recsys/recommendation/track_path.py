"""A path from one track to another: of an exact length, in small and even steps.

Every candidate has a position on the line from A to B: its projection onto B - A, which orders as
(cosine to B - cosine to A). A path visits positions in rising order, so it never turns back and
never repeats itself, and the best one of exactly n tracks is found by dynamic programming over the
candidates in that order. A step costs the fourth power of its length, (1 - cosine)², so that many
small steps are better than few large ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from index.arrays import Float32Array, IndexArray, Int64Array
from recsys.reranking import Transition

SAME_ARTIST = 0.1  # added to the cost of a step between two tracks of one artist
UNFIT = 10.0  # to that of a step between two that should not follow each other


def waypoints(start: Float32Array, end: Float32Array, length: int) -> Float32Array:
    """Return `length` unit vectors on the great circle from one unit vector to another.

    Both ends included; (length, dim). Spherical linear interpolation (Shoemake, SIGGRAPH 1985).
    """
    angle = float(np.arccos(np.clip(start @ end, -1.0, 1.0)))
    share = np.linspace(0.0, 1.0, length, dtype=np.float32)[:, None]
    if angle < 1e-3 or angle > np.pi - 1e-3:  # no great circle, or more than one: straight
        points = (1 - share) * start + share * end
    else:
        points = np.sin((1 - share) * angle) * start + np.sin(share * angle) * end
    norms = np.linalg.norm(points, axis=1, keepdims=True)
    unit: Float32Array = (points / np.maximum(norms, 1e-6)).astype(np.float32)
    return unit


def progress(vectors: Float32Array, start: Float32Array, end: Float32Array) -> Float32Array:
    """Return the position of each vector: 0 at the start, 1 at the end, (n,)."""
    line = end - start
    length = float(line @ line)
    if length < 1e-12:
        return np.zeros(len(vectors), np.float32)
    return ((vectors - start) @ line / length).astype(np.float32)


def smooth_path(
    vectors: Float32Array,
    artists: Int64Array,
    start: int,
    end: int,
    length: int,
    transitions: Sequence[Transition] = (),
) -> IndexArray:
    """Return the rows of the best path of `length` tracks, or of all where there are fewer.

    vectors  unit, (n, dim), among them those of the rows `start` and `end`, which begin and end it
    artists  codes (n,), negative where unknown

    Steps that a transition forbids are taken only where there is no path without them.
    Candidates that lie before the start or behind the end are used only where the others are too
    few, the nearest first; they are then in the order of their positions, between the ends.
    Raises ValueError for a length below 2 or one row as both ends.
    """
    if length < 2:
        raise ValueError(f"length: wanted at least 2, got {length}")
    if start == end:
        raise ValueError(f"end: wanted another row than the start, got {end}")
    positions = progress(vectors, vectors[start], vectors[end])
    between = np.setdiff1d(np.arange(len(vectors)), [start, end])
    inside = between[(positions[between] > 0) & (positions[between] < 1)]
    if len(inside) < length - 2:  # take those nearest to an end as well
        outside = np.setdiff1d(between, inside)
        nearness = (vectors[outside] @ vectors[[start, end]].T).max(axis=1)
        missing = length - 2 - len(inside)
        inside = np.append(inside, outside[np.argsort(-nearness, kind="stable")[:missing]])
    ordered = inside[np.argsort(positions[inside], kind="stable")]
    rows = np.concatenate([[start], ordered, [end]]).astype(np.intp)
    costs = _costs(vectors[rows], artists[rows])
    for transition in transitions:
        fits = np.array([transition.followers(int(row))[rows] for row in rows])
        costs += np.float32(UNFIT) * ~fits
    return rows[_cheapest(costs, min(length, len(rows)))]


def _costs(vectors: Float32Array, artists: Int64Array) -> Float32Array:
    """Return the costs of steps from each to each later one, infinite backwards: (n, n)."""
    costs: Float32Array = np.square(1 - np.clip(vectors @ vectors.T, -1, 1)).astype(np.float32)
    costs += np.float32(SAME_ARTIST) * ((artists[:, None] == artists) & (artists >= 0))
    costs[np.tril_indices(len(costs))] = np.inf
    return costs


def _cheapest(costs: Float32Array, length: int) -> IndexArray:
    """Return the cheapest path from the first to the last of exactly `length` places."""
    best = np.full(len(costs), np.inf, np.float32)
    best[0] = 0.0
    previous = np.zeros((length, len(costs)), np.intp)
    for step in range(1, length):
        through = best[:, None] + costs
        previous[step] = through.argmin(axis=0)
        best = through[previous[step], np.arange(len(costs))]
    path = [len(costs) - 1]
    for step in range(length - 1, 0, -1):
        path.append(int(previous[step, path[-1]]))
    return np.array(path[::-1], np.intp)
