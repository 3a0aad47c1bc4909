"""Co-listening: the smoothed log-probability that the listeners of a history play a track.

log p_i + n^-1/2 Σ_j log(1 + n_ij / (SMOOTHING p_i)), with p_i the share of the listeners who play
i, n_ij how many play both i and j, and n the number of tracks j of the history. For one track it is
log((n_ij + SMOOTHING p_i) / (n_j + SMOOTHING)) up to a constant: Dirichlet smoothing with the
library's popularity (Zhai and Lafferty 2004).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from index.arrays import Float32Array, Float64Array, IndexArray, Int32Array, Int64Array

from recsys.models import cuda_libraries  # noqa: F401  # isort: skip
import numpy as np
from implicit.nearest_neighbours import ItemItemRecommender
from scipy import sparse

from recsys.models.als import weighted

SMOOTHING = 5  # listeners that the library's popularity counts for


def log_popularity(n_listeners: Int64Array, n_all: int) -> Float32Array:
    """Return log p of each track, of tracks without listeners as with one: (n_tracks,)."""
    return np.log(np.maximum(n_listeners, 1) / n_all).astype(np.float32)


def co_listening_similarity(
    counts: sparse.csr_matrix, n_listeners: Int64Array, n_neighbours: int
) -> sparse.csr_matrix:
    """Return log(1 + n_ij / (SMOOTHING p_i)) in row j, column i: float32 CSR (n_tracks, n_tracks).

    Stored are the `n_neighbours` tracks that share most listeners with each; none where it is 0.
    """
    n_tracks = counts.shape[1]
    if not n_neighbours:
        return sparse.csr_matrix((n_tracks, n_tracks), dtype=np.float32)
    model = ItemItemRecommender(min(n_neighbours + 1, n_tracks))  # itself among them
    model.fit(weighted(counts, "binary").astype(np.float64), show_progress=False)
    similarity = sparse.csr_matrix(model.similarity, dtype=np.float32)
    similarity.eliminate_zeros()  # implicit stores some, also of tracks without listens
    shares = n_listeners / counts.shape[0]
    similarity.data = np.log1p(similarity.data / (SMOOTHING * shares[similarity.indices]))
    similarity.setdiag(0)
    similarity.eliminate_zeros()
    return similarity


@dataclass(frozen=True, eq=False)
class CoListening:
    """Sums of similarities to n histories, without log p, and their terms.

    rows, columns, values  history, track and value of each term; several are of one sum (n_terms,)
    sums                   (n, n_tracks)
    """

    rows: IndexArray
    columns: Int32Array
    values: Float32Array
    sums: Float64Array

    @classmethod
    def of(
        cls, played: sparse.csr_matrix, similarity: sparse.csr_matrix, scale: Float32Array
    ) -> Self:
        """Multiply 0 or 1 of histories (n, n_tracks) by the similarity; `scale` (n,) of each."""
        shape = played.shape[0], similarity.shape[1]
        starts, lengths = similarity.indptr[played.indices], np.diff(similarity.indptr)
        lengths = lengths[played.indices]
        skipped = np.cumsum(lengths) - lengths
        terms = np.repeat(starts - skipped, lengths) + np.arange(lengths.sum())
        history = np.repeat(np.arange(shape[0]), np.diff(played.indptr))
        rows, columns = np.repeat(history, lengths), similarity.indices[terms]
        values = similarity.data[terms] * scale[rows]
        sums = np.bincount(rows * shape[1] + columns, values, shape[0] * shape[1])
        return cls(rows, columns, values, sums.reshape(shape))
