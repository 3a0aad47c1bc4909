"""Who listened to what: what listening models learn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse


@dataclass(frozen=True, eq=False)
class Interactions:
    """Who listened to what, how often.

    listeners  ids, int64 (n_listeners,), ascending
    tracks     ids, int64 (n_tracks,), ascending; the columns of `counts`
    counts     listens, float32 CSR (n_listeners, n_tracks); only positive entries are stored
    times      of each stored entry of `counts`, in the same order, the last listen in Unix seconds:
               int64 (n_entries,); None where times are not known
    """

    listeners: NDArray[np.int64]
    tracks: NDArray[np.int64]
    counts: sparse.csr_matrix
    times: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        shape = (len(self.listeners), len(self.tracks))
        if self.counts.shape != shape:
            raise ValueError(f"counts: wanted shape {shape}, got {self.counts.shape}")
        if self.times is not None and self.times.shape != (self.counts.nnz,):
            raise ValueError(f"times: wanted shape ({self.counts.nnz},), got {self.times.shape}")
