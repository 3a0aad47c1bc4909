"""Factors of tracks predicted from content and artist, learnt on the tracks that have listens.

    μ_i = m + φ(i)ᵀ W + a_artist(i)

m     the mean factors of the tracks with listens
φ(i)  Gaussian kernel features of content: exp(-|v_i - v_j|² / 4) to landmarks j, by the Nyström
      method (Williams and Seeger, NIPS 2000); with every track a landmark this is kernel ridge
      regression. v joins the direction of the centred content with the direction of the factors
      that a linear ridge regression predicts (van den Oord et al., NIPS 2013): tracks are near when
      they sound alike in what listeners tell apart. Beside them the centred content, times
      `linear`: a sum of the Gaussian and a linear kernel, as large libraries may be learnt by both
a     the artist's effect, (sum of its tracks' residuals) / (tracks + shrinkage): a random intercept

W and a minimise |Y - m - φW - a|² + penalty |W|² + shrinkage |a|² together: a is eliminated first.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg, sparse

from index.arrays import BoolArray, Float32Array, Float64Array, Int64Array
from recsys.interactions import Content, unit_rows
from recsys.threads import for_each

N_LANDMARKS = 1500
N_FITTED = 30_000  # tracks that the weights of content are learnt on, at most
LINEAR_PENALTY = 5.0
GAMMA = 0.25  # of squared distances
_BLOCK = 1024  # tracks whose kernel is held at once, by each thread
_JITTER = 1e-5


def predict_factors(
    content: Content,
    factors: Float32Array,
    heard: BoolArray,
    *,
    penalty: float,
    linear: float,
    artist_shrinkage: float,
    seed: int,
) -> Float32Array:
    """Predict the factors of every track from those of the tracks that were heard.

    factors           (n_tracks, f); rows that were not heard are not looked at
    penalty           of W
    linear            length of the content itself beside the kernel features; 0 leaves it out
    artist_shrinkage  as so many more tracks of no effect; without effect where every artist has
                      one track

    Returns float32 (n_tracks, f), the mean of the heard where nothing is known of a track.
    """
    rows = np.flatnonzero(heard)
    if not len(rows):
        return np.zeros_like(factors)
    generator = np.random.default_rng(seed)
    fitted = _some(rows, N_FITTED, generator)
    mean = factors[rows].mean(axis=0)
    targets = factors - mean
    artists = _several(content.artists, rows)
    predicted = np.zeros_like(factors)
    (known,) = np.nonzero(content.known)
    if content.known[fitted].any():
        centred = content.centred()
        units = unit_rows(centred)
        weights = _regress(units[fitted], artists[fitted], targets[fitted], LINEAR_PENALTY, 1.0)
        points = np.hstack([units, unit_rows(units @ weights)])
        landmarks = points[_some(fitted[content.known[fitted]], N_LANDMARKS, generator)]
        root = _root(landmarks)

        features = _features(points[fitted], landmarks, root) * content.known[fitted][:, None]
        if linear:
            features = np.hstack([features, np.float32(linear) * centred[fitted]])
        weights = _regress(features, artists[fitted], targets[fitted], penalty, artist_shrinkage)
        folded = _folded(root, weights[: len(landmarks)])
        slope = np.float32(linear) * weights[len(landmarks) :]

        def predict(start: int) -> None:
            block = known[start : start + _BLOCK]
            predicted[block] = _kernel(points[block], landmarks) @ folded
            if linear:
                predicted[block] += centred[block] @ slope

        for_each(predict, range(0, len(known), _BLOCK))
    effects = _effects(artists[rows], targets[rows] - predicted[rows], artist_shrinkage)
    (named,) = np.nonzero((artists >= 0) & (artists < len(effects)))
    predicted[named] += effects[artists[named]]
    return np.asarray(predicted + mean, np.float32)


def _several(artists: Int64Array, rows: Int64Array) -> Int64Array:
    """Forget artists of whom only one track, or none, was heard and who have no other track."""
    tracks = np.bincount(artists[artists >= 0], minlength=1)
    alone = (artists >= 0) & (tracks[np.maximum(artists, 0)] < 2)
    return np.where(alone, -1, artists)


def _some(rows: Int64Array, n: int, generator: np.random.Generator) -> Int64Array:
    """Draw at most n of the rows, ascending."""
    return rows if len(rows) <= n else np.sort(generator.choice(rows, n, replace=False))


def _root(landmarks: Float32Array) -> Float64Array:
    """The lower Cholesky factor of the landmarks' kernel."""
    kernel = _kernel(landmarks, landmarks).astype(np.float64)
    kernel[np.diag_indices_from(kernel)] += _JITTER
    found: Float64Array = linalg.cholesky(kernel, lower=True)
    return found


def _kernel(one: Float32Array, other: Float32Array) -> Float32Array:
    found: Float32Array = one @ (2 * np.float32(GAMMA) * other.T)
    found -= GAMMA * (one**2).sum(axis=1, dtype=np.float32)[:, None]
    found -= GAMMA * (other**2).sum(axis=1, dtype=np.float32)
    return np.exp(np.minimum(found, 0, out=found), out=found)


def _features(points: Float32Array, landmarks: Float32Array, root: Float64Array) -> Float32Array:
    """φ of points: their products are the kernel, as the landmarks span it: (n, n_landmarks)."""
    kernel = _kernel(landmarks, points)
    found = linalg.solve_triangular(root.astype(np.float32), kernel, lower=True, overwrite_b=True)
    return np.asarray(found.T, np.float32)


def _folded(root: Float64Array, weights: Float32Array) -> Float32Array:
    """Weights of the kernel itself that are to it what `weights` are to φ: (n_landmarks, f)."""
    return np.asarray(linalg.solve_triangular(root, weights, lower=True, trans="T"), np.float32)


def _regress(
    x: Float32Array, artists: Int64Array, y: Float32Array, penalty: float, shrinkage: float
) -> Float32Array:
    """Weights of x beside effects of artists, which are eliminated: (n_features, f)."""
    member = _members(artists)
    shrunk = 1 / (np.asarray(member.sum(axis=0)).ravel() + np.float32(shrinkage))
    sums_x, sums_y = member.T @ x, member.T @ y
    gram = x.T @ x - sums_x.T @ (shrunk[:, None] * sums_x)
    right = x.T @ y - sums_x.T @ (shrunk[:, None] * sums_y)
    gram = gram.astype(np.float64)
    gram[np.diag_indices_from(gram)] += penalty
    return np.asarray(linalg.solve(gram, right, assume_a="pos"), np.float32)


def _effects(artists: Int64Array, residuals: Float32Array, shrinkage: float) -> Float32Array:
    """Each artist's shrunk mean residual: (n_artists, f)."""
    member = _members(artists)
    n = np.asarray(member.sum(axis=0)).ravel()
    return np.asarray((member.T @ residuals) / (n + np.float32(shrinkage))[:, None], np.float32)


def _members(artists: Int64Array) -> sparse.csr_matrix:
    """Who belongs to which artist: 0 or 1, float32 (n, n_artists)."""
    (known,) = np.nonzero(artists >= 0)
    entries = np.ones(len(known), np.float32), (known, artists[known])
    return sparse.csr_matrix(entries, shape=(len(artists), int(artists.max(initial=-1)) + 1))
