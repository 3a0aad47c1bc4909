"""Clusters of similar tracks, whose numbers are stable from build to build."""

from __future__ import annotations

import math

import numpy as np

from index.arrays import Float32Array, UInt8Array
from recsys.track_map.layout_file import NO_CLUSTER

MAX_CLUSTERS = 9  # colours of the map
N_FITTED = 20_000  # most tracks that centres are fitted on, evenly spread over the library
N_TRIES = 4  # initialisations of a new fit, of which the best is taken


def find_clusters(points: Float32Array, last: UInt8Array) -> UInt8Array:
    """Cluster points (n, dim) by k-means: numbers from 1 on, uint8 (n,).

    There are sqrt(n / 2) clusters (Mardia, Kent and Bibby 1979, "Multivariate Analysis"), at
    most MAX_CLUSTERS and the number of distinct points.

    `last` (n,) are the clusters of the last build, NO_CLUSTER for new tracks. If their number is
    the same, k-means starts at the present means of the last clusters, also after a new embedding,
    and each cluster keeps its number. Deterministic.
    """
    from sklearn.cluster import KMeans  # noqa: PLC0415 - slow to load

    n = len(points)
    rows = np.linspace(0, n - 1, min(n, N_FITTED)).astype(np.intp)
    n_distinct = len(np.unique(points[rows], axis=0))
    k = min(max(math.isqrt(n // 2), 1), MAX_CLUSTERS, n_distinct)
    numbers = np.unique(last[last != NO_CLUSTER])
    if len(numbers) == k:
        means = np.stack([points[last == number].mean(axis=0) for number in numbers])
        fitted = KMeans(k, init=means, n_init=1).fit(points[rows])
    else:
        numbers = np.arange(1, k + 1, dtype=np.uint8)
        fitted = KMeans(k, n_init=N_TRIES, random_state=0).fit(points[rows])
    clusters: UInt8Array = numbers[fitted.predict(points)]
    return clusters
