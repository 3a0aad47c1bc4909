"""The greatest inner products: which of many vectors a query points to, however long they are."""

from __future__ import annotations

import faiss
import numpy as np

from index.arrays import Float32Array, IndexArray

EXACT = 50_000  # vectors; up to so many are all compared
N_TRAINING = 16_384  # vectors that the codes are learnt from
SAMPLE = 16_384  # of many values, whose greatest are looked for
BITS = 4  # of the code of each number


class InnerProductIndex:
    """Proposes vectors by about the greatest inner products with a query, for whom scores them.

    Of up to EXACT vectors exactly. Of more by codes of 4 bits a number, whose products are summed
    from tables in registers (André, Kermarrec and Le Scouarnec, VLDB 2015; faiss's fast scan): one
    pass reads 8 times less than the vectors take, and unlike clusters the codes do not mind that
    lengths differ. Some times as many as are wanted hold nearly all of the best.

    Any number of threads may ask.
    """

    def __init__(self, vectors: Float32Array) -> None:
        """`vectors` float32 (n, dim) are kept, not copied."""
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

    def propose(self, query: Float32Array, n: int) -> IndexArray:
        """Return the rows of about the `n` greatest products with a query (dim,), in no order."""
        n = min(n, len(self))
        if self._codes is None:
            return top_n(self._vectors @ query, n)
        _, found = self._codes.search(_padded(query[None], self._codes.d), n)
        rows: IndexArray = found[0][found[0] >= 0]
        return rows


def top_n(values: Float32Array, n: int) -> IndexArray:
    """Return the places of the `n` greatest values, in no order; of fewer, all.

    Of many values, only those above what a sample says are looked at: as exact, and sooner.
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
    found = np.zeros((len(vectors), width), np.float32)
    found[:, : vectors.shape[1]] = vectors
    return found
