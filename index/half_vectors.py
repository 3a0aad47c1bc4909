"""Unit vectors kept as half floats, in memory or in a mapped file."""

from __future__ import annotations

import numpy as np

from index.arrays import Float16Array, Float32Array, IndexArray, Int64Array

_BLOCK = 2**24  # numbers widened at once (64 MiB)


class HalfVectors:
    """Vectors of unit length kept as half floats (n, dim), given as float32.

    Half floats are off by at most 1/2048 of a number, cosines by about 3e-5. What is given is
    scaled to unit length again, so that a vector has a cosine of 1 with itself.
    """

    def __init__(self, halves: Float16Array) -> None:
        self.halves = halves
        self.shape = halves.shape

    def __len__(self) -> int:
        return len(self.halves)

    def __getitem__(self, rows: IndexArray | Int64Array | slice) -> Float32Array:
        vectors = self.halves[rows].astype(np.float32)
        vectors /= np.sqrt(np.vecdot(vectors, vectors))[:, None]
        return vectors

    def products(self, queries: Float32Array) -> Float32Array:
        """Return the inner products of vectors (m, dim) with all, float32 (m, n)."""
        products = np.empty((len(queries), len(self)), np.float32)
        step = max(1, _BLOCK // self.shape[1])
        for start in range(0, len(self), step):
            products[:, start : start + step] = queries @ self[start : start + step].T
        return products
