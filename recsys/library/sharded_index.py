"""Index a library of millions of tracks by shards, which an interrupted build finds done."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import numpy as np

from encoders.features import TrackFeatures
from index import shards
from index.arrays import Float32Array
from index.hubs import reference_rows
from index.storage import DamagedIndex, Manifest, StaleIndex, read_manifest
from recsys.catalog import Catalog
from recsys.catalog.base import batches
from recsys.catalog.track_features import Features, read_features
from recsys.home import index_arrays, tag_means
from recsys.home.files import INDEX_NAME, INDEX_SHARDS_NAME

_BATCH = 500  # tracks projected at once


class Embedding(Protocol):
    """Projects features to vectors."""

    def embed(self, tracks: Sequence[Sequence[TrackFeatures]]) -> Float32Array:
        """Return unit vectors (n_tracks, dim)."""


def index_by_shards(
    catalog: Catalog,
    names: Sequence[str],
    ids: Sequence[int],
    projection: Embedding,
    made_of: Manifest,
    progress: Callable[[int], None],
    size: int = shards.SHARD,
) -> None:
    """Replace the home's index by one of the tracks `ids`, ascending, that has features of `names`.

    `made_of` names model, projection, revision and recipe; shards of `size` tracks that an
    interrupted build of the same left are not made again. `progress` is told how many tracks are
    done. Raises ValueError for a recipe that does not fit, and OSError.
    """
    folder = catalog.home / INDEX_SHARDS_NAME / _key(made_of)
    for other in (catalog.home / INDEX_SHARDS_NAME).glob("*"):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    training = _training(catalog, names, ids, projection, made_of.recipe, folder / "training")
    paths, indexed, means = [], list[int](), list[Float32Array]()
    for start in range(0, len(ids), size):
        path = folder / f"{start}.shard"
        is_done, vectors, here = _is_done(path, training), list[Float32Array](), list[int]()
        for batch, features in _batches(catalog, names, ids[start : start + size]):
            progress(start + len(here))
            here += batch
            means.append(np.array([tag_means.of_features(one) for one in features], np.float32))
            if not is_done:
                vectors.append(projection.embed(features))
        if vectors:
            shards.write_shard(path, training, here, np.concatenate(vectors))
        paths += [path] if here else []
        indexed += here
    key = index_arrays.made_of(made_of.model, made_of.catalogue_revision, indexed)
    tag_means.save(catalog.home, np.concatenate(means), key)  # before the index
    groups = catalog.recording_groups()
    recordings = [groups.get(track_id, track_id) for track_id in indexed]
    try:
        shards.merge(catalog.home / INDEX_NAME, training, paths, made_of, recordings)
    except (DamagedIndex, StaleIndex):
        shutil.rmtree(folder, ignore_errors=True)  # so that the next build makes them anew
        raise
    shutil.rmtree(catalog.home / INDEX_SHARDS_NAME, ignore_errors=True)


def _key(made_of: Manifest) -> str:
    """Return the name of the folder of shards that are made of the same."""
    text = f"{made_of.model} {made_of.projection} {made_of.catalogue_revision} {made_of.recipe}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _training(
    catalog: Catalog,
    names: Sequence[str],
    ids: Sequence[int],
    projection: Embedding,
    recipe: str,
    path: Path,
) -> shards.Training:
    """Return what all shards share, from its file where an interrupted build left it."""
    with suppress(DamagedIndex, StaleIndex):
        return shards.Training.load(path)
    all_ids = np.array(ids, np.int64)
    references = all_ids[reference_rows(len(all_ids))]
    n = min(shards.sample_size(recipe), len(all_ids))
    spread = all_ids[np.arange(n) * len(all_ids) // n]
    wanted = np.union1d(references, spread).tolist()
    found, vectors = list[int](), list[Float32Array]()
    for batch, features in _batches(catalog, names, wanted):
        found += batch
        vectors.append(projection.embed(features))
    sample, sampled = np.concatenate(vectors), np.array(found, np.int64)
    compared = np.isin(sampled, references)
    training = shards.train(sample, sampled[compared], sample[compared], recipe)
    training.save(path)
    return training


def _is_done(path: Path, training: shards.Training) -> bool:
    """Say whether a shard's file is there; whether it is whole is seen when shards are merged."""
    try:
        return read_manifest(path).projection == training.id
    except (DamagedIndex, StaleIndex):
        return False


def _batches(
    catalog: Catalog, names: Sequence[str], ids: Sequence[int]
) -> Iterator[tuple[list[int], list[Features]]]:
    """Give tracks and their features, leaving out tracks that lack any."""
    for some in batches(ids, _BATCH):
        rows = list(read_features(catalog, names, some))
        if rows:
            yield [track_id for track_id, _ in rows], [features for _, features in rows]
