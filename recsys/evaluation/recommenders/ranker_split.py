"""Splits of listens like those that a ranker meets: known tracks, new ones, and new listeners.

Each is fitted apart. A split that holds out all kinds at once would leave a listening model too few
listens, and the ranker would learn to correct a weaker model than the one it serves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from index.arrays import BoolArray, Int64Array
from recsys.evaluation.recommenders.splits import artist_groups, entries, places
from recsys.interactions import Interactions

MAX_TOLD = 40  # tracks that a new listener is told by, at most


@dataclass(frozen=True)
class HeldOut:
    """What is held out of the training of a listening model, as shares.

    artists     all listens of their tracks
    tracks      of those of the other artists, all listens
    listeners   all their listens; they are told by a few
    listens     of each other listener's, the latest where times are known
    candidates  how many of each kind are ranked for a listener of the split
    queries     of the listeners who may be asked, how many are
    folds       how many such splits there are: no track is held out in two of them
    """

    artists: float = 0.0
    tracks: float = 0.0
    listeners: float = 0.0
    listens: float = 0.0
    candidates: tuple[int, int, int] = (300, 0, 0)
    queries: float = 1.0
    folds: int = 1


KNOWN_TRACKS = HeldOut(listens=0.2)
NEW_LISTENERS = HeldOut(listeners=0.3)
NEW_TRACKS = HeldOut(tracks=0.2, candidates=(0, 150, 150), queries=0.5, folds=3)
NEW_ARTISTS = HeldOut(artists=0.2, candidates=(0, 0, 300), queries=0.4)
SPLITS = KNOWN_TRACKS, NEW_LISTENERS, NEW_TRACKS, NEW_ARTISTS


@dataclass(frozen=True, eq=False)
class InnerSplit:
    """Listens to learn a listening model from, and listeners with what is to be found.

    train      float32 CSR (n_listeners, n_tracks)
    listeners  rows of the queries: int64 (n_queries,)
    histories  listens that are known of them, and `held_out` those to find: (n_queries, n_tracks)
    times      of the listens of `histories`, see `recsys.models.ranker.pairs.Pairs`
    """

    train: sparse.csr_matrix
    listeners: Int64Array
    histories: sparse.csr_matrix
    held_out: sparse.csr_matrix
    times: sparse.csr_matrix | None = None


def inner_split(
    interactions: Interactions,
    artists: Int64Array,
    out: HeldOut,
    seed: int,
    order: Int64Array,
    max_queries: int,
    fold: int = 0,
) -> InnerSplit:
    """Split; the same seed gives the same split, and `fold` another with other tracks held out.

    There may be no queries, where listens are few.

    The queries are the first in `order`, a permutation of the listeners, who have held-out listens.
    """
    generator = np.random.default_rng(seed)
    counts = interactions.counts
    n_listeners, n_tracks = counts.shape
    new = _new_tracks(artists, n_tracks, out, generator, fold)
    row = np.repeat(np.arange(n_listeners), np.diff(counts.indptr))
    known = ~new[counts.indices]
    n_known = np.bincount(row[known], minlength=n_listeners)
    eligible = np.flatnonzero(n_known > 1)
    told = generator.permutation(eligible)[: round(out.listeners * len(eligible))]
    is_told = np.zeros(n_listeners, bool)
    is_told[told] = True

    kept = n_known.astype(np.float64)
    if out.listens:
        held = np.clip(np.round(out.listens * n_known), 1, None)
        kept = np.where(n_known > 1, n_known - held, kept)
    longest = np.minimum(n_known[told] - 1, MAX_TOLD)
    kept[told] = np.floor(np.exp(generator.random(len(told)) * np.log(longest + 1)))
    by = None if interactions.times is None else interactions.times[known]
    history = np.zeros(counts.nnz, bool)
    place = places(entries(counts, known), generator, by)
    history[known] = place < kept[row[known]]

    told_all = entries(counts, history)
    held_out = entries(counts, ~history)
    queries = (np.diff(told_all.indptr) > 0) & (np.diff(held_out.indptr) > 0)
    listeners = order[queries[order]][:max_queries]
    train = entries(counts, history & ~is_told[row])
    dated = interactions.dated
    times = None if dated is None else entries(dated, history)[listeners]
    return InnerSplit(train, listeners, told_all[listeners], held_out[listeners], times)


def _new_tracks(
    artists: Int64Array, n_tracks: int, out: HeldOut, generator: np.random.Generator, fold: int
) -> BoolArray:
    groups = artist_groups(artists)
    n_groups = int(groups.max(initial=-1)) + 1
    of_new_artists = generator.permutation(n_groups)[: round(out.artists * n_groups)]
    new: BoolArray = np.isin(groups, of_new_artists)
    (others,) = np.nonzero(~new)
    n_new = round(out.tracks * n_tracks)
    new[generator.permutation(others)[fold * n_new : (fold + 1) * n_new]] = True
    return new
