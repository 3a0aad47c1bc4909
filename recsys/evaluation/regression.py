"""Regression of human ratings on stored features: R² on held-out artists.

Transfer learning by the features of several layers (K. Choi, G. Fazekas, M. Sandler, K. Cho,
"Transfer learning for music classification and regression tasks", ISMIR 2017), with ridge
regression. Folds are of whole artists; the penalty is chosen within the training folds, again by
artists.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold

from index.arrays import Float32Array, Float64Array, Int64Array
from recsys.catalog.track_features import Features
from recsys.evaluation.metrics import interval, resamples

PENALTIES = tuple(10.0**exponent for exponent in np.arange(-2.0, 3.1, 0.5))
N_FOLDS = 5
N_RESAMPLES = 1000
LAYERS = ("tags", "penultimate", "pooled")  # from the top down


class Fit(NamedTuple):
    """R² = 1 - squared errors / squared distances from the mean, with its 95 % interval.

    Predictions are out of fold; 0 is what predicting the mean would get, and the mean of other
    artists gets a little less. The interval is of resampled artists.
    """

    r2: float
    low: float
    high: float


def layer(track: Features, name: str) -> Float32Array:
    """Return a layer of a track, of all its taggers joined, averaged over segments: (n,).

    "pooled" is the front end and three layers behind it of musicnn, the last map of others.
    """
    if name == "tags":
        return np.concatenate([tagger.mean_logits() for tagger in track])
    if name == "penultimate":
        means = [tagger.penultimate.astype(np.float32).mean(axis=0) for tagger in track]
        return np.concatenate(means)
    if name == "pooled":
        return np.concatenate([tagger.pooled.astype(np.float32) for tagger in track])
    raise ValueError(f"wanted a layer of {', '.join(LAYERS)}; got {name}")


def predict(
    features: Float64Array, values: Float64Array, artists: NDArray[np.object_]
) -> Float64Array:
    """Return out-of-fold predictions of `values` (n_tracks, n_columns) from (n_tracks, n)."""
    predictions = np.empty_like(values)
    for train, test in GroupKFold(N_FOLDS).split(features, groups=artists):
        mean, deviation = features[train].mean(axis=0), features[train].std(axis=0)
        x = (features - mean) / np.maximum(deviation, 1e-6) / np.sqrt(features.shape[1])
        kernel = x @ x.T  # there are fewer tracks than features
        penalties = _penalties(kernel[np.ix_(train, train)], values[train], artists[train])
        predictions[test] = _ridge(kernel, values, train, test, penalties)
    return predictions


def _penalties(
    kernel: Float64Array, values: Float64Array, artists: NDArray[np.object_]
) -> Float64Array:
    """Return each column's penalty with the least squared error on held-out artists."""
    errors = np.zeros((len(PENALTIES), values.shape[1]))
    for train, test in GroupKFold(N_FOLDS).split(kernel, groups=artists):
        for number, penalty in enumerate(PENALTIES):
            same = np.full(values.shape[1], penalty)
            residuals = values[test] - _ridge(kernel, values, train, test, same)
            errors[number] += np.square(residuals).sum(axis=0)
    best: Float64Array = np.array(PENALTIES)[errors.argmin(axis=0)]
    return best


def _ridge(
    kernel: Float64Array,
    values: Float64Array,
    train: Int64Array,
    test: Int64Array,
    penalties: Float64Array,
) -> Float64Array:
    """Predict the rows of `test` from those of `train`: (n_test, n_columns)."""
    mean = values[train].mean(axis=0)
    ridge = KernelRidge(alpha=penalties, kernel="precomputed")
    ridge.fit(kernel[np.ix_(train, train)], values[train] - mean)
    predicted: Float64Array = ridge.predict(kernel[np.ix_(test, train)]) + mean
    return predicted


def fits(
    values: Float64Array, predictions: Float64Array, artists: Sequence[str], seed: int = 0
) -> list[Fit]:
    """Return the fit of each column of (n_tracks, n_columns)."""
    resampled = [
        r2_score(values[rows], predictions[rows], multioutput="raw_values")
        for rows in resamples(artists, N_RESAMPLES, seed)
    ]
    low, high = interval(np.array(resampled))
    r2 = r2_score(values, predictions, multioutput="raw_values")
    return [Fit(*map(float, row)) for row in zip(r2, low, high, strict=True)]
