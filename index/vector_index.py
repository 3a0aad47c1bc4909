"""`VectorIndex`: nearest neighbours by cosine; thin over faiss, built by a recipe string."""

from __future__ import annotations

import operator
import os
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Self, cast

import faiss
import numpy as np
from numpy.typing import ArrayLike, NDArray

from index import first_pass, storage
from index.arrays import BoolArray, Float32Array, Float64Array, IndexArray, Int64Array
from index.first_pass import FirstPass
from index.half_vectors import HalfVectors
from index.hubs import (
    METHODS,
    N_STATISTICS,
    CosineStatistics,
    deciding,
    highest_score,
    library_statistics,
    pair_scores,
    reference_rows,
    track_statistics,
)
from index.inner_products import products_at, top_n
from index.rows import rows_of
from index.storage import DamagedIndex, Manifest, StaleIndex, read_manifest
from index.structure import (
    MAX_FETCH,
    Structure,
    build_structure,
    fewer_lists,
    set_search,
    to_best_device,
)

__all__ = ["DamagedIndex", "Manifest", "Ranking", "StaleIndex", "VectorIndex", "read_manifest"]

# OVERFETCH * k + SLACK candidates are fetched from a structure, and one more for each excluded id,
# but at most MAX_FETCH.
OVERFETCH = 4
SLACK = 32
MORE_OVERFETCH = 8  # times as many, where the candidates' order is not that of their scores

FAR = 0.002  # of the tracks, those farthest from others: first passes leave them out of bounds
FIRST_PASSES = (2048, 8192)  # rows that a first pass of `Flat` proposes, and another one after it

UNIT_TOLERANCE = 1e-6  # of a length; float32 numbers make no better unit vectors
BLOCK = 2**24  # numbers computed at once by exact search (64 MiB) and by normalisation (128 MiB)


class Ranking(NamedTuple):
    """Results of a query: best first, never padded, ids unique, equal scores by ascending id."""

    ids: Int64Array  # (n,)
    scores: Float32Array  # (n,)


class VectorIndex:
    """Search for the vectors with the greatest cosine to a query.

    The full vectors are stored beside the structure that the recipe builds. The structure only
    yields candidates; their scores are cosines of the full vectors, whatever the recipe. A query
    whose candidates are too few, or are cut off within a tie, is searched exactly.

    "Flat" is exact search itself, and on the CPU has no structure at all: products with the stored
    vectors are as fast as faiss's `IndexFlatIP`, several times faster for many queries at once, and
    need no second copy of the vectors. After `prepare` it looks at codes of 4 bits a number first
    (`index.first_pass`), and its results are the same.

    Hubness-corrected scores (`index.hubs`) are an option of the search: exact, too, for "Flat";
    otherwise they order the structure's candidates.

    An index is immutable but for `prepare`, and search is thread-safe.

    ids                int64 (n,), ascending, read-only
    statistics         of the library's cosines, `tracks` in the order of `ids`
    recipe             the `index_factory` string it was built by
    search_parameters  the `ParameterSpace` string in force
    device             "gpu" where faiss sees one and the recipe is Flat or IVF…,Flat, else "cpu"
    manifest           of the file it was loaded from; None if it was built here
    """

    def __init__(
        self,
        ids: Int64Array,
        vectors: Float32Array | HalfVectors,
        statistics: CosineStatistics,
        recipe: str,
        structure: Structure,
        manifest: Manifest | None = None,
    ) -> None:
        self.ids = ids
        self.statistics = statistics
        self.recipe = recipe
        self.search_parameters = structure.search
        self.device = structure.device
        self.manifest = manifest
        self._vectors = vectors
        self._structure = structure.index
        self._first_pass: FirstPass | None = None
        self._deciding: dict[str, Float32Array] = {}  # of scores that no other exceeds
        self._turn = threading.Lock()  # faiss's GPU indexes serve one thread at a time

    @classmethod
    def build(
        cls,
        ids: ArrayLike,
        vectors: ArrayLike,
        recipe: str = "Flat",
        search: str = "",
        *,
        recordings: ArrayLike | None = None,
    ) -> Self:
        """Index unit-normalised copies of `vectors` under `ids`.

        ids         integers (n,), in any order, each once
        vectors     numbers (n, dim), finite, no row zero; n may be 0
        recipe      a faiss `index_factory` string: "Flat", "IVF1024,Flat", "HNSW32", "IVF1024,SQ8"
        search      a faiss `ParameterSpace` string; by default "nprobe=…" for IVF, with four times
                    the square root of the number of lists, and "efSearch=128" for HNSW
        recordings  integers (n,), equal for copies of one recording; by default all differ

        Raises ValueError for anything else, and for fewer vectors than the recipe's training needs.
        """
        ids = _as_ids(ids)
        vectors = np.asarray(vectors)
        if vectors.ndim != 2 or len(vectors) != len(ids) or vectors.shape[1] == 0:
            raise ValueError(f"vectors: wanted shape ({len(ids)}, dim), got {vectors.shape}")
        order = np.argsort(ids, kind="stable")
        ids = ids[order]
        repeated = ids[1:][ids[1:] == ids[:-1]]
        if repeated.size:
            raise ValueError(f"ids: wanted each once, got {repeated[0]} more than once")
        unit = unit_vectors(vectors, order, "vectors")
        ids.flags.writeable = unit.flags.writeable = False
        structure = build_structure(unit, recipe, search)
        groups = ids if recordings is None else np.asarray(recordings)[order]
        return cls(ids, unit, library_statistics(unit, groups), recipe, structure)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        model: str | None,
        projection: str | None,
        dim: int | None,
        search: str = "",
        copies: Path | None = None,
    ) -> Self:
        """The index saved at `path`, copied into memory (a mapped one: not), every byte checked.

        `search` replaces the parameters the index was built with. Processes that give the same
        folder of `copies` share the vectors: see `index.shared_copy`.

        Raises StaleIndex where `model`, `projection` or `dim` is not the file's (None accepts any)
        and for a file written by a newer Earshot; DamagedIndex for a missing or altered file;
        ValueError where the recipe has no such `search` parameters.
        """
        path = Path(path)
        manifest, ids, vectors, statistics, stored = storage.read(path, copies)
        for name, wanted in (("model", model), ("projection", projection), ("dim", dim)):
            got = getattr(manifest, name)
            if wanted is not None and got != wanted:
                raise StaleIndex(
                    f"The index at {path} was built for {name} {got!r}, wanted {wanted!r}: "
                    "run `earshot build` again."
                )
        search = search or manifest.search
        if stored is None:  # the recipe is "Flat", or there are no vectors
            structure = build_structure(cast(Float32Array, vectors), manifest.recipe, search)
        else:
            set_search(stored, search)
            structure = Structure(*to_best_device(stored), search)
        return cls(ids, vectors, statistics, manifest.recipe, structure, manifest)

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        model: str,
        projection: str,
        catalogue_revision: int,
    ) -> Manifest:
        """Replace the file at `path` by this index, atomically, and return its manifest.

        Whatever interrupts it, `path` holds the old index or the new one, whole. Raises OSError,
        and ValueError for an index that is mapped: `index.shards.merge` writes those.
        """
        if isinstance(self._vectors, HalfVectors):
            raise ValueError("an index that is mapped is written by `index.shards.merge` alone")
        structure = None if self.recipe == "Flat" else self._structure
        if structure is not None and self.device == "gpu":
            structure = faiss.index_gpu_to_cpu(structure)
        manifest = Manifest(
            model=model,
            projection=projection,
            catalogue_revision=catalogue_revision,
            dim=self.dim,
            ntotal=len(self),
            recipe=self.recipe,
            search=self.search_parameters,
        )
        return storage.write(
            Path(path), manifest, self.ids, self._vectors, self.statistics, structure
        )

    def prepare(self) -> None:
        """Make codes for many searches, where they pay: half a second of 100,000 vectors."""
        if (
            isinstance(self._vectors, np.ndarray)
            and self._structure is None
            and len(self) >= first_pass.LEAST
            and self._first_pass is None
        ):
            scales = self.statistics.tracks[:, 0]
            self._first_pass = FirstPass(self._vectors, scales > np.quantile(scales, 1 - FAR))

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def dim(self) -> int:
        """Numbers per vector."""
        return int(self._vectors.shape[1])

    def vectors(self, ids: ArrayLike) -> Float32Array:
        """The unit vectors stored under `ids`, float32 (len(ids), dim).

        Raises KeyError, naming the ids that are not there.
        """
        vectors: Float32Array = self._vectors[self._known_rows(ids)]
        return vectors

    def vectors_at(self, rows: IndexArray) -> Float32Array:
        """The unit vectors of some rows in `ids`, float32 (len(rows), dim)."""
        vectors: Float32Array = self._vectors[rows]
        return vectors

    def products(self, vector: Float32Array) -> Float32Array:
        """The inner products of a vector, float32 (dim,), with all in the index, (n,): no copy."""
        if isinstance(self._vectors, HalfVectors):
            products: Float32Array = self._vectors.products(vector[None])[0]
        else:
            products = self._vectors @ vector
        return products

    def track_statistics(self, ids: ArrayLike) -> Float32Array:
        """The statistics of the tracks `ids`: float32 (len(ids), 3), see `hubs.CosineStatistics`.

        Raises KeyError, naming the ids that are not there.
        """
        statistics: Float32Array = self.statistics.tracks[self._known_rows(ids)]
        return statistics

    def search(
        self,
        queries: ArrayLike,
        k: int,
        *,
        exclude: ArrayLike = (),
        hubs: str = "none",
        query_statistics: ArrayLike | None = None,
    ) -> list[Ranking]:
        """The `k` vectors nearest to each query, or all where there are fewer.

        queries           numbers (n, dim), of any length, finite, no row zero
        k                 at least 1
        exclude           ids (m,) to leave out, such as removed tracks; unknown ones are ignored
        hubs              one of `hubs.METHODS`: "none" scores by cosines, in [-1, 1]
        query_statistics  of the queries, (n, 3); for tracks of the index those that
                          `track_statistics` returns; by default computed as of new vectors

        Raises ValueError for anything else.
        """
        unit = self._queries(queries, k)
        if hubs not in METHODS:
            raise ValueError(f"hubs: wanted one of {', '.join(METHODS)}, got {hubs!r}")
        scoring = _Scoring(hubs, self._query_statistics(unit, hubs, query_statistics))
        rows, is_there = rows_of(self.ids, _as_ids(exclude))
        allowed = np.ones(len(self), dtype=bool)
        allowed[rows[is_there]] = False
        k = min(k, int(np.count_nonzero(allowed)))
        if k == 0:
            return [Ranking(np.empty(0, np.int64), np.empty(0, np.float32)) for _ in unit]
        if self._first_pass is not None:
            rankings = dict(self._by_first_pass(self._first_pass, unit, k, allowed, scoring))
        else:
            rankings = dict(self._by_structure(unit, k, allowed, scoring))
        rest = [i for i in range(len(unit)) if i not in rankings]
        exact = self._exact(unit[rest], k, allowed, scoring.of(rest))
        rankings.update(zip(rest, exact, strict=True))
        return [rankings[i] for i in range(len(unit))]

    def candidates(self, queries: ArrayLike, n: int) -> list[IndexArray]:
        """The rows in `ids` of about the `n` vectors nearest to each query, in no order, unscored.

        The structure's candidates, for callers that score and filter them: exact for "Flat" only
        (by its codes after `prepare`: nearly so), and cheaper than a search, for IVF by fewer
        lists. Queries and errors are those of `search`.
        """
        unit = self._queries(queries, n)
        n = min(n, len(self) if self.device == "cpu" else MAX_FETCH, len(self))
        if self._first_pass is not None:
            return [found.rows for found in self._first_pass.nearest_to_each(unit, n)]
        if self._structure is None:
            return [top_n(row, n) for row in self._all_products(unit)]
        few = None if self.device == "gpu" else fewer_lists(self._structure)
        with self._turn if self.device == "gpu" else nullcontext():
            _, padded = self._structure.search(unit, n, params=few)
        return [rows[rows >= 0] for rows in padded]

    def _queries(self, queries: ArrayLike, k: int) -> Float32Array:
        """The queries as unit vectors. Raises ValueError for invalid ones."""
        queries = np.asarray(queries)
        if queries.ndim != 2 or queries.shape[1] != self.dim:
            raise ValueError(f"queries: wanted shape (n, {self.dim}), got {queries.shape}")
        if operator.index(k) < 1:
            raise ValueError(f"k: wanted at least 1, got {k}")
        return unit_vectors(queries, np.arange(len(queries)), "queries")

    def _query_statistics(
        self, queries: Float32Array, hubs: str, given_statistics: ArrayLike | None
    ) -> Float32Array:
        """The statistics of the queries, zeros where the scores do not depend on them."""
        if given_statistics is not None:
            given = np.asarray(given_statistics, np.float32)
            if given.shape != (len(queries), N_STATISTICS):
                wanted = (len(queries), N_STATISTICS)
                raise ValueError(f"query_statistics: wanted shape {wanted}, got {given.shape}")
            return given
        if hubs == "none":
            return np.zeros((len(queries), N_STATISTICS), np.float32)
        return track_statistics(queries, self._references)

    @cached_property
    def _references(self) -> Float32Array:
        """The vectors that statistics are computed with."""
        references: Float32Array = self._vectors[reference_rows(len(self))]
        return references

    def _known_rows(self, ids: ArrayLike) -> IndexArray:
        """The rows of ids that must be there. Raises KeyError."""
        wanted = _as_ids(ids)
        rows, is_there = rows_of(self.ids, wanted)
        if not is_there.all():
            raise KeyError(f"no vectors for ids {wanted[~is_there].tolist()}")
        return rows

    def _by_structure(
        self,
        queries: Float32Array,
        k: int,
        allowed: BoolArray,
        scoring: _Scoring,
    ) -> Iterator[tuple[int, Ranking]]:
        """The number and ranking of each query for which the structure's candidates suffice."""
        n_excluded = len(self) - int(allowed.sum())
        plain = scoring.hubs == "none"
        is_ordered = plain and "PQ" not in self.recipe
        fetch = (OVERFETCH * k + SLACK) * (1 if is_ordered else MORE_OVERFETCH) + n_excluded
        fetch = min(fetch, len(self), MAX_FETCH)
        if self._structure is None or fetch <= k:
            return
        with self._turn if self.device == "gpu" else nullcontext():
            _, padded = self._structure.search(queries, fetch)
        for i, (query, candidates) in enumerate(zip(queries, padded, strict=True)):
            rows = candidates[candidates >= 0]
            rows = rows[allowed[rows]]
            scores = self._scores(query, rows, scoring.mine[i], scoring.hubs)
            ranking = self._best(rows, scores, k)
            if len(rows) > k and (not plain or ranking.scores[-1] > scores.min()):
                yield i, ranking

    def _by_first_pass(
        self,
        codes: FirstPass,
        queries: Float32Array,
        k: int,
        allowed: BoolArray,
        scoring: _Scoring,
    ) -> Iterator[tuple[int, Ranking]]:
        """The number and ranking of each query for which the first pass shows that it is exact."""
        hubs, margin = scoring.hubs, codes.margin
        if hubs not in self._deciding:
            self._deciding[hubs] = deciding(hubs, self.statistics.tracks[~codes.is_rough])
        decisive = self._deciding[hubs]
        for i, query in enumerate(queries):
            mine = scoring.mine[i]
            for fetch in FIRST_PASSES:
                found = codes.nearest(query, min(max(fetch, OVERFETCH * k), len(self)))
                may = allowed[found.rows]
                rows = found.rows[may]
                if len(rows) <= k:
                    continue
                theirs = self.statistics.tracks[rows]
                high = pair_scores(hubs, found.cosines[may] + margin, mine, theirs)
                likely = rows[np.argpartition(high, -k)[-k:]]
                least = self._products(query, likely, mine, hubs)[0].min()
                rows = rows[(high >= least) & ~codes.is_rough[rows]]
                rows = np.concatenate([rows, codes.rough[allowed[codes.rough]]])
                low, high = self._products(query, rows, mine, hubs)
                rows = rows[high >= np.partition(low, -k)[-k]]
                ranking = self._best(rows, self._scores(query, rows, mine, hubs), k)
                others = float(found.cosines[-1]) + margin  # which no other cosine exceeds
                if highest_score(hubs, others, mine, decisive) < ranking.scores[-1]:
                    yield i, ranking
                    break

    def _exact(
        self,
        queries: Float32Array,
        k: int,
        allowed: BoolArray,
        scoring: _Scoring,
    ) -> Iterator[Ranking]:
        """The rankings of all queries, by products with all vectors."""
        margin = self._rounding
        step = max(1, BLOCK // len(self))
        for start in range(0, len(queries), step):
            block = queries[start : start + step]
            products = self._all_products(block)
            for i, (query, row) in enumerate(zip(block, products, strict=True), start=start):
                mine, theirs = scoring.mine[i], self.statistics.tracks
                if scoring.hubs == "none":
                    low = high = row
                else:  # scores grow with the cosine
                    low = pair_scores(scoring.hubs, row - margin, mine, theirs)
                    high = pair_scores(scoring.hubs, row + margin, mine, theirs)
                low = np.where(allowed, low, -np.inf)
                least = np.partition(low, -k)[-k] - (margin if scoring.hubs == "none" else 0.0)
                rows = np.flatnonzero(allowed & (high >= least))
                yield self._best(rows, self._scores(query, rows, mine, scoring.hubs), k)

    def _all_products(self, queries: Float32Array) -> Float32Array:
        """The products of queries (m, dim) with all vectors: (m, n)."""
        if isinstance(self._vectors, HalfVectors):
            return self._vectors.products(queries)
        if len(queries) == 1:  # on one thread: BLAS's would wait for each other on a busy machine
            one: Float32Array = np.vecdot(self._vectors, queries)[None]
            return one
        return queries @ self._vectors.T

    @property
    def _rounding(self) -> float:
        """What two float32 products of unit vectors must differ by to be surely in order.

        Each is off by at most dim / 2 roundings. What is closer is settled by `_cosines`.
        """
        return float((self.dim + 2) * np.finfo(np.float32).eps)

    def _products(
        self, query: Float32Array, rows: IndexArray, mine: Float32Array, hubs: str
    ) -> tuple[Float64Array, Float64Array]:
        """What the scores of some rows are at least and at most, from float32 products."""
        products = products_at(cast(Float32Array, self._vectors), rows, query)
        theirs = self.statistics.tracks[rows]
        low = pair_scores(hubs, products - self._rounding, mine, theirs)
        return low, pair_scores(hubs, products + self._rounding, mine, theirs)

    def _scores(
        self,
        query: Float32Array,
        rows: Int64Array,
        mine: Float32Array,
        hubs: str,
    ) -> Float32Array:
        """The scores of some rows, from their exact cosines."""
        cosines = self._cosines(query, rows)
        if hubs == "none":
            return cosines
        theirs = self.statistics.tracks[rows]
        return pair_scores(hubs, cosines, mine, theirs).astype(np.float32)

    def _cosines(self, query: Float32Array, rows: Int64Array) -> Float32Array:
        """Cosines that depend only on the two vectors: equal vectors get equal scores.

        Those of a matrix product do not: its rounding depends on a row's position in the matrix.
        """
        vectors: Float32Array = self._vectors[rows]
        cosines: Float64Array = (vectors * query.astype(np.float64)).sum(axis=1)
        return cosines.clip(-1, 1).astype(np.float32)

    def _best(self, rows: Int64Array, scores: Float32Array, k: int) -> Ranking:
        best = np.lexsort((rows, -scores))[:k]
        return Ranking(self.ids[rows[best]], scores[best])


class _Scoring(NamedTuple):
    """How queries are scored: the method, and the statistics of each, float32 (n, 3)."""

    hubs: str
    mine: Float32Array

    def of(self, numbers: list[int]) -> _Scoring:
        """The scoring of some of the queries."""
        return _Scoring(self.hubs, self.mine[numbers])


def _as_ids(ids: ArrayLike) -> Int64Array:
    array = np.asarray(ids)
    if array.ndim != 1 or not (array.size == 0 or np.issubdtype(array.dtype, np.integer)):
        raise ValueError(f"ids: wanted integers (n,), got {array.dtype} {array.shape}")
    return array.astype(np.int64)


def unit_vectors(matrix: NDArray[Any], order: Int64Array, name: str) -> Float32Array:
    """The rows of `matrix` in `order`, each scaled to unit length.

    Those that have it are left as they are, so that a vector of an index is itself as a query.
    """
    unit = np.empty((len(order), matrix.shape[1]), dtype=np.float32)
    step = max(1, BLOCK // matrix.shape[1])
    for start in range(0, len(order), step):
        rows = order[start : start + step]
        block = matrix[rows].astype(np.float64)
        largest = np.abs(block).max(axis=1, keepdims=True)
        for bad, what in ((~np.isfinite(largest), "NaN or infinity"), (largest == 0, "only zeros")):
            if bad.any():
                raise ValueError(
                    f"{name}: wanted finite numbers, not all zero, got {what} in row "
                    f"{rows[bad.argmax()]}"
                )
        block /= largest  # so that no square overflows or vanishes
        norms = np.linalg.norm(block, axis=1, keepdims=True)
        ordinary = largest.clip(1e-3, 1.0)
        done = (largest == ordinary) & (np.abs(norms * ordinary - 1.0) < UNIT_TOLERANCE)
        unit[start : start + step] = np.where(done, matrix[rows], block / norms)
    return unit
