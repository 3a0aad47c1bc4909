"""Agreement of embeddings: known answers, and pairs counted by hand."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import spearmanr

from recsys.evaluation.embedding_agreement import agreement

RNG = np.random.default_rng(5)
TEACHER = RNG.standard_normal((24, 6))
ARTISTS = np.repeat(np.arange(8), 3)


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def test_a_copy_agrees_and_a_turned_one_keeps_its_similarities() -> None:
    turned = -3.0 * TEACHER
    figures = agreement(TEACHER, TEACHER, turned, ARTISTS)
    for name, value in (("embedding_cosine", -1.0), ("similarities", 1.0)):
        assert figures[name].chance == pytest.approx(value)
        assert figures[name][:3] == pytest.approx((1.0, 1.0, 1.0))


def test_figures_are_those_of_every_clip_and_every_pair() -> None:
    student = TEACHER + RNG.standard_normal(TEACHER.shape)
    figures = agreement(student, TEACHER, RNG.standard_normal(TEACHER.shape), ARTISTS)
    each = [cosine(own, wanted) for own, wanted in zip(student, TEACHER, strict=True)]
    assert figures["embedding_cosine"].value == pytest.approx(np.mean(each))
    pairs = list(combinations(range(24), 2))
    cosines = [[cosine(rows[i], rows[j]) for i, j in pairs] for rows in (student, TEACHER)]
    assert figures["similarities"].value == pytest.approx(spearmanr(*cosines).statistic)
    for figure in figures.values():
        assert figure.low < figure.value < figure.high
        assert figure.chance < figure.low


def test_embeddings_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="wanted embeddings alike"):
        agreement(TEACHER, TEACHER[:, :3], TEACHER, ARTISTS)
