"""Synthetic listens: a listener plays one kind of music, and content shows the kind."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from recsys.interactions import Content, Interactions


def checkerboard(n_listeners: int = 30, n_tracks: int = 40, seed: int = 0) -> Interactions:
    """Listeners of even number play even tracks, the others odd ones: two thirds of them each."""
    rng = np.random.default_rng(seed)
    same = (np.arange(n_listeners)[:, None] + np.arange(n_tracks)) % 2 == 0
    played = same & (rng.random(same.shape) < 2 / 3)
    return of_counts(np.where(played, rng.integers(1, 9, same.shape), 0))


def of_counts(counts: np.ndarray, times: np.ndarray | None = None) -> Interactions:
    """Interactions of a table of counts, and of times of the same shape."""
    matrix = sparse.csr_matrix(counts.astype(np.float32))
    last = None if times is None else times[matrix.nonzero()]
    return Interactions(np.arange(len(counts)), np.arange(counts.shape[1]), matrix, last)


def colours(n_tracks: int = 40, n_artists: int = 8, seed: int = 0) -> Content:
    """Content that separates even tracks from odd ones, with noise; an artist is of one colour."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(0, 0.3, (n_tracks, 6))
    vectors[:, 0] += np.where(np.arange(n_tracks) % 2, 1, -1)
    has_content = np.ones(n_tracks, bool)
    return Content(vectors.astype(np.float32), has_content, np.arange(n_tracks) % n_artists)


def kinds(
    n_listeners: int = 90, n_tracks: int = 300, n_kinds: int = 6, dim: int = 12, seed: int = 0
) -> tuple[Interactions, Content]:
    """Listening of several kinds of music, some tracks played more, and content of the tracks.

    Every listener plays 30 tracks, four of five of one kind. Artists have five tracks of one kind.
    """
    rng = np.random.default_rng(seed)
    kind = np.arange(n_tracks) % n_kinds
    centres = rng.standard_normal((n_kinds, dim))
    vectors = centres[kind] + rng.normal(0, 0.6, (n_tracks, dim))
    popularity = rng.permutation(1 / np.arange(3, n_tracks + 3))
    counts = np.zeros((n_listeners, n_tracks), int)
    for listener, row in enumerate(counts):
        chance = popularity * np.where(kind == listener % n_kinds, 4 * (n_kinds - 1), 1)
        played = rng.choice(n_tracks, 30, replace=False, p=chance / chance.sum())
        row[played] = rng.integers(1, 20, 30)
    artists = kind + n_kinds * (np.arange(n_tracks) // (5 * n_kinds))
    content = Content(vectors.astype(np.float32), np.ones(n_tracks, bool), artists)
    return of_counts(counts), content


def loyal(
    n_listeners: int = 500, n_artists: int = 100, n_each: int = 8, seed: int = 0
) -> tuple[Interactions, Content]:
    """Listeners who play most tracks of six artists each, any six, and some other tracks.

    Content is noise. That somebody plays a track by an artist says that the others are played too.
    """
    rng = np.random.default_rng(seed)
    n_tracks = n_artists * n_each
    artists = np.repeat(np.arange(n_artists), n_each)
    popularity = 1 / np.arange(10, n_tracks + 10)
    counts = np.zeros((n_listeners, n_tracks), int)
    for row in counts:
        theirs = np.isin(artists, rng.choice(n_artists, 6, replace=False))
        row[theirs & (rng.random(n_tracks) < 0.7)] = 1
        row[rng.choice(n_tracks, 8, replace=False, p=popularity / popularity.sum())] = 1
    vectors = rng.standard_normal((n_tracks, 4)).astype(np.float32)
    return of_counts(counts), Content(vectors, np.ones(n_tracks, bool), artists)


def phases(
    n_listeners: int = 200, n_artists: int = 30, n_each: int = 10, seed: int = 0
) -> tuple[Interactions, Content]:
    """Listeners who play one artist after another, any six, and each no more once it is left.

    Of each they play half of the tracks, of the last as many before as after their history is cut:
    only the times say whose tracks come next. Content is noise.
    """
    rng = np.random.default_rng(seed)
    n_tracks = n_artists * n_each
    artists = np.repeat(np.arange(n_artists), n_each)
    counts, times = np.zeros((2, n_listeners, n_tracks), int)
    for row, when in zip(counts, times, strict=True):
        for phase, artist in enumerate(rng.choice(n_artists, 6, replace=False)):
            n_played = n_each if phase == 5 else n_each // 2
            played = artist * n_each + rng.permutation(n_each)[:n_played]
            row[played] = 1
            when[played] = 1 + 100 * phase + rng.permutation(n_played)
    vectors = rng.standard_normal((n_tracks, 4)).astype(np.float32)
    return of_counts(counts, times), Content(vectors, np.ones(n_tracks, bool), artists)


def shuffled(interactions: Interactions, seed: int = 0) -> Interactions:
    """Listens of tracks drawn anew: as many of each listener, by popularity, and nothing else."""
    rng = np.random.default_rng(seed)
    counts = interactions.counts
    chance = np.bincount(counts.indices, minlength=counts.shape[1]) / counts.nnz
    table = np.zeros(counts.shape, int)
    for row, n in zip(table, np.diff(counts.indptr).tolist(), strict=True):
        row[rng.choice(len(chance), n, replace=False, p=chance)] = 1
    return of_counts(table)
