from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from scipy import sparse

from index.shared_copy import shared_folder
from recsys.interactions import Content
from recsys.models import model_file
from recsys.models.als import Als, fold_in, weighted
from recsys.models.als_solver import solve
from recsys.models.content_prior import LINEAR_PENALTY, ContentPrior
from recsys.models.hybrid import HybridModel, HybridSettings
from recsys.models.listener_means import PRIOR_LISTENERS
from recsys.models.model_file import DamagedModel
from recsys.models.ranker.ranked_model import RankedModel

N_LISTENERS, N_TRACKS, N_WARM = 40, 50, 44


def checkerboard() -> tuple[sparse.csr_matrix, Content]:
    """Listeners of even number play even tracks, the others odd ones; content shows the colour.

    Nobody plays the tracks from N_WARM on.
    """
    rng = np.random.default_rng(0)
    same = (np.arange(N_LISTENERS)[:, None] + np.arange(N_TRACKS)) % 2 == 0
    counts = np.where(same & (rng.random(same.shape) < 2 / 3), rng.integers(1, 9, same.shape), 0)
    counts[:, N_WARM:] = 0
    vectors = rng.normal(0, 0.3, (N_TRACKS, 6)).astype(np.float32)
    vectors[:, 0] += np.where(np.arange(N_TRACKS) % 2, 1, -1)
    content = Content(vectors, np.ones(N_TRACKS, bool), np.arange(N_TRACKS) % 10)
    return sparse.csr_matrix(counts.astype(np.float32)), content


def naive(confidence: np.ndarray, y: np.ndarray, mu: np.ndarray, lam: float, kappa: float):  # type: ignore[no-untyped-def]
    """Solve the normal equations of each row, as the formula says."""
    solutions, evidence = [], []
    for row, prior in zip(confidence, mu, strict=True):
        n = np.count_nonzero(row)
        exposure = n / (n + kappa) if n else 0.0
        a = exposure * y.T @ y + lam * np.eye(y.shape[1])
        for c, vector in zip(row, y, strict=True):
            a += (c - exposure) * np.outer(vector, vector) if c else 0.0
        solutions.append(np.linalg.solve(a, row @ y + lam * prior))
        evidence.append(1 - lam * np.trace(np.linalg.inv(a)) / y.shape[1])
    return np.array(solutions), np.array(evidence)


@pytest.mark.parametrize(("shrinkage", "strength"), [(0.0, 3.0), (7.0, 3.0), (0.0, 1e-3)])
def test_solutions_are_those_of_the_normal_equations(shrinkage: float, strength: float) -> None:
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
    solution, evidence = solve(confidence, y, mu, strength, shrinkage)
    wanted, wanted_evidence = naive(table, y, mu, strength, shrinkage)
    np.testing.assert_allclose(solution, wanted, rtol=1e-3, atol=1e-4)
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
    counts, _ = checkerboard()
    als = Als(4, 20.0, 5.0, weighting).fit(counts, None, 0)
    scores = als.scores(counts[:2])
    assert scores[0, :44:2].min() > scores[0, 1:44:2].max()
    assert scores[1, 1:44:2].min() > scores[1, :44:2].max()
    of_histories = "binary" if weighting == "binary" else "log"
    confidence = als.settings.confidence(counts, of_histories).toarray()
    wanted, _ = naive(confidence, als.item_factors, np.zeros((40, 4)), 20.0, 0.0)
    np.testing.assert_allclose(als.listener_factors(counts), wanted, rtol=1e-3, atol=1e-4)


def test_bm25_holds_down_what_everybody_plays() -> None:
    plays = [[1, 1, 0, 0, 0, 0], [1, 0, 1, 0, 0, 0], [1, 0, 0, 0, 0, 0]]
    counts = sparse.csr_matrix(np.array(plays, np.float32))
    weights = weighted(counts, "bm25").toarray()
    assert 0 < 2 * weights[0, 0] < weights[0, 1]
    assert weights[counts.nonzero()].mean() == pytest.approx(1)
    with pytest.raises(ValueError, match=r'"bm25", got loud'):
        weighted(counts, "loud")


def predict_factors(
    content: Content,
    factors: np.ndarray,
    has_listens: np.ndarray,
    *,
    penalty: float,
    linear: float,
    artist_shrinkage: float,
) -> np.ndarray:
    prior = ContentPrior.of(content, factors, has_listens, linear=linear > 0, seed=0)
    return prior.predict(penalty, linear, artist_shrinkage)


def test_predictions_without_artists_are_kernel_ridge_and_with_them_shrunk_means() -> None:
    rng = np.random.default_rng(4)
    factors = rng.standard_normal((30, 4)).astype(np.float32)
    has_listens = np.arange(30) < 20
    nothing = np.zeros((30, 3), np.float32)
    artists = np.arange(30) % 5
    predicted = predict_factors(
        Content(nothing, np.zeros(30, bool), artists),
        factors,
        has_listens,
        penalty=1.0,
        linear=1.0,
        artist_shrinkage=2.0,
    )
    mean = factors[:20].mean(axis=0)
    of_artist = factors[:20].reshape(4, 5, 4) - mean
    wanted = mean + of_artist.sum(axis=0)[artists] / (4 + 2)
    np.testing.assert_allclose(predicted, wanted, rtol=1e-4, atol=1e-5)
    alone = Content(nothing, np.zeros(30, bool), np.arange(30))
    predicted = predict_factors(
        alone, factors, has_listens, penalty=1.0, linear=1.0, artist_shrinkage=2.0
    )
    np.testing.assert_allclose(predicted, np.tile(mean, (30, 1)), rtol=1e-4, atol=1e-5)


def test_predictions_with_linear_features_are_regressions_on_both_kernels() -> None:
    rng = np.random.default_rng(6)
    factors = rng.standard_normal((30, 4)).astype(np.float32)
    content = Content(
        rng.standard_normal((30, 5)).astype(np.float32), np.ones(30, bool), np.full(30, -1)
    )
    has_listens = np.arange(30) < 24
    predicted = predict_factors(
        content, factors, has_listens, penalty=0.7, linear=2.0, artist_shrinkage=1.0
    )
    mean = factors[:24].mean(axis=0)
    units, centred = content.directions().astype(float), content.centred().astype(float)
    gram = units[:24].T @ units[:24] + LINEAR_PENALTY * np.eye(5)
    linear = units @ np.linalg.solve(gram, units[:24].T @ (factors[:24] - mean))
    points = np.hstack([units, linear / np.linalg.norm(linear, axis=1, keepdims=True)])
    apart = np.square(points[:, None] - points[None]).sum(axis=2)
    kernel = np.exp(-apart / 4) + 4 * centred @ centred.T
    dual = np.linalg.solve(kernel[:24, :24] + 0.7 * np.eye(24), factors[:24] - mean)
    np.testing.assert_allclose(predicted, kernel[:, :24] @ dual + mean, rtol=1e-3, atol=1e-3)


def test_listener_means_are_shrunk_to_what_the_prediction_gives() -> None:
    """Without content that is the mean of all tracks; with it, the colour of cold tracks."""
    counts, content = checkerboard()
    settings = HybridSettings(Als(8, 3.0, 5.0))
    nothing = Content(np.zeros((50, 6), np.float32), np.zeros(50, bool), np.full(50, -1))
    listeners = settings.als.fit(counts, None, 0).user_factors
    plays = (counts.toarray() > 0).astype(float)
    n = plays.sum(axis=0)[:, None]
    typical = ((plays.T @ listeners)[:44] / n[:44]).mean(axis=0)
    wanted = (plays.T @ listeners + PRIOR_LISTENERS * typical) / (n + PRIOR_LISTENERS)
    model = settings.fit(counts, nothing, 0)
    np.testing.assert_allclose(model.listener_means, wanted, atol=1e-4)
    colour = settings.fit(counts, content, 0).listener_means @ (listeners[0] - listeners[1])
    assert colour[:44:2].min() > colour[1:44:2].max()
    assert colour[44::2].min() > colour[45::2].max()


def test_listeners_are_solved_around_the_mean_of_the_listener_means() -> None:
    counts, content = checkerboard()
    settings = HybridSettings(Als(4, 20.0, 5.0), prior_mix=0.0, history_shrinkage=6.0)
    model = settings.fit(counts, content, 0)
    played = (counts.toarray() > 0).astype(float)
    prior = played @ model.listener_means / played.sum(axis=1, keepdims=True)
    confidence = settings.als.confidence(counts, "log").toarray()[:, model.has_listens]
    wanted, _ = naive(confidence, model.item_factors[model.has_listens], prior, 20.0, 6.0)
    np.testing.assert_allclose(model.listener_factors(counts), wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("prior_mix", [0.0, 0.5])
def test_what_each_track_of_a_history_gives_adds_up_to_the_score(prior_mix: float) -> None:
    """With the prior's part, which is the rest: solved without a prior there is none."""
    counts, content = checkerboard()
    settings = HybridSettings(Als(4, 20.0, 5.0), prior_mix=prior_mix, history_shrinkage=6.0)
    model = settings.fit(counts, content, 0)
    history, tracks = counts[:1], np.array([40, 3, 49])
    given = model.item_factors[tracks] @ model.influence(history, history.indices)
    without = fold_in(
        settings.als, history, model.history_factors, model.statistics.gram, None, 6.0
    )
    wanted = model.item_factors[tracks] @ without[0]
    np.testing.assert_allclose(given.sum(axis=1), wanted, rtol=1e-3, atol=1e-4)
    some = model.item_factors[tracks] @ model.influence(history, history.indices[[5, 2]])
    np.testing.assert_allclose(some, given[:, [5, 2]], rtol=1e-4, atol=1e-6)
    colour = given[0].sum() - given[1].sum()
    assert colour > 0, "even tracks speak for even ones"


def standardised(values: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Each row less its mean among some columns, in deviations; 0 in the others."""
    z = np.zeros(values.shape)
    if not among.any():
        return z
    for row, standard in zip(values, z, strict=True):
        standard[among] = (row[among] - row[among].mean()) / (row[among].std() or 1)
    return z


@pytest.mark.parametrize("n_known", [50, 44, 0])
def test_scores_of_some_tracks_are_those_among_all_as_the_formula_says(n_known: int) -> None:
    """Of listeners with many tracks, with one, and with none; moments take the place of a pass."""
    counts, content = checkerboard()
    table = counts.toarray()
    table[2, 1:] = table[3] = 0
    counts = sparse.csr_matrix(table)
    content.known[n_known:] = False
    settings = HybridSettings(Als(8, 3.0, 5.0), content_weight=0.4)
    model = settings.fit(counts, content, 0)
    scores = model.scores(counts)
    everything, played = np.ones(50, bool), counts.toarray() > 0
    wanted = standardised(model.listener_factors(counts) @ model.item_factors.T, everything)
    cosines = (played @ model.directions) @ model.directions.T
    has_content = model.directions.any(axis=1)
    wanted += 0.4 * (1 - model.evidence) * standardised(cosines, has_content)
    np.testing.assert_allclose(scores, wanted, atol=1e-5, rtol=1e-5)
    some = np.array([49, 3, 3, 0])
    of_some = model.profile(counts).scores(some)
    np.testing.assert_allclose(of_some, scores[:, some], atol=1e-5, rtol=1e-5)


def test_tracks_without_listens_are_ranked_by_content() -> None:
    """Cold tracks of the right colour are among the warm ones, above all of the other colour."""
    counts, content = checkerboard()
    settings = HybridSettings(Als(8, 3.0, 5.0))
    als = settings.als.fit(counts, content, 0)
    model = settings.fit_from(als, counts, content, 0)
    scores = model.scores(counts)
    for listener, row in enumerate(scores[:6]):
        own = row[listener % 2 :: 2]
        other = row[1 - listener % 2 :: 2]
        assert own.min() > other.max()
        assert own[-3:].mean() > other[-3:].mean() + 1
    prediction = predict_factors(
        content,
        als.item_factors,
        model.has_listens,
        penalty=settings.penalty,
        linear=settings.linear,
        artist_shrinkage=settings.artist_shrinkage,
    )
    np.testing.assert_allclose(model.item_factors[44:], prediction[44:], rtol=1e-4, atol=1e-5)
    assert (model.evidence[44:] == 0).all()
    assert (model.evidence[:44] > 0).all()


def test_a_saved_model_scores_as_before_and_a_fit_can_be_repeated(tmp_path: Path) -> None:
    counts, content = checkerboard()
    settings = HybridSettings(Als(8, 3.0, 5.0), exposure_shrinkage=3.0)
    model, again = (settings.fit(counts, content, 7, np.arange(100, 150)) for _ in range(2))
    scores = model.scores(counts)
    assert (again.scores(counts) == scores).all()
    path = tmp_path / "listening.safetensors"
    model.save(path, note="stored")
    loaded = HybridModel.load(path)
    assert (loaded.scores(counts) == scores).all()
    assert loaded.tracks.tolist() == list(range(100, 150))
    assert loaded.settings == settings
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_the_file_has_the_names_of_earlier_versions(tmp_path: Path) -> None:
    """A file of settings other than the defaults, by the names that it has had from the start."""
    counts, content = checkerboard()
    settings = HybridSettings(Als(4, 3.0, 5.0, "binary", 3), 0.5, 1.0, 2.0, 3.0, 4.0, 0.1, 6.0, 0.8)
    path = tmp_path / "listening.safetensors"
    settings.fit(counts, content, 0).save(path, state=1)
    tensors, manifest = model_file.read(path)
    assert manifest == {
        "state": 1,
        "settings": {
            "als": {
                "factors": 4,
                "regularization": 3.0,
                "alpha": 5.0,
                "weighting": "binary",
                "iterations": 3,
            },
            "penalty": 0.5,
            "linear": 1.0,
            "artist_shrinkage": 2.0,
            "strength": 3.0,
            "kappa": 4.0,
            "told": 0.1,
            "patience": 6.0,
            "sound": 0.8,
        },
    }
    arrays = {"tracks", "item_factors", "told_factors", "audience", "evidence", "heard"}
    arrays |= {"popularity", "directions"}
    assert set(tensors) == arrays
    assert HybridModel.load(path).settings == settings


def test_a_file_with_co_listening_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    counts, content = checkerboard()
    path = tmp_path / "listening.safetensors"
    model = HybridSettings(Als(4, 3.0, 5.0)).fit(counts, content, 0)
    model.save(path)
    tensors, manifest = model_file.read(path)
    manifest["settings"] |= {"neighbours": 0.2, "n_neighbours": 500}
    nothing = {"data": np.zeros(0, np.float32), "indices": np.zeros(0, np.int32)}
    nothing["indptr"] = np.zeros(N_TRACKS + 1, np.int32)
    model_file.write(path, tensors | {f"similarity_{n}": t for n, t in nothing.items()}, manifest)
    assert (HybridModel.load(path).scores(counts) == model.scores(counts)).all()


@pytest.mark.parametrize("harm", ["cut", "empty", "foreign", "shape", "settings"])
def test_a_damaged_or_foreign_file_is_refused_with_a_sentence(tmp_path: Path, harm: str) -> None:
    path = tmp_path / "listening.safetensors"
    counts, content = checkerboard()
    HybridSettings(Als(8, 3.0, 5.0)).fit(counts, content, 0).save(path)
    if harm == "shape":
        tensors, manifest = model_file.read(path)
        model_file.write(path, tensors | {"evidence": tensors["evidence"][:5]}, manifest)
    if harm == "settings":
        tensors, manifest = model_file.read(path)
        manifest["settings"]["of_a_later_version"] = 1
        model_file.write(path, tensors, manifest)
    if harm == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    if harm == "empty":
        path.write_bytes(b"")
    if harm == "foreign":
        save_file({"weights": np.zeros(3)}, path)
    with pytest.raises(DamagedModel, match=r"listening\.safetensors cannot be used .* delete it"):
        HybridModel.load(path)
    with (
        shared_folder() as folder,
        pytest.raises(DamagedModel, match=r"listening\.safetensors cannot be used"),
    ):
        RankedModel.load(path, folder)
    with pytest.raises(FileNotFoundError):
        HybridModel.load(tmp_path / "none")


def test_two_listens_are_enough_to_learn_from() -> None:
    """The first track has no listens, and a listener of it is no special case."""
    _, content = checkerboard()
    counts = sparse.csr_matrix(([1.0, 1.0], ([0, 0], [1, 4])), (1, 50), dtype=np.float32)
    model = HybridSettings(Als(8, 3.0, 5.0)).fit(counts, content, 0)
    unheard = sparse.csr_matrix(([1.0], ([0], [0])), (1, 50), dtype=np.float32)
    assert np.isfinite(model.scores(sparse.vstack([counts, unheard], "csr"))).all()
