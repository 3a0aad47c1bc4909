"""Leave-one-out retrieval against a naive loop and hand-made answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys.evaluation import retrieval
from recsys.evaluation.labels import LabelsError
from recsys.evaluation.retrieval import evaluate_retrieval, hub_degrees, hub_report, rank

EMOTIFY = Path(__file__).parents[3].parent / "shared" / "audio" / "emotify" / "labels.csv"


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def library() -> tuple[np.ndarray, pd.DataFrame]:
    rng = np.random.default_rng(0)
    labels = pd.DataFrame(
        {
            "artist": rng.choice(["a", "b", "c", "d", "e", ""], 80),
            "genre": rng.choice(["x", "y", "z"], 80, p=[0.6, 0.3, 0.1]),
        }
    )
    return unit(rng.standard_normal((80, 6))), labels


def naive(
    vectors: np.ndarray, labels: pd.DataFrame, by: str, k: int, exclude: str | None, least: int
) -> dict[int, float]:
    values = {}
    for i in range(len(vectors)):
        if labels[by][i] == "" or (labels[by] == labels[by][i]).sum() < least:
            continue
        scored = []
        for j in range(len(vectors)):
            same = exclude and labels[exclude][i] == labels[exclude][j] != ""
            if i != j and not same:
                scored.append((-float(vectors[i] @ vectors[j]), j))
        best = [j for _, j in sorted(scored)[:k]]
        values[i] = sum(labels[by][j] == labels[by][i] for j in best) / k
    return values


@pytest.mark.parametrize(
    ("by", "exclude", "least"), [("genre", None, 1), ("genre", "artist", 1), ("artist", None, 15)]
)
def test_retrieval_is_a_naive_loop(
    library: tuple[np.ndarray, pd.DataFrame], by: str, exclude: str | None, least: int
) -> None:
    vectors, labels = library
    result = evaluate_retrieval(vectors, labels, by, [3, 10], exclude_same=exclude, min_group=least)
    for k in (3, 10):
        expected = naive(vectors, labels, by, k, exclude, least)
        assert result.per_query[f"P@{k}"].tolist() == pytest.approx(list(expected.values()))
        summary = result.summary()[f"P@{k}"]
        assert summary["n"] == len(expected)
        assert summary["micro"] == pytest.approx(np.mean(list(expected.values())))
        by_label = pd.Series(expected).groupby(labels[by][list(expected)]).mean()
        assert summary["macro"] == pytest.approx(by_label.mean())


def test_all_metrics_are_a_naive_loop_also_with_several_labels() -> None:
    """Labels such as a|b, two filters, labels of few tracks, more than one block."""
    rng = np.random.default_rng(5)
    n = 60
    moods = ["|".join(rng.choice(list("abcde"), rng.integers(0, 4), False)) for _ in range(n)]
    labels = pd.DataFrame(
        {
            "mood": moods,
            "artist": rng.choice(["x", "y|z", "z", ""], n),
            "album": rng.choice(["1", "2", "3", ""], n),
        }
    )
    vectors = unit(rng.standard_normal((n, 5)))
    filters = ["artist", "album"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrieval, "_BLOCK", 7)
        got = evaluate_retrieval(vectors, labels, "mood", [4], exclude_same=filters, min_group=18)

    def parts(column: str, i: int) -> set[str]:
        return set(labels[column][i].split("|")) - {""}

    large = {m for m in "abcde" if sum(m in parts("mood", i) for i in range(n)) >= 18}
    assert 0 < len(large) < 5
    queries = [i for i in range(n) if parts("mood", i) & large]
    assert got.rows.tolist() == queries
    expected: dict[str, list[float]] = {metric: [] for metric in got.per_query}
    ceiling = []
    for i in queries:
        others = [
            j
            for j in range(n)
            if j != i and not any(parts(column, i) & parts(column, j) for column in filters)
        ]
        others.sort(key=lambda j: (-float(vectors[i] @ vectors[j]), j))
        hits = [bool(parts("mood", i) & parts("mood", j)) for j in others]
        r = sum(hits)
        precisions = [sum(hits[: k + 1]) / (k + 1) for k in range(len(hits))]
        gains = 1 / np.log2(np.arange(2, len(hits) + 2))
        expected["P@4"].append(sum(hits[:4]) / 4)
        expected["R@4"].append(sum(hits[:4]) / max(r, 1))
        expected["nDCG@4"].append(float(hits[:4] @ gains[:4]) / max(gains[: min(r, 4)].sum(), 1))
        expected["MAP"].append(sum(np.array(precisions) * hits) / max(r, 1))
        expected["R-precision"].append(sum(hits[:r]) / max(r, 1))
        ceiling.append(min(r, 4) / 4)
        assert got.neighbours[queries.index(i)].tolist() == (others + [-1] * 4)[:4]
    summary = got.summary()
    for metric, values in expected.items():
        assert got.per_query[metric].tolist() == pytest.approx(values), metric
        by_label = [
            np.mean([v for i, v in zip(queries, values, strict=True) if mood in parts("mood", i)])
            for mood in large
        ]
        assert summary[metric]["macro"] == pytest.approx(np.mean(by_label))
        assert summary[metric]["micro"] == pytest.approx(np.mean(values))
    assert summary["P@4"]["ceiling"]["micro"] == pytest.approx(np.mean(ceiling))
    assert "ceiling" not in summary["R@4"]


def test_intervals_and_comparisons(library: tuple[np.ndarray, pd.DataFrame]) -> None:
    vectors, labels = library
    near = vectors.copy()
    near[:, 0] += 2 * (labels["genre"] == "x")
    far = evaluate_retrieval(vectors, labels, "genre", [5])
    good = evaluate_retrieval(unit(near), labels, "genre", [5])
    assert good.intervals() == good.intervals()
    means = good.summary()
    for metric, bounds in good.intervals().items():
        assert bounds["ci"][0] <= means[metric]["micro"] <= bounds["ci"][1]
        assert bounds["ci_macro"][0] <= means[metric]["macro"] <= bounds["ci_macro"][1]
    compared = good.compare(far)["P@5"]
    for mean in ("micro", "macro"):
        restored = far.summary()["P@5"][mean] + compared[mean]["diff"]
        assert restored == pytest.approx(means["P@5"][mean])
        assert compared[mean]["ci"][0] <= compared[mean]["diff"] <= compared[mean]["ci"][1]
    assert compared["micro"]["p"] < 0.05
    same = far.compare(far)["MAP"]["micro"]
    assert same == {"diff": 0.0, "ci": [0.0, 0.0], "p": 1.0}


def test_only_the_same_queries_compare(library: tuple[np.ndarray, pd.DataFrame]) -> None:
    vectors, labels = library
    all_queries = evaluate_retrieval(vectors, labels, "genre", [5])
    some = evaluate_retrieval(vectors, labels, "genre", [5], min_group=15)
    with pytest.raises(ValueError, match="the same queries"):
        some.compare(all_queries)


def test_a_precision_curve_ends_at_the_longest_list(
    library: tuple[np.ndarray, pd.DataFrame],
) -> None:
    vectors, labels = library
    got = evaluate_retrieval(vectors, labels, "genre", [3, 7])
    means, bounds = got.precision_curve()
    assert len(means) == len(bounds) == 7
    for k in (3, 7):
        assert means[k - 1] == pytest.approx(got.summary()[f"P@{k}"]["micro"])
        assert bounds[k - 1] == pytest.approx(got.intervals()[f"P@{k}"]["ci"])


def test_tracks_without_an_artist_are_not_one_artist() -> None:
    labels = pd.DataFrame({"artist": ["a", "", "a", ""], "genre": ["x"] * 4})
    groups = evaluate_retrieval(unit(np.eye(4)), labels, "genre", [1]).artists
    assert groups[0] == groups[2]
    assert len(set(groups)) == 3
    alone = evaluate_retrieval(unit(np.eye(4)), labels[["genre"]], "genre", [1]).artists
    assert len(set(alone)) == 4


@pytest.mark.skipif(not EMOTIFY.exists(), reason="needs the labels in ../shared/audio/emotify")
def test_ceilings_of_the_labelled_clips_are_the_published_ones() -> None:
    labels = pd.read_csv(EMOTIFY, dtype=str, keep_default_na=False)
    vectors = unit(np.random.default_rng(0).standard_normal((len(labels), 8)))
    by_artist = evaluate_retrieval(vectors, labels, "artist", [5], min_group=2).summary()["P@5"]
    assert by_artist["n"] == 188
    assert by_artist["ceiling"] == pytest.approx({"micro": 0.705, "macro": 0.493}, abs=5e-4)
    by_genre = evaluate_retrieval(vectors, labels, "genre", [10], exclude_same="artist").summary()
    assert by_genre["P@10"]["macro"] == pytest.approx(0.25, abs=0.05)
    assert by_genre["P@10"]["ceiling"] == {"micro": 1.0, "macro": 1.0}


def test_perfect_and_hopeless() -> None:
    vectors = unit(np.array([[1, 0.01], [1, 0], [0, 1], [0.01, 1]]))
    labels = pd.DataFrame({"near": ["a", "a", "b", "b"], "far": ["a", "b", "a", "b"]})
    assert evaluate_retrieval(vectors, labels, "near", [1]).summary()["P@1"]["micro"] == 1.0
    assert evaluate_retrieval(vectors, labels, "far", [1]).summary()["P@1"]["micro"] == 0.0


def test_a_list_that_is_shorter_counts_as_misses() -> None:
    vectors = unit(np.array([[1, 0.1], [1, 0.0], [1, 0.2]]))
    labels = pd.DataFrame({"genre": ["a", "a", "a"]})
    precision = evaluate_retrieval(vectors, labels, "genre", [10]).summary()["P@10"]["micro"]
    assert precision == pytest.approx(0.2)


def test_unknown_columns_and_empty_labels_are_refused() -> None:
    vectors = unit(np.eye(2))
    labels = pd.DataFrame({"genre": ["", ""]})
    with pytest.raises(LabelsError, match='no column "mood"'):
        evaluate_retrieval(vectors, labels, "mood", [1])
    with pytest.raises(LabelsError, match='no column "artist"'):
        evaluate_retrieval(vectors, labels, "genre", [1], exclude_same="artist")
    with pytest.raises(LabelsError, match="No track has a label"):
        evaluate_retrieval(vectors, labels, "genre", [1])


def test_ranks_come_in_order_without_the_query() -> None:
    vectors = unit(np.random.default_rng(1).standard_normal((30, 4)))
    rows = rank(vectors, np.arange(30), 29, None)
    for i, row in enumerate(rows):
        assert sorted(row) == [j for j in range(30) if j != i]
        assert (np.diff(vectors[row] @ vectors[i]) <= 1e-6).all()


def test_a_hub_is_reported() -> None:
    rng = np.random.default_rng(0)
    spokes = rng.standard_normal((60, 40))
    hub = np.ones((1, 40)) * 0
    centred = unit(np.concatenate([spokes + 1.0, hub + 1.0]))
    report = hub_report(hub_degrees(centred))
    assert report["max_in_degree"] == 60
    assert report["skewness"] > 1
    even = unit(np.exp(2j * np.pi * np.arange(60) / 60).view(float).reshape(60, 2))
    assert hub_report(hub_degrees(even))["orphans"] == 0.0
    assert hub_report(hub_degrees(even))["max_in_degree"] <= 12
