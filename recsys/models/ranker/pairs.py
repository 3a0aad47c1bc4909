"""Listeners and candidate tracks in pairs, and what their ranking terms are computed from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from index.arrays import Float32Array, Int64Array
from recsys.models.als import weighted
from recsys.models.hybrid import HybridModel
from recsys.models.profile import Profile, ScoreTerms
from recsys.models.ranker.groups import UNPLAYED, KnownTracks, TrackGroups

KINDS = ("known track", "new track", "new artist")  # of candidates, by number
REGIMES = ((0,), (1, 2))  # kinds that are ranked together: with listens, and without
REGIME_OF_KIND = np.array([number for number, kinds in enumerate(REGIMES) for _ in kinds])
LENGTHS = (1, 5, 20)  # least tracks of a short, a middling and a long history


@dataclass(frozen=True, eq=False)
class RankedLibrary:
    """What ranking terms know of the tracks.

    model        the listening model
    artists      and albums, as `TrackGroups`
    affinity     of artists: CSR (n_artists, n_artists)
    n_listeners  how many were learned from; 0 in rankers from before it was stored
    """

    model: HybridModel
    artists: TrackGroups
    albums: TrackGroups
    affinity: sparse.csr_matrix
    n_listeners: int = 0

    @cached_property
    def popularity(self) -> Float32Array:
        """The popularity of each track, as that of groups is: float32 (n_tracks,)."""
        logs, played = self.model.popularity, self.model.has_listens
        mean = logs[played].mean() if played.any() else 0
        return np.where(played, logs - mean, UNPLAYED).astype(np.float32)

    @cached_property
    def by_artist(self) -> KnownTracks:
        """The tracks with listens of each artist."""
        return KnownTracks.of(self.artists.codes, len(self.artists), self.model.has_listens)

    @cached_property
    def mean_popularity(self) -> Float32Array:
        """The mean popularity of each artist's tracks with listens: float32 (n_artists,)."""
        return self.by_artist.means(self.popularity, UNPLAYED)

    @cached_property
    def best_popularity(self) -> Float32Array:
        """The popularity of each artist's most played track: float32 (n_artists,)."""
        return self.by_artist.greatest(self.popularity, UNPLAYED)

    @cached_property
    def kinds(self) -> Int64Array:
        """The number in `KINDS` of each track: int64 (n_tracks,).

        A known track has listens; the artist of a new one has some, that of a "new artist" none, or
        it is unknown.
        """
        every = np.arange(len(self.model.tracks))
        by_artist = self.artists.of_tracks(self.artists.has_listens, every)
        return np.where(self.model.has_listens, 0, np.where(by_artist > 0, 1, 2)).astype(np.int64)


def length_classes(histories: sparse.csr_matrix) -> Int64Array:
    """Return the number in `LENGTHS` of each history's class: int64 (n,)."""
    lengths = np.maximum(np.diff(histories.indptr), 1)
    classes: Int64Array = np.searchsorted(LENGTHS, lengths, side="right").astype(np.int64) - 1
    return classes


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of a listener and a candidate track.

    profile    of the listeners, as the listening model knows them
    histories  listens, float32 CSR (n, n_tracks)
    listeners  row of each pair's history, ascending: int64 (n_pairs,)
    tracks     each pair's track, not of the history: int64 (n_pairs,)
    scores     the listening model's, float32 (n_pairs,)
    terms      likewise of its terms
    times      of the last listens, in Unix seconds, 0 where one is not known: CSR with the stored
               entries of `histories`; None where none is known
    """

    library: RankedLibrary
    profile: Profile
    histories: sparse.csr_matrix
    listeners: Int64Array
    tracks: Int64Array
    scores: Float32Array
    terms: ScoreTerms
    times: sparse.csr_matrix | None = None

    def __len__(self) -> int:
        return len(self.tracks)

    @cached_property
    def played(self) -> sparse.csr_matrix:
        """The histories with 1 for each track."""
        return weighted(self.histories, "binary")

    @cached_property
    def lengths(self) -> Float32Array:
        """The number of tracks in each history, at least 1: float32 (n,)."""
        lengths: Float32Array = np.maximum(np.diff(self.histories.indptr), 1).astype(np.float32)
        return lengths

    @cached_property
    def by_artist(self) -> Float32Array:
        """How many tracks of each artist a history has: (n, n_artists)."""
        return self.library.artists.sums(self.played)

    @cached_property
    def plays_by_artist(self) -> Float32Array:
        """The share of each artist in the plays of a history: (n, n_artists)."""
        total = np.maximum(np.asarray(self.histories.sum(axis=1)), 1e-9)
        shares: Float32Array = (self.library.artists.sums(self.histories) / total).astype(
            np.float32
        )
        return shares

    @cached_property
    def recency_by_artist(self) -> Float32Array:
        """How lately a listener played each artist: (n, n_artists).

        The share of the history's tracks whose last listen is no later than that of the artist: 1
        for the artist of the last listen, 0 for one who is not in the history. NaN for listeners
        none of whose times is known.
        """
        shape = self.histories.shape[0], len(self.library.artists)
        recency = np.full(shape, np.nan, np.float32)
        times = np.zeros(self.histories.nnz) if self.times is None else self.times.data
        codes = self.library.artists.codes[self.histories.indices]
        for row, (start, end) in zip(recency, pairwise(self.histories.indptr), strict=True):
            known = times[start:end] > 0
            if known.any():
                last, artists = times[start:end][known], codes[start:end][known]
                shares = np.searchsorted(np.sort(last), last, side="right") / len(last)
                row[:] = 0
                np.maximum.at(row, artists[artists >= 0], shares[artists >= 0].astype(np.float32))
        return recency

    @cached_property
    def by_album(self) -> Float32Array:
        """How many tracks of each album a history has: (n, n_albums)."""
        return self.library.albums.sums(self.played)

    @cached_property
    def scores_by_artist(self) -> tuple[Float32Array, Float32Array]:
        """The mean and the greatest score of the tracks with listens of each pair's artist.

        The listening model's; 0, as the typical track has, where there are none: (n_pairs,) each.
        """
        of_artists, codes = self.library.by_artist, self.library.artists.codes[self.tracks]
        artists = np.unique(codes[codes >= 0])
        artists = artists[of_artists.n_tracks[artists] > 0]
        known = np.isin(codes, artists)
        mean, greatest = np.zeros((2, len(codes)), np.float32)
        if known.any():
            tracks, starts = of_artists.of_groups(artists)
            scores = self.profile.scores(tracks)
            at = self.listeners[known], np.searchsorted(artists, codes[known])
            means = np.add.reduceat(scores, starts, axis=1) / of_artists.n_tracks[artists]
            mean[known] = means[at]
            greatest[known] = np.maximum.reduceat(scores, starts, axis=1)[at]
        return mean, greatest

    def of_artist(self, values: Float32Array) -> Float32Array:
        """Return values (n, n_artists) of each pair's artist, 0 for an unknown one: (n_pairs,)."""
        return _of_group(values, self.listeners, self.library.artists.codes[self.tracks])

    def of_album(self, values: Float32Array) -> Float32Array:
        """Likewise of its album."""
        return _of_group(values, self.listeners, self.library.albums.codes[self.tracks])

    def of_listener(self, values: NDArray[np.floating]) -> Float32Array:
        """Return values (n,) of each pair's listener: float32 (n_pairs,)."""
        return np.asarray(values[self.listeners], np.float32)

    def per_listener(self) -> list[tuple[int, slice]]:
        """Return the pairs of each listener who has any."""
        bounds = np.searchsorted(self.listeners, np.arange(self.histories.shape[0] + 1)).tolist()
        return [
            (n, slice(start, end)) for n, (start, end) in enumerate(pairwise(bounds)) if end > start
        ]


def _of_group(values: Float32Array, listeners: Int64Array, groups: Int64Array) -> Float32Array:
    if not values.shape[1]:
        return np.zeros(len(groups), np.float32)
    return np.where(groups >= 0, values[listeners, groups], 0).astype(np.float32)
