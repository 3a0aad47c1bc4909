"""Training data of a head: the default embeddings of tracks and of their segments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from encoders.features import TrackFeatures
from encoders.projection import Projection
from index.arrays import Float32Array, Int64Array
from recsys.catalog import Catalog
from recsys.catalog.track_features import Features, read_features

FROM_TAGS = "tags"  # what a head's card says of labels that are the files' tags
MAX_SEGMENTS = 8  # of a track, spread over it
_BLOCK = 500  # tracks whose features are in memory at once


def embed_library(
    catalog: Catalog,
    projection: Projection,
    ids: Sequence[int],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[list[int], Float32Array, Float32Array, Int64Array]:
    """Embed tracks and up to MAX_SEGMENTS segments of each by the default projection.

    Returns those of `ids` that have their features; the vectors float32 (n_tracks, dim) and
    (n_segments, dim); and the row of each segment's track, ascending.
    """
    default, embedded = projection.default, list[int]()
    whole, parts, owners = [], [], []
    for start in range(0, len(ids), _BLOCK):
        progress(start, len(ids))
        for track_id, features in read_features(
            catalog, default.extractors, ids[start : start + _BLOCK]
        ):
            segments = list(single_segments(features))
            vectors = default.embed([features, *segments])
            owners += [len(embedded)] * len(segments)
            embedded.append(track_id)
            whole.append(vectors[0])
            parts.append(vectors[1:])
    if not embedded:
        empty = np.zeros((0, default.dim), np.float32)
        return [], empty, empty, np.zeros(0, np.int64)
    return embedded, np.stack(whole), np.concatenate(parts), np.array(owners, np.int64)


def single_segments(features: Features) -> Iterator[Features]:
    """Yield a track's segments, each as a track of its own, with the track's pooled features."""
    n = len(features[0].starts)
    for number in np.unique(np.linspace(0, n - 1, MAX_SEGMENTS).round().astype(np.int64)):
        one = slice(number, number + 1)
        yield tuple(
            TrackFeatures(model.starts[one], model.tags[one], model.penultimate[one], model.pooled)
            for model in features
        )
