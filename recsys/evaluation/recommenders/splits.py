"""Evaluation protocols: which listens are for training, and which are held out.

Every split keeps the rows and columns of the counts that it splits, so that numbers of listeners
and tracks mean the same before and after.

protocol           training                      held out                        candidates
warm               the rest of each listener     a share of each listener's      all tracks
                                                 tracks, the latest where times
                                                 are known
long-tail          as warm                       those of them in the tail       the tail
cold-item          all but a share of tracks     the listens of these            these tracks
cold-item-artist   all but a share of artists    the listens of their tracks     their tracks
cold-user          all but a share of listeners  their listens but a few seeds   all tracks

A listener's candidates leave out the tracks of the history, or of the longest of the histories.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from index.arrays import BoolArray, Int64Array
from recsys.interactions import Interactions, n_listeners

SHARE = 0.2  # of what is split, held out
HEAD_SHARE = 1 / 3  # of the training pairs, those of the most popular tracks
USER_SEEDS = (1, 5, 10)
PROTOCOLS = ("warm", "cold-item", "cold-item-artist", "cold-user", "long-tail")


class NothingHeldOut(ValueError):
    """The listens are too few for this protocol; the message says which."""


@dataclass(frozen=True, eq=False)
class Split:
    """Training listens, and queries with their held-out listens.

    train       float32 CSR (n_listeners, n_tracks): the listens to learn from
    listeners   rows of the listeners who are queries: int64 (n_queries,), ascending
    histories   listens given to the model, float32 CSR (n_queries, n_tracks), by a name: "" where
                there is one history for each, otherwise the number of seeds, ascending
    held_out    listens to predict: float32 CSR (n_queries, n_tracks), every row has entries
    candidates  which tracks may be recommended: bool (n_tracks,)
    train_times of the entries of `train`, where times are known: int64 (n_entries,)
    """

    train: sparse.csr_matrix
    listeners: Int64Array
    histories: Mapping[str, sparse.csr_matrix]
    held_out: sparse.csr_matrix
    candidates: BoolArray
    train_times: Int64Array | None = None

    @property
    def seen(self) -> sparse.csr_matrix:
        """The longest of the histories, which contains the others: (n_queries, n_tracks)."""
        return list(self.histories.values())[-1]


def split(
    interactions: Interactions,
    artists: Int64Array,
    protocol: str,
    seed: int,
    *,
    share: float = SHARE,
    user_seeds: tuple[int, ...] = USER_SEEDS,
) -> Split:
    """Split by a protocol of `PROTOCOLS`; the same seed gives the same split.

    artists     number of each track's artist, -1 where it is unknown: int64 (n_tracks,)
    user_seeds  how many tracks of a new listener are given, for cold-user

    Raises NothingHeldOut, ValueError for an unknown protocol or a share outside (0, 1).
    """
    if not 0 < share < 1:
        raise ValueError(f"share: wanted between 0 and 1, got {share}")
    generator = np.random.default_rng(seed)
    result: Split
    match protocol:
        case "warm":
            result = _warm(interactions, generator, share)
        case "long-tail":
            result = _long_tail(interactions, generator, share)
        case "cold-item":
            groups = np.arange(len(interactions.tracks))
            result = _cold_items(interactions, groups, generator, share)
        case "cold-item-artist":
            result = _cold_items(interactions, artist_groups(artists), generator, share)
        case "cold-user":
            result = _cold_users(interactions, generator, share, user_seeds)
        case _:
            raise ValueError(f"protocol: wanted one of {', '.join(PROTOCOLS)}, got {protocol}")
    if not len(result.listeners):
        raise NothingHeldOut(
            f"The listens are too few for {protocol}: no listener has some to learn from and "
            "others to find."
        )
    return result


def artist_groups(artists: Int64Array) -> Int64Array:
    """Number artists from 0 on, a track of unknown artist (-1) being an artist of its own."""
    alone = np.where(artists >= 0, artists, artists.max(initial=-1) + 1 + np.arange(len(artists)))
    groups: Int64Array = np.unique(alone, return_inverse=True)[1]
    return groups


def tail(train: sparse.csr_matrix) -> BoolArray:
    """Return the long tail: all tracks but the most popular ones that make a third of the pairs.

    Bool (n_tracks,), after Cremonesi, Koren and Turrin (RecSys 2010). Equally popular tracks are in
    the head or in the tail together.
    """
    popularity = n_listeners(train)
    descending = np.sort(popularity)[::-1]
    within = np.searchsorted(np.cumsum(descending), HEAD_SHARE * popularity.sum())
    least: int = descending[min(within, len(descending) - 1)]
    in_tail: BoolArray = popularity < max(least, 1)
    return in_tail


def _warm(interactions: Interactions, generator: np.random.Generator, share: float) -> Split:
    """Hold out a share of each listener's tracks, at least one, leaving at least one."""
    counts, times = interactions.counts, interactions.times
    lengths = np.diff(counts.indptr)
    place = places(counts, generator, None if times is None else -times)
    n_held = np.where(lengths > 1, np.clip(np.round(share * lengths), 1, lengths - 1), 0)
    held = place < np.repeat(n_held, lengths)
    everything = np.ones(counts.shape[1], bool)
    return _of_entries(interactions, held, everything)


def _long_tail(interactions: Interactions, generator: np.random.Generator, share: float) -> Split:
    """Hold out as `_warm`, only tracks in the tail of the training listens."""
    warm = _warm(interactions, generator, share)
    candidates = tail(warm.train)
    held_out = _columns_only(warm.held_out, candidates)
    queries = np.diff(held_out.indptr) > 0
    return Split(
        warm.train,
        warm.listeners[queries],
        {name: history[queries] for name, history in warm.histories.items()},
        held_out[queries],
        candidates,
        warm.train_times,
    )


def _cold_items(
    interactions: Interactions, groups: Int64Array, generator: np.random.Generator, share: float
) -> Split:
    """Hold out every listen of a share of the groups of tracks."""
    n_groups = int(groups.max(initial=-1)) + 1
    n_cold = min(max(round(share * n_groups), 1), n_groups - 1)
    cold = np.isin(groups, generator.permutation(n_groups)[: max(n_cold, 0)])
    return _of_entries(interactions, cold[interactions.counts.indices], cold)


def _cold_users(
    interactions: Interactions,
    generator: np.random.Generator,
    share: float,
    user_seeds: tuple[int, ...],
) -> Split:
    """Hold out a share of the listeners but a few tracks of each, the seeds.

    All numbers of seeds have the same held-out tracks: all but the most seeds. A smaller number of
    seeds are the first of a larger one.
    """
    if not user_seeds or min(user_seeds) < 1:
        raise ValueError(f"user_seeds: wanted numbers of at least 1, got {user_seeds}")
    counts = interactions.counts
    lengths = np.diff(counts.indptr)
    eligible = np.flatnonzero(lengths > max(user_seeds))
    n_cold = min(max(round(share * len(eligible)), 1), len(eligible))
    listeners = np.sort(generator.permutation(eligible)[:n_cold])
    queries = counts[listeners]
    place = places(queries, generator)
    trained = ~np.isin(np.repeat(np.arange(len(lengths)), lengths), listeners)
    return Split(
        entries(counts, trained),
        listeners,
        {str(n): entries(queries, place < n) for n in sorted(user_seeds)},
        entries(queries, place >= max(user_seeds)),
        np.ones(counts.shape[1], bool),
        None if interactions.times is None else interactions.times[trained],
    )


def places(
    rows: sparse.csr_matrix, generator: np.random.Generator, by: Int64Array | None = None
) -> Int64Array:
    """Return each stored entry's place in its row, by a key, else at random: (n_entries,)."""
    lengths = np.diff(rows.indptr)
    row = np.repeat(np.arange(len(lengths)), lengths)
    keys = [generator.random(rows.nnz), *([] if by is None else [by]), row]
    place = np.empty(rows.nnz, np.int64)
    place[np.lexsort(keys)] = np.arange(rows.nnz) - np.repeat(rows.indptr[:-1], lengths)
    return place


def _of_entries(interactions: Interactions, held: BoolArray, candidates: BoolArray) -> Split:
    """Hold out entries; listeners with entries on both sides are the queries."""
    counts, times = interactions.counts, interactions.times
    train, held_out = entries(counts, ~held), entries(counts, held)
    both = (np.diff(train.indptr) > 0) & (np.diff(held_out.indptr) > 0)
    queries = np.flatnonzero(both)
    return Split(
        train,
        queries,
        {"": train[queries]},
        held_out[queries],
        candidates,
        None if times is None else times[~held],
    )


def entries(counts: sparse.csr_matrix, keep: BoolArray) -> sparse.csr_matrix:
    """Return a matrix of the same shape that stores some of the entries."""
    n_before = np.concatenate([[0], np.cumsum(keep)])
    return sparse.csr_matrix(
        (counts.data[keep], counts.indices[keep], n_before[counts.indptr]), shape=counts.shape
    )


def _columns_only(counts: sparse.csr_matrix, columns: BoolArray) -> sparse.csr_matrix:
    """Return a matrix of the same shape that stores some of the columns."""
    return entries(counts, columns[counts.indices])
