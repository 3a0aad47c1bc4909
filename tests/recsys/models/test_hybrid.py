from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from scipy import sparse

from recsys.interactions import Content
from recsys.models.als import Als, weighted
from recsys.models.als_solver import solve
from recsys.models.content_prior import LINEAR_PENALTY, predict_factors
from recsys.models.hybrid import AUDIENCE, SMOOTHING, HybridModel
from recsys.models.model_file import DamagedModel


def made(
    n_listeners: int = 40, n_tracks: int = 50, n_cold: int = 6
) -> tuple[sparse.csr_matrix, Content]:
    """A checkerboard of listening, its last tracks heard by nobody; content tells the colours."""
    n_listeners, n_tracks, n_cold = 40, 50, 6
    rng = np.random.default_rng(0)
    same = (np.arange(n_listeners)[:, None] + np.arange(n_tracks)) % 2 == 0
    counts = np.where(same & (rng.random(same.shape) < 2 / 3), rng.integers(1, 9, same.shape), 0)
    counts[:, n_tracks - n_cold :] = 0
    vectors = rng.normal(0, 0.3, (n_tracks, 6)).astype(np.float32)
    vectors[:, 0] += np.where(np.arange(n_tracks) % 2, 1, -1)
    content = Content(vectors, np.ones(n_tracks, bool), np.arange(n_tracks) % 10)
    return sparse.csr_matrix(counts.astype(np.float32)), content


def naive(confidence: np.ndarray, y: np.ndarray, mu: np.ndarray, lam: float, kappa: float):  # type: ignore[no-untyped-def]
    """The normal equations of each row, as the formula says."""
    found, evidence = [], []
    for row, prior in zip(confidence, mu, strict=True):
        n = np.count_nonzero(row)
        exposure = n / (n + kappa) if n else 0.0
        a = exposure * y.T @ y + lam * np.eye(y.shape[1])
        for c, vector in zip(row, y, strict=True):
            a += (c - exposure) * np.outer(vector, vector) if c else 0.0
        found.append(np.linalg.solve(a, row @ y + lam * prior))
        evidence.append(1 - lam * np.trace(np.linalg.inv(a)) / y.shape[1])
    return np.array(found), np.array(evidence)


@pytest.mark.parametrize(("kappa", "strength"), [(0.0, 3.0), (7.0, 3.0), (0.0, 1e-3)])
def test_solutions_are_those_of_the_normal_equations(kappa: float, strength: float) -> None:
    """Rows of no entry, of fewer than factors, of as many and of more; all in their order.

    The weak prior takes double precision.
    """
    rng = np.random.default_rng(1)
    table = np.where(
        rng.random((40, 30)) < rng.random(40)[:, None], 1 + 5 * rng.random((40, 30)), 0
    )
    table[3] = 0
    table[4] = 2.0
    confidence = sparse.csr_matrix(table.astype(np.float32))
    y = rng.standard_normal((30, 8)).astype(np.float32)
    mu = rng.standard_normal((40, 8)).astype(np.float32)
    found, evidence = solve(confidence, y, mu, strength, kappa)
    wanted, wanted_evidence = naive(table, y, mu, strength, kappa)
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(evidence, wanted_evidence, atol=1e-5)


def test_evidence_is_nothing_without_listens_and_rises_with_each() -> None:
    rng = np.random.default_rng(2)
    y = rng.standard_normal((60, 8)).astype(np.float32)
    table = np.tri(61, 60, -1, dtype=np.float32) * 5  # row n has the first n listeners
    _, evidence = solve(sparse.csr_matrix(table), y, None, 5.0, 4.0)
    assert evidence[0] == 0
    assert (np.diff(evidence) > 0).all()
    assert 0.9 < evidence[-1] < 1


def test_a_track_is_its_prediction_without_listens_and_its_listens_with_many() -> None:
    rng = np.random.default_rng(3)
    y = rng.standard_normal((5000, 6)).astype(np.float32)
    taste = rng.standard_normal(6)
    table = np.zeros((2, 5000), np.float32)
    table[1, y @ taste > 0] = 20.0
    mu = 10 * rng.standard_normal((2, 6)).astype(np.float32)
    confidence = sparse.csr_matrix(table)
    around, evidence = solve(confidence, y, mu, 1.0, 10.0)
    plain, _ = solve(confidence, y, None, 1.0)
    np.testing.assert_allclose(around[0], mu[0], rtol=1e-5)
    np.testing.assert_allclose(around[1], plain[1], rtol=0.02, atol=0.005)
    assert evidence[1] > 0.999


@pytest.mark.parametrize("weighting", ["log", "binary", "bm25"])
def test_als_knows_the_colour_and_folds_in_what_a_refit_would_find(weighting: str) -> None:
    counts, _ = made()
    als = Als(4, 20.0, 5.0, weighting)
    als.fit(counts, None, 0)
    scores = als.scores(counts[:2])
    assert scores[0, :44:2].min() > scores[0, 1:44:2].max()
    assert scores[1, 1:44:2].min() > scores[1, :44:2].max()
    told = als.confidence(counts, "binary" if weighting == "binary" else "log").toarray()
    wanted, _ = naive(told, als.item_factors, np.zeros((40, 4)), 20.0, 0.0)
    np.testing.assert_allclose(als.listener_factors(counts), wanted, rtol=1e-3, atol=1e-4)


def test_bm25_holds_down_what_everybody_plays() -> None:
    plays = [[1, 1, 0, 0, 0, 0], [1, 0, 1, 0, 0, 0], [1, 0, 0, 0, 0, 0]]
    counts = sparse.csr_matrix(np.array(plays, np.float32))
    found = weighted(counts, "bm25").toarray()
    assert 0 < 2 * found[0, 0] < found[0, 1]
    assert found[counts.nonzero()].mean() == pytest.approx(1)
    with pytest.raises(ValueError, match=r'"bm25", got loud'):
        weighted(counts, "loud")


def test_predictions_without_artists_are_kernel_ridge_and_with_them_shrunk_means() -> None:
    rng = np.random.default_rng(4)
    factors = rng.standard_normal((30, 4)).astype(np.float32)
    heard = np.arange(30) < 20
    nothing = np.zeros((30, 3), np.float32)
    artists = np.arange(30) % 5
    found = predict_factors(
        Content(nothing, np.zeros(30, bool), artists),
        factors,
        heard,
        penalty=1.0,
        linear=1.0,
        artist_shrinkage=2.0,
        seed=0,
    )
    mean = factors[:20].mean(axis=0)
    of_artist = factors[:20].reshape(4, 5, 4) - mean
    wanted = mean + of_artist.sum(axis=0)[artists] / (4 + 2)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    alone = Content(nothing, np.zeros(30, bool), np.arange(30))
    found = predict_factors(
        alone, factors, heard, penalty=1.0, linear=1.0, artist_shrinkage=2.0, seed=0
    )
    np.testing.assert_allclose(found, np.tile(mean, (30, 1)), rtol=1e-4, atol=1e-5)


def test_predictions_with_linear_features_are_regressions_on_both_kernels() -> None:
    rng = np.random.default_rng(6)
    factors = rng.standard_normal((30, 4)).astype(np.float32)
    content = Content(
        rng.standard_normal((30, 5)).astype(np.float32), np.ones(30, bool), np.full(30, -1)
    )
    heard = np.arange(30) < 24
    found = predict_factors(
        content, factors, heard, penalty=0.7, linear=2.0, artist_shrinkage=1.0, seed=0
    )
    mean = factors[:24].mean(axis=0)
    units, centred = content.directions().astype(float), content.centred().astype(float)
    gram = units[:24].T @ units[:24] + LINEAR_PENALTY * np.eye(5)
    predicted = units @ np.linalg.solve(gram, units[:24].T @ (factors[:24] - mean))
    points = np.hstack([units, predicted / np.linalg.norm(predicted, axis=1, keepdims=True)])
    apart = np.square(points[:, None] - points[None]).sum(axis=2)
    kernel = np.exp(-apart / 4) + 4 * centred @ centred.T
    dual = np.linalg.solve(kernel[:24, :24] + 0.7 * np.eye(24), factors[:24] - mean)
    np.testing.assert_allclose(found, kernel[:, :24] @ dual + mean, rtol=1e-3, atol=1e-3)


def test_an_audience_is_the_mean_of_the_listeners_around_what_the_prediction_says() -> None:
    """Without content the prediction says what is typical; with it, the colour of cold tracks."""
    counts, content = made()
    blend = HybridModel(Als(8, 3.0, 5.0))
    nothing = Content(np.zeros((50, 6), np.float32), np.zeros(50, bool), np.full(50, -1))
    blend.fit(counts, nothing, 0)
    plays, listeners = (counts.toarray() > 0).astype(float), blend.als.user_factors
    n = plays.sum(axis=0)[:, None]
    typical = ((plays.T @ listeners)[:44] / n[:44]).mean(axis=0)
    wanted = (plays.T @ listeners + AUDIENCE * typical) / (n + AUDIENCE)
    np.testing.assert_allclose(blend.audience, wanted, atol=1e-4)
    blend.fit(counts, content, 0)
    colour = blend.audience @ (listeners[0] - listeners[1])
    assert colour[:44:2].min() > colour[1:44:2].max()
    assert colour[44::2].min() > colour[45::2].max()


def test_listeners_are_solved_around_the_mean_of_the_audiences() -> None:
    counts, content = made()
    blend = HybridModel(Als(4, 20.0, 5.0), told=0.0, patience=6.0)
    blend.fit(counts, content, 0)
    heard = (counts.toarray() > 0).astype(float)
    around = heard @ blend.audience / heard.sum(axis=1, keepdims=True)
    told = blend.als.confidence(counts, "log").toarray()[:, blend.heard]
    wanted, _ = naive(told, blend.item_factors[blend.heard], around, 20.0, 6.0)
    np.testing.assert_allclose(blend.listener_factors(counts), wanted, rtol=1e-3, atol=1e-4)


def test_co_listening_is_the_smoothed_chance_that_who_plays_one_plays_the_other() -> None:
    counts, content = made()
    blend = HybridModel(Als(8, 3.0, 5.0), n_neighbours=50)
    blend.fit(counts, content, 0)
    plays = counts.toarray() > 0
    n, share = plays.sum(axis=0), plays.mean(axis=0)
    together = blend.similarity.toarray() + blend.popularity
    for i in range(44):
        for j in set(range(44)) - {i}:
            both = (plays[:, i] & plays[:, j]).sum()
            chance = (both + SMOOTHING * share[j]) / (n[i] + SMOOTHING)
            constant = np.log(SMOOTHING / (n[i] + SMOOTHING))
            assert together[i, j] + constant == pytest.approx(np.log(chance), abs=1e-4)
    assert not blend.similarity[44:].nnz, "nobody plays them together with anything"


def standardised(values: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Each row less its mean among some columns, in deviations; 0 in the others."""
    z = np.zeros(values.shape)
    if not among.any():
        return z
    for row, found in zip(values, z, strict=True):
        found[among] = (row[among] - row[among].mean()) / (row[among].std() or 1)
    return z


@pytest.mark.parametrize("n_known", [50, 44, 0])
def test_scores_of_some_tracks_are_those_among_all_as_the_formula_says(n_known: int) -> None:
    """Of listeners with many tracks, with one, and with none; moments take the place of a pass."""
    counts, content = made()
    table = counts.toarray()
    table[2, 1:] = table[3] = 0
    counts = sparse.csr_matrix(table)
    content.known[n_known:] = False
    blend = HybridModel(Als(8, 3.0, 5.0), n_neighbours=5, sound=0.4)
    blend.fit(counts, content, 0)
    scores = blend.scores(counts)
    everything, liked = np.ones(50, bool), counts.toarray() > 0
    n = np.maximum(liked.sum(axis=1), 1)[:, None]
    wanted = standardised(blend.listener_factors(counts) @ blend.item_factors.T, everything)
    together = blend.popularity + liked @ blend.similarity.toarray() / np.sqrt(n)
    wanted += blend.neighbours * standardised(together, blend.heard)
    alike = (liked @ blend.directions) @ blend.directions.T
    known = blend.directions.any(axis=1)
    wanted += 0.4 * (1 - blend.evidence) * standardised(alike, known)
    np.testing.assert_allclose(scores, wanted, atol=1e-5, rtol=1e-5)
    some = np.array([49, 3, 3, 0])
    found = blend.profile(counts).scores(some)
    np.testing.assert_allclose(found, scores[:, some], atol=1e-5, rtol=1e-5)


def test_the_blend_knows_tracks_that_nobody_heard() -> None:
    """Cold tracks of the right colour stand beside warm ones, above all of the other colour."""
    counts, content = made()
    blend = HybridModel(Als(8, 3.0, 5.0))
    blend.fit(counts, content, 0)
    scores = blend.scores(counts)
    for listener, row in enumerate(scores[:6]):
        own = row[listener % 2 :: 2]
        other = row[1 - listener % 2 :: 2]
        assert own.min() > other.max()
        assert own[-3:].mean() > other[-3:].mean() + 1
    np.testing.assert_allclose(blend.item_factors[44:], blend.prediction[44:], rtol=1e-4, atol=1e-5)
    assert (blend.evidence[44:] == 0).all()
    assert (blend.evidence[:44] > 0).all()


def test_a_saved_blend_scores_as_before_and_a_fit_can_be_repeated(tmp_path: Path) -> None:
    counts, content = made()
    runs = []
    for _ in range(2):
        blend = HybridModel(Als(8, 3.0, 5.0), kappa=3.0)
        blend.fit(counts, content, 7)
        runs.append(blend.scores(counts))
    assert (runs[0] == runs[1]).all()
    blend.tracks = np.arange(100, 150)
    path = tmp_path / "listening.safetensors"
    blend.save(path, note="kept")
    loaded = HybridModel.load(path)
    assert (loaded.scores(counts) == runs[0]).all()
    assert (loaded.tracks == blend.tracks).all()
    assert loaded.kappa == 3.0
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("harm", ["cut", "foreign", "shape"])
def test_a_damaged_or_foreign_file_is_refused_with_a_sentence(tmp_path: Path, harm: str) -> None:
    path = tmp_path / "listening.safetensors"
    counts, content = made()
    blend = HybridModel(Als(8, 3.0, 5.0))
    blend.fit(counts, content, 0)
    if harm == "shape":
        blend.evidence = blend.evidence[:5]
    blend.save(path)
    if harm == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    if harm == "foreign":
        save_file({"weights": np.zeros(3)}, path)
    with pytest.raises(DamagedModel, match=r"listening\.safetensors cannot be used .* delete it"):
        HybridModel.load(path)
    with pytest.raises(FileNotFoundError):
        HybridModel.load(tmp_path / "none")


def test_two_listens_are_enough_to_learn_from() -> None:
    """The first track was heard by nobody, and a listener of it is no special case."""
    _, content = made()
    counts = sparse.csr_matrix(([1.0, 1.0], ([0, 0], [1, 4])), (1, 50), dtype=np.float32)
    blend = HybridModel(Als(8, 3.0, 5.0))
    blend.fit(counts, content, 0)
    assert np.isfinite(blend.similarity.data).all()
    unheard = sparse.csr_matrix(([1.0], ([0], [0])), (1, 50), dtype=np.float32)
    assert np.isfinite(blend.scores(sparse.vstack([counts, unheard], "csr"))).all()
