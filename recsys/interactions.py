"""Training data of listening models: counts of listens, and the content of tracks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from index.arrays import BoolArray, Float32Array, Int64Array


@dataclass(frozen=True, eq=False)
class Interactions:
    """How often each listener played each track.

    listeners  ids, int64 (n_listeners,), ascending
    tracks     ids, int64 (n_tracks,), ascending; the columns of `counts`
    counts     listens, float32 CSR (n_listeners, n_tracks); only positive entries are stored
    times      of each stored entry of `counts`, in the same order, the last listen in Unix seconds:
               int64 (n_entries,); None where times are not known
    """

    listeners: Int64Array
    tracks: Int64Array
    counts: sparse.csr_matrix
    times: Int64Array | None = None

    def __post_init__(self) -> None:
        shape = (len(self.listeners), len(self.tracks))
        if self.counts.shape != shape:
            raise ValueError(f"counts: wanted shape {shape}, got {self.counts.shape}")
        if self.times is not None and self.times.shape != (self.counts.nnz,):
            raise ValueError(f"times: wanted shape ({self.counts.nnz},), got {self.times.shape}")

    @property
    def dated(self) -> sparse.csr_matrix | None:
        """The times as a matrix with the stored entries of `counts`, also where one is 0."""
        if self.times is None:
            return None
        parts = self.times.astype(np.float64), self.counts.indices, self.counts.indptr
        return sparse.csr_matrix(parts, self.counts.shape)


def n_listeners(counts: sparse.csr_matrix) -> Int64Array:
    """Count each track's listeners: int64 (n_tracks,)."""
    return np.bincount(counts.indices, minlength=counts.shape[1])


@dataclass(frozen=True, eq=False)
class Content:
    """Features and artists of tracks, in the order of some `Interactions.tracks`.

    vectors  float32 (n_tracks, dim); a zero row where there are none
    known    which tracks have a vector: bool (n_tracks,)
    artists  number of each track's artist, -1 where it is unknown: int64 (n_tracks,)
    albums   likewise of its album; None where no album is known
    """

    vectors: Float32Array
    known: BoolArray
    artists: Int64Array
    albums: Int64Array | None = None

    def __post_init__(self) -> None:
        n = len(self.vectors)
        albums = self.artists if self.albums is None else self.albums
        shapes = self.known.shape, self.artists.shape, albums.shape
        if self.vectors.ndim != 2 or any(shape != (n,) for shape in shapes):
            raise ValueError(
                "wanted a row of vectors, known, artists and albums for each track, got shapes "
                f"{self.vectors.shape}, {', '.join(map(str, shapes))}"
            )

    def of_tracks(self, tracks: BoolArray | Int64Array) -> Content:
        """Return the content of some tracks, by a mask or by their rows."""
        albums = None if self.albums is None else self.albums[tracks]
        return Content(self.vectors[tracks], self.known[tracks], self.artists[tracks], albums)

    def centred(self) -> Float32Array:
        """Return the vectors less their mean over the known tracks, 0 for the others."""
        n_known = max(int(self.known.sum()), 1)
        mean = self.vectors[self.known].sum(axis=0) / n_known
        return np.asarray(np.where(self.known[:, None], self.vectors - mean, 0), np.float32)

    def directions(self) -> Float32Array:
        """Return the centred vectors scaled to length 1, zero rows as they are."""
        return unit_rows(self.centred())


def unit_rows(vectors: NDArray[np.floating]) -> Float32Array:
    """Return rows of length 1, zero rows as they are: float32 (n, dim)."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), np.float32)
