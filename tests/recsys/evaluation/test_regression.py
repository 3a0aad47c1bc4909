"""R² of features that say something, and of features that only know whose a track is."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

from encoders.features import TrackFeatures
from recsys.evaluation.regression import _ridge, fits, layer, predict

RNG = np.random.default_rng(0)
ARTISTS = np.repeat(np.arange(40), 4).astype(str).astype(object)


def test_what_features_say_is_foretold() -> None:
    features = RNG.standard_normal((160, 30))
    signal = features[:, 0]
    values = np.stack([signal, signal + RNG.standard_normal(160), RNG.standard_normal(160)], axis=1)
    predictions = predict(features, values, ARTISTS)
    exact, half, nothing = fits(values, predictions, ARTISTS.tolist())
    assert exact.r2 > 0.95
    assert 0.35 < half.r2 < 0.6
    assert half.low < half.r2 < half.high
    assert -0.2 < nothing.r2 < 0.1
    assert half.r2 == pytest.approx(r2_score(values[:, 1], predictions[:, 1]))


def test_knowing_the_artist_foretells_nothing() -> None:
    """Each artist has a voice and a number of their own: by track it would be foretold."""
    voice = np.repeat(RNG.standard_normal((40, 60)), 4, axis=0)
    values = np.repeat(RNG.standard_normal((40, 1)), 4, axis=0)
    features = voice + 0.1 * RNG.standard_normal(voice.shape)
    (fit,) = fits(values, predict(features, values, ARTISTS), ARTISTS.tolist())
    assert fit.r2 < 0.1
    by_track = predict(features, values, np.arange(160).astype(str).astype(object))
    assert r2_score(values, by_track) > 0.8


def test_it_is_ridge_regression() -> None:
    x, y = RNG.standard_normal((50, 8)), RNG.standard_normal((50, 2))
    train, test = np.arange(40), np.arange(40, 50)
    predicted = _ridge(x @ x.T, y, train, test, np.array([0.5, 3.0]))
    for column, penalty in enumerate((0.5, 3.0)):
        ridge = Ridge(alpha=penalty, fit_intercept=False)
        mean = y[train, column].mean()
        ridge.fit(x[train], y[train, column] - mean)
        np.testing.assert_allclose(predicted[:, column], ridge.predict(x[test]) + mean, atol=1e-8)


def test_layers_of_several_taggers_are_joined() -> None:
    def features(n_tags: int, value: float) -> TrackFeatures:
        return TrackFeatures(
            np.array([0, 3], np.float32),
            np.full((2, n_tags), 0.5, np.float16),
            np.array([[value, 0], [value, 2]], np.float16),
            np.full(4, value, np.float16),
        )

    track = features(3, 1.0), features(2, 5.0)
    assert layer(track, "tags").tolist() == [0] * 5
    assert layer(track, "penultimate").tolist() == [1, 1, 5, 1]
    assert layer(track, "pooled").tolist() == [1] * 4 + [5] * 4
    with pytest.raises(ValueError, match="wanted a layer"):
        layer(track, "top")
