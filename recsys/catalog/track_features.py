"""Read tracks' features of several extractors together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from encoders.features import TrackFeatures
from recsys.catalog.base import batches
from recsys.catalog.catalog import Catalog

_BATCH = 500  # tracks read at once

Features = tuple[TrackFeatures, ...]  # one track's, one for each extractor name


def read_features(
    catalog: Catalog, names: Sequence[str], ids: Sequence[int]
) -> Iterator[tuple[int, Features]]:
    """Give each track's features of all `names`, by id, leaving out tracks that lack any."""
    for batch in batches(sorted(ids), _BATCH):
        by_extractor = [dict(catalog.iter_features(name, batch)) for name in names]
        for track_id in batch:
            if all(track_id in features for features in by_extractor):
                yield track_id, tuple(features[track_id] for features in by_extractor)
