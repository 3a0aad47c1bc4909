"""The ranker, from listens to adoption: what is planted is learned, what is noise is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tastes import loyal, shuffled

from recsys.evaluation.recommenders.evaluation import evaluate
from recsys.evaluation.recommenders.ranker_split import mixed_split
from recsys.evaluation.recommenders.ranker_training import RankedSettings
from recsys.evaluation.recommenders.splits import Split, split
from recsys.interactions import Content
from recsys.models.als import Als
from recsys.models.hybrid import HybridSettings
from recsys.models.ranker.candidates import candidate_pairs
from recsys.models.ranker.pairs import KINDS
from recsys.models.ranker.ranked_model import RankedModel
from recsys.models.ranker.ranker import Ranker
from recsys.models.ranker.terms import TERMS, term_values

SETTINGS = RankedSettings(HybridSettings(Als(4, 10.0, 10.0, iterations=4), history_shrinkage=0.0))


@pytest.fixture(scope="module")
def outer() -> tuple[Split, Content]:
    interactions, content = loyal()
    return split(interactions, content.artists, "warm", 0), content


@pytest.fixture(scope="module")
def trained(outer: tuple[Split, Content]) -> RankedModel:
    split_of_loyal, content = outer
    return SETTINGS.fit(split_of_loyal.train, content, 0)


def ranker_of(model: RankedModel) -> Ranker:
    assert model.ranker
    return model.ranker


def recall(model: RankedModel, outer: tuple[Split, Content], *, ranked: bool) -> float:
    scores = model.scores if ranked else model.hybrid.scores
    return float(evaluate(scores, *outer, 0).per_query["R@20"].mean())


def test_loyalty_to_artists_is_learned(trained: RankedModel, outer: tuple[Split, Content]) -> None:
    """On listens that took no part in the training or in the gate."""
    assert recall(trained, outer, ranked=True) > 1.3 * recall(trained, outer, ranked=False)
    assert ranker_of(trained).adopted[0, 2]  # known tracks, long histories
    decisions = trained.card["decisions"]
    adopted = [d for d in decisions if d["adopted"]]
    assert all(d["gain"] > 2.6 * d["error"] > 0 for d in adopted)
    assert {d["kind"] for d in decisions} == {"known track", "new artist", "new track or artist"}


def test_listens_without_a_pattern_train_no_ranker(outer: tuple[Split, Content]) -> None:
    """Popularity is all there is to find in them, and that is not enough."""
    _, content = outer
    noise = shuffled(loyal()[0])
    model = SETTINGS.fit(noise.counts, content, 0)
    assert model.ranker is None
    assert model.card["adopted"] is False
    histories = noise.counts[:5]
    assert np.array_equal(model.scores(histories), model.hybrid.scores(histories))


@pytest.mark.parametrize("n", [1, 60])
def test_few_listeners_keep_the_listening_models_order(
    n: int, outer: tuple[Split, Content]
) -> None:
    split_of_loyal, content = outer
    counts = split_of_loyal.train[:n]
    model = SETTINGS.fit(counts, content, 0)
    assert model.ranker is None
    assert "fewer than" in model.card["why"]
    assert np.array_equal(
        model.scores(counts), SETTINGS.hybrid.fit(counts, content, 0).scores(counts)
    )


def test_parts_add_up_to_the_corrections(
    trained: RankedModel, outer: tuple[Split, Content]
) -> None:
    history = outer[0].histories[""][[3]]
    pairs, before = candidate_pairs(trained.library, history)
    ranker = ranker_of(trained)
    corrections = ranker.corrections(pairs)
    assert ranker.parts(pairs).sum(axis=1) == pytest.approx(corrections, abs=1e-5)
    assert np.ptp(corrections) > 0.1
    after = trained.scores(history)[0]
    assert after[pairs.tracks] == pytest.approx(pairs.scores + corrections, abs=1e-6)
    known = trained.library.kinds == 0
    chosen = np.isin(np.arange(len(after)), pairs.tracks)
    played = np.isin(np.arange(len(after)), history.indices)
    others = known & ~chosen & ~played
    assert others.any()
    assert after[others].max() <= after[known & chosen].min() + 1e-5
    one = trained.hybrid.profile(history)
    alone = trained.pairs(one, history, pairs.tracks)
    assert ranker.corrections(alone) == pytest.approx(corrections, abs=1e-4)
    assert before.shape == (1, len(after))


def test_more_evidence_of_liking_never_lowers_a_score(
    trained: RankedModel, outer: tuple[Split, Content]
) -> None:
    pairs, _ = candidate_pairs(trained.library, outer[0].histories[""][:20])
    values, trees = term_values(pairs), ranker_of(trained).trees
    before = trees.values(values)
    for column, term in enumerate(TERMS):
        if not term.monotone:
            continue
        for step in (0.1, 1.0):
            raised = values.copy()
            raised[:, column] += step
            assert (trees.values(raised) >= before - 1e-9).all(), term.name


def test_the_mixed_split_holds_out_of_everything() -> None:
    interactions, content = loyal(200)
    times = np.arange(interactions.counts.nnz)
    mixed = mixed_split(replace(interactions, times=times), content.artists, 0, 1000)
    trained = np.asarray(mixed.train.sum(axis=0)).ravel() > 0
    by_artist = np.bincount(content.artists, trained) / np.bincount(content.artists)
    assert 0.05 < (by_artist == 0).mean() < 0.15  # artists of whom nothing is known
    assert 0.05 < (~trained & (by_artist > 0)[content.artists]).mean() < 0.15  # tracks of others
    new = np.diff(mixed.train.indptr)[mixed.listeners] == 0
    assert 0.25 < new.mean() < 0.35
    assert np.median(np.diff(mixed.histories.indptr)[new]) < 12
    assert not mixed.histories.multiply(mixed.held_out).nnz
    both = mixed.histories + mixed.held_out
    assert (both != interactions.counts[mixed.listeners]).nnz == 0
    known = mixed.held_out[~new].multiply(trained.astype(np.float32))
    table = interactions.counts.toarray()
    table[table.nonzero()] = times
    for row, listener in zip(known.toarray(), mixed.listeners[~new], strict=True):
        history = mixed.train[[listener]].indices  # the latest listens are held out
        assert table[listener, history].max() < table[listener, row > 0].min(initial=1e9)


def test_kinds_follow_the_listens(trained: RankedModel) -> None:
    kinds, listens = trained.library.kinds, trained.hybrid.has_listens
    assert (kinds[listens] == KINDS.index("known track")).all()
    assert (kinds[~listens] != KINDS.index("known track")).all()


def test_predicted_chances_are_near_what_was_played(trained: RankedModel) -> None:
    """Of the gate's listeners; the highest chances are many times the lowest."""
    bins = trained.card["reliability"]
    predicted, played = np.array([[b["predicted"], b["played"]] for b in bins]).T
    assert np.corrcoef(predicted, played)[0, 1] > 0.95
    assert predicted.mean() == pytest.approx(played.mean(), rel=0.3)
    assert played[-1] > 10 * max(played[0], 0.001)
