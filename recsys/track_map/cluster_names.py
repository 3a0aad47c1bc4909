"""Name clusters by the tags in which they differ most from the rest of the library."""

from __future__ import annotations

import numpy as np

from index.arrays import Float16Array, Float32Array, UInt8Array

N_NAMES = 3  # tags of a cluster's name
SYNONYMS = 0.9  # correlation


def cluster_names(values: Float16Array, clusters: UInt8Array) -> tuple[tuple[int, ...], ...]:
    """Return the columns of the tags that name the clusters 1, 2, ..., the greatest lift first.

    values    log-odds of tags, standardised over the library, (n_tracks, n_tags)
    clusters  of each track, (n_tracks,); 0 is none

    A tag's lift in a cluster is its mean there less its mean elsewhere, in standard deviations.
    A cluster gets the tags of the greatest lift, without near-synonyms: tags whose log-odds
    correlate with those of a chosen tag by more than SYNONYMS over the library. A cluster without
    tracks, or in a library without tags, has no name.
    """
    table = values.astype(np.float32)
    n_clusters = int(clusters.max(initial=0))
    members = np.arange(1, n_clusters + 1)[:, None] == clusters
    sizes = members.sum(axis=1)[:, None]
    sums = members.astype(np.float32) @ table
    elsewhere = (table.sum(axis=0) - sums) / np.maximum(len(table) - sizes, 1)
    lifts = (sums / np.maximum(sizes, 1) - elsewhere).astype(np.float32)
    lengths = np.maximum(np.linalg.norm(table, axis=0), 1e-6)
    unit: Float32Array = table / lengths
    correlations = unit.T @ unit
    return tuple(
        _name_columns(lift, correlations) if size else ()
        for lift, (size,) in zip(lifts, sizes, strict=True)
    )


def _name_columns(lift: Float32Array, correlations: Float32Array) -> tuple[int, ...]:
    chosen: list[int] = []
    for column in np.argsort(-lift, kind="stable").tolist():
        if len(chosen) < N_NAMES and (correlations[column, chosen] <= SYNONYMS).all():
            chosen.append(column)
    return tuple(chosen)
