"""What the picture shows: confusions against a naive count."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys.evaluation.retrieval import evaluate_retrieval, hub_degrees
from recsys.evaluation.retrieval_plots import MAX_LABELS, OTHERS, confusion, plot


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_confusions_are_counted() -> None:
    rng = np.random.default_rng(0)
    texts = ["|".join(rng.choice(list("abc"), rng.integers(0, 3), False)) for _ in range(40)]
    labels = pd.DataFrame({"mood": texts})
    got = evaluate_retrieval(unit(rng.standard_normal((40, 4))), labels, "mood", [5])
    names, shares = confusion(got, labels, "mood")
    counts = Counter(
        (one, other)
        for row, neighbours in zip(got.rows, got.neighbours, strict=True)
        for one in texts[row].split("|")
        for j in neighbours
        for other in texts[j].split("|")
        if other
    )
    assert sorted(names) == ["a", "b", "c"]
    for i, one in enumerate(names):
        total = sum(counts[one, other] for other in names)
        expected = [counts[one, other] / total for other in names]
        assert shares[i].tolist() == pytest.approx(expected)


def test_small_labels_are_joined() -> None:
    labels = pd.DataFrame({"artist": [f"artist {i // 2:02}" for i in range(60)]})
    vectors = unit(np.repeat(np.eye(30), 2, axis=0))
    got = evaluate_retrieval(vectors, labels, "artist", [1])
    names, shares = confusion(got, labels, "artist")
    assert len(names) == MAX_LABELS
    assert names[-1] == OTHERS
    assert shares == pytest.approx(np.eye(MAX_LABELS))


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_pictures_are_written(tmp_path: Path, suffix: str) -> None:
    rng = np.random.default_rng(0)
    labels = pd.DataFrame({"genre": rng.choice(["rock & roll", "$\\frac$", "演歌"], 30)})
    vectors = {name: unit(rng.standard_normal((30, 4))) for name in ("home", "random")}
    retrievals = {n: evaluate_retrieval(v, labels, "genre", [25]) for n, v in vectors.items()}
    path = tmp_path / f"picture.{suffix}"
    degrees = {name: hub_degrees(v) for name, v in vectors.items()}
    plot(path, retrievals, degrees, labels, "genre")
    assert path.stat().st_size > 5000
