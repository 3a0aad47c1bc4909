"""Positive pairs for the training of a head: shared labels, and shared listeners."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from index.arrays import Int64Array
from recsys.evaluation.labels import LabelColumn
from recsys.interactions import Interactions

N_COMPANIONS = 10  # tracks that most of a track's listeners play too
MIN_SHARED = 2  # listeners
_BLOCK = 500  # tracks whose companions are computed at once


def label_members(labels: pd.DataFrame, column: str) -> sparse.csr_matrix:
    """Return which labels of a column each track has: CSR (n_tracks, n_labels) of ones.

    Raises LabelsError for an unknown column.
    """
    pairs = LabelColumn(labels, column)
    _, number = np.unique(pairs.names.astype(str), return_inverse=True)
    shape = (len(labels), max(int(number.max(initial=-1)) + 1, 1))
    return sparse.csr_matrix((np.ones(len(number), np.float32), (pairs.rows, number)), shape)


def listener_members(interactions: Interactions, ids: Int64Array) -> sparse.csr_matrix:
    """Return the pairs of tracks with many shared listeners, one column each, of ones.

    CSR (n_ids, n_pairs). A pair shares at least MIN_SHARED listeners, and each is among the
    other's N_COMPANIONS by the cosine of their listeners.
    """
    _, columns, rows = np.intersect1d(interactions.tracks, ids, return_indices=True)
    played = (interactions.counts[:, columns] > 0).astype(np.float32)
    norms = np.sqrt(np.asarray(played.sum(axis=0)).ravel())
    near = sparse.csr_matrix((0, len(rows)), dtype=bool)
    for start in range(0, len(rows), _BLOCK):
        shared = (played.T[start : start + _BLOCK] @ played).toarray()
        np.fill_diagonal(shared[:, start:], 0)
        mask = shared >= MIN_SHARED
        cosine = np.divide(shared, norms, out=np.zeros_like(shared), where=mask)
        order = np.argsort(-cosine, axis=1, kind="stable")
        mask[order.argsort(axis=1) >= N_COMPANIONS] = False
        near = sparse.vstack([near, sparse.csr_matrix(mask)], "csr")
    pairs = np.stack(sparse.triu(near.multiply(near.T)).nonzero(), axis=1)
    columns = np.repeat(np.arange(len(pairs)), 2)
    shape = (len(ids), max(len(pairs), 1))
    ones = np.ones(len(columns), np.float32)
    return sparse.csr_matrix((ones, (rows[pairs.ravel()], columns)), shape)


def artist_numbers(labels: pd.DataFrame) -> Int64Array:
    """Number the artists: tracks that share one, also through others, have one number (n_tracks,).

    A track whose artist is unknown has one of its own.
    """
    members = label_members(labels, "artist")
    _, numbers = sparse.csgraph.connected_components(members @ members.T, directed=False)
    artists: Int64Array = numbers.astype(np.int64)
    return artists
