"""The ranker, from listens to adoption: what is planted is learned, what is noise is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse
from tastes import loyal, phases, shuffled

from index.arrays import Int64Array
from recsys.evaluation.recommenders.evaluation import evaluate
from recsys.evaluation.recommenders.ranker_split import (
    KNOWN_TRACKS,
    NEW_ARTISTS,
    NEW_LISTENERS,
    NEW_TRACKS,
    HeldOut,
    InnerSplit,
    inner_split,
)
from recsys.evaluation.recommenders.ranker_training import RankedSettings
from recsys.evaluation.recommenders.splits import Split, split
from recsys.interactions import Content, n_listeners
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


def test_what_was_played_of_late_counts_where_times_say_so() -> None:
    """Against the same ranker that is told other times of the same listens."""
    interactions, content = phases()
    outer = split(interactions, content.artists, "warm", 0)
    model = SETTINGS.fit(outer.train, content, 0, times=outer.train_times)
    assert "recency of the same artist" in ranker_of(model).card["terms"]

    def found(times: Int64Array | None) -> float:
        told = (times, outer.train.indices, outer.train.indptr)
        dated = sparse.csr_matrix(told, outer.train.shape, np.float64)[outer.listeners]
        scores = model.scores(outer.histories[""], dated)
        return float(evaluate(lambda _: scores, outer, content, 0).per_query["R@20"].mean())

    others = np.random.default_rng(0).permutation(outer.train_times)
    assert found(outer.train_times) > 1.2 * found(others)


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
    values, trees = term_values(pairs), ranker_of(trained).trees[0]
    before = trees.values(values)
    for column, term in enumerate(TERMS):
        if not term.monotone:
            continue
        for step in (0.1, 1.0):
            raised = values.copy()
            raised[:, column] += step
            assert (trees.values(raised) >= before - 1e-9).all(), term.name


def inner(out: HeldOut, *, timed: bool = False) -> tuple[InnerSplit, sparse.csr_matrix, Content]:
    interactions, content = loyal(200)
    counts = interactions.counts
    times = np.arange(counts.nnz) if timed else None
    order = np.random.default_rng(1).permutation(200)
    listens = replace(interactions, times=times)
    made = inner_split(listens, content.artists, out, 0, order, 1000)
    assert not made.histories.multiply(made.held_out).nnz
    both = made.histories + made.held_out
    assert (both != counts[made.listeners]).nnz == 0
    assert made.listeners.tolist() == [n for n in order if n in set(made.listeners)]
    return made, counts, content


def test_of_known_tracks_the_latest_listens_are_held_out_of_everybody() -> None:
    made, counts, _ = inner(KNOWN_TRACKS, timed=True)
    assert len(made.listeners) == 200
    assert made.held_out.nnz == pytest.approx(0.2 * counts.nnz, rel=0.05)
    table = counts.toarray()
    table[table.nonzero()] = np.arange(counts.nnz)
    for row, listener in zip(made.held_out.toarray(), made.listeners, strict=True):
        history = made.train[[listener]].indices
        assert table[listener, history].max() < table[listener, row > 0].min()


def test_new_tracks_are_those_that_nobody_is_known_to_play() -> None:
    made, counts, content = inner(NEW_TRACKS)
    new = n_listeners(made.train) == 0
    assert new.mean() == pytest.approx(0.2, abs=0.02)
    assert (made.histories != counts[made.listeners].multiply(~new)).nnz == 0
    made, counts, content = inner(NEW_ARTISTS)
    trained = n_listeners(made.train) > 0
    by_artist = np.bincount(content.artists, trained) / np.bincount(content.artists)
    assert (by_artist == 0).mean() == pytest.approx(0.2, abs=0.02)
    assert (by_artist[by_artist > 0] > 0.9).all()


def test_no_track_is_new_in_two_splits() -> None:
    """Each has as many, so that the ranker sees more of them than any one model can lack."""
    interactions, content = loyal(200)
    order = np.arange(200)
    n_new = np.zeros(content.artists.shape, int)
    for fold in range(NEW_TRACKS.folds):
        made = inner_split(interactions, content.artists, NEW_TRACKS, 0, order, 1000, fold)
        n_new += n_listeners(made.train) == 0
    never_played = n_listeners(interactions.counts) == 0
    assert set(n_new[~never_played]) == {0, 1}
    assert n_new[~never_played].mean() == pytest.approx(0.2 * NEW_TRACKS.folds, abs=0.02)


def test_new_listeners_are_told_by_few_tracks() -> None:
    made, counts, _ = inner(NEW_LISTENERS)
    assert len(made.listeners) == 60
    assert not made.train[made.listeners].nnz
    assert made.train.nnz == counts.nnz - counts[made.listeners].nnz
    assert 1 < np.median(np.diff(made.histories.indptr)) < 12


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
