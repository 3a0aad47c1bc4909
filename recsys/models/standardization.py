"""Means and standard deviations of products with many vectors, without a pass over the vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from index.arrays import BoolArray, Float32Array, Float64Array

_BLOCK = 16_384  # vectors whose products are summed in single precision
_ROUNDING = 1e-5  # a deviation below this share of the values is rounding


class Scale(NamedTuple):
    """Mean and standard deviation of each row, (n, 1); the deviation of equal values is 1."""

    mean: Float64Array
    deviation: Float64Array

    @classmethod
    def of(cls, mean: Float64Array, variance: Float64Array) -> Scale:
        """Take the root of a variance; both arguments are (n, 1)."""
        deviation = np.sqrt(np.maximum(variance, 0))
        equal = deviation <= _ROUNDING * np.hypot(mean, deviation)
        return cls(mean, np.where(equal, 1.0, deviation))

    def standardise(self, values: Float32Array) -> Float32Array:
        """Return values (n, m) less the mean, in deviations."""
        mean, deviation = self.mean.astype(np.float32), self.deviation.astype(np.float32)
        standardised: Float32Array = (values - mean) / deviation
        return standardised


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean m (d,) and covariance C (d, d) of some vectors.

    The products of the vectors with any q have the mean m·q and the variance qᵀCq exactly.
    """

    mean: Float64Array
    covariance: Float64Array

    @classmethod
    def of(cls, vectors: Float32Array, mask: BoolArray) -> Moments:
        """Return the moments of the rows (n, d) in the mask; zeros where there are none."""
        dim = vectors.shape[1]
        (rows,) = np.nonzero(mask)
        blocks = [rows[start : start + _BLOCK] for start in range(0, len(rows), _BLOCK)]
        total, products = np.zeros(dim), np.zeros((dim, dim))
        for block in blocks:
            total += vectors[block].sum(axis=0, dtype=np.float64)
        mean = total / max(len(rows), 1)
        for block in blocks:
            centred = vectors[block] - mean.astype(np.float32)
            products += centred.T @ centred
        return cls(mean, products / max(len(rows), 1))

    def of_products(self, queries: Float32Array) -> Scale:
        """Return the scale of the vectors' products with each query (n, d)."""
        q = queries.astype(np.float64)
        return Scale.of((q @ self.mean)[:, None], ((q @ self.covariance) * q).sum(1, keepdims=True))
