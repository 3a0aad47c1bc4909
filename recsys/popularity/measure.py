"""Whether popularity can be told from sound: out of fold, by artists, beside chance.

Every track is predicted by a model that knows no track of its artist. Its settings are chosen among
the other artists, again by artists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import rankdata

from index.arrays import Float64Array, Int64Array
from recsys.popularity.regression import RankingRegression

N_FOLDS = 5
LEAST_ARTISTS = 4 * N_FOLDS
N_RESAMPLES = 1000
MOST_LISTED = 100  # of nDCG@k
PENALTIES = (1.0, 10.0, 100.0, 1000.0, 10_000.0)
RANKING = 0.5
OURS = "ranking loss"


class TooFewPlayedArtists(ValueError):
    """There are too few artists to tell anything; the message says how many."""


@dataclass(frozen=True, eq=False)
class PopularityData:
    """Tracks of known popularity.

    features    float64 (n, n_features)
    popularity  log(1 + sum over the listeners of log2(1 + plays)), above 0: float64 (n,); where
                everybody played once, log(1 + listeners)
    artists     a number each, tracks of unknown artists each one of its own: int64 (n,)
    """

    features: Float64Array
    popularity: Float64Array
    artists: Int64Array


class Measured(NamedTuple):
    """A figure, its bounds of 95 % by bootstrap over artists, and what chance gets."""

    value: float
    low: float
    high: float
    chance: float


@dataclass(frozen=True)
class PopularityReport:
    """How well popularity is told.

    k         how many are listed: a tenth of the tracks, at most MOST_LISTED
    spearman  rank correlation of each system's scores with the popularity
    ndcg      nDCG@k with exp(popularity) - 1 as gain; both by the name of a system
    gain      of the nDCG of `OURS` over the same without ranking loss
    """

    n_tracks: int
    n_artists: int
    k: int
    spearman: Mapping[str, Measured]
    ndcg: Mapping[str, Measured]
    gain: Measured

    @property
    def is_told(self) -> bool:
        """Whether our scores can be told from chance by both measures."""
        spearman, ndcg = self.spearman[OURS], self.ndcg[OURS]
        return spearman.low > spearman.chance and ndcg.low > ndcg.chance

    @property
    def sentence(self) -> str:
        """The outcome in one sentence."""
        one, of = (
            self.spearman[OURS],
            f"{self.n_tracks:,} played tracks of {self.n_artists:,} artists",
        )
        if not self.is_told:
            return f"What might please many cannot be told from chance by the sound of {of}."
        return (
            f"What might please many was learned from {of}: a rank correlation of {one.value:.2f} "
            f"({one.low:.2f} to {one.high:.2f}) with what is played, on artists that were not "
            "learned from."
        )

    def as_json(self) -> dict[str, Any]:
        """Return the form that commands and reports write."""
        return {
            "tracks": self.n_tracks,
            "artists": self.n_artists,
            "k": self.k,
            "told_from_chance": self.is_told,
            "spearman": {name: one._asdict() for name, one in self.spearman.items()},
            "ndcg": {name: one._asdict() for name, one in self.ndcg.items()},
            "gain_by_ranking_loss": self.gain._asdict(),
        }


def measure(data: PopularityData, seed: int = 0) -> PopularityReport:
    """Measure regressions with and without ranking loss, and the artist's mean.

    The artist's mean is that of the artist's other tracks: it is known of a new track by a known
    artist, and not of a new artist's. It is left out where no artist has several. Raises
    TooFewPlayedArtists.
    """
    n_artists = len(np.unique(data.artists))
    if n_artists < LEAST_ARTISTS:
        raise TooFewPlayedArtists(
            f"There are played tracks of {n_artists} artists, and {LEAST_ARTISTS} are needed to "
            "tell anything."
        )
    scores = {
        OURS: out_of_fold(data, RANKING, seed),
        "squared loss alone": out_of_fold(data, 0.0, seed),
    }
    if n_artists < len(data.artists):
        scores["artist's mean"] = artist_means(data)
    return report_on(data, scores, seed)


def out_of_fold(data: PopularityData, ranking: float, seed: int) -> Float64Array:
    """Return each track's score by a model that knows no track of its artist: (n,)."""
    scores = np.empty(len(data.popularity))
    folds = artist_folds(data.artists, N_FOLDS, seed)
    for fold in range(N_FOLDS):
        train, test = np.flatnonzero(folds != fold), folds == fold
        settings = choose(data, train, ranking, seed)
        scorer = settings.fit(data.features[train], data.popularity[train], seed)
        scores[test] = scorer.scores(data.features[test])
    return scores


def choose(data: PopularityData, rows: Int64Array, ranking: float, seed: int) -> RankingRegression:
    """Return the settings of the best rank correlation on held-out artists among the rows."""
    folds = artist_folds(data.artists[rows], 4, seed + 1)
    train, test = rows[folds != 0], rows[folds == 0]
    tried = [RankingRegression(penalty, ranking) for penalty in PENALTIES]
    quality = [
        spearman(
            one.fit(data.features[train], data.popularity[train], seed).scores(data.features[test]),
            data.popularity[test],
        )
        for one in tried
    ]
    return tried[int(np.argmax(quality))]


def artist_folds(artists: Int64Array, n_folds: int, seed: int) -> Int64Array:
    """Return a fold of each track, the same for all tracks of an artist: (n,)."""
    number = np.unique(artists, return_inverse=True)[1]
    order = np.random.default_rng(seed).permutation(int(number.max()) + 1)
    folds: Int64Array = (order % n_folds)[number]
    return folds


def artist_means(data: PopularityData) -> Float64Array:
    """Return the mean of the artist's other tracks, of everything where there are none: (n,)."""
    number = np.unique(data.artists, return_inverse=True)[1]
    n, total = np.bincount(number), np.bincount(number, data.popularity)
    others = n[number] - 1
    means = (total[number] - data.popularity) / np.maximum(others, 1)
    return np.where(others > 0, means, data.popularity.mean())


def report_on(
    data: PopularityData, scores: Mapping[str, Float64Array], seed: int
) -> PopularityReport:
    """Return the figures of scores, with intervals over resampled artists."""
    y = data.popularity
    gains, k = np.expm1(y), min(MOST_LISTED, max(len(y) // 10, 1))
    number = np.unique(data.artists, return_inverse=True)[1]
    order = np.argsort(number, kind="stable")
    starts = np.searchsorted(number[order], np.arange(number.max() + 2))
    generator = np.random.default_rng(seed)
    drawn: dict[str, list[tuple[float, float]]] = {name: [] for name in scores}
    over_chance: dict[str, list[float]] = {name: [] for name in scores}
    for _ in range(N_RESAMPLES):
        artists = generator.integers(0, len(starts) - 1, len(starts) - 1)
        rows = np.concatenate([order[starts[a] : starts[a + 1]] for a in artists])
        for name, values in scores.items():
            of_gains = ndcg(values[rows], gains[rows], k)
            drawn[name].append((spearman(values[rows], y[rows]), of_gains))
            over_chance[name].append(of_gains - chance_ndcg(gains[rows], k))
    whole = {name: (spearman(values, y), ndcg(values, gains, k)) for name, values in scores.items()}
    by_chance = chance_ndcg(gains, k)
    spearmans = {
        name: Measured(whole[name][0], *_bounds([one for one, _ in drawn[name]]), 0.0)
        for name in scores
    }
    ndcgs = {
        # the interval is that of the difference from chance, which varies with the artists drawn
        name: Measured(whole[name][1], *_bounds(over_chance[name], by_chance), by_chance)
        for name in scores
    }
    plain = "squared loss alone"
    more = [a - b for (_, a), (_, b) in zip(drawn[OURS], drawn[plain], strict=True)]
    gain = Measured(whole[OURS][1] - whole[plain][1], *_bounds(more), 0.0)
    return PopularityReport(len(y), len(starts) - 1, k, spearmans, ndcgs, gain)


def spearman(scores: Float64Array, popularity: Float64Array) -> float:
    """Return the rank correlation, 0 where either is constant."""
    one, other = rankdata(scores), rankdata(popularity)
    if one.std() == 0 or other.std() == 0:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


def ndcg(scores: Float64Array, gains: Float64Array, k: int) -> float:
    """Return nDCG@k = sum of gain / log2(rank + 1), divided by that of the best order."""
    order = np.argsort(-scores, kind="stable")[:k]
    discounts = 1 / np.log2(np.arange(2, len(order) + 2))
    best = np.sort(gains)[::-1][: len(order)] @ discounts
    return float(gains[order] @ discounts / best) if best > 0 else 0.0


def chance_ndcg(gains: Float64Array, k: int) -> float:
    """Return the mean nDCG@k of all orders."""
    n = min(k, len(gains))
    discounts = 1 / np.log2(np.arange(2, n + 2))
    best = np.sort(gains)[::-1][:n] @ discounts
    return float(gains.mean() * discounts.sum() / best) if best > 0 else 0.0


def _bounds(values: Sequence[float], added: float = 0.0) -> tuple[float, float]:
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low) + added, float(high) + added
