"""A first pass over all vectors: cosines from codes of 4 bits a number, and how far they are off.

An exact search by products with 100,000 vectors of 380 numbers reads 152 MB. Their codes are 19 MB,
whose products are summed from tables in registers (André, Kermarrec and Le Scouarnec, VLDB 2015;
faiss's fast scan). As the error of such a cosine is known, the pass says which few rows can be
among the nearest, and what no other row exceeds: with exact products of those rows alone a search
finds what an exact one does (`VectorIndex.search`).
"""

from __future__ import annotations

from typing import NamedTuple

import faiss
import numpy as np

from index.arrays import BoolArray, Float32Array, IndexArray

LEAST = 10_000  # vectors; fewer are searched as fast without codes
DEVIATIONS = 6.0  # of the codes' error: of normal errors 2 in 10^9 are larger
ROUGH = 0.001  # of the vectors
_LEVELS = 16  # of a number, 4 bits
_REACH = 2.6  # deviations of a dimension, from its mean, to the outermost levels
_N_TRIED = 32  # vectors by which the error is measured, with as many nearest as _N_NEAR
_N_NEAR = 1024
_BLOCK = 2**24  # numbers coded at once (64 MiB)


class Pass(NamedTuple):
    """What a first pass says of one query.

    rows     of the vectors with the greatest coded cosines, greatest first: int (n,)
    cosines  coded, float32 (n,): at most `margin` from the true ones, but for `rough` rows
    """

    rows: IndexArray
    cosines: Float32Array


class FirstPass:
    """Codes of unit vectors. Safe to share between threads.

    rough   rows that are to be looked at whatever their codes say: of the few vectors that these
            tell least of, ROUGH of them, and those asked for; `is_rough` (n,)
    margin  what a coded cosine of another row may differ from the true one: DEVIATIONS of the
            error, which is the larger of the measured one and that of the vector that its codes
            tell least of, for a query that has nothing to do with what they leave out
    """

    def __init__(self, vectors: Float32Array, rough: BoolArray | None = None) -> None:
        """Code unit vectors (n, dim), n at least `LEAST`, which are not kept.

        `rough` (n,) are others that are to be looked at.
        """
        n, dim = vectors.shape
        self._width = dim + dim % 2  # codes are stored in pairs
        sample = vectors[np.linspace(0, n - 1, LEAST).astype(np.intp)]
        mean, spread = sample.mean(axis=0), np.maximum(sample.std(axis=0), 1e-9)
        step = spread * (2 * _REACH / (_LEVELS - 1))
        first = mean - spread * _REACH
        self._codes, left_out = self._coded(vectors, first, step)
        most = np.quantile(left_out, 1 - ROUGH)
        self.is_rough: BoolArray = left_out > most if rough is None else (left_out > most) | rough
        self.rough: IndexArray = np.flatnonzero(self.is_rough)
        errors = []
        for row in np.linspace(0, n - 1, _N_TRIED).astype(np.intp):
            found = self.nearest(vectors[row], _N_NEAR)
            errors.append(found.cosines - vectors[found.rows] @ vectors[row])
        measured = float(np.sqrt(np.mean(np.square(errors))))
        self.margin = DEVIATIONS * max(measured, float(most) / dim**0.5)

    def nearest(self, query: Float32Array, n: int) -> Pass:
        """Return the rows of the `n` greatest coded cosines with a unit vector (dim,)."""
        return self.nearest_to_each(query[None], n)[0]

    def nearest_to_each(self, queries: Float32Array, n: int) -> list[Pass]:
        """Return the same of several unit vectors (n_queries, dim), by one scan of the codes."""
        padded = np.zeros((len(queries), self._width), np.float32)
        padded[:, : queries.shape[1]] = queries
        found = zip(*self._codes.search(padded, n), strict=True)
        return [Pass(rows[rows >= 0], cosines[rows >= 0]) for cosines, rows in found]

    def _coded(
        self, vectors: Float32Array, first: Float32Array, step: Float32Array
    ) -> tuple[faiss.Index, Float32Array]:
        """Return faiss's index of each number's nearest level, `first` plus 0 to 15 `step`s.

        And the length of what the codes leave out of each vector, (n,).
        """
        n, dim = vectors.shape
        levels = np.zeros((self._width, _LEVELS), np.float32)
        levels[:dim] = first[:, None] + step[:, None] * np.arange(_LEVELS, dtype=np.float32)
        packed = np.zeros((n, self._width // 2), np.uint8)
        rows_at_once, left_out = max(1, _BLOCK // dim), np.zeros(n, np.float32)
        for start in range(0, n, rows_at_once):
            block = (vectors[start : start + rows_at_once] - first) / step
            nearest = np.rint(block).clip(0, _LEVELS - 1)
            codes = np.zeros((len(block), self._width), np.uint8)
            codes[:, :dim] = nearest
            block -= nearest
            block *= step
            left_out[start : start + rows_at_once] = np.linalg.norm(block, axis=1)
            packed[start : start + rows_at_once] = codes[:, ::2] | codes[:, 1::2] << 4
        plain = faiss.IndexPQ(self._width, self._width, 4, faiss.METRIC_INNER_PRODUCT)
        faiss.copy_array_to_vector(levels.ravel(), plain.pq.centroids)
        faiss.copy_array_to_vector(packed.ravel(), plain.codes)
        plain.ntotal, plain.is_trained = n, True
        return faiss.IndexPQFastScan(plain), left_out  # type: ignore[arg-type]
