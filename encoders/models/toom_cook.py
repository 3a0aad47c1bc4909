"""Toom-Cook algorithms: short filters computed with fewer products than taps times outputs.

A filter of r taps gives m outputs, y[i] = sum over k of taps[k] * inputs[i + k], from m + r - 1
products of two transformed values instead of m * r: F(m, r). It is the transpose of Toom's and
Cook's product of polynomials, which evaluates both at m + r - 1 points, multiplies, and
interpolates. S. Winograd, "Arithmetic Complexity of Computations", SIAM 1980; for convolutional
networks A. Lavin and S. Gray, "Fast algorithms for convolutional neural networks", CVPR 2016. Any
distinct points give exact results in exact arithmetic; how much rounding errors are amplified is
up to the points: B. Barabasz et al., "Error analysis and improving the accuracy of Winograd
convolution for deep neural networks", ACM TOMS 2020.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

_ZERO = Fraction(0)
Point: TypeAlias = tuple[Fraction, Fraction]  # x : y, the point x / y; (1, 0) is infinity


class ToomCook(NamedTuple):
    """F(m, r) in float64: outputs = `out` @ ((`of_taps` @ taps) * (`of_inputs` @ inputs)).

    Taps, inputs and outputs may have further axes behind, and the product between may be any
    bilinear one: of numbers, of matrices, of polynomials.
    """

    of_taps: Tensor  # (n_points, r)
    of_inputs: Tensor  # (n_points, n_points)
    out: Tensor  # (m, n_points)


def toom_cook(points: Sequence[Point], n_taps: int) -> ToomCook:
    """Return F(len(points) - n_taps + 1, n_taps), computed in exact arithmetic.

    Points are homogeneous: a polynomial c of n coefficients is worth sum c[j] x^j y^(n-1-j) at
    x : y. Interpolation multiplies by the inverse of that evaluation; transposed, it transforms
    the inputs, and evaluation the outputs.

    >>> f = toom_cook([(Fraction(0), Fraction(1)), *reciprocal("1")], n_taps=2)  # F(2, 2)
    >>> (f.out @ ((f.of_taps @ torch.tensor([2.0, 1]).double()) * (f.of_inputs @
    ...     torch.tensor([1.0, 10, 100]).double()))).tolist()
    [12.0, 120.0]
    """
    n_points = len(points)
    lagrange = []  # of each point, the polynomial that is 1 there and 0 at the other points
    for i, (x, y) in enumerate(points):
        coefficients, at_point = [Fraction(1)], Fraction(1)
        for other_x, other_y in (*points[:i], *points[i + 1 :]):
            # times (x other_y - y other_x), which is 0 at the other point
            times_x, times_y = [_ZERO, *coefficients], [*coefficients, _ZERO]
            coefficients = [
                other_y * a - other_x * b for a, b in zip(times_x, times_y, strict=True)
            ]
            at_point *= x * other_y - y * other_x
        lagrange.append([c / at_point for c in coefficients])
    return ToomCook(
        of_taps=_float64(_evaluation(points, n_taps)),
        of_inputs=_float64(lagrange),
        out=_float64(_evaluation(points, n_points - n_taps + 1)).T.contiguous(),
    )


def reciprocal(*magnitudes: str) -> list[Point]:
    """Return the points +-p and +-1/p for each decimal p of (0, 1], in which errors are small.

    >>> [(float(x), float(y)) for x, y in reciprocal("0.5")]
    [(0.5, 1.0), (-0.5, 1.0), (1.0, 0.5), (-1.0, 0.5)]
    """
    points: list[Point] = []
    for p in map(Fraction, magnitudes):
        pairs = [(p, Fraction(1))] if p == 1 else [(p, Fraction(1)), (Fraction(1), p)]
        points += [(sign * x, y) for x, y in pairs for sign in (1, -1)]
    return points


def _evaluation(points: Sequence[Point], n: int) -> list[list[Fraction]]:
    """Return what polynomials of n coefficients are multiplied by: (n_points, n)."""
    return [[x**j * y ** (n - 1 - j) for j in range(n)] for x, y in points]


def _float64(rows: Sequence[Sequence[Fraction]]) -> Tensor:
    return torch.tensor([[float(value) for value in row] for row in rows], dtype=torch.float64)
