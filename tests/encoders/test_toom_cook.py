"""Toom-Cook algorithms beside the filters that they stand for."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from encoders.models.frequency_max import TEMPORAL_POINTS, TEMPORAL_RUNS, TIMBRAL_POINTS
from encoders.models.toom_cook import Point, reciprocal, toom_cook

ZERO: Point = (Fraction(0), Fraction(1))
INFINITY: Point = (Fraction(1), Fraction(0))


@given(
    st.lists(st.fractions(-4, 4, max_denominator=9), min_size=1, max_size=6, unique=True),
    st.booleans(),
    st.data(),
)
def test_any_distinct_points_give_the_filter(
    values: list[Fraction], at_infinity: bool, data: st.DataObject
) -> None:
    points: list[Point] = [(value, Fraction(1)) for value in values]
    points += [INFINITY] if at_infinity else []
    n_taps = data.draw(st.integers(1, len(points)))
    algorithm = toom_cook(points, n_taps)
    rng = np.random.default_rng(0)
    taps, inputs = rng.standard_normal(n_taps), rng.standard_normal(len(points))
    products = (algorithm.of_taps.numpy() @ taps) * (algorithm.of_inputs.numpy() @ inputs)
    size = (algorithm.of_inputs.abs() @ torch.from_numpy(np.abs(inputs))).numpy()
    tolerance = 1e-13 * float((algorithm.out.abs().numpy() @ size).max()) * 4**n_taps
    np.testing.assert_allclose(
        algorithm.out.numpy() @ products, np.correlate(inputs, taps), rtol=0, atol=tolerance
    )


def test_two_outputs_of_two_taps_as_winograd_has_them() -> None:
    """F(2, 3) at 0, 1, -1 and infinity, known from the literature, up to each point's factor."""
    points = [ZERO, *reciprocal("1"), INFINITY]
    algorithm = toom_cook(points, 3)
    assert algorithm.out.tolist() == [[1, 1, 1, 0], [0, 1, -1, 1]]
    assert algorithm.of_taps.tolist() == [[1, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 1]]
    assert algorithm.of_inputs.tolist() == [
        [1, 0, -1, 0],
        [0, 0.5, 0.5, 0],
        [0, -0.5, 0.5, 0],
        [0, -1, 0, 1],
    ]


@pytest.mark.parametrize(
    ("points", "n_taps", "most"), [(TIMBRAL_POINTS, 7, 100), (TEMPORAL_POINTS, TEMPORAL_RUNS, 16)]
)
def test_the_points_amplify_rounding_errors_little(
    points: list[Point], n_taps: int, most: float
) -> None:
    """Root mean square error of an output, in units of one product's, beside the plain filter's."""
    algorithm = toom_cook(points, n_taps)
    energy = (algorithm.of_taps**2).sum(dim=1) * (algorithm.of_inputs**2).sum(dim=1)
    assert ((algorithm.out**2) @ energy).max().sqrt() / n_taps**0.5 < most
    integers = toom_cook([(Fraction(i), Fraction(1)) for i in range(len(points))], n_taps)
    energy = (integers.of_taps**2).sum(dim=1) * (integers.of_inputs**2).sum(dim=1)
    assert ((integers.out**2) @ energy).max().sqrt() / n_taps**0.5 > 10 * most
