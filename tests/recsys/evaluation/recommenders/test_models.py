"""The contract of listening models, and each baseline by its definition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import Ridge
from sklearn.metrics.pairwise import cosine_similarity
from tastes import checkerboard, colours, kinds

from recsys.evaluation.recommenders.systems import all_systems
from recsys.interactions import Content
from recsys.models.als import Als, weighted
from recsys.models.baselines import (
    ContentCosine,
    ItemKnn,
    Popularity,
    PredictedFactors,
    ridge,
)
from recsys.models.protocol import Estimator

every_model = pytest.mark.parametrize("name", all_systems())
PERSONAL = [name for name in all_systems() if name not in ("random", "popularity")]


def estimator(name: str) -> Estimator:
    """A system without tuning, or with the first of its settings where it needs some."""
    system = all_systems()[name]
    needed = {k: v[0] for step in system.steps for k, v in step.items() if k == "als"}
    return system.make(**needed)


@pytest.mark.parametrize("name", PERSONAL)
def test_the_colour_of_a_checkerboard(name: str) -> None:
    """Who plays one colour gets all of that colour before anything of the other."""
    listens = checkerboard()
    model = estimator(name).fit(listens.counts, colours(), 0)
    scores = model.scores(listens.counts)
    scores[listens.counts.nonzero()] = -np.inf
    for listener, row in enumerate(scores):
        unheard = 20 - np.diff(listens.counts.indptr)[listener]
        best = np.argsort(-row)[:unheard]
        assert (best % 2 == listener % 2).all()


@every_model
def test_the_contract(name: str) -> None:
    """Finite scores, the same again, of known listeners as of new ones, and of an empty history."""
    listens, content = kinds()
    train = listens.counts[:60]
    runs = []
    for _ in range(2):
        model = estimator(name).fit(train, content, 3)
        runs.append(model.scores(listens.counts[50:70]))
    assert (runs[0] == runs[1]).all()
    assert runs[0].shape == (20, 300)
    assert runs[0].dtype == np.float32
    nobody = model.scores(sparse.csr_matrix((2, 300), dtype=np.float32))
    assert nobody.shape == (2, 300)
    assert np.isfinite(nobody).all()
    if name != "random":
        alone = model.scores(listens.counts[55])
        assert alone[0] == pytest.approx(runs[0][5], rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("name", ["content", "ridge", "ridge-artist", "artist-mean"])
def test_tracks_without_listens_are_ranked_by_content(name: str) -> None:
    listens, content = checkerboard(), colours()
    train = listens.counts.tolil()
    train[:, :6] = 0
    train = train.tocsr()
    train.eliminate_zeros()
    model = estimator(name).fit(train, content, 0)
    scores = model.scores(train)[:, :6]
    for listener, row in enumerate(scores):
        own = np.arange(6) % 2 == listener % 2
        assert row[own].min() > row[~own].max()


def test_popularity_counts_listeners_not_listens() -> None:
    counts = sparse.csr_matrix(np.array([[9, 1, 0], [0, 1, 0]], np.float32))
    model = Popularity().fit(counts, colours(3), 0)
    assert model.scores(counts).tolist() == [[1, 2, 0], [1, 2, 0]]


@pytest.mark.parametrize("n_neighbours", [7, None])
@pytest.mark.parametrize("shrinkage", [0.0, 3.0])
def test_item_knn_adds_up_the_cosines_of_neighbours(
    n_neighbours: int | None, shrinkage: float
) -> None:
    listens, content = kinds(n_listeners=40, n_tracks=50)
    model = ItemKnn(n_neighbours, shrinkage).fit(listens.counts, content, 0)
    table = listens.counts.toarray()
    weights = np.where(table > 0, 1 + np.log(np.maximum(table, 1)), 0)
    lengths = np.sqrt((weights**2).sum(axis=0) + shrinkage)
    cosines = (weights / lengths).T @ (weights / lengths)
    for row in cosines:
        row[row < np.sort(row)[-(n_neighbours or 50)]] = 0  # a track is among its own neighbours
    assert model.scores(listens.counts) == pytest.approx(weights @ cosines, rel=1e-4, abs=1e-5)


def test_content_is_a_mean_of_cosines() -> None:
    listens, content = kinds(n_listeners=20)
    model = ContentCosine().fit(listens.counts, content, 0)
    cosines = cosine_similarity(content.vectors - content.vectors.mean(axis=0))
    expected = (listens.counts.toarray() > 0) @ cosines
    assert model.scores(listens.counts) == pytest.approx(expected, rel=1e-3, abs=1e-4)


def test_als_folds_in_by_the_normal_equations() -> None:
    listens, content = kinds()
    model = Als(factors=8, regularization=2.0, alpha=3.0).fit(listens.counts, content, 0)
    y = model.item_factors.astype(np.float64)
    history = listens.counts[4]
    confidence = 1 + 3 * (1 + np.log(history.data))  # 1 where there is no listen
    played = y[history.indices]
    a = y.T @ y + (played.T * (confidence - 1)) @ played + 2 * np.eye(8)
    expected = np.linalg.solve(a, played.T @ confidence)
    assert model.listener_factors(history)[0] == pytest.approx(expected, rel=1e-3, abs=1e-5)


def test_ridge_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((30, 5)), rng.standard_normal((30, 3))
    expected = Ridge(alpha=2.0, fit_intercept=False).fit(x, y).coef_.T
    assert ridge(x.astype(np.float32), y.astype(np.float32), 2.0) == pytest.approx(
        expected, abs=1e-4
    )


@pytest.mark.parametrize("use", ["content", "artist", "both"])
def test_predicted_factors_are_a_ridge_regression(use: str) -> None:
    listens, whole = kinds()
    artists = np.where(np.arange(300) % 7 == 0, -1, whole.artists)
    content = Content(whole.vectors, whole.known, artists)
    train = listens.counts[:, np.arange(300)].tolil()
    train[:, 290:] = 0  # unheard
    train = train.tocsr()
    train.eliminate_zeros()
    settings = PredictedFactors(Als(factors=8), use=use, penalty=4.0, artist_shrinkage=2.0)
    als, model = settings.als.fit(train, None, 0), settings.fit(train, content, 0)
    has_listens = np.bincount(train.indices, minlength=300) > 0
    targets = als.item_factors[has_listens].astype(np.float64)
    mean = targets.mean(axis=0)
    effects = np.eye(artists.max() + 2)[artists][:, :-1] * np.sqrt(4.0 / 2.0)  # a penalty of 2
    blocks = {"content": [content.centred()], "artist": [effects]}
    features = np.hstack(blocks.get(use, [content.centred(), effects]))
    fit = Ridge(alpha=4.0, fit_intercept=False).fit(features[has_listens], targets - mean)
    items = mean + features @ fit.coef_.T
    expected = als.listener_factors(train) @ items.T
    assert model.scores(train) == pytest.approx(expected, rel=1e-3, abs=1e-4)


def test_weights_of_counts() -> None:
    counts = sparse.csr_matrix(np.array([[1, 0, 10]], np.float32))
    assert weighted(counts, "binary").data.tolist() == [1, 1]
    assert weighted(counts, "log").data == pytest.approx([1, 1 + np.log(10)])
    with pytest.raises(ValueError, match="weighting"):
        weighted(counts, "square")
