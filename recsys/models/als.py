"""Collaborative filtering: implicit alternating least squares, listeners known by their histories.

Hu, Koren and Volinsky 2008: minimise the sum over listeners u and tracks i of
c_ui (p_ui - x_i·y_u)² + λ (|x_i|² + |y_u|²), with p_ui 1 where u listened to i and 0 elsewhere, and
c_ui = 1 + α w_ui where w_ui is the weighted count, 0 for no listens.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from index.arrays import Float32Array

from recsys.models import cuda_libraries  # noqa: F401  # isort: skip
import implicit.gpu
import numpy as np
from implicit.als import AlternatingLeastSquares
from implicit.nearest_neighbours import bm25_weight
from scipy import sparse
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from recsys.interactions import Content
from recsys.models.als_solver import solve

_KEPT = 4  # fits: of the training listens, and of splits of them


def weighted(counts: sparse.csr_matrix, weighting: str) -> sparse.csr_matrix:
    """Weight listens: "binary" gives 1, "log" 1 + log(count) for counts of 1 and more, "bm25" BM25.

    BM25 (Robertson and Zaragoza 2009) with k1 = 100 and b = 0.8, its mean scaled to 1, holds down
    tracks that everybody plays and listeners who play everything. It depends on all the rows, so
    that it suits a fit, not one listener's history.

    Raises ValueError for another name.
    """
    match weighting:
        case "binary":
            values = np.ones_like(counts.data, np.float32)
        case "log":
            values = np.float32(1) + np.log(np.maximum(counts.data, np.float32(1)))
        case "bm25":
            return _bm25(counts)
        case _:
            raise ValueError(f'weighting: wanted "binary", "log" or "bm25", got {weighting}')
    return sparse.csr_matrix((values, counts.indices, counts.indptr), shape=counts.shape)


def _bm25(counts: sparse.csr_matrix) -> sparse.csr_matrix:
    """Weight with listeners as terms and tracks as documents, the mean weight being 1."""
    found = sparse.csr_matrix(bm25_weight(counts.T, K1=100, B=0.8).T, dtype=np.float32)
    found.data = np.maximum(found.data, np.float32(0))
    found.data /= found.data.mean() if found.nnz and found.data.any() else np.float32(1)
    return found


class _Fit(NamedTuple):
    counts: sparse.csr_matrix
    seed: int
    item_factors: Float32Array
    user_factors: Float32Array


@dataclass
class Als:
    """Implicit alternating least squares, on the GPU where implicit has one (see `device`).

    Fitting again on one of the last matrices, with the same seed, costs nothing, so that
    systems can share factors. Histories are folded in without a refit: the exact solution for
    fixed item factors, weighted by log where the fit was weighted by BM25.
    """

    factors: int = 64
    regularization: float = 10.0
    alpha: float = 10.0
    weighting: str = "log"
    iterations: int = 15
    _fits: list[_Fit] = field(default_factory=list, repr=False)

    def fit(self, counts: sparse.csr_matrix, content: Content | None, seed: int) -> None:
        """Factorise the listens, float32 CSR (n_listeners, n_tracks); content is not looked at."""
        for fit in self._fits:
            if fit.counts is counts and fit.seed == seed:
                self._take(fit)
                return
        with threadpool_limits(1, "blas"):  # implicit brings its own threads
            model = AlternatingLeastSquares(
                factors=self.factors,
                regularization=self.regularization,
                iterations=self.iterations,
                random_state=seed,
                use_gpu=implicit.gpu.HAS_CUDA,
            )
            model.fit(self.confidence(counts, self.weighting), show_progress=False)
        on_cpu = model.to_cpu() if implicit.gpu.HAS_CUDA else model
        self._fits = [
            _Fit(counts, seed, on_cpu.item_factors, on_cpu.user_factors),
            *self._fits[: _KEPT - 1],
        ]
        self._take(self._fits[0])

    def _take(self, fit: _Fit) -> None:
        self.item_factors, self.user_factors = fit.item_factors, fit.user_factors

    @property
    def device(self) -> str:
        """Where a fit runs."""
        return "GPU" if implicit.gpu.HAS_CUDA else "CPU"

    def listener_factors(self, histories: sparse.csr_matrix) -> Float32Array:
        """Factors of listeners from their histories alone: (n, factors)."""
        return fold_in(self, histories, self.item_factors)

    def scores(self, histories: sparse.csr_matrix) -> Float32Array:
        """Score every track: (n, n_tracks)."""
        found: Float32Array = self.listener_factors(histories) @ self.item_factors.T
        return found

    def confidence(self, counts: sparse.csr_matrix, weighting: str) -> sparse.csr_matrix:
        """Return 1 + alpha w for what was listened to, as `counts`."""
        found = weighted(counts, weighting)
        found.data = np.float32(1) + np.float32(self.alpha) * found.data
        return found


def fold_in(
    als: Als,
    histories: sparse.csr_matrix,
    item_factors: Float32Array,
    gram: Float32Array | None = None,
    prior: Float32Array | None = None,
    kappa: float = 0.0,
) -> Float32Array:
    """Solve for listeners with these histories and fixed item factors: (n, factors).

    `gram` is XᵀX of the tracks whose zeros count, (factors, factors); None: of all tracks. Of the
    prior (n, factors) and κ `recsys.models.als_solver` has the meaning.
    """
    weighting = "log" if als.weighting == "bm25" else als.weighting
    gram = item_factors.T @ item_factors if gram is None else gram
    columns, places = np.unique(histories.indices, return_inverse=True)  # of many tracks, few
    told = sparse.csr_matrix(
        (histories.data, places, histories.indptr), (histories.shape[0], len(columns))
    )
    confidence = als.confidence(told, weighting)
    factors = item_factors[columns]
    return solve(confidence, factors, prior, als.regularization, kappa, gram)[0]
