"""The views of a track that a projection puts together, and their principal components."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from encoders.features import TrackFeatures

_Array = NDArray[np.float32]


def root_means(track: Sequence[TrackFeatures]) -> _Array:
    """Return the roots of the first model's mean penultimate layer: (n_units,)."""
    return signed_root(track[0].penultimate.astype(np.float32).mean(axis=0))


def root_deviations(track: Sequence[TrackFeatures]) -> _Array:
    """Return the roots of the penultimate layers' deviations over the segments: (n_units,).

    They are of all models, and 0 for a single segment.
    """
    values = [model.penultimate.astype(np.float32) for model in track]
    several = [v.std(axis=0, ddof=1) if len(v) > 1 else np.zeros_like(v[0]) for v in values]
    return signed_root(np.concatenate(several))


def mean_logits(track: Sequence[TrackFeatures]) -> _Array:
    """Return the mean log-odds of the tags of all models: (n_tags,)."""
    return np.concatenate([model.mean_logits() for model in track])


def pools(track: Sequence[TrackFeatures]) -> _Array:
    """Return the pools of all models: (n_pools,)."""
    return np.concatenate([model.pooled.astype(np.float32) for model in track])


def signed_root(values: _Array) -> _Array:
    """Take square roots, keeping the signs."""
    roots: _Array = np.sign(values) * np.sqrt(np.abs(values))
    return roots


def principal_components(x: _Array, n_components: int, damping: float | None = None) -> _Array:
    """Return the principal components of centred rows: (n_tracks, n) -> float32 (n, n_components).

    Of length 1; or, with `damping`, scaled so that they whiten.
    """
    n_tracks, n = x.shape
    if n_components == 0:
        return np.zeros((n, 0), np.float32)
    x = x.astype(np.float64)
    if n_tracks <= n:  # the same eigenvectors from the smaller matrix
        values, left = np.linalg.eigh(x @ x.T / n_tracks)
        values, left = values[::-1][:n_components], left[:, ::-1][:, :n_components]
        vectors = x.T @ left / np.sqrt(np.maximum(values * n_tracks, 1e-12))
    else:
        values, vectors = np.linalg.eigh(x.T @ x / n_tracks)
        values, vectors = values[::-1][:n_components], vectors[:, ::-1][:, :n_components]
    if damping is not None:
        damped = np.maximum(values, 0.0) + damping * max(values[0], 1e-12)
        vectors = vectors / np.sqrt(damped)
    components: _Array = vectors.astype(np.float32)
    return components
