"""How popular tracks are and what they sound like: of a home, or of tables."""

from __future__ import annotations

import numpy as np

from index.arrays import Float64Array
from recsys.evaluation.recommenders.data import ListeningData
from recsys.evaluation.recommenders.splits import artist_groups
from recsys.home.home import Home
from recsys.interactions import Interactions
from recsys.popularity.measure import PopularityData
from recsys.popularity.stored import features_of


def of_listening(data: ListeningData) -> PopularityData:
    """Return the played items of tables that have content."""
    popularity = popularity_of(data.interactions)
    rows = np.flatnonzero((popularity > 0) & data.content.known)
    artists = artist_groups(data.content.artists)
    features = data.content.vectors[rows].astype(np.float64)
    return PopularityData(features, popularity[rows], artists[rows])


def of_home(home: Home, data: ListeningData) -> PopularityData:
    """Return the played tracks of a home that are in its index. Raises ProjectionError."""
    popularity = popularity_of(data.interactions)
    table_rows, indexed = home.tables.tracks().find(data.interactions.tracks)
    rows = np.flatnonzero((popularity > 0) & indexed)
    artists = artist_groups(data.content.artists)
    return PopularityData(features_of(home, table_rows[rows]), popularity[rows], artists[rows])


def sample(data: PopularityData, most: int, seed: int) -> PopularityData:
    """Return the tracks of artists drawn at random, about `most` of them; all where they are fewer.

    At least one artist is drawn.
    """
    if len(data.popularity) <= most:
        return data
    _, number, n = np.unique(data.artists, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(n))
    n_chosen = max(int(np.searchsorted(np.cumsum(n[order]), most, side="right")), 1)
    rows = np.isin(number, order[:n_chosen])
    return PopularityData(data.features[rows], data.popularity[rows], data.artists[rows])


def popularity_of(interactions: Interactions) -> Float64Array:
    """Return log(1 + sum over the listeners of log2(1 + plays)) of each track: (n,)."""
    counts = interactions.counts
    per_play = np.log2(1 + counts.data.astype(np.float64))
    return np.log1p(np.bincount(counts.indices, per_play, counts.shape[1]))
