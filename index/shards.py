"""Build an index of millions of vectors by shards: train on a sample, add each shard, merge.

A shard is an index file of its own (`index.mapped`), so shards may be made by several processes or
machines, kept when a build is interrupted, and searched by themselves. Merged they are the file
that a build of one shard makes, byte by byte.

Memory: the training sample and one shard. Time grows with n_vectors times the number of lists, for
assigning vectors to lists, and with n_vectors times at most `hubs.MAX_REFERENCES`, for their
statistics. Lists and codes are those of Jégou, Douze and Schmid 2011, "Product quantization for
nearest neighbor search", with residuals (IVFADC).
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import ArrayLike, NDArray

from index import mapped, storage
from index.arrays import Float32Array, Int64Array
from index.half_vectors import HalfVectors
from index.hubs import (
    METHODS,
    N_STATISTICS,
    SHARES,
    CosineStatistics,
    quantiles_of,
    track_statistics,
)
from index.mapped import ListEntries, MappedContent
from index.rows import rows_of
from index.storage import Manifest, StaleIndex
from index.structure import new_structure
from index.vector_index import unit_vectors

SHARD = 2**17  # vectors, a usual size: 200 MB of them at 384 numbers
SAMPLE_PER_LIST, LEAST_SAMPLE = 64, 16_384  # vectors that lists, and codes, are trained on
MOST_FLAT = 1_000_000  # vectors that a usual index searches exactly
NUMBERS_PER_CODE = 4  # of a vector in a byte of its code
_RECIPE = re.compile(r"IVF\d+,PQ\d+(x\d+)?")


def usual_recipe(n: int, dim: int) -> str:
    """Return the recipe for so many vectors.

    >>> usual_recipe(1_000_000, 384), usual_recipe(10_000_000, 384)
    ('Flat', 'IVF4096,PQ96')
    """
    return "Flat" if n <= MOST_FLAT else recipe_by_shards(n, dim)


def recipe_by_shards(n: int, dim: int) -> str:
    """Return the recipe for so many vectors that are to be mapped."""
    most = max(dim // NUMBERS_PER_CODE, 1)
    n_codes = next(number for number in range(most, 0, -1) if dim % number == 0)
    return f"IVF{2 ** round(math.log2(n) / 2)},PQ{n_codes}"


def is_by_shards(recipe: str) -> bool:
    """Say whether an index of this recipe can be built by shards: IVF…,PQ…."""
    return _RECIPE.fullmatch(recipe) is not None


def sample_size(recipe: str) -> int:
    """Return how many vectors of a library its lists are trained on, where it has as many."""
    n_lists = int(recipe.partition(",")[0].removeprefix("IVF"))
    return max(SAMPLE_PER_LIST * n_lists, LEAST_SAMPLE)


@dataclass(frozen=True, eq=False)
class Training:
    """What all shards of an index share.

    structure      a trained faiss index of inverted lists, without vectors
    reference_ids  ids of the tracks that all are compared with, ascending, int64 (m,)
    references     their unit vectors, float32 (m, dim)
    """

    recipe: str
    search: str
    structure: Any
    reference_ids: Int64Array
    references: Float32Array

    @cached_property
    def id(self) -> str:
        """Its identity: shards of different trainings cannot be merged."""
        digest = hashlib.sha256(faiss.serialize_index(self.structure).tobytes())
        digest.update(self.reference_ids.tobytes() + self.references.tobytes())
        return digest.hexdigest()

    def save(self, path: Path) -> None:
        """Write it to a file, for other processes or a later run. Raises OSError."""
        nothing = CosineStatistics(
            np.zeros((len(self.reference_ids), N_STATISTICS), np.float32), _NO_QUANTILES
        )
        manifest = _manifest(self, "training", self.id, len(self.reference_ids))
        storage.write(path, manifest, self.reference_ids, self.references, nothing, self.structure)

    @classmethod
    def load(cls, path: Path) -> Training:
        """Read one. Raises DamagedIndex, StaleIndex."""
        manifest, ids, references, _, structure = storage.read(path)
        return cls(manifest.recipe, manifest.search, structure, ids, references[:])


_NO_QUANTILES = np.full((len(METHODS), len(SHARES)), np.nan, np.float32)


def train(
    sample: ArrayLike,
    reference_ids: ArrayLike,
    references: ArrayLike,
    recipe: str,
    search: str = "",
) -> Training:
    """Train a recipe on vectors of a sample, evenly spread over the library.

    sample         numbers (n, dim), about `sample_size`
    reference_ids  of the tracks of `hubs.reference_rows`, ascending, and their vectors (m, dim)
    recipe         IVF…,PQ…: lists, and bytes of a code, by which dim is divisible
    search         as of `VectorIndex.build`

    Raises ValueError.
    """
    unit = _rounded(np.asarray(sample))[:]
    if not is_by_shards(recipe):
        raise ValueError(f"recipe: wanted IVF…,PQ…, got {recipe!r}")
    structure, search = new_structure(unit.shape[1], recipe, search, len(unit))
    structure.do_polysemous_training = False  # minutes, for searches by Hamming distances
    structure.train(unit)
    return Training(
        recipe,
        search,
        structure,
        np.asarray(reference_ids, np.int64),
        _rounded(np.asarray(references))[:],
    )


def write_shard(path: Path, training: Training, ids: ArrayLike, vectors: ArrayLike) -> None:
    """Write the index of some of a library's vectors.

    ids      ascending, integers (n,)
    vectors  numbers (n, dim), finite, no row zero

    Raises ValueError, and OSError where the disk is full.
    """
    ids, halves = np.asarray(ids, np.int64), _rounded(np.asarray(vectors))
    unit, structure = halves[:], training.structure
    _, nearest = structure.quantizer.search(unit, 1)
    lists = np.ascontiguousarray(nearest[:, 0])
    codes = np.empty((len(unit), structure.code_size), np.uint8)
    pointers = (faiss.swig_ptr(array) for array in (unit, lists, codes))
    structure.encode_vectors(len(unit), *pointers)
    rows, is_reference = rows_of(training.reference_ids, ids)
    own = np.where(is_reference, rows, -1)
    order = np.argsort(lists, kind="stable")
    sizes = np.bincount(lists, minlength=structure.nlist)
    ends = np.cumsum(sizes)
    manifest = _manifest(training, "shard", training.id, len(ids))
    with storage.writing_mapped(path, manifest) as file:
        mapped.write(
            file,
            structure,
            sizes,
            [ids],
            [track_statistics(unit, training.references, own)],
            [halves.halves],
            (
                ListEntries(codes[order[end - size : end]], order[end - size : end])
                for size, end in zip(sizes.tolist(), ends.tolist(), strict=True)
            ),
        )
        mapped.write_quantiles(file, _NO_QUANTILES)


def merge(
    path: Path,
    training: Training,
    shards: Sequence[Path],
    manifest: Manifest,
    recordings: ArrayLike | None = None,
) -> Manifest:
    """Replace the file at `path` by the index of all shards, atomically.

    shards      in the order of their ids, which none shares with another
    manifest    `ntotal`, `recipe` and `search` are filled in
    recordings  integers (n,), equal for copies of one recording; by default all differ

    Raises DamagedIndex and StaleIndex, which name the shard, ValueError and OSError.
    """
    parts = [_shard(shard, training) for shard in shards]
    ids = [part.ids for part in parts]
    every = np.concatenate(ids)
    if np.any(every[1:] <= every[:-1]):
        raise ValueError("shards: wanted ids that ascend from shard to shard, each once")
    sizes = np.sum([part.sizes for part in parts], axis=0)
    tracks = np.concatenate([part.tracks for part in parts])
    vectors = _JoinedVectors([HalfVectors(part.halves) for part in parts])
    groups = every if recordings is None else np.asarray(recordings)
    manifest = replace(
        manifest,
        dim=vectors.shape[1],
        ntotal=len(every),
        recipe=training.recipe,
        search=training.search,
    )
    with storage.writing_mapped(path, manifest) as file:
        halves = [part.halves for part in parts]
        mapped.write(file, training.structure, sizes, ids, [tracks], halves, _lists(parts))
        mapped.write_quantiles(file, quantiles_of(vectors, tracks, groups))
    return storage.read_manifest(path)


def _shard(path: Path, training: Training) -> MappedContent:
    """Return a shard's content, every byte checked."""
    manifest, content = storage.read_mapped(path)
    if manifest.projection != training.id:
        raise StaleIndex(
            f"The shard at {path} was made by another training than the others: delete it, and run "
            "`earshot build` again."
        )
    return content


def _lists(parts: Sequence[MappedContent]) -> Iterator[ListEntries]:
    """Give each list of the merged index."""
    begins = np.cumsum([0, *(len(part.ids) for part in parts)])[:-1].tolist()
    for number in range(len(parts[0].sizes)):
        entries = [part.entries(number) for part in parts]
        rows = [one.rows + begin for one, begin in zip(entries, begins, strict=True)]
        yield ListEntries(np.concatenate([one.codes for one in entries]), np.concatenate(rows))


class _JoinedVectors:
    """The vectors of all shards one after another."""

    def __init__(self, parts: Sequence[HalfVectors]) -> None:
        self._parts = parts
        self._ends = np.cumsum([len(part) for part in parts])
        self.shape = (int(self._ends[-1]), parts[0].shape[1])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Int64Array) -> Float32Array:
        found = np.empty((len(rows), self.shape[1]), np.float32)
        numbers = np.searchsorted(self._ends, rows, side="right")
        for number in np.unique(numbers).tolist():
            mine, part = numbers == number, self._parts[number]
            found[mine] = part[rows[mine] - (self._ends[number] - len(part))]
        return found


def _rounded(vectors: NDArray[Any]) -> HalfVectors:
    """Return vectors as they are stored. Raises ValueError."""
    unit = unit_vectors(vectors, np.arange(len(vectors)), "vectors")
    return HalfVectors(unit.astype(np.float16))


def _manifest(training: Training, model: str, projection: str, n: int) -> Manifest:
    dim = training.references.shape[1]
    return Manifest(model, projection, 0, dim, n, training.recipe, training.search)
