"""Means and deviations over many tracks, known without a pass over them for every question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_BLOCK = 16_384  # vectors of which products are summed in single precision
_LITTLE = 1e-5  # a deviation below this share of the values is rounding

_Floats = NDArray[np.float32]
_Doubles = NDArray[np.float64]


class Scale(NamedTuple):
    """Mean and standard deviation of each row's values, (n, 1); that of equal ones is 1."""

    mean: _Doubles
    deviation: _Doubles

    @classmethod
    def of(cls, mean: _Doubles, variance: _Doubles) -> Scale:
        """Take the deviation from a variance, each (n, 1)."""
        deviation = np.sqrt(np.maximum(variance, 0))
        equal = deviation <= _LITTLE * np.hypot(mean, deviation)
        return cls(mean, np.where(equal, 1.0, deviation))

    def standardise(self, values: _Floats) -> _Floats:
        """Return values (n, m) less the mean, in deviations."""
        mean, deviation = self.mean.astype(np.float32), self.deviation.astype(np.float32)
        found: _Floats = (values - mean) / deviation
        return found


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean m (d,) and covariance C (d, d) of some vectors.

    The products of the vectors with any q have the mean m·q and the variance qᵀCq exactly.
    """

    mean: _Doubles
    covariance: _Doubles

    @classmethod
    def of(cls, vectors: _Floats, among: NDArray[np.bool_]) -> Moments:
        """Return those of some of the rows of (n, d), zeros of none."""
        dim = vectors.shape[1]
        (rows,) = np.nonzero(among)
        blocks = [rows[start : start + _BLOCK] for start in range(0, len(rows), _BLOCK)]
        total, products = np.zeros(dim), np.zeros((dim, dim))
        for block in blocks:
            total += vectors[block].sum(axis=0, dtype=np.float64)
        mean = total / max(len(rows), 1)
        for block in blocks:
            centred = vectors[block] - mean.astype(np.float32)
            products += centred.T @ centred
        return cls(mean, products / max(len(rows), 1))

    def of_products(self, queries: _Floats) -> Scale:
        """Return the scale of the vectors' products with each query (n, d)."""
        q = queries.astype(np.float64)
        return Scale.of((q @ self.mean)[:, None], ((q @ self.covariance) * q).sum(1, keepdims=True))
