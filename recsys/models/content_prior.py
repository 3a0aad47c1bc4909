"""Item factors predicted from content and artist, learned on the tracks that have listens.

    μ_i = m + φ(i)ᵀ W + a_artist(i)

m     the mean factors of the tracks with listens
φ(i)  Gaussian kernel features of content: exp(-|v_i - v_j|² / 4) to landmarks j, by the Nyström
      method (Williams and Seeger, NIPS 2000); with every track a landmark this is kernel ridge
      regression. v joins the direction of the centred content with the direction of the factors
      that a linear ridge regression predicts (van den Oord et al., NIPS 2013): so the kernel weighs
      most the differences in content that predict listeners. Beside them the centred content, times
      `linear`: a sum of the Gaussian and a linear kernel, which large libraries may need
a     the artist's effect, (sum of its tracks' residuals) / (tracks + shrinkage): a random intercept

W and a minimise |Y - m - φW - a|² + penalty |W|² + shrinkage |a|² together: a is eliminated first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg, sparse

from index.arrays import BoolArray, Float32Array, Float64Array, Int64Array
from recsys.interactions import Content, unit_rows
from recsys.threads import for_each

N_LANDMARKS = 1500
N_FITTED = 30_000  # tracks that the weights of content are learned on, at most
LINEAR_PENALTY = 5.0
GAMMA = 0.25  # of squared distances
_BLOCK = 1024  # tracks whose kernel is held at once, by each thread
_JITTER = 1e-5


@dataclass(frozen=True, eq=False)
class ContentPrior:
    """What predictions from content and artist have in common, whatever their penalties.

    factors      their targets, less `mean` (n_tracks, f); rows of tracks without listens are unused
    mean         of the factors of the tracks with listens: (f,)
    artists      of the tracks, -1 where an artist has no other track: int64 (n_tracks,)
    rows         the tracks with listens, ascending
    known        the tracks with content, ascending
    centred      content less its mean: (n_tracks, dim)
    points       v (n_tracks, ·), and `landmarks` among them
    root         of the landmarks' kernel, see `_root`
    equations    of the weights of φ and, where it is `linear`, of the centred content

    The last four are empty where no track with listens has content.
    """

    factors: Float32Array
    mean: Float32Array
    artists: Int64Array
    rows: Int64Array
    known: Int64Array
    centred: Float32Array
    points: Float32Array
    landmarks: Float32Array
    root: Float64Array
    equations: _Equations | None

    @classmethod
    def of(
        cls,
        content: Content,
        factors: Float32Array,
        has_listens: BoolArray,
        *,
        linear: bool,
        seed: int,
    ) -> ContentPrior:
        """Prepare predictions of `factors` (n_tracks, f), learned where tracks have listens."""
        rows = np.flatnonzero(has_listens)
        generator = np.random.default_rng(seed)
        fitted = _some(rows, N_FITTED, generator)
        mean = factors[rows].mean(axis=0) if len(rows) else np.zeros_like(factors[0])
        targets = factors - mean
        artists = _artists_with_several(content.artists)
        known = np.flatnonzero(content.known)
        centred = content.centred()
        if not content.known[fitted].any():
            nothing = np.zeros((0, 0), np.float32)
            return cls(
                *(targets, mean, artists, rows, known, centred),
                *(nothing, nothing, nothing.astype(np.float64), None),
            )
        units = unit_rows(centred)
        equations = _Equations.of(units[fitted], artists[fitted], targets[fitted])
        weights = equations.weights(LINEAR_PENALTY, 1.0)
        points = np.hstack([units, unit_rows(units @ weights)])
        landmarks = points[_some(fitted[content.known[fitted]], N_LANDMARKS, generator)]
        root = _root(landmarks)
        features = _features(points[fitted], landmarks, root) * content.known[fitted][:, None]
        if linear:
            features = np.hstack([features, centred[fitted]])
        equations = _Equations.of(features, artists[fitted], targets[fitted])
        return cls(targets, mean, artists, rows, known, centred, points, landmarks, root, equations)

    def predict(self, penalty: float, linear: float, artist_shrinkage: float) -> Float32Array:
        """Predict the factors of every track: float32 (n_tracks, f).

        penalty           of W
        linear            length of the content itself beside the kernel features; 0 leaves it out
        artist_shrinkage  as so many more tracks of no effect; without effect where every artist has
                          one track

        The mean factors where a track has neither content nor artist.
        """
        predicted = np.zeros_like(self.factors)
        if self.equations is not None:
            self._add_content(predicted, self.equations, penalty, linear, artist_shrinkage)
        rows, artists = self.rows, self.artists
        effects = _effects(artists[rows], self.factors[rows] - predicted[rows], artist_shrinkage)
        (with_artist,) = np.nonzero((artists >= 0) & (artists < len(effects)))
        predicted[with_artist] += effects[artists[with_artist]]
        return np.asarray(predicted + self.mean, np.float32)

    def _add_content(
        self,
        predicted: Float32Array,
        equations: _Equations,
        penalty: float,
        linear: float,
        artist_shrinkage: float,
    ) -> None:
        n = len(self.landmarks)
        lengths = np.ones(len(equations.gram), np.float32)
        lengths[n:] = linear
        weights = lengths[:, None] * equations.weights(penalty, artist_shrinkage, lengths)
        kernel_weights = _kernel_weights(self.root, weights[:n])

        def predict(start: int) -> None:
            block = self.known[start : start + _BLOCK]
            predicted[block] = _kernel(self.points[block], self.landmarks) @ kernel_weights
            if linear:
                predicted[block] += self.centred[block] @ weights[n:]

        for_each(predict, range(0, len(self.known), _BLOCK))


def _artists_with_several(artists: Int64Array) -> Int64Array:
    """Replace the artist of a track by -1 where it has no other track."""
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
    factor: Float64Array = linalg.cholesky(kernel, lower=True)
    return factor


def _kernel(one: Float32Array, other: Float32Array) -> Float32Array:
    """Gaussian kernel of two sets of points: (n_one, n_other)."""
    kernel: Float32Array = one @ (2 * np.float32(GAMMA) * other.T)
    kernel -= GAMMA * (one**2).sum(axis=1, dtype=np.float32)[:, None]
    kernel -= GAMMA * (other**2).sum(axis=1, dtype=np.float32)
    return np.exp(np.minimum(kernel, 0, out=kernel), out=kernel)


def _features(points: Float32Array, landmarks: Float32Array, root: Float64Array) -> Float32Array:
    """φ of points, whose products approximate the kernel: (n, n_landmarks)."""
    kernel = _kernel(landmarks, points)
    phi = linalg.solve_triangular(root.astype(np.float32), kernel, lower=True, overwrite_b=True)
    return np.asarray(phi.T, np.float32)


def _kernel_weights(root: Float64Array, weights: Float32Array) -> Float32Array:
    """Turn weights of φ into weights of the kernel itself: (n_landmarks, f)."""
    return np.asarray(linalg.solve_triangular(root, weights, lower=True, trans="T"), np.float32)


@dataclass(frozen=True, eq=False)
class _Equations:
    """Normal equations of a regression of y on x with effects of artists, which are eliminated.

    gram, right     XᵀX (n_features, n_features), XᵀY (n_features, f)
    sums_x, sums_y  of the tracks of each artist: (n_artists, n_features), (n_artists, f)
    n_tracks        of each artist: (n_artists,)
    """

    gram: Float32Array
    right: Float32Array
    sums_x: Float32Array
    sums_y: Float32Array
    n_tracks: Float32Array

    @classmethod
    def of(cls, x: Float32Array, artists: Int64Array, y: Float32Array) -> _Equations:
        members = _members(artists)
        n_tracks = np.asarray(members.sum(axis=0), np.float32).ravel()
        return cls(x.T @ x, x.T @ y, members.T @ x, members.T @ y, n_tracks)

    def weights(
        self, penalty: float, shrinkage: float, lengths: Float32Array | None = None
    ) -> Float32Array:
        """Solve them, the features multiplied by `lengths`: (n_features, f).

        Features of length 0 have the weight 0.
        """
        shrunk = 1 / (self.n_tracks + np.float32(shrinkage))
        gram = self.gram - self.sums_x.T @ (shrunk[:, None] * self.sums_x)
        right = self.right - self.sums_x.T @ (shrunk[:, None] * self.sums_y)
        if lengths is not None:
            gram, right = gram * lengths * lengths[:, None], right * lengths[:, None]
        gram = gram.astype(np.float64)
        gram[np.diag_indices_from(gram)] += penalty
        return np.asarray(linalg.solve(gram, right, assume_a="pos"), np.float32)


def _effects(artists: Int64Array, residuals: Float32Array, shrinkage: float) -> Float32Array:
    """Each artist's shrunk mean residual: (n_artists, f)."""
    members = _members(artists)
    n = np.asarray(members.sum(axis=0)).ravel()
    return np.asarray((members.T @ residuals) / (n + np.float32(shrinkage))[:, None], np.float32)


def _members(artists: Int64Array) -> sparse.csr_matrix:
    """Which artist each track has: 0 or 1, float32 (n, n_artists)."""
    (rows,) = np.nonzero(artists >= 0)
    entries = np.ones(len(rows), np.float32), (rows, artists[rows])
    return sparse.csr_matrix(entries, shape=(len(artists), int(artists.max(initial=-1)) + 1))
