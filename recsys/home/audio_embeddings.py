"""Embeddings of the indexed tracks by the home's text–audio model: a file that every build makes.

A track's is the mean of its segments' embeddings, of unit length, in float16: 1 kB for 512 numbers.
Where the file is missing or belongs to another index, they are made from the stored features.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from encoders.text_encoders import has_text_side
from index.arrays import Float16Array, Int64Array
from index.vector_index import Manifest
from recsys.catalog import Catalog
from recsys.catalog.track_features import read_features
from recsys.home import index_arrays
from recsys.home.files import AUDIO_EMBEDDINGS_NAME, WEIGHTS_NAME

_VALUES = "embeddings"


class TextAudioModel(NamedTuple):
    """A text–audio model of a home: its name there, and the key of its features."""

    name: str
    extractor: str


def text_audio_model(home: Path, extractors: Sequence[str]) -> TextAudioModel | None:
    """Return the first text–audio model among what a home's index is made of; None without one.

    This is the one place that decides it: a model is one where its text side lies beside it.
    """
    models = (TextAudioModel(key.rsplit("-", 2)[0], key) for key in extractors)
    return next((one for one in models if has_text_side(home / WEIGHTS_NAME, one.name)), None)


def compute(catalog: Catalog, extractor: str, ids: Int64Array) -> Float16Array:
    """Average the stored embeddings of tracks, `ids` ascending: unit vectors, float16 (n, dim).

    0 for a track without features; (n, 0) where none has any.
    """
    values = np.zeros((len(ids), 0), np.float16)
    for track_id, (features,) in read_features(catalog, [extractor], ids.tolist()):
        mean = np.nan_to_num(features.penultimate.astype(np.float32)).mean(axis=0)
        if not values.size:
            values = np.zeros((len(ids), len(mean)), np.float16)
        values[np.searchsorted(ids, track_id)] = mean / max(float(np.linalg.norm(mean)), 1e-12)
    return values


def renew(catalog: Catalog, extractors: Sequence[str], ids: Int64Array) -> None:
    """Bring a home's file up to its index of tracks `ids`, if there is a text–audio model.

    Raises OSError.
    """
    model = text_audio_model(catalog.home, extractors)
    if model is None:
        return
    path = catalog.home / AUDIO_EMBEDDINGS_NAME
    wanted = _made_of(model.extractor, "+".join(extractors), catalog.revision, ids)
    if index_arrays.load(path, _VALUES, wanted) is None:
        index_arrays.save(path, _VALUES, compute(catalog, model.extractor, ids), wanted)


def load_or_compute(
    home: Path | None,
    catalog: Catalog,
    extractor: str,
    ids: Int64Array,
    manifest: Manifest | None,
    copies: Path | None = None,
) -> Float16Array:
    """Return the embeddings of an index's tracks `ids`, ascending; see `compute`.

    `copies` are those of `recsys.shared_tensors`.
    """
    if manifest is None or home is None:
        return compute(catalog, extractor, ids)
    path = home / AUDIO_EMBEDDINGS_NAME
    wanted = _made_of(extractor, manifest.model, manifest.catalogue_revision, ids)
    values = index_arrays.load(path, _VALUES, wanted, copies)
    if values is None:
        values = compute(catalog, extractor, ids)
        index_arrays.keep(path, _VALUES, values, wanted)
    return values


def _made_of(extractor: str, model: str, revision: int, ids: Int64Array) -> dict[str, str]:
    return {"extractor": extractor, **index_arrays.made_of(model, revision, ids)}
