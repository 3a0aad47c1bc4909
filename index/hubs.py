"""Hubness correction of similarity scores.

In spaces of many dimensions some points, the hubs, are among the nearest neighbours of very many
others, and some of none (Radovanović, Nanopoulos and Ivanović 2010). These scores correct a cosine
by statistics of the cosines around each of the two tracks:

    none              c, the cosine itself
    nicdm             -(1 - c) / sqrt(s s'): local scaling by the mean distance s of a track's
                      neighbours (Schnitzer, Flexer, Schedl and Widmer 2012, NICDM, after
                      Zelnik-Manor and Perona 2005)
    csls              2 c - r - r', r = 1 - s being the mean cosine of a track's neighbours
                      (Conneau, Lample, Ranzato, Denoyer and Jégou 2018)
    mutual-proximity  log P(X < c) + log P(X' < c), X being normal with the mean and deviation of a
                      track's cosines to all others: the chance that neither has many nearer ones,
                      if they were independent (Schnitzer et al. 2012, the Gaussian variant)

All are symmetric and grow with the cosine; only "none" is a cosine, and no two share a
scale. In "nicdm" equal vectors score 0, the highest there is.

The neighbours of s begin at the `NEAREST`th: closer ones are often of the same album or copies of
the same recording, which do not make a track a hub.

The statistics of a library are computed once, from cosines with at most `MAX_REFERENCES` of its
tracks: time grows with n_tracks, memory is one block.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from index.arrays import Float32Array, Float64Array, Int64Array

METHODS: Final = ("none", "nicdm", "csls", "mutual-proximity")
NEAREST, FARTHEST = 6, 30  # ranks of the neighbours whose mean distance is the local scale
MAX_REFERENCES = 10_000  # tracks, spread evenly over a larger library

N_PAIRS = 2**17  # random pairs for the quantiles of scores; all pairs where there are fewer
SHARES = np.concatenate([np.arange(100) / 100, 1 - 10.0 ** -np.arange(2.1, 6.01, 0.1)])

N_STATISTICS = 3  # of each track: local scale, mean and standard deviation of its cosines
_LEAST = 1e-4  # lower bound of a scale or a deviation, which are 0 for copies of one recording
_DIGITS = 6  # that statistics are rounded to, so that equal vectors have equal ones
_BLOCK = 2**23  # numbers computed at once (32 MiB)


class Vectors(Protocol):
    """Unit vectors (n, dim): an array, or what gives rows as one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Return (n, dim)."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Int64Array, /) -> Float32Array:
        """Return some rows as an array."""


class CosineStatistics(NamedTuple):
    """Statistics of a library's cosines.

    tracks     local scale s, mean and standard deviation of each track's cosines:
               float32 (n_tracks, N_STATISTICS)
    quantiles  of the scores of pairs of different recordings at `SHARES`, a row for each of
               `METHODS`: float32 (len(METHODS), len(SHARES)); NaN where there are no pairs
    """

    tracks: Float32Array
    quantiles: Float32Array


def pair_scores(
    method: str, cosines: NDArray[np.floating], mine: Float32Array, theirs: Float32Array
) -> Float64Array:
    """Return the scores of pairs, given their cosines and the statistics of both sides.

    `mine` and `theirs` have N_STATISTICS columns and otherwise shapes that broadcast to that of
    `cosines`: (n, N_STATISTICS) and (m, 1, N_STATISTICS) for cosines (m, n). Raises ValueError.
    """
    c: Float64Array = np.asarray(cosines, np.float64)
    if method == "none":
        return c
    s, s_ = (side[..., 0].astype(np.float64) for side in (mine, theirs))
    if method == "nicdm":
        scores: Float64Array = (c - 1.0) / np.sqrt(s * s_)
    elif method == "csls":
        scores = 2.0 * c - ((1.0 - s) + (1.0 - s_))  # in this order, so that it is symmetric
    elif method == "mutual-proximity":
        (mean, deviation), (mean_, deviation_) = (
            (side[..., 1].astype(np.float64), side[..., 2].astype(np.float64))
            for side in (mine, theirs)
        )
        scores = log_ndtr((c - mean) / deviation) + log_ndtr((c - mean_) / deviation_)
    else:
        raise ValueError(f"method: wanted one of {', '.join(METHODS)}, got {method!r}")
    return scores


def highest_score(method: str, cosine: float, mine: Float32Array, tracks: Float32Array) -> float:
    """Return a score that no pair exceeds whose cosine is at most `cosine`.

    `mine` are the one track's statistics, (N_STATISTICS,), and `tracks` those that the other may
    have, (n_tracks, N_STATISTICS). Raises ValueError.
    """
    theirs = tracks[:1].copy()
    if method == "mutual-proximity":
        surest = np.argmax((np.float32(cosine) - tracks[:, 1]) / tracks[:, 2])
        theirs = tracks[surest : surest + 1]
    else:
        theirs[0, 0] = tracks[:, 0].max()  # the scores grow with it, where they depend on it
    return float(pair_scores(method, np.array([cosine]), mine, theirs)[0])


def deciding(method: str, tracks: Float32Array) -> Float32Array:
    """Return statistics of tracks (n, N_STATISTICS) that give the same `highest_score`, if fewer.

    But for "mutual-proximity", where it depends on the cosine, one track has it: that of the
    largest local scale.
    """
    return tracks if method == "mutual-proximity" else tracks[[int(np.argmax(tracks[:, 0]))]]


def library_statistics(vectors: Float32Array, recordings: Int64Array) -> CosineStatistics:
    """Compute the statistics of a library of unit vectors (n_tracks, dim).

    `recordings` (n_tracks,) are equal for copies of one recording, whose pairs are left out of the
    quantiles. Deterministic.
    """
    rows = reference_rows(len(vectors))
    own = np.full(len(vectors), -1, np.int64)
    own[rows] = np.arange(len(rows))
    tracks = track_statistics(vectors, vectors[rows], own)
    return CosineStatistics(tracks, quantiles_of(vectors, tracks, recordings))


def reference_rows(n_tracks: int) -> Int64Array:
    """Return the rows of a library that its tracks are compared with, ascending."""
    n = min(n_tracks, MAX_REFERENCES)
    return np.arange(n, dtype=np.int64) * n_tracks // max(n, 1)


def track_statistics(
    vectors: Float32Array, references: Float32Array, own: Int64Array | None = None
) -> Float32Array:
    """Return the statistics of unit vectors' cosines with `references`: (n_vectors, N_STATISTICS).

    `own` is the number of the reference that is the vector itself, which is left out: int64
    (n_vectors,), -1 for none. Without references, scale and deviation are 1, which change nothing.
    """
    statistics = np.empty((len(vectors), N_STATISTICS), np.float32)
    step = max(1, _BLOCK // max(len(references), 1))
    for start in range(0, len(vectors), step):
        block = slice(start, start + step)
        mine = np.full(len(vectors[block]), -1) if own is None else own[block]
        statistics[block] = _block_statistics(vectors[block] @ references.T, mine)
    return statistics


def _block_statistics(cosines: Float32Array, own: Int64Array) -> Float64Array:
    """Return the statistics of cosines (n, n_references), which are overwritten."""
    itself = np.flatnonzero(own >= 0)
    n_references = cosines.shape[1]
    n_others = n_references - (own >= 0)
    n = int(n_others.min(initial=n_references))
    statistics = np.tile(np.array([1.0, 0.0, 1.0]), (len(cosines), 1))
    if n == 0:
        return statistics
    sums = cosines.sum(axis=1, dtype=np.float64)
    sums[itself] -= cosines[itself, own[itself]]
    mean = sums / n_others
    cosines[itself, own[itself]] = mean[itself]
    variance = cosines.var(axis=1, dtype=np.float64) * n_references / n_others
    cosines[itself, own[itself]] = -np.inf
    last, first = min(FARTHEST, n), min(NEAREST, (n + 1) // 2)
    cosines.partition(n_references - last, axis=1)
    near = np.sort(cosines[:, n_references - last :], axis=1)[:, ::-1]
    statistics[:, 0] = 1.0 - near[:, first - 1 :].mean(axis=1, dtype=np.float64)
    statistics[:, 1] = mean
    statistics[:, 2] = np.sqrt(variance)
    statistics[:, [0, 2]] = np.maximum(statistics[:, [0, 2]], _LEAST)
    return statistics.round(_DIGITS)


def quantiles_of(vectors: Vectors, tracks: Float32Array, recordings: Int64Array) -> Float32Array:
    """Return the `CosineStatistics.quantiles` of random pairs of different recordings."""
    one, other = _random_pairs(len(vectors))
    different = recordings[one] != recordings[other]
    one, other = one[different], other[different]
    if len(one) == 0:
        return np.full((len(METHODS), len(SHARES)), np.nan, np.float32)
    step = max(1, _BLOCK // vectors.shape[1])
    cosines = np.concatenate(
        [
            np.vecdot(
                vectors[one[start : start + step]].astype(np.float64),
                vectors[other[start : start + step]],
            )
            for start in range(0, len(one), step)
        ]
    )
    mine, theirs = tracks[one], tracks[other]
    # Hazen's quantiles: of m scores the ith smallest has a share of (i - 1/2) / m below it.
    at = SHARES * len(cosines) - 0.5
    table = []
    for method in METHODS:
        scores = np.sort(pair_scores(method, cosines, mine, theirs))
        table.append(np.interp(at, np.arange(len(scores)), scores))
    return np.stack(table).astype(np.float32)


def _random_pairs(n_tracks: int) -> tuple[Int64Array, Int64Array]:
    """Return the rows of all pairs of different tracks, or of `N_PAIRS` of them."""
    if n_tracks * (n_tracks - 1) // 2 <= N_PAIRS:
        one, other = np.triu_indices(n_tracks, 1)
        return one, other
    generator = np.random.default_rng(0)
    one = generator.integers(n_tracks, size=N_PAIRS)
    other = (one + generator.integers(1, n_tracks, size=N_PAIRS)) % n_tracks
    return one, other
