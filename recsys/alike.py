"""What counts as alike when a head is trained: shared labels, and shared listeners."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from recsys.interactions import Interactions
from recsys.labels import LabelColumn

N_COMPANIONS = 10  # tracks that most of a track's listeners play too
MIN_SHARED = 2  # listeners


def label_members(labels: pd.DataFrame, column: str) -> sparse.csr_matrix:
    """Return which labels of a column each track has: CSR (n_tracks, n_labels) of ones.

    Raises LabelsError for an unknown column.
    """
    chosen = LabelColumn(labels, column)
    _, number = np.unique(chosen.names.astype(str), return_inverse=True)
    shape = (len(labels), max(int(number.max(initial=-1)) + 1, 1))
    return sparse.csr_matrix((np.ones(len(number), np.float32), (chosen.rows, number)), shape)


def listener_members(interactions: Interactions, ids: NDArray[np.int64]) -> sparse.csr_matrix:
    """Return the pairs of tracks that the same listeners play, a column a pair, of ones.

    CSR (n_ids, n_pairs). A pair shares at least MIN_SHARED listeners, and each is among the
    other's N_COMPANIONS by the cosine of their listeners.
    """
    played = (interactions.counts > 0).astype(np.float32)
    norms = np.sqrt(np.asarray(played.sum(axis=0)).ravel())
    shared = (played.T @ played).tocoo()
    kept = (shared.row != shared.col) & (shared.data >= MIN_SHARED)
    one, other = shared.row[kept], shared.col[kept]
    cosine = shared.data[kept] / (norms[one] * norms[other])
    order = np.lexsort((other, -cosine, one))
    one, other = one[order], other[order]
    first = np.searchsorted(one, one)  # where each track's own begin
    near = np.arange(len(one)) - first < N_COMPANIONS
    n_tracks = len(interactions.tracks)
    directed = sparse.csr_matrix(
        (np.ones(int(near.sum())), (one[near], other[near])), shape=(n_tracks, n_tracks)
    )
    mutual = sparse.triu(directed.multiply(directed.T)).tocoo()
    row_of = {int(track): row for row, track in enumerate(ids)}
    pairs = [
        (row_of[a], row_of[b])
        for a, b in zip(
            interactions.tracks[mutual.row].tolist(),
            interactions.tracks[mutual.col].tolist(),
            strict=True,
        )
        if a in row_of and b in row_of
    ]
    rows = np.array(pairs, np.int64).reshape(-1)
    columns = np.repeat(np.arange(len(pairs)), 2)
    shape = (len(ids), max(len(pairs), 1))
    return sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape)


def artist_numbers(labels: pd.DataFrame) -> NDArray[np.int64]:
    """Number the artists: tracks that share one, also through others, have one number (n_tracks,).

    A track whose artist is unknown has one of its own.
    """
    members = label_members(labels, "artist")
    _, numbers = sparse.csgraph.connected_components(members @ members.T, directed=False)
    artists: NDArray[np.int64] = numbers.astype(np.int64)
    return artists
