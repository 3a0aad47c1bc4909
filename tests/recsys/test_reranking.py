"""Re-ranking: against a naive loop, and what each control promises."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recsys.reranking import Limit, rerank, scaled, shuffled

N_QUERIES = 40


def unit(rng: np.random.Generator, n: int, dim: int = 8) -> NDArray[np.float32]:
    vectors = rng.standard_normal((n, dim))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def naive_mmr(scores: list[float], vectors: NDArray[np.float32], k: int, d: float) -> list[int]:
    low, high = min(scores), max(scores)
    relevance = [(score - low) / (high - low) for score in scores]
    chosen: list[int] = []
    while len(chosen) < min(k, len(scores)):
        best, best_value = -1, -np.inf
        for i in range(len(scores)):
            if i in chosen:
                continue
            closest = max([-1.0, *(float(vectors[i] @ vectors[j]) for j in chosen)])
            value = (1 - d) * relevance[i] - d * closest
            if value > best_value + 1e-7:
                best, best_value = i, value
        chosen.append(best)
    return chosen


@pytest.mark.parametrize("diversity", [0.0, 0.2, 0.5, 0.9])
def test_diversity_is_maximal_marginal_relevance(diversity: float) -> None:
    for seed in range(10):
        rng = np.random.default_rng(seed)
        scores, vectors = rng.standard_normal(30).astype(np.float32), unit(rng, 30)
        chosen = rerank(scores, vectors, 10, diversity=diversity)
        assert chosen.tolist() == naive_mmr(scores.tolist(), vectors, 10, diversity)


def clustered(seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Scores and vectors of tracks in six kinds, and features that re-ranking does not see.

    Vectors and features are views of the same kinds, with noise of their own. What is asked for
    lies between the first two kinds.
    """
    rng = np.random.default_rng(seed)
    kinds = rng.integers(6, size=200)
    views = []
    for dim in (16, 12):
        centres = unit(rng, 6, dim)
        view = centres[kinds] + 0.9 * unit(rng, 200, dim)
        views.append((view / np.linalg.norm(view, axis=1, keepdims=True)).astype(np.float32))
    scores = views[0] @ views[0][kinds < 2].mean(axis=0) + 0.05 * rng.standard_normal(200)
    return scores.astype(np.float32), views[0], views[1]


def intra_list(vectors: NDArray[np.float32]) -> float:
    n = len(vectors)
    return float(((vectors @ vectors.T).sum() - n) / (n * (n - 1)))


def mean_likeness(control: str) -> list[float]:
    """Intra-list similarity of the held-out features at 0, .25, … 1, over many queries."""
    means = []
    for value in (0.0, 0.25, 0.5, 0.75, 1.0):
        lists = []
        for seed in range(N_QUERIES):
            scores, vectors, held_out = clustered(seed)
            chosen = rerank(scores, vectors, 20, **{control: value})  # type: ignore[arg-type]
            lists.append(intra_list(held_out[chosen]))
        means.append(float(np.mean(lists)))
    return means


def test_consistency_raises_the_likeness_of_features_it_does_not_see() -> None:
    means = mean_likeness("consistency")
    assert means == sorted(means)
    assert means[-1] > means[0] + 0.1


def test_diversity_lowers_the_likeness_of_features_it_does_not_see() -> None:
    means = mean_likeness("diversity")
    assert means == sorted(means, reverse=True)
    assert means[-1] < means[0] - 0.1


@given(
    seed=st.integers(0, 10_000),
    n=st.integers(0, 40),
    k=st.integers(1, 50),
    consistency=st.floats(0, 1),
    diversity=st.floats(0, 1),
    cap=st.none() | st.integers(1, 3),
    spacing=st.integers(0, 3),
)
@settings(max_examples=200, deadline=None)
def test_limits_are_kept_whatever_else_is_asked(
    seed: int,
    n: int,
    k: int,
    consistency: float,
    diversity: float,
    cap: int | None,
    spacing: int,
) -> None:
    rng = np.random.default_rng(seed)
    scores, vectors = rng.standard_normal(n).astype(np.float32), unit(rng, n)
    codes = rng.integers(-1, 5, n)
    limits = [Limit(codes, cap, spacing)]
    chosen = rerank(
        scores, vectors, k, consistency=consistency, diversity=diversity, limits=limits
    ).tolist()
    assert len(chosen) <= min(k, n)
    assert len(set(chosen)) == len(chosen)
    for code in range(5):
        places = [place for place, row in enumerate(chosen) if codes[row] == code]
        assert cap is None or len(places) <= cap
        assert all(b - a > spacing for a, b in itertools.pairwise(places))
    if len(chosen) < min(k, n):  # then none of those left may come next
        for row in set(range(n)) - set(chosen):
            used = [codes[other] for other in chosen]
            assert codes[row] >= 0
            recent = used[max(0, len(used) - spacing) :]
            assert codes[row] in recent or (cap is not None and used.count(codes[row]) >= cap)


def test_without_controls_the_scores_decide_and_ties_keep_their_order() -> None:
    scores = np.array([1, 3, 3, 2], np.float32)
    assert rerank(scores, np.eye(4, dtype=np.float32), 9).tolist() == [1, 2, 3, 0]


def test_all_equal_scores() -> None:
    assert scaled(np.full(3, 7.0)).tolist() == [1, 1, 1]
    assert rerank(np.zeros(3, np.float32), np.eye(3, dtype=np.float32), 2).tolist() == [0, 1]


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match=r"vectors: wanted shape \(3, dim\)"):
        rerank(np.zeros(3, np.float32), np.eye(2, dtype=np.float32), 1)
    with pytest.raises(ValueError, match="k: wanted at least 1, got 0"):
        rerank(np.zeros(2, np.float32), np.eye(2, dtype=np.float32), 0)


def test_chance_prefers_the_better_ones_and_repeats_itself() -> None:
    scores = np.array([0.0, 1.0, 5.0], np.float32)
    assert shuffled(scores, 0.0, 3) is scores
    assert shuffled(scores, 0.5, 3).tolist() == shuffled(scores, 0.5, 3).tolist()
    firsts = [int(np.argmax(shuffled(scores, 1.0, seed))) for seed in range(2000)]
    shares = np.bincount(firsts, minlength=3) / 2000
    expected = np.exp(scores / scores.std())  # Gumbel noise draws by softmax
    assert shares == pytest.approx(expected / expected.sum(), abs=0.04)
