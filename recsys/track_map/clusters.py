"""Clusters of what sounds alike, which keep their numbers from build to build."""

from __future__ import annotations

import math

import numpy as np

from index.arrays import Float32Array, UInt8Array
from recsys.track_map.layout_file import NO_CLUSTER

MOST = 9  # as many as the map has colours
N_FITTED = 20_000  # tracks that the centres are found by, evenly spread over a larger library
N_TRIES = 4  # of a fit from nothing, of which the tightest is taken


def find_clusters(points: Float32Array, last: UInt8Array) -> UInt8Array:
    """Part points (n, dim) by k-means: numbers from 1 on, uint8 (n,).

    There are sqrt(n / 2) clusters (Mardia, Kent and Bibby 1979, "Multivariate Analysis"), but no
    more than MOST, and no more than there are different points.

    `last` (n,) are the clusters of the last build, NO_CLUSTER where there was none. If there were
    as many, k-means begins at the means of what was together then, wherever an embedding made
    anew has put it, and each cluster keeps its number. The same arguments give the same clusters.
    """
    from sklearn.cluster import KMeans  # noqa: PLC0415 - slow to load

    n = len(points)
    rows = np.linspace(0, n - 1, min(n, N_FITTED)).astype(np.intp)
    different = len(np.unique(points[rows], axis=0))
    k = min(max(math.isqrt(n // 2), 1), MOST, different)
    numbers = np.unique(last[last != NO_CLUSTER])
    if len(numbers) == k:
        means = np.stack([points[last == number].mean(axis=0) for number in numbers])
        fitted = KMeans(k, init=means, n_init=1).fit(points[rows])
    else:
        numbers = np.arange(1, k + 1, dtype=np.uint8)
        fitted = KMeans(k, n_init=N_TRIES, random_state=0).fit(points[rows])
    clusters: UInt8Array = numbers[fitted.predict(points)]
    return clusters
