"""Exact solver for one side of implicit ALS with a prior, in batches of rows.

For a row i (a track; its columns are listeners) with n_i entries of confidence c_iu,

    A_i = e_i YᵀY + sum over entries of (c_iu - e_i) y_u y_uᵀ + λ I
    x_i = A_i⁻¹ (sum over entries of c_iu y_u + λ μ_i),   e_i = n_i / (n_i + κ)

which minimises the sum over entries of c_iu (1 - x·y_u)², plus e_i times the sum over all other
columns of (x·y_u)², plus λ |x - μ_i|². The weight e_i of the zeros is how far a missing listen
means dislike: nobody was exposed to a track that nobody played, so that e_i is 0 for n_i = 0 and
x_i = μ_i exactly. κ = 0 is implicit ALS (Hu, Koren and Volinsky 2008), with a prior that of
collaborative topic regression (Wang and Blei, KDD 2011).

Rows of about equally many entries are solved together, the shorter ones padded with entries of
no weight. In the eigenbasis of YᵀY, D_i = e_i YᵀY + λ I is diagonal, so that where n_i is below the
number of factors Woodbury's identity needs an n_i × n_i inverse alone:

    A⁻¹ = D⁻¹ - D^-½ uᵀ (I + u uᵀ)⁻¹ u D^-½,   rows of u: (c_iu - e_i)^½ D^-½ y_u
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from index.arrays import BoolArray, Float32Array, Float64Array, Int32Array, Int64Array
from recsys.threads import for_each

_BATCH = 1 << 19  # numbers in the largest array of a batch, so that it stays in the cache
_MAX_PADDING = 1.2  # longest row of a batch, in lengths of its shortest
_MAX_SINGLE = 1e3  # weight of listens over the prior up to which single precision suffices

_Numbers = NDArray[np.floating]


def solve(
    confidence: sparse.csr_matrix,
    factors: Float32Array,
    prior: Float32Array | None,
    regularization: float,
    shrinkage: float = 0.0,
    gram: Float32Array | None = None,
) -> tuple[Float32Array, Float32Array]:
    """Return each row's solution (n_rows, f) and its evidence (n_rows,).

    confidence      float32 CSR (n_rows, n_columns), entries of at least 1
    factors         of the columns: (n_columns, f)
    prior           μ (n_rows, f); None: zero vectors
    regularization  λ, above 0
    shrinkage       κ, at least 0
    gram            YᵀY (f, f), if not of all columns

    Evidence is 1 - λ tr(A_i⁻¹) / f, the share of the prior's variance that the entries take away:
    0 without entries, rising with every one of them, below 1.
    """
    n_rows, n_factors = confidence.shape[0], factors.shape[1]
    gram = factors.T @ factors if gram is None else gram
    mean = np.zeros((n_rows, n_factors), np.float32) if prior is None else prior
    problem = _Problem(
        confidence, factors, mean, regularization, shrinkage, gram.astype(np.float64)
    )
    lengths = np.diff(confidence.indptr)
    short = (lengths > 0) & (lengths < n_factors)
    if np.count_nonzero(short) < n_factors:  # too few for an eigenbasis to pay
        short[:] = False
    work = [(problem.direct, rows) for rows in _batches(lengths, (lengths > 0) & ~short, n_factors)]
    if short.any():
        basis = _Eigenbasis.of(problem)
        work += [(basis.solve, rows) for rows in _batches(lengths, short, n_factors)]
    solution, evidence = mean.astype(np.float32), np.zeros(n_rows, np.float32)

    def run(job: tuple[Callable[[Int64Array], _Solved], Int64Array]) -> None:
        solver, rows = job
        solution[rows], evidence[rows] = solver(rows)

    if len(work) > 1:
        for_each(run, work)
    elif work:  # one listener, in a request: no threads
        run(work[0])
    return solution, np.clip(evidence, 0, 1)


class _Solved(NamedTuple):
    """Solutions (b, f), and evidence (b,), summed without the cancellation of its formula."""

    solution: _Numbers
    evidence: _Numbers


class _Entries(NamedTuple):
    """The entries of b rows, padded to n: confidence and weight of padding are 0.

    y (b, n, f); confidence c and weight c - e (b, n); exposure e (b, 1).
    """

    y: _Numbers
    confidence: _Numbers
    weight: _Numbers
    exposure: _Numbers

    def astype(self, dtype: type[np.floating]) -> _Entries:
        """Return them in single or double precision."""
        return _Entries(*(array.astype(dtype, copy=False) for array in self))


@dataclass(frozen=True, eq=False)
class _Problem:
    """The arguments of `solve`."""

    confidence: sparse.csr_matrix
    factors: Float32Array
    prior: Float32Array
    regularization: float
    shrinkage: float
    gram: Float64Array

    def entries(self, rows: Int64Array) -> _Entries:
        """Return the entries of some rows."""
        matrix = self.confidence
        starts, lengths = matrix.indptr[rows][:, None], np.diff(matrix.indptr)[rows][:, None]
        steps = np.arange(lengths.max())
        stored = steps < lengths
        at = np.where(stored, starts + steps, 0)
        confidence = matrix.data[at] * stored
        exposure = (lengths / (lengths + self.shrinkage)).astype(np.float32)
        weight = (confidence - exposure) * stored
        return _Entries(self.factors[matrix.indices[at]], confidence, weight, exposure)

    def direct(self, rows: Int64Array) -> _Solved:
        """Solve rows by f × f inverses, in double precision: they may have very many entries."""
        y, confidence, weight, exposure = self.entries(rows).astype(np.float64)
        likelihood = (y.swapaxes(1, 2) * weight[:, None]) @ y + exposure[..., None] * self.gram
        right = (confidence[:, None] @ y)[:, 0] + self.regularization * self.prior[rows]
        inverse = np.linalg.inv(likelihood + self.regularization * np.eye(y.shape[2]))
        evidence = (inverse * likelihood).sum(axis=(1, 2)) / y.shape[2]
        return _Solved((inverse @ right[..., None])[..., 0], evidence)


@dataclass(frozen=True, eq=False)
class _Eigenbasis:
    """A problem whose factors are rotated into the eigenbasis of YᵀY; eigenvalues (f,)."""

    problem: _Problem
    values: Float64Array
    basis: Float32Array

    @classmethod
    def of(cls, problem: _Problem) -> _Eigenbasis:
        """Rotate a problem."""
        values, vectors = np.linalg.eigh(problem.gram)
        basis = vectors.astype(np.float32)
        rotated = replace(problem, factors=problem.factors @ basis)
        return cls(rotated, np.maximum(values, 0), basis)

    def solve(self, rows: Int64Array) -> _Solved:
        """Solve rows by Woodbury's identity."""
        problem, basis = self.problem, self.basis
        entries = problem.entries(rows)
        largest = (entries.weight * np.vecdot(entries.y, entries.y)).sum(axis=1).max()
        dtype = np.float32 if largest < _MAX_SINGLE * problem.regularization else np.float64
        y, confidence, weight, exposure = entries.astype(dtype)
        zeros: _Numbers = (exposure * self.values).astype(dtype)
        diagonal = zeros + dtype(problem.regularization)
        prior_term: _Numbers = (problem.regularization * (problem.prior[rows] @ basis)).astype(
            dtype
        )
        right = (confidence[:, None] @ y)[:, 0] + prior_term
        root = np.sqrt(1 / diagonal)[:, None]
        u = y * np.sqrt(weight)[..., None] * root
        inner = u @ u.swapaxes(1, 2)
        inner[:, range(y.shape[1]), range(y.shape[1])] += 1
        inverse = np.linalg.inv(inner)
        scaled = right[:, None] * root
        left = scaled - (inverse @ (u @ scaled.swapaxes(1, 2))).swapaxes(1, 2) @ u
        v = u * root
        reduction = problem.regularization * (inverse * (v @ v.swapaxes(1, 2))).sum(axis=(1, 2))
        evidence = ((zeros / diagonal).sum(axis=1) + reduction) / y.shape[2]
        return _Solved((left * root)[:, 0] @ basis.T, evidence)


def _batches(lengths: Int32Array, mask: BoolArray, n_factors: int) -> Iterator[Int64Array]:
    """Group the rows of a mask, the shortest first, into batches of about equal length."""
    (rows,) = np.nonzero(mask)
    rows = rows[np.argsort(lengths[rows], kind="stable")]
    sorted_lengths, begin = lengths[rows], 0
    while begin < len(rows):
        longest = int(_MAX_PADDING * sorted_lengths[begin])
        numbers = longest * n_factors
        fitting = max(_BATCH // numbers, 1)
        end = min(int(np.searchsorted(sorted_lengths, longest, side="right")), begin + fitting)
        yield rows[begin:end]
        begin = end
