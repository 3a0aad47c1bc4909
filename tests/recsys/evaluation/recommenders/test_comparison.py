"""Tuning on validation data alone, and the figures of a comparison."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from tastes import checkerboard, colours, kinds

from recsys.evaluation.metrics import paired_bootstrap
from recsys.evaluation.recommenders.comparison import compare_systems, figures
from recsys.evaluation.recommenders.plots import plot
from recsys.evaluation.recommenders.splits import PROTOCOLS, split
from recsys.evaluation.recommenders.systems import (
    COLD_ITEMS,
    System,
    all_systems,
    sample,
    tune,
    usable,
    validation_splits,
)
from recsys.interactions import Content
from recsys.models.baselines import ContentCosine, Popularity, Random
from recsys.models.protocol import ListeningModel


@dataclass(frozen=True)
class Noisy:
    """Content with noise: the less, the better."""

    noise: float = 1.0
    sign: int = 1

    def fit(self, counts: sparse.csr_matrix, content: Content, seed: int) -> NoisyModel:
        model = ContentCosine().fit(counts, content, seed)
        return NoisyModel(self, model, np.random.default_rng(seed))


@dataclass(frozen=True)
class NoisyModel:
    settings: Noisy
    content: ListeningModel
    generator: np.random.Generator

    def scores(self, histories: sparse.csr_matrix) -> np.ndarray:
        scores = self.settings.sign * self.content.scores(histories)
        noise = self.generator.standard_normal(scores.shape).astype(np.float32)
        return scores + np.float32(self.settings.noise) * scores.std() * noise


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_validation_knows_nothing_of_the_test(protocol: str) -> None:
    listens, content = kinds()
    outer = split(listens, content.artists, protocol, 0, user_seeds=(1, 5))
    validation = validation_splits(outer, content, protocol, 0)
    assert len(validation) == (3 if protocol in COLD_ITEMS else 1)
    tracks = np.flatnonzero(np.bincount(outer.train.indices, minlength=300))
    whole = outer.train[:, tracks]
    for inner, inner_content in validation:
        assert (inner_content.vectors == content.vectors[tracks]).all()
        assert inner.train.multiply(whole > 0).nnz == inner.train.nnz
        training = whole[inner.listeners] > 0
        assert inner.held_out.multiply(training).nnz == inner.held_out.nnz
        assert list(inner.histories) == list(outer.histories)
    candidates = {inner.candidates.tobytes() for inner, _ in validation}
    assert len(candidates) == len(validation)


def test_tuning_finds_the_best_step_by_step() -> None:
    listens, content = kinds()
    outer = split(listens, content.artists, "cold-item", 0)
    validation = validation_splits(outer, content, "cold-item", 0)
    system = System(Noisy, [{"noise": [3.0, 0.0, 1.0]}, {"sign": [-1, 1]}])
    assert tune(system, validation, "cold-item", 0) == {"noise": 0.0, "sign": 1}
    assert tune(system, [], "cold-item", 0) == {}
    blind = System(Noisy, [{"noise": [3.0, 0.0]}], listens_only=True)
    assert tune(blind, validation, "cold-item", 0) == {}
    assert tune(blind, validation, "warm", 0) == {"noise": 0.0}


def test_the_first_settings_stay_unless_others_are_clearly_better() -> None:
    listens, content = kinds()
    outer = split(listens, content.artists, "warm", 0)
    validation = validation_splits(outer, content, "warm", 0)
    clear = System(Noisy, [{"noise": [3.0, 0.0]}])
    assert tune(clear, validation, "warm", 0, n_errors=1.0) == {"noise": 0.0}
    assert tune(clear, validation, "warm", 0, n_errors=1e6) == {"noise": 3.0}
    alike = System(Noisy, [{"noise": [0.01, 0.0, 0.02]}])
    assert tune(alike, validation, "warm", 0, n_errors=3.0) == {"noise": 0.01}


def test_too_few_listens_to_tune() -> None:
    listens, content = checkerboard(n_listeners=2, n_tracks=6), colours(n_tracks=6)
    outer = split(listens, content.artists, "cold-user", 0, user_seeds=(1,))
    assert validation_splits(outer, content, "cold-user", 0) == []


def test_a_sample_of_a_split() -> None:
    listens, content = kinds()
    whole = split(listens, content.artists, "warm", 0)
    some = sample(whole, 0, 7)
    assert len(some.listeners) == 7
    rows = np.searchsorted(whole.listeners, some.listeners)
    assert (some.held_out != whole.held_out[rows]).nnz == 0
    assert (some.seen != whole.seen[rows]).nnz == 0
    assert sample(whole, 0, 1000) is whole


def test_systems_that_cannot_be_used_are_named() -> None:
    systems, content = all_systems(), colours()
    assert usable(systems, content) == (systems, ())
    alone = Content(content.vectors, content.known, np.arange(40))
    chosen, notes = usable(systems, alone)
    assert notes == ("Every item is an artist of its own: artist-mean, ridge-artist left out.",)
    assert set(systems) - set(chosen) == {"artist-mean", "ridge-artist"}
    nothing = Content(np.zeros((40, 1), np.float32), np.zeros(40, bool), np.full(40, -1))
    chosen, notes = usable(systems, nothing)
    assert notes == (
        "No content is known: content, ridge, ridge-artist left out.",
        "No artist is known: artist-mean left out.",
    )
    assert "als" in chosen


def test_a_comparison() -> None:
    listens, content = kinds()
    systems = {
        "better": System(Noisy, [{"noise": [0.5, 2.0]}]),
        "random": System(Random),
        "popularity": System(Popularity),
    }
    one, again = (
        compare_systems(listens, content, systems, "warm", 2, user_seeds=(1,)) for _ in range(2)
    )
    assert one.settings == again.settings
    assert one.settings["better"] == [{"noise": 0.5}] * 2
    assert set(one.seconds) == set(systems)
    report = figures(one.results[""], "better")
    assert report == figures(again.results[""], "better")
    assert list(report["systems"]) == list(systems)
    assert list(report["paired"]) == ["random", "popularity"]
    better = [result.per_query["R@20"] for result in one.results[""]["better"]]
    random = [result.per_query["R@20"] for result in one.results[""]["random"]]
    listeners = np.concatenate([result.listeners for result in one.results[""]["better"]])
    value = report["systems"]["better"]["R@20"]
    assert value["mean"] == pytest.approx(np.concatenate(better).mean())
    assert value["n"] == 180
    assert value["ci"][0] < value["mean"] < value["ci"][1]
    expected = paired_bootstrap(np.concatenate(better), np.concatenate(random), listeners)
    against = report["paired"]["random"]["R@20"]
    assert [against["diff"], *against["ci"]] == pytest.approx(list(expected))
    assert against["ci"][0] > 0
    coverage = [result.of_all["coverage"] for result in one.results[""]["popularity"]]
    assert report["systems"]["popularity"]["coverage"] == {"mean": np.mean(coverage)}
    sliced = report["systems"]["better"]["tail R@20"]
    tails = np.concatenate([r.per_query["tail R@20"] for r in one.results[""]["better"]])
    assert sliced["mean"] == pytest.approx(np.nanmean(tails))
    assert sliced["n"] == np.isfinite(tails).sum()
    assert "cold R@20" not in report["systems"]["better"] or (
        report["systems"]["better"]["cold R@20"]["n"] < 180
    )
    table = one.table([f"listener {number}" for number in range(90)])
    assert len(table) == 3 * 2 * 90
    mean = table[table["system"] == "better"]["R@20"].mean()
    assert mean == pytest.approx(value["mean"])
    del one.results[""]["random"][1]
    with pytest.raises(ValueError, match="same listeners"):
        figures(one.results[""], None)


def test_the_picture(tmp_path: Path) -> None:
    listens, content = kinds()
    systems = {"content": System(ContentCosine), "random": System(Random)}
    compared = compare_systems(listens, content, systems, "cold-user", 1, user_seeds=(1, 5))
    assert list(compared.results) == ["1", "5"]
    plot(tmp_path / "drawn.svg", figures(compared.results["1"], None)["systems"], "cold-user")
    drawn = (tmp_path / "drawn.svg").read_text()
    assert "R@20, 95 % intervals" in drawn
    assert "popularity" not in drawn
