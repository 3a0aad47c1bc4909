"""What listens say of artists and albums: popularity, size, and which artists go together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from index.arrays import Float32Array, Int64Array
from recsys.interactions import Content
from recsys.models.als import weighted

MAX_ARTISTS = 3000  # the most played, whose affinities are learned: an inverse of that size
EASE_PENALTY = 30.0
UNPLAYED = -5.0  # popularity of what nobody plays
N_AFFINE = 100  # artists that are kept of each


def relative_popularity(listeners: NDArray[Any]) -> Float32Array:
    """Return log listeners less the mean of what has any, UNPLAYED without: float32 (n,).

    So it means the same in a part of the listens as in all of them.
    """
    played = listeners > 0
    logs = np.log(np.maximum(listeners, 1))
    centred = logs - logs[played].mean() if played.any() else logs
    return np.where(played, centred, UNPLAYED).astype(np.float32)


@dataclass(frozen=True, eq=False)
class TrackGroups:
    """Groups of tracks, artists or albums, as the listens know them.

    codes       number of each track's group from 0 on, -1 where it is unknown: int64 (n_tracks,)
    sizes       tracks of each group: float32 (n_groups,)
    popularity  log of the listeners who play any of them, less the mean over the groups that have
                listeners; UNPLAYED for the others: float32 (n_groups,)
    has_listens whether anybody plays any of them, 0 or 1: float32 (n_groups,)
    """

    codes: Int64Array
    sizes: Float32Array
    popularity: Float32Array
    has_listens: Float32Array

    @classmethod
    def of(cls, counts: sparse.csr_matrix, groups: Int64Array | None) -> TrackGroups:
        """Count listeners, from listens (n_listeners, n_tracks) and each track's group or -1."""
        n_tracks = counts.shape[1]
        groups = np.full(n_tracks, -1, np.int64) if groups is None else groups
        codes = np.full(n_tracks, -1, np.int64)
        codes[groups >= 0] = np.unique(groups[groups >= 0], return_inverse=True)[1]
        n_groups = int(codes.max(initial=-1)) + 1
        listeners = (weighted(counts, "binary") @ members(codes, n_groups)).getnnz(axis=0)
        return cls(
            codes,
            np.bincount(codes[codes >= 0], minlength=n_groups).astype(np.float32),
            relative_popularity(listeners),
            (listeners > 0).astype(np.float32),
        )

    def __len__(self) -> int:
        return len(self.sizes)

    def sums(self, histories: sparse.csr_matrix) -> Float32Array:
        """Sum the entries of histories (n, n_tracks) by group: (n, n_groups)."""
        known = self.codes[histories.indices]
        keep = known >= 0
        rows = np.repeat(np.arange(histories.shape[0]), np.diff(histories.indptr))[keep]
        shape = histories.shape[0], len(self)
        at = rows * shape[1] + known[keep]
        sums = np.bincount(at, histories.data[keep], shape[0] * shape[1])
        return sums.reshape(shape).astype(np.float32)

    def of_tracks(self, values: Float32Array, tracks: Int64Array) -> Float32Array:
        """Return each track's value of its group, 0 where that is unknown: float32 (n,)."""
        codes = self.codes[tracks]
        if not len(values):
            return np.zeros(len(tracks), np.float32)
        return np.where(codes >= 0, values[codes], 0).astype(np.float32)


@dataclass(frozen=True, eq=False)
class KnownTracks:
    """The tracks with listens of each group.

    tracks  those of the first group, then of the next, …: int64 (n,)
    starts  the place of each group's first among them, and n: int64 (n_groups + 1,)
    """

    tracks: Int64Array
    starts: Int64Array

    @classmethod
    def of(cls, codes: Int64Array, n_groups: int, has_listens: NDArray[np.bool_]) -> KnownTracks:
        """Order tracks by their groups (n_tracks,), those without a group or listens left out."""
        tracks = np.flatnonzero(has_listens & (codes >= 0))
        tracks = tracks[np.argsort(codes[tracks], kind="stable")]
        return cls(tracks, np.searchsorted(codes[tracks], np.arange(n_groups + 1)))

    @cached_property
    def n_tracks(self) -> Float32Array:
        """How many each group has: float32 (n_groups,)."""
        return np.diff(self.starts).astype(np.float32)

    def of_groups(self, groups: Int64Array) -> tuple[Int64Array, Int64Array]:
        """Return the tracks of some groups, each of which has some, and each group's first place.

        Int64 (n_some,) and (len(groups),).
        """
        lengths = np.diff(self.starts)[groups]
        starts = np.cumsum(lengths) - lengths
        places = np.arange(lengths.sum()) + np.repeat(self.starts[groups] - starts, lengths)
        return self.tracks[places], starts

    def means(self, values: Float32Array, nothing: float) -> Float32Array:
        """Return each group's mean of values (n_tracks,), `nothing` without tracks: (n_groups,)."""
        groups = np.repeat(np.arange(len(self.n_tracks)), np.diff(self.starts))
        sums = np.bincount(groups, values[self.tracks], len(self.n_tracks))
        means = sums / np.maximum(self.n_tracks, 1)
        return np.where(self.n_tracks > 0, means, nothing).astype(np.float32)

    def greatest(self, values: Float32Array, nothing: float) -> Float32Array:
        """Return each group's greatest value likewise."""
        groups = np.repeat(np.arange(len(self.n_tracks)), np.diff(self.starts))
        greatest = np.full(len(self.n_tracks), nothing, np.float32)
        np.maximum.at(greatest, groups, values[self.tracks])
        return greatest


def members(codes: Int64Array, n_groups: int) -> sparse.csr_matrix:
    """Return which group each track has: 0 or 1, float32 (n_tracks, n_groups)."""
    (tracks,) = np.nonzero(codes >= 0)
    entries = np.ones(len(tracks), np.float32), (tracks, codes[tracks])
    return sparse.csr_matrix(entries, shape=(len(codes), n_groups))


def artist_affinity(counts: sparse.csr_matrix, artists: TrackGroups) -> sparse.csr_matrix:
    """Learn which artists are played beside which: float32 CSR (n_artists, n_artists).

    EASE (Steck 2019) over the log counts of a listener's tracks by an artist: B = I - P diag(P)⁻¹
    with P the inverse of the Gram matrix plus a penalty; an artist says nothing of itself. Only the
    most played artists take part, and of each row the `N_AFFINE` entries farthest from 0 are kept.
    """
    n_artists = len(artists)
    played = weighted(counts, "binary") @ members(artists.codes, n_artists)
    played.data = np.log1p(played.data)
    chosen = np.sort(np.argsort(-played.getnnz(axis=0), kind="stable")[:MAX_ARTISTS])
    chosen = chosen[artists.has_listens[chosen] > 0]
    if len(chosen) < 2:
        return sparse.csr_matrix((n_artists, n_artists), dtype=np.float32)
    some = sparse.csc_matrix(played)[:, chosen]
    gram = (some.T @ some).toarray().astype(np.float64)
    gram[np.diag_indices_from(gram)] += EASE_PENALTY
    inverse = linalg.inv(gram, overwrite_a=True, check_finite=False)
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    n_kept = min(N_AFFINE, len(chosen))
    kept = np.argpartition(-np.abs(weights), n_kept - 1, axis=1)[:, :n_kept]
    rows = np.repeat(chosen, n_kept)
    values = np.take_along_axis(weights, kept, axis=1).ravel().astype(np.float32)
    shape = (n_artists, n_artists)
    return sparse.csr_matrix((values, (rows, chosen[kept].ravel())), shape=shape)


def track_groups(counts: sparse.csr_matrix, content: Content) -> tuple[TrackGroups, TrackGroups]:
    """Return the artists and the albums of tracks."""
    return TrackGroups.of(counts, content.artists), TrackGroups.of(counts, content.albums)
