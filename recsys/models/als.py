"""Collaborative filtering by implicit alternating least squares (ALS).

Hu, Koren and Volinsky 2008: minimise the sum over listeners u and tracks i of
c_ui (p_ui - x_i·y_u)² + λ (|x_i|² + |y_u|²), with p_ui 1 where u listened to i and 0 elsewhere, and
c_ui = 1 + α w_ui where w_ui is the weighted count, 0 for no listens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from index.arrays import Float32Array, Int64Array

from recsys.models import cuda_libraries  # noqa: F401  # isort: skip
import implicit.gpu
import numpy as np
from implicit.als import AlternatingLeastSquares
from implicit.nearest_neighbours import bm25_weight
from scipy import sparse
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from recsys.interactions import Content
from recsys.models.als_solver import solve


def weighted(counts: sparse.csr_matrix, weighting: str) -> sparse.csr_matrix:
    """Weight listens: "binary" gives 1, "log" 1 + log(count) for counts of 1 and more, "bm25" BM25.

    BM25 (Robertson and Zaragoza 2009) with k1 = 100 and b = 0.8, its mean scaled to 1, reduces the
    weight of tracks that everybody plays and of listeners who play everything. It depends on all
    the rows, so that it suits a fit, not one listener's history.

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
    weights = sparse.csr_matrix(bm25_weight(counts.T, K1=100, B=0.8).T, dtype=np.float32)
    weights.data = np.maximum(weights.data, np.float32(0))
    weights.data /= weights.data.mean() if weights.nnz and weights.data.any() else np.float32(1)
    return weights


def device() -> str:
    """Return where ALS is fitted: "GPU" where implicit has one, else "CPU"."""
    return "GPU" if implicit.gpu.HAS_CUDA else "CPU"


@dataclass(frozen=True)
class Als:
    """Settings of implicit ALS.

    factors         f, numbers that describe a listener or a track
    regularization  λ
    alpha           α
    weighting       of the counts, see `weighted`
    iterations      solutions of each side
    """

    factors: int = 64
    regularization: float = 10.0
    alpha: float = 10.0
    weighting: str = "log"
    iterations: int = 15

    def fit(self, counts: sparse.csr_matrix, content: Content | None, seed: int) -> AlsModel:
        """Factorise listens, float32 CSR (n_listeners, n_tracks); the content is not used."""
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
        return AlsModel(self, on_cpu.item_factors, on_cpu.user_factors)

    def confidence(self, counts: sparse.csr_matrix, weighting: str) -> sparse.csr_matrix:
        """Return 1 + α w of the stored counts, in the shape of `counts`."""
        confidence = weighted(counts, weighting)
        confidence.data = np.float32(1) + np.float32(self.alpha) * confidence.data
        return confidence


@dataclass(frozen=True, eq=False)
class AlsModel:
    """Fitted factors.

    item_factors  x, float32 (n_tracks, f)
    user_factors  y, of the training listeners: float32 (n_listeners, f)
    """

    settings: Als
    item_factors: Float32Array
    user_factors: Float32Array

    def listener_factors(self, histories: sparse.csr_matrix) -> Float32Array:
        """Return factors of listeners from their histories alone: (n, f)."""
        return fold_in(self.settings, histories, self.item_factors)

    def scores(self, histories: sparse.csr_matrix) -> Float32Array:
        """Score every track: (n, n_tracks)."""
        scores: Float32Array = self.listener_factors(histories) @ self.item_factors.T
        return scores


# What makes factors of listens by some settings: `Als.fit`, or another machine.
Factorise = Callable[[Als, sparse.csr_matrix, Content | None, int], AlsModel]


def fold_in(
    settings: Als,
    histories: sparse.csr_matrix,
    item_factors: Float32Array,
    gram: Float32Array | None = None,
    prior: Float32Array | None = None,
    shrinkage: float = 0.0,
) -> Float32Array:
    """Solve for listeners with these histories and fixed item factors, without a refit: (n, f).

    Counts are weighted by "log" where the fit was weighted by "bm25". `gram` is XᵀX of the tracks
    whose zeros count, (f, f); None: of all tracks. `prior` (n, f) and `shrinkage` are those of
    `recsys.models.als_solver`.
    """
    gram = item_factors.T @ item_factors if gram is None else gram
    columns, positions = np.unique(histories.indices, return_inverse=True)  # few of many tracks
    played = sparse.csr_matrix(
        (histories.data, positions, histories.indptr), (histories.shape[0], len(columns))
    )
    confidence = _of_histories(settings, played)
    factors = item_factors[columns]
    return solve(confidence, factors, prior, settings.regularization, shrinkage, gram)[0]


def influence(
    settings: Als,
    history: sparse.csr_matrix,
    item_factors: Float32Array,
    gram: Float32Array,
    shrinkage: float,
    played: Int64Array,
) -> Float32Array:
    """Return what some played tracks give to a listener's factors: float32 (f, len(played)).

    c_uj A_u⁻¹ x_j, A_u being the matrix of the normal equations by which `fold_in` solves for a
    history (1, n_tracks). Their products with x_i add up to x_i·y_u, less the prior's part (Hu,
    Koren and Volinsky 2008, section 5).
    """
    confidence = _of_histories(settings, history)
    weights = dict(zip(confidence.indices.tolist(), confidence.data.tolist(), strict=True))
    exposure = confidence.nnz / (confidence.nnz + shrinkage)
    known = item_factors[confidence.indices].astype(np.float64)
    matrix = exposure * gram + (known.T * (confidence.data - exposure)) @ known
    matrix += settings.regularization * np.eye(len(matrix))
    given = item_factors[played] * np.array([[weights[column]] for column in played.tolist()])
    return np.linalg.solve(matrix, given.T).astype(np.float32)


def _of_histories(settings: Als, histories: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return confidences of histories: BM25 depends on all listeners, the logarithm does not."""
    return settings.confidence(
        histories, "log" if settings.weighting == "bm25" else settings.weighting
    )
