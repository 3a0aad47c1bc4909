"""Rankings and their metrics against loops and scikit-learn."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.metrics import average_precision_score, ndcg_score, roc_auc_score
from tastes import checkerboard, colours, kinds

from recsys.evaluation.recommenders.evaluation import evaluate
from recsys.evaluation.recommenders.ranking import rankings
from recsys.evaluation.recommenders.splits import PROTOCOLS, Split, split, tail
from recsys.interactions import Content

Scores = Callable[[sparse.csr_matrix], np.ndarray]


def fixed(table: np.ndarray, outer: Split) -> Scores:
    """Scores of a table (n_queries, n_tracks), whatever the histories."""
    starts = iter(range(0, len(table), 256))

    def scores(histories: sparse.csr_matrix) -> np.ndarray:
        start = next(starts)
        return table[start : start + histories.shape[0]].astype(np.float32)

    assert len(table) == len(outer.listeners)
    return scores


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_metrics_are_those_of_scikit_learn(protocol: str) -> None:
    listens, content = kinds()
    outer = split(listens, content.artists, protocol, 0, user_seeds=(1, 5))
    shape = (len(outer.listeners), 300)
    table = np.random.default_rng(1).permutation(np.prod(shape)).reshape(shape) - 5000.0
    history = next(iter(outer.histories))
    result = evaluate(fixed(table, outer), outer, content, 0, history=history).per_query
    for row in range(0, shape[0], 3):
        seen, held_out = outer.seen[row].indices, outer.held_out[row].indices
        (tracks,) = np.nonzero(outer.candidates & ~np.isin(np.arange(300), seen))
        relevant, scores = np.isin(tracks, held_out), table[row, tracks]
        best = relevant[np.argsort(-scores)]
        assert result["P@10"][row] == best[:10].sum() / 10
        assert result["R@20"][row] == best[:20].sum() / min(20, len(held_out))
        for k in (10, 100):
            expected = ndcg_score([relevant], [scores], k=k)
            assert result[f"nDCG@{k}"][row] == pytest.approx(expected)
        assert result["MAP"][row] == pytest.approx(average_precision_score(relevant, scores))
        assert result["AUC"][row] == pytest.approx(roc_auc_score(relevant, scores))


def test_equal_scores_count_half_in_the_area_and_are_in_no_order_of_ids() -> None:
    listens, content = kinds()
    outer = split(listens, content.artists, "warm", 0)
    table = np.random.default_rng(0).integers(-1, 2, (len(outer.listeners), 300)) * 1.0
    result = evaluate(fixed(table, outer), outer, content, 0)
    for row, relevant in enumerate(outer.held_out):
        (tracks,) = np.nonzero(~np.isin(np.arange(300), outer.seen[row].indices))
        auc = roc_auc_score(np.isin(tracks, relevant.indices), table[row, tracks])
        assert result.per_query["AUC"][row] == pytest.approx(auc)
    orders = []
    for seed in (0, 0, 1):
        constant = fixed(np.zeros_like(table), outer)
        _, ranking = next(rankings(constant, outer.seen, outer.seen, outer.candidates, seed))
        orders.append(ranking.first(300)[:2])
    assert (orders[0] == orders[1]).all()
    assert (orders[0] != orders[2]).any()
    first = orders[0][0][orders[0][0] >= 0]
    assert abs(np.corrcoef(first, np.arange(len(first)))[0, 1]) < 0.3


@settings(deadline=None)
@given(
    scores=st.lists(
        st.floats(-(2.0**100), 2.0**100, width=32, allow_subnormal=True), min_size=2, max_size=30
    ),
    data=st.data(),
)
def test_rankings_are_sorted_scores(scores: list[float], data: st.DataObject) -> None:
    n = len(scores)
    seen = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    values = np.array([scores], np.float32)
    history = sparse.csr_matrix(seen[None].astype(np.float32))
    everything = np.ones(n, bool)
    ((_, ranking),) = rankings(lambda _: values, history, history, everything, 0)
    listed = ranking.first(n + 3)[0]
    assert listed[n - seen.sum() :].tolist() == [-1] * (3 + seen.sum())
    tracks = listed[: n - seen.sum()]
    assert sorted(tracks) == np.flatnonzero(~seen).tolist()
    assert (np.diff(values[0, tracks]) <= 0).all()
    assert ranking.n_candidates.tolist() == [n - seen.sum()]
    ranks, above = ranking.of(0, tracks[:2])
    assert ranks.tolist() == [1, 2][: len(tracks)]
    for track, n_above in zip(tracks[:2], above, strict=True):
        others = values[0, tracks[2:]]
        equal = (others == values[0, track]).sum()
        assert n_above == (others > values[0, track]).sum() + equal / 2


def test_a_perfect_system_scores_1_and_slices_share_its_tracks() -> None:
    listens, content = kinds()
    for protocol in PROTOCOLS:
        outer = split(listens, content.artists, protocol, 0, user_seeds=(1,))
        history = next(iter(outer.histories))
        perfect = fixed(outer.held_out.toarray(), outer)
        result = evaluate(perfect, outer, content, 0, history=history).per_query
        for name in ("R@10", "R@20", "nDCG@100", "MAP", "AUC"):
            assert result[name] == pytest.approx(np.ones(len(outer.listeners))), name
        popularity = np.bincount(outer.train.indices, minlength=300)
        slices = {
            "warm": (popularity > 0) & ~tail(outer.train),
            "tail": (popularity > 0) & tail(outer.train),
            "cold": popularity == 0,
        }
        for kind, mask in slices.items():
            some = (outer.held_out.toarray()[:, mask] > 0).any(axis=1)
            assert (np.isnan(result[f"{kind} R@20"]) == ~some).all()
            assert result[f"{kind} R@100"][some] == pytest.approx(np.ones(some.sum()))


def test_the_longest_history_of_a_new_listener_is_not_ranked() -> None:
    listens, content = checkerboard(), colours()
    outer = split(listens, content.artists, "cold-user", 0, user_seeds=(1, 5))
    lengths = []

    def scores(histories: sparse.csr_matrix) -> np.ndarray:
        lengths.append(np.diff(histories.indptr))
        return outer.histories["5"].toarray()  # prefers what it must not recommend

    result = evaluate(scores, outer, content, 0, history="1")
    assert (lengths[0] == 1).all()
    assert (result.per_query["P@10"] > 0).any()


def test_lists_longer_than_the_catalogue() -> None:
    listens, content = checkerboard(n_tracks=4), colours(n_tracks=4)
    outer = split(listens, content.artists, "warm", 0)
    result = evaluate(fixed(outer.held_out.toarray(), outer), outer, content, 0)
    assert (result.per_query["R@100"] == 1).all()
    assert result.of_all["coverage"] <= 1


def test_scores_that_cannot_be_ranked() -> None:
    listens, content = checkerboard(), colours()
    outer = split(listens, content.artists, "warm", 0)
    for wrong in (np.nan, np.inf):
        with pytest.raises(ValueError, match="finite"):
            evaluate(lambda h, v=wrong: np.full(h.shape, v, np.float32), outer, content, 0)
    with pytest.raises(ValueError, match="shape"):
        evaluate(lambda h: np.zeros((h.shape[0], 3), np.float32), outer, content, 0)


def test_content_is_only_looked_at_for_what_lists_are_like() -> None:
    listens, content = checkerboard(), colours()
    outer = split(listens, content.artists, "warm", 0)
    other = Content(-content.vectors[::-1].copy(), content.known, np.full(40, -1))
    table = np.random.default_rng(0).random((len(outer.listeners), 40))
    one, two = (evaluate(fixed(table, outer), outer, c, 0) for c in (content, other))
    assert one.of_all == two.of_all
    same = {n for n, v in one.per_query.items() if np.array_equal(v, two.per_query[n], True)}
    assert set(one.per_query) - same == {"intra-list similarity", "artist repetition"}
