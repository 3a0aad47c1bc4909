from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from recsys.evaluation.kernels import choose_kernels, draw_kernels, kernel_scores


def test_a_kernel_scores_for_the_tag_of_the_tracks_that_excite_it() -> None:
    rng = np.random.default_rng(0)
    has = rng.random((60, 3)) < 0.4  # tags
    noise = rng.standard_normal((60, 4))
    activations = np.concatenate([5.0 * has[:, [2, 0]] + 0.1 * noise[:, :2], noise[:, 2:]], axis=1)
    activations[:, 3] = 7.0  # one that never moves
    scores = kernel_scores(activations.astype(np.float32), has.astype(np.float32))
    assert scores.shape == (4, 3)
    expected = [  # naively
        [
            np.mean([(a[k] - activations[:, k].mean()) for a in activations[has[:, t]]])
            for t in range(3)
        ]
        for k in range(3)
    ]
    spread = activations[:, :3].std(axis=0)[:, None]
    np.testing.assert_allclose(scores[:3], np.array(expected) / spread, atol=1e-5)
    assert (scores[3] == 0).all()
    assert 3 not in [row.kernel for row in choose_kernels(scores, ["a", "b", "c"], 9)]
    best = choose_kernels(scores, ["a", "b", "c"], 2, n_tags=2)
    assert {(kernel, tags[0]) for kernel, tags, _ in best} == {(0, "c"), (1, "a")}
    assert [row.score for row in best] == sorted((row.score for row in best), reverse=True)
    assert all(len(row.tags) == 2 for row in best)


def test_kernels_are_drawn(tmp_path: Path) -> None:
    kernels = [
        np.random.default_rng(i).standard_normal((8 + i, 3)).astype(np.float32) for i in range(8)
    ]
    scores = np.eye(8, dtype=np.float32)
    chosen = choose_kernels(scores, [f"tag {i}" for i in range(8)], 8)
    path = tmp_path / "kernels.svg"
    draw_kernels(path, chosen, kernels, "a title")
    assert path.read_bytes().startswith(b"<?xml")
    with pytest.raises(ValueError, match="nonesuch"):
        draw_kernels(tmp_path / "kernels.nonesuch", chosen, kernels, "a title")
