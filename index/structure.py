"""faiss structures: built by a recipe, with search parameters, on the GPU where possible."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import faiss

from index.arrays import Float32Array

MAX_FETCH = 2048  # candidates that a GPU can return
ON_GPU = (faiss.IndexFlat, faiss.IndexIVFFlat)  # tested there
POINTS_PER_CENTROID = 39  # fewer than this, and faiss's k-means warns


class Structure(NamedTuple):
    """A faiss index over the rows of vectors, its device and its search parameters."""

    index: (
        Any  # a faiss.Index over the rows of the vectors; None where search needs only the vectors
    )
    device: str
    search: str


def build_structure(vectors: Float32Array, recipe: str, search: str) -> Structure:
    """Build the structure of a recipe over unit vectors (n, dim). Raises ValueError."""
    n, dim = vectors.shape
    with _explained(recipe, n, dim):
        index, search = new_structure(dim, recipe, search, n)
        if n == 0:
            return Structure(None, "cpu", search)
        index, device = to_best_device(index)
        if recipe == "Flat" and device == "cpu":
            return Structure(None, device, search)
        index.train(vectors)
        index.add(vectors)
    return Structure(index, device, search)


def new_structure(dim: int, recipe: str, search: str, n: int) -> tuple[Any, str]:
    """Return a faiss index to be trained on `n` vectors, and its search parameters.

    Raises ValueError.
    """
    if re.search(r"IVF0+(?!\d)|HNSW0*[01](?!\d)", recipe):  # faiss would end the process
        raise ValueError(f"recipe: wanted at least 1 list or 2 links, got {recipe!r}")
    with _explained(recipe, n, dim):
        index = faiss.index_factory(dim, recipe, faiss.METRIC_INNER_PRODUCT)
        search = search or _default_search(index, recipe)
        set_search(index, search)
        if n:
            _check_training_size(index, recipe, n)
    return index, search


@contextmanager
def _explained(recipe: str, n: int, dim: int) -> Iterator[None]:
    """Turn faiss's errors of a recipe for n vectors into ValueErrors."""
    try:
        yield
    except RuntimeError as error:
        raise ValueError(
            f"recipe: wanted one that faiss can build for {n} vectors of dimension {dim}, "
            f"got {recipe!r} ({_reason(error)})"
        ) from error


def _default_search(index: Any, recipe: str) -> str:
    """Parameters with a recall@10 of 98 % in `benchmarks/vector_index.py`."""
    ivf = faiss.try_extract_index_ivf(index)
    if ivf is not None:
        return f"nprobe={min(round(4 * ivf.nlist**0.5), ivf.nlist, MAX_FETCH)}"
    return "efSearch=128" if "HNSW" in recipe else ""


def fewer_lists(index: Any) -> Any:
    """Search parameters with a quarter of an IVF index's `nprobe`; None for others.

    Enough for candidates, which are many more than the neighbours wanted.
    """
    if not isinstance(index, faiss.IndexIVF):
        return None
    few = faiss.SearchParametersIVF()
    few.nprobe = max(index.nprobe // 4, 1)
    return few


def set_search(index: Any, search: str) -> None:
    """Set the search parameters of a `faiss.Index`. Raises ValueError for unknown ones."""
    try:
        faiss.ParameterSpace().set_index_parameters(index, search)  # type: ignore[arg-type]
    except RuntimeError as error:
        raise ValueError(
            f"search: wanted parameters of this recipe, got {search!r} ({_reason(error)})"
        ) from error


def _reason(error: RuntimeError) -> str:
    """A faiss error's message without the names of function and source file."""
    return str(error).rsplit(": ", 1)[-1]


def _check_training_size(index: Any, recipe: str, n: int) -> None:
    """Raise ValueError for too few training vectors, of which faiss only warns on stderr."""
    ivf = faiss.try_extract_index_ivf(index)
    n_centroids = 0 if ivf is None else ivf.nlist
    for match in re.finditer(r"(?<!O)PQ\d+(?:x(\d+))?", recipe):
        n_centroids = max(n_centroids, 2 ** int(match[1] or 8))
    if n < POINTS_PER_CENTROID * n_centroids:
        raise ValueError(
            f"recipe: {recipe!r} wanted at least {POINTS_PER_CENTROID * n_centroids} vectors to "
            f"train on ({POINTS_PER_CENTROID} per centroid), got {n}: use fewer lists, or 'Flat'"
        )


def to_best_device(index: Any) -> tuple[Any, str]:
    """Return a copy of `index` on the first GPU and "gpu" where possible, else `index` and "cpu".

    Only for the types in `ON_GPU`: faiss aborts the process for what a GPU cannot do, such as
    scalar quantisers with more than 512 candidates (faiss issue 4509).
    """
    if isinstance(index, ON_GPU) and faiss.get_num_gpus() > 0:
        try:
            return faiss.index_cpu_to_gpu(faiss.StandardGpuResources(), 0, index), "gpu"
        except RuntimeError:  # its memory is too small
            pass
    return index, "cpu"
