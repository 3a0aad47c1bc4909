"""Which listens a model may learn from, and which it must find: the protocols of evaluation.

Every split keeps the rows and columns of the counts that it splits, so that numbers of listeners
and tracks mean the same before and after.

protocol           training                      found again                     candidates
warm               the rest of each listener     a share of each listener's      all tracks
                                                 tracks, the latest where times
                                                 are known
long-tail          as warm                       those of them in the tail       the tail
cold-item          all but a share of tracks     the listens of these            these tracks
cold-item-artist   all but a share of artists    the listens of their tracks     their tracks
cold-user          all but a share of listeners  their listens but a few seeds   all tracks

Not among a listener's candidates is what was seen: the history, or the longest of the histories.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from index.arrays import BoolArray, Int64Array
from recsys.interactions import Interactions, n_listeners

SHARE = 0.2  # of what is split, held out
HEAD_SHARE = 1 / 3  # of the training pairs, those of the most heard tracks
USER_SEEDS = (1, 5, 10)
PROTOCOLS = ("warm", "cold-item", "cold-item-artist", "cold-user", "long-tail")


class NothingHeldOut(ValueError):
    """The data are too few to hold out anything by this protocol; the message says which."""


@dataclass(frozen=True, eq=False)
class Split:
    """What a model learns from, and what it is asked.

    train       float32 CSR (n_listeners, n_tracks): the listens to learn from
    listeners   rows of the listeners who are asked about: int64 (n_queries,), ascending
    histories   what the model is told of them, float32 CSR (n_queries, n_tracks), by a name:
                "" where there is one history for each, otherwise the number of seeds, ascending
    held_out    what it must find: float32 CSR (n_queries, n_tracks), every row has entries
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
        """The longest of the histories, which has the others in it: (n_queries, n_tracks)."""
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
    user_seeds  how many tracks of a new listener are told, for cold-user

    Raises NothingHeldOut, ValueError for an unknown protocol or a share outside (0, 1).
    """
    if not 0 < share < 1:
        raise ValueError(f"share: wanted between 0 and 1, got {share}")
    generator = np.random.default_rng(seed)
    made: Split
    match protocol:
        case "warm":
            made = _warm(interactions, generator, share)
        case "long-tail":
            made = _long_tail(interactions, generator, share)
        case "cold-item":
            groups = np.arange(len(interactions.tracks))
            made = _cold_items(interactions, groups, generator, share)
        case "cold-item-artist":
            made = _cold_items(interactions, artist_groups(artists), generator, share)
        case "cold-user":
            made = _cold_users(interactions, generator, share, user_seeds)
        case _:
            raise ValueError(f"protocol: wanted one of {', '.join(PROTOCOLS)}, got {protocol}")
    if not len(made.listeners):
        raise NothingHeldOut(
            f"The listens are too few for {protocol}: no listener has some to learn from and "
            "others to find."
        )
    return made


def artist_groups(artists: Int64Array) -> Int64Array:
    """Number artists from 0 on, a track of unknown artist (-1) being an artist of its own."""
    alone = np.where(artists >= 0, artists, artists.max(initial=-1) + 1 + np.arange(len(artists)))
    groups: Int64Array = np.unique(alone, return_inverse=True)[1]
    return groups


def tail(train: sparse.csr_matrix) -> BoolArray:
    """Which tracks are no hits: all but the most heard ones that make a third of the pairs.

    This is the long tail of Cremonesi, Koren and Turrin (RecSys 2010): bool (n_tracks,). Equally
    heard tracks are in the head or in the tail together.
    """
    heard = n_listeners(train)
    descending = np.sort(heard)[::-1]
    within = np.searchsorted(np.cumsum(descending), HEAD_SHARE * heard.sum())
    least: int = descending[min(within, len(descending) - 1)]
    in_tail: BoolArray = heard < max(least, 1)
    return in_tail


def _warm(interactions: Interactions, generator: np.random.Generator, share: float) -> Split:
    """Hold out a share of each listener's tracks, at least one, leaving at least one."""
    counts, times = interactions.counts, interactions.times
    lengths = np.diff(counts.indptr)
    place = _places(counts, generator, None if times is None else -times)
    n_held = np.where(lengths > 1, np.clip(np.round(share * lengths), 1, lengths - 1), 0)
    held = place < np.repeat(n_held, lengths)
    everything = np.ones(counts.shape[1], bool)
    return _of_entries(interactions, held, everything)


def _long_tail(interactions: Interactions, generator: np.random.Generator, share: float) -> Split:
    """Hold out as `_warm`, and ask for what is in the tail of the training listens only."""
    warm = _warm(interactions, generator, share)
    candidates = tail(warm.train)
    held_out = _columns_only(warm.held_out, candidates)
    asked = np.diff(held_out.indptr) > 0
    return Split(
        warm.train,
        warm.listeners[asked],
        {name: history[asked] for name, history in warm.histories.items()},
        held_out[asked],
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
    """Hold out a share of the listeners, and tell a few tracks of each.

    All numbers of seeds are asked for the same tracks: what is left behind the most seeds. The
    fewer seeds are the first of the more.
    """
    if not user_seeds or min(user_seeds) < 1:
        raise ValueError(f"user_seeds: wanted numbers of at least 1, got {user_seeds}")
    counts = interactions.counts
    lengths = np.diff(counts.indptr)
    able = np.flatnonzero(lengths > max(user_seeds))
    n_cold = min(max(round(share * len(able)), 1), len(able))
    listeners = np.sort(generator.permutation(able)[:n_cold])
    asked = counts[listeners]
    place = _places(asked, generator)
    trained = ~np.isin(np.repeat(np.arange(len(lengths)), lengths), listeners)
    return Split(
        _entries(counts, trained),
        listeners,
        {str(n): _entries(asked, place < n) for n in sorted(user_seeds)},
        _entries(asked, place >= max(user_seeds)),
        np.ones(counts.shape[1], bool),
        None if interactions.times is None else interactions.times[trained],
    )


def _places(
    rows: sparse.csr_matrix, generator: np.random.Generator, by: Int64Array | None = None
) -> Int64Array:
    """Give each stored entry its place in its row, by a key, else by chance: (n_entries,)."""
    lengths = np.diff(rows.indptr)
    row = np.repeat(np.arange(len(lengths)), lengths)
    keys = [generator.random(rows.nnz), *([] if by is None else [by]), row]
    place = np.empty(rows.nnz, np.int64)
    place[np.lexsort(keys)] = np.arange(rows.nnz) - np.repeat(rows.indptr[:-1], lengths)
    return place


def _of_entries(interactions: Interactions, held: BoolArray, candidates: BoolArray) -> Split:
    """Take entries out of the training; ask about who has entries on both sides."""
    counts, times = interactions.counts, interactions.times
    train, held_out = _entries(counts, ~held), _entries(counts, held)
    both = (np.diff(train.indptr) > 0) & (np.diff(held_out.indptr) > 0)
    asked = np.flatnonzero(both)
    return Split(
        train,
        asked,
        {"": train[asked]},
        held_out[asked],
        candidates,
        None if times is None else times[~held],
    )


def _entries(counts: sparse.csr_matrix, keep: BoolArray) -> sparse.csr_matrix:
    """Return a matrix of the same shape that stores some of the entries."""
    kept = np.concatenate([[0], np.cumsum(keep)])
    return sparse.csr_matrix(
        (counts.data[keep], counts.indices[keep], kept[counts.indptr]), shape=counts.shape
    )


def _columns_only(counts: sparse.csr_matrix, columns: BoolArray) -> sparse.csr_matrix:
    return _entries(counts, columns[counts.indices])
