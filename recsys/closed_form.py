"""The exact solution of one side of implicit ALS around a prior, for all rows, in batches.

For a row i (a track; its columns are listeners) with n_i entries of confidence c_iu,

    A_i = e_i YᵀY + sum over entries of (c_iu - e_i) y_u y_uᵀ + λ I
    x_i = A_i⁻¹ (sum over entries of c_iu y_u + λ μ_i),   e_i = n_i / (n_i + κ)

which minimises the sum over entries of c_iu (1 - x·y_u)², plus e_i times the sum over all other
columns of (x·y_u)², plus λ |x - μ_i|². The weight e_i of the zeros is how far silence can be taken
for dislike: nobody was exposed to a track that nobody played, so that e_i is 0 for n_i = 0 and
x_i = μ_i exactly. κ = 0 is implicit ALS (Hu, Koren and Volinsky 2008), with a prior that of
collaborative topic regression (Wang and Blei, KDD 2011).

In the eigenbasis of YᵀY, D_i = e_i YᵀY + λ I is diagonal and the same for all rows with equally
many entries. Such rows are solved together; where n_i is below the number of factors, by the
identity of Woodbury with an n_i × n_i inverse instead of a larger one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

_BATCH = 1 << 21  # numbers in the largest array of a batch

_Floats = NDArray[np.float32]
_Doubles = NDArray[np.float64]


def solve(
    confidence: sparse.csr_matrix,
    factors: _Floats,
    prior: _Floats | None,
    regularization: float,
    kappa: float = 0.0,
    gram: _Floats | None = None,
) -> tuple[_Floats, _Floats]:
    """Return each row's solution (n_rows, f) and its evidence (n_rows,).

    confidence      float32 CSR (n_rows, n_columns), entries of at least 1
    factors         of the columns: (n_columns, f)
    prior           μ (n_rows, f); None: zero vectors
    regularization  λ, above 0
    kappa           κ, at least 0
    gram            YᵀY (f, f), if not of all columns

    Evidence is 1 - λ tr(A_i⁻¹) / f, the share of the prior's variance that the entries take away:
    0 without entries, rising with every one of them, below 1.
    """
    n_factors = factors.shape[1]
    gram = factors.T @ factors if gram is None else gram
    values, basis = np.linalg.eigh(gram.astype(np.float64))
    values = np.maximum(values, 0)
    turned = factors @ basis
    turned_prior = np.zeros((confidence.shape[0], n_factors)) if prior is None else prior @ basis
    solution = turned_prior.astype(np.float32)
    evidence = np.zeros(confidence.shape[0], np.float32)
    lengths = np.diff(confidence.indptr)
    order = np.argsort(lengths, kind="stable")
    begin = int(np.searchsorted(lengths[order], 1))
    while begin < len(order):
        n = int(lengths[order[begin]])
        end = int(np.searchsorted(lengths[order], n, side="right"))
        end = min(end, begin + max(_BATCH // (n * max(min(n, n_factors), n_factors)), 1))
        rows = order[begin:end]
        begin = end
        entries = confidence.indptr[rows][:, None] + np.arange(n)
        exposure = n / (n + kappa)
        diagonal = exposure * values + regularization
        solved, trace = _solve_batch(
            turned[confidence.indices[entries]],
            confidence.data[entries].astype(np.float64),
            exposure,
            diagonal,
            regularization * turned_prior[rows],
        )
        solution[rows] = solved
        evidence[rows] = 1 - regularization * trace / n_factors
    return np.asarray(solution @ basis.T, np.float32), np.clip(evidence, 0, 1)


def _solve_batch(
    y: _Doubles, confidence: _Doubles, exposure: float, diagonal: _Doubles, pulled: _Doubles
) -> tuple[_Doubles, _Doubles]:
    """Solve b rows of n entries: solutions (b, f) and traces of the inverses (b,).

    y (b, n, f), confidence (b, n), diagonal (f,) of D, pulled (b, f) is λ μ.
    """
    weights = confidence - exposure
    right = (confidence[:, None] @ y)[:, 0] + pulled
    transposed = y.swapaxes(1, 2)
    if y.shape[1] >= y.shape[2]:
        inverse = np.linalg.inv((transposed * weights[:, None]) @ y + np.diag(diagonal))
        return (inverse @ right[..., None])[..., 0], np.trace(inverse, axis1=1, axis2=2)
    scaled = y / diagonal
    inner = scaled @ transposed
    inner[:, np.arange(y.shape[1]), np.arange(y.shape[1])] += 1 / weights
    inverse = np.linalg.inv(inner)
    plain = right / diagonal
    correction = inverse @ (y @ plain[..., None])
    trace = (1 / diagonal).sum() - (inverse * (scaled @ scaled.swapaxes(1, 2))).sum(axis=(1, 2))
    return plain - (correction.swapaxes(1, 2) @ scaled)[:, 0], trace
