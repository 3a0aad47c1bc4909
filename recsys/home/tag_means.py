"""Mean log-odds of the taggers' tags of each indexed track: a file that every build makes.

They are the means of stored features (`TrackFeatures.mean_logits`), of which reading those of
100,000 tracks takes seconds. The file names what it was made of; where it is missing or belongs to
another index, it is made from the features, and kept where the home can be written.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from encoders.tensor_file import with_digest
from index.arrays import Float32Array, Int64Array
from index.rows import digest_of
from index.storage import replacing
from index.vector_index import Manifest
from recsys import shared_tensors
from recsys.catalog import Catalog
from recsys.catalog.track_features import Features, read_features
from recsys.home.files import TAG_MEANS_NAME

_log = logging.getLogger(__name__)
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
    arrays = {_VALUES: np.ascontiguousarray(values)}
    content = safetensors.numpy.save(arrays, with_digest(arrays, made_of))
    with replacing(home / TAG_MEANS_NAME) as file:
        file.write(content)


def made_of(model: str, catalogue_revision: int, ids: Int64Array | Sequence[int]) -> dict[str, str]:
    """Return what identifies the values: taggers, catalogue revision and tracks of an index."""
    revision = str(catalogue_revision)
    return {"model": model, "catalogue_revision": revision, "ids": digest_of(ids)}


def load(home: Path, wanted: dict[str, str], copies: Path | None = None) -> Float32Array | None:
    """Read a home's file; None where it is missing, damaged, or made of something else.

    `copies` are those of `recsys.shared_tensors`.
    """
    try:
        arrays, metadata = shared_tensors.read(home / TAG_MEANS_NAME, copies, "tag-means")
    except (OSError, SafetensorError):
        return None
    return arrays.get(_VALUES) if metadata == wanted else None


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
        wanted = made_of(manifest.model, manifest.catalogue_revision, ids)
        if (values := load(home, wanted, copies)) is not None:
            return values
    values = compute(catalog, columns.names, ids)
    if not values.size:
        values = np.full((len(ids), len(columns.tags)), np.nan, np.float32)
    elif manifest is not None and home is not None:
        try:
            save(home, values, wanted)
        except OSError as error:
            _log.warning("%s cannot be kept: %s", home / TAG_MEANS_NAME, error.strerror)
    return values
