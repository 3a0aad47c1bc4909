"""Mean log-odds of the taggers' tags of each indexed track: a file that every build makes.

They are the means of stored features (`TrackFeatures.mean_logits`), of which reading those of
100,000 tracks takes seconds. The file names what it was made of; where it is missing or belongs to
another index, it is made from the features, and kept where the home can be written.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from index.arrays import Float32Array, Int64Array
from index.vector_index import Manifest
from recsys.catalog import Catalog
from recsys.catalog.track_features import Features, read_features
from recsys.home import index_arrays
from recsys.home.files import TAG_MEANS_NAME

_VALUES = "mean_log_odds"


class TagColumns(NamedTuple):
    """Of which features tags are: the names that key them, and all tags in their order."""

    names: Sequence[str]
    tags: Sequence[str]


def of_features(features: Features) -> Float32Array:
    """Return a track's mean log-odds of all taggers' tags, joined: (n_tags,)."""
    return np.concatenate([of_tagger.mean_logits() for of_tagger in features])


def save(home: Path, values: Float32Array, made_of: dict[str, str]) -> None:
    """Replace a home's file. Raises OSError."""
    index_arrays.save(home / TAG_MEANS_NAME, _VALUES, values, made_of)


def load(home: Path, wanted: dict[str, str], copies: Path | None = None) -> Float32Array | None:
    """Read a home's file as `index_arrays.load` does."""
    return index_arrays.load(home / TAG_MEANS_NAME, _VALUES, wanted, copies)


def compute(catalog: Catalog, names: Sequence[str], ids: Int64Array) -> Float32Array:
    """Average the stored features of tracks, `ids` ascending.

    float32 (n, n_tags), NaN for a track without features; (n, 0) where none has any.
    """
    values = np.empty((len(ids), 0), np.float32)
    for track_id, features in read_features(catalog, names, ids.tolist()):
        means = of_features(features)
        if not values.size:
            values = np.full((len(ids), len(means)), np.nan, np.float32)
        values[np.searchsorted(ids, track_id)] = means
    return values


def load_or_compute(
    home: Path | None,
    catalog: Catalog,
    columns: TagColumns,
    ids: Int64Array,
    manifest: Manifest | None,
    copies: Path | None = None,
) -> Float32Array:
    """Return the values of an index's tracks `ids`, ascending: float32 (n, n_tags)."""
    if manifest is not None and home is not None:
        wanted = index_arrays.made_of(manifest.model, manifest.catalogue_revision, ids)
        if (values := load(home, wanted, copies)) is not None:
            return values
    values = compute(catalog, columns.names, ids)
    if not values.size:
        values = np.full((len(ids), len(columns.tags)), np.nan, np.float32)
    elif manifest is not None and home is not None:
        index_arrays.keep(home / TAG_MEANS_NAME, _VALUES, values, wanted)
    return values
