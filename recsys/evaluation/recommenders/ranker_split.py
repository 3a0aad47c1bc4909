"""One split of listens that has all that a ranker meets: known and new tracks, artists, listeners.

Held out of the training are all listens of some artists, of some tracks of the others, and of some
listeners, who are told by a few of their tracks; and of every other listener a share of the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from index.arrays import BoolArray, Int64Array
from recsys.evaluation.recommenders.splits import artist_groups, entries, places
from recsys.interactions import Interactions

NEW_ARTISTS = 0.1  # of the artists,
NEW_TRACKS = 0.1  # of the tracks of the others,
NEW_LISTENERS = 0.3  # of the listeners, who are told by at most
MAX_TOLD = 40  # tracks
HELD_OUT = 0.2  # of the other listens of each other listener


@dataclass(frozen=True, eq=False)
class MixedSplit:
    """Listens to learn a listening model from, and listeners with what is to be found.

    train      float32 CSR (n_listeners, n_tracks)
    listeners  rows of the queries: int64 (n_queries,), in a random order
    histories  listens that are known of them, and `held_out` those to find: (n_queries, n_tracks)
    """

    train: sparse.csr_matrix
    listeners: Int64Array
    histories: sparse.csr_matrix
    held_out: sparse.csr_matrix


def mixed_split(
    interactions: Interactions, artists: Int64Array, seed: int, max_queries: int
) -> MixedSplit:
    """Split; the same seed gives the same split. There may be no queries, where listens are few."""
    generator = np.random.default_rng(seed)
    counts = interactions.counts
    n_listeners, n_tracks = counts.shape
    new = _new_tracks(artists, n_tracks, generator)
    row = np.repeat(np.arange(n_listeners), np.diff(counts.indptr))
    known = ~new[counts.indices]
    n_known = np.bincount(row[known], minlength=n_listeners)
    eligible = np.flatnonzero(n_known > 1)
    told = generator.permutation(eligible)[: round(NEW_LISTENERS * len(eligible))]
    is_told = np.zeros(n_listeners, bool)
    is_told[told] = True

    kept = np.where(n_known > 1, n_known - np.clip(np.round(HELD_OUT * n_known), 1, None), n_known)
    longest = np.minimum(n_known[told] - 1, MAX_TOLD)
    kept[told] = np.floor(np.exp(generator.random(len(told)) * np.log(longest + 1)))
    by = None if interactions.times is None else interactions.times[known]
    history = np.zeros(counts.nnz, bool)
    place = places(entries(counts, known), generator, by)
    history[known] = place < kept[row[known]]

    told_all = entries(counts, history)
    held_out = entries(counts, ~history)
    queries = (np.diff(told_all.indptr) > 0) & (np.diff(held_out.indptr) > 0)
    listeners = generator.permutation(np.flatnonzero(queries))[:max_queries]
    train = entries(counts, history & ~is_told[row])
    return MixedSplit(train, listeners, told_all[listeners], held_out[listeners])


def _new_tracks(artists: Int64Array, n_tracks: int, generator: np.random.Generator) -> BoolArray:
    groups = artist_groups(artists)
    n_groups = int(groups.max(initial=-1)) + 1
    of_new_artists = generator.permutation(n_groups)[: round(NEW_ARTISTS * n_groups)]
    new: BoolArray = np.isin(groups, of_new_artists)
    (others,) = np.nonzero(~new)
    new[generator.permutation(others)[: round(NEW_TRACKS * n_tracks)]] = True
    return new
