"""Approximate search by inner product over vectors of any length, and exact top-n selection."""

from __future__ import annotations

import faiss
import numpy as np

from index.arrays import Float32Array, IndexArray

EXACT = 50_000  # vectors; up to so many, search is exact
N_TRAINING = 16_384  # vectors that the codes are trained on
SAMPLE = 16_384  # values by which `top_n` chooses a threshold
BITS = 4  # of the code of each number


class InnerProductIndex:
    """Candidates with about the greatest inner products with a query, to be scored by the caller.

    Exact for up to EXACT vectors. Larger sets are searched by codes of 4 bits a number, whose
    products are summed from tables in registers (André, Kermarrec and Le Scouarnec, VLDB 2015;
    faiss's fast scan): one pass reads an eighth of the vectors' size and, unlike with clusters,
    recall does not suffer from differing lengths. A few times as many candidates as wanted contain
    nearly all of the best.

    Thread-safe.
    """

    def __init__(self, vectors: Float32Array) -> None:
        """Index `vectors`, float32 (n, dim), without copying them."""
        self._vectors = vectors
        n, dim = vectors.shape
        self._codes = None
        if n > EXACT:
            width = dim + dim % 2  # codes are stored in pairs
            kind = faiss.METRIC_INNER_PRODUCT
            codes = faiss.IndexPQFastScan(width, width, BITS, kind)
            spread = np.linspace(0, n - 1, min(n, N_TRAINING)).astype(np.intp)
            codes.train(_padded(vectors[spread], width))
            for start in range(0, n, EXACT):
                codes.add(_padded(vectors[start : start + EXACT], width))
            self._codes = codes

    def __len__(self) -> int:
        return len(self._vectors)

    def candidates(self, query: Float32Array, n: int) -> IndexArray:
        """Return the rows of about the `n` greatest products with a query (dim,), in no order."""
        n = min(n, len(self))
        if self._codes is None:
            return top_n(self._vectors @ query, n)
        _, padded = self._codes.search(_padded(query[None], self._codes.d), n)
        rows: IndexArray = padded[0][padded[0] >= 0]
        return rows


def products_at(vectors: Float32Array, rows: IndexArray, query: Float32Array) -> Float32Array:
    """Return the inner products of some rows of vectors (n, dim) with a query (dim,): (len(rows),).

    `vectors` and `query` are float32 and contiguous; the rows are read where they lie, not copied.
    """
    rows = np.ascontiguousarray(rows, np.int64)
    products = np.empty(len(rows), np.float32)
    faiss.fvec_inner_products_by_idx(  # type: ignore[attr-defined]
        faiss.swig_ptr(products),
        faiss.swig_ptr(query),
        faiss.swig_ptr(vectors),
        faiss.swig_ptr(rows),
        vectors.shape[1],
        1,
        len(rows),
    )
    return products


def top_n(values: Float32Array, n: int) -> IndexArray:
    """Return the positions of the `n` greatest values, in no order; of all where there are fewer.

    Exact. Of many values only those above a threshold chosen by a sample are compared.
    """
    if len(values) <= n:
        return np.arange(len(values))
    step = len(values) // SAMPLE
    if step > 1:
        sample = values[::step]
        rank = 2 * n // step + 16  # so that surely n values, and about twice as many, lie above
        if rank < SAMPLE // 2:
            above = np.flatnonzero(values >= np.partition(sample, -rank)[-rank])
            if len(above) >= n:
                return above[np.argpartition(values[above], -n)[-n:]]
    return np.argpartition(values, -n)[-n:]


def _padded(vectors: Float32Array, width: int) -> Float32Array:
    """Return the vectors with zeros up to a width."""
    if vectors.shape[1] == width:
        return np.ascontiguousarray(vectors)
    padded = np.zeros((len(vectors), width), np.float32)
    padded[:, : vectors.shape[1]] = vectors
    return padded
