"""Cross-validation of a learned head against the default projection, by artists.

The artists are split into folds. For each fold a head is learned from the other artists, its
settings and its weight being chosen among those alone; the fold's tracks are then the queries, and
the candidates as well. So every query is ranked once by a head that was not trained on its artist,
and compared with the default projection's ranking. The tracks that a head was trained on are no
candidates: it draws them together, so that those left out, an artist's tracks among them, would
lie close to each other whatever their labels say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice, product
from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd
from scipy import sparse

from encoders.head import Head
from index.arrays import BoolArray, Float32Array, Float64Array, Int64Array
from recsys.evaluation.metrics import bootstrap_means, interval, macro_mean, precision_at_k
from recsys.training.positives import artist_numbers, label_members

ARTIST_K, GENRE_K = 5, 10
MIN_ARTISTS = 10  # with two tracks or more, that training needs
SHRINKAGES = (0.5, 0.2, 0.1, 0.05, 0.02)  # grid, of the closed form
WEIGHTS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)  # grid, the head's share
MIN_GENRE_SHARE = 0.995  # of the default's genre P@10 that a choice must reach
INNER_SPLITS = 2
REPEATS = 3  # divisions of the artists into folds, whose figures are averaged
PATIENCE = 2  # epochs without improvement
MAX_QUERIES = 500  # of one validation
ROUNDING = 1e-9  # a bound of a difference as near to 0 as this is 0
_BLOCK = 500  # queries ranked at once


class HeadLearner(Protocol):
    """Learns heads from some rows alone; `encoders.head_training.HeadTrainer` is one."""

    def closed_form(self, rows: Int64Array, shrinkages: Sequence[float]) -> list[Head]:
        """Return the head with which training begins, at each shrinkage."""

    def refine(self, start: Head, rows: Int64Array, seed: int) -> Iterator[Head]:
        """Yield the head after each epoch of training."""


class TooFewArtists(ValueError):
    """The library has too few artists for training; the message says what is missing."""


class HeadChoice(NamedTuple):
    """A head's chosen settings, its weight beside the default among them."""

    shrinkage: float
    weight: float
    epochs: int


class MeasuredChange(NamedTuple):
    """One figure of the default projection and of the head, and the difference."""

    baseline: float
    head: float
    diff: float
    ci: tuple[float, float]  # 95 %, paired bootstrap over artists


@dataclass(frozen=True)
class Verdict:
    """Result of the cross-validation; `genre` is None where too few tracks have a genre."""

    splits: int
    choices: tuple[HeadChoice, ...]
    artist: MeasuredChange
    genre: MeasuredChange | None

    @property
    def adopted(self) -> bool:
        """Whether artist P@5 rises significantly, and genre P@10 does not fall significantly."""
        return self.artist.ci[0] > ROUNDING and (
            self.genre is None or self.genre.ci[1] >= -ROUNDING
        )


class GateLabels:
    """The labels by which heads are evaluated.

    artists  number of each track's artist: tracks that share one, also through others, have one
    artist   which artists each track has: CSR (n_tracks, n_labels) of ones
    genre    which genres, likewise; None where fewer than two have enough tracks
    """

    def __init__(self, table: pd.DataFrame) -> None:
        """Raises TooFewArtists; a table without artists raises LabelsError."""
        self.artists = artist_numbers(table)
        self.artist = label_members(table, "artist")
        n_artists = int((np.bincount(self.artists) >= 2).sum())
        if n_artists < MIN_ARTISTS:
            raise TooFewArtists(
                f"Artists that have two tracks or more: {n_artists}; a head needs at least "
                f"{MIN_ARTISTS} to learn from. Nothing was changed."
            )
        self.genre: sparse.csr_matrix | None = None
        if "genre" in table.columns:
            genre = label_members(table, "genre")
            # With one genre every result is a hit, so that no head could be worse.
            if (_sizes(genre) > GENRE_K).sum() >= 2:
                self.genre = genre

    def counted(self, queries: Int64Array) -> list[tuple[Int64Array, Int64Array]]:
        """Return which queries count in artist P@5 and in genre P@10: positions, and their labels.

        The former is the mean over queries whose artist has another track, the latter the mean over
        genres of the mean over their queries; it is left out where genres are unknown.
        """
        several = np.flatnonzero(self.artist[queries] @ (_sizes(self.artist) >= 2))
        pairs = [(several, np.zeros_like(several))]
        if self.genre is not None:
            pairs.append(self.genre[queries].nonzero())
        return pairs


def folds(artists: Int64Array, n: int, seed: int) -> Int64Array:
    """Distribute artists over `n` folds of about as many tracks: each track's fold (n_tracks,)."""
    numbers, index, sizes = np.unique(artists, return_inverse=True, return_counts=True)
    rng = np.random.default_rng(seed)
    order = np.lexsort((rng.random(len(numbers)), -sizes))  # the largest first
    fold_of, filled = np.zeros(len(numbers), np.int64), np.zeros(n)
    for artist in order:
        fold = int(np.argmin(filled + 1e-3 * rng.random(n)))
        fold_of[artist] = fold
        filled[fold] += sizes[artist]
    fold_of_track: Int64Array = fold_of[index]
    return fold_of_track


def cross_fit(
    vectors: Float32Array,
    labels: GateLabels,
    learner: HeadLearner,
    *,
    splits: int,
    seed: int,
    max_epochs: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Verdict:
    """Compare heads with the default `vectors` (n_tracks, dim), a row for each of the labels."""
    all_rows = np.arange(len(vectors))
    base, values = np.zeros((2, len(vectors), 2))
    choices = []
    for repeat, number in product(range(REPEATS), range(splits)):
        progress(repeat * splits + number, REPEATS * splits + 1)
        fold = folds(labels.artists, splits, seed + repeat)
        head, choice = fit(
            vectors, labels, learner, np.flatnonzero(fold != number), seed, max_epochs
        )
        choices.append(choice)
        queries = np.flatnonzero(fold == number)
        both = precisions(vectors, labels, head, queries, queries, [0.0, head.weight])
        base[queries] += both[:, 0] / REPEATS
        values[queries] += both[:, 1] / REPEATS
    artist, *genre = (
        _change(base[query, i], values[query, i], labels.artists[query], label)
        for i, (query, label) in enumerate(labels.counted(all_rows))
    )
    return Verdict(splits, tuple(choices), artist, genre[0] if genre else None)


def _change(
    base: Float64Array, values: Float64Array, artists: Int64Array, label: Int64Array
) -> MeasuredChange:
    means = bootstrap_means((values - base)[:, None], artists, label)
    low, high = (float(bound[0]) for bound in interval(means))
    before, after = macro_mean(base, label), macro_mean(values, label)
    return MeasuredChange(before, after, after - before, (low, high))


def fit(
    vectors: Float32Array,
    labels: GateLabels,
    learner: HeadLearner,
    rows: Int64Array,
    seed: int,
    max_epochs: int,
) -> tuple[Head, HeadChoice]:
    """Learn a head from `rows` alone, with settings chosen by validation within them."""
    choice = choose(vectors, labels, learner, rows, seed, max_epochs)
    (head,) = learner.closed_form(rows, [choice.shrinkage])
    if choice.epochs:
        head = next(islice(learner.refine(head, rows, seed), choice.epochs - 1, None))
    return replace(head, weight=choice.weight), choice


def choose(
    vectors: Float32Array,
    labels: GateLabels,
    learner: HeadLearner,
    rows: Int64Array,
    seed: int,
    max_epochs: int,
) -> HeadChoice:
    """Choose shrinkage, weight and epochs by cross-validation over artists.

    The choice has the largest sum of relative gains in artist P@5 and genre P@10, of which
    MIN_GENRE_SHARE must be reached.
    """
    fold = folds(labels.artists[rows], INNER_SPLITS, seed)
    rng = np.random.default_rng(seed)
    queries, grids = [], []
    for number in range(INNER_SPLITS):
        left_out = rows[fold == number]
        queries.append(np.sort(rng.permutation(left_out)[:MAX_QUERIES]))
        starts = learner.closed_form(rows[fold != number], SHRINKAGES)
        grids.append(
            [precisions(vectors, labels, h, queries[-1], left_out, WEIGHTS) for h in starts]
        )
    grid = np.concatenate(grids, axis=1)  # (n_shrinkages, n_queries, n_weights, 2)
    means = _means(grid, labels.counted(np.concatenate(queries)))
    i, j = np.unravel_index(int(np.argmax(_scores(means, means[0, 0]))), means.shape[:2])
    choice = HeadChoice(SHRINKAGES[int(i)], WEIGHTS[int(j)], 0)
    training = rows[fold != 0]
    (start,) = learner.closed_form(training, [choice.shrinkage])
    heads = chain([start], islice(learner.refine(start, training, seed), max_epochs))
    return choice._replace(
        epochs=_best_epoch(vectors, labels, heads, queries[0], rows[fold == 0], choice.weight)
    )


def _best_epoch(
    vectors: Float32Array,
    labels: GateLabels,
    heads: Iterator[Head],
    queries: Int64Array,
    candidates: Int64Array,
    weight: float,
) -> int:
    """Return the best epoch, or 0 where its gain is within one standard error."""
    counted = labels.counted(queries)
    curve: list[Float64Array] = []  # of each epoch (n_queries, 2)
    best = 0
    for epoch, head in enumerate(heads):
        curve.append(precisions(vectors, labels, head, queries, candidates, [weight])[:, 0])
        means = _means(np.stack(curve)[:, :, None], counted)[:, 0]
        best = int(np.argmax(_scores(means, means[0])))
        if epoch - best >= PATIENCE:
            break
    query = counted[0][0]
    if best == 0 or not len(query):
        return 0
    gains = (curve[best] - curve[0])[query, :1]
    resampled = bootstrap_means(gains, labels.artists[queries[query]], n_resamples=200)
    return best if gains.mean() > resampled.std() else 0


def _means(values: Float64Array, counted: Sequence[tuple[Int64Array, Int64Array]]) -> Float64Array:
    """Return artist P@5 and genre P@10 of (n, n_queries, n_weights, 2): (n, n_weights, 2)."""
    means = np.zeros((len(values), values.shape[2], 2))
    for column, (query, label) in enumerate(counted):
        for i, j in np.ndindex(means.shape[:2]):
            if len(query):
                means[i, j, column] = macro_mean(values[i, query, j, column], label)
    return means


def _scores(means: Float64Array, base: Float64Array) -> Float64Array:
    """Return the sum of both relative gains; -inf where genre P@10 is too low."""
    gains = (means / np.maximum(base, 1e-9)).sum(axis=-1)
    scores: Float64Array = np.where(means[..., 1] >= MIN_GENRE_SHARE * base[1], gains, -np.inf)
    return scores


def precisions(
    vectors: Float32Array,
    labels: GateLabels,
    head: Head,
    queries: Int64Array,
    candidates: Int64Array,
    weights: Sequence[float],
) -> Float64Array:
    """Return P@5 by artist, and P@10 by genre with the query's own artists left out.

    Of each query, with the head at each weight beside the default: (n_queries, n_weights, 2); the
    latter is 0 where genres are unknown.
    """
    learned = head.apply(vectors)
    values = np.zeros((len(queries), len(weights), 2))
    for start in range(0, len(queries), _BLOCK):
        rows = queries[start : start + _BLOCK]
        cosines = [x[rows] @ x[candidates].T for x in (vectors, learned)]
        artist = _shared(labels.artist, rows, candidates)
        genre = artist if labels.genre is None else _shared(labels.genre, rows, candidates)
        for number, weight in enumerate(weights):
            scores = (1 - weight) * cosines[0] + weight * cosines[1]
            scores[rows[:, None] == candidates] = -np.inf
            block = values[start : start + _BLOCK, number]
            block[:, 0] = _precision(scores, artist, ARTIST_K)
            if labels.genre is not None:
                scores[artist] = -np.inf
                block[:, 1] = _precision(scores, genre, GENRE_K)
    return values


def _shared(members: sparse.csr_matrix, rows: Int64Array, others: Int64Array) -> BoolArray:
    """Return which rows share a label: (n_rows, n_others)."""
    shared: BoolArray = (members[rows] @ members[others].T).toarray() > 0
    return shared


def _precision(scores: Float32Array, relevant: BoolArray, k: int) -> Float64Array:
    """Return P@K of rankings by score; -inf is no result, and missing results are misses."""
    best = np.argpartition(-scores, min(k, scores.shape[1]) - 1, axis=1)[:, :k]
    hits = np.take_along_axis(relevant & np.isfinite(scores), best, axis=1)
    precision: Float64Array = precision_at_k(hits) * (hits.shape[1] / k)
    return precision


def _sizes(members: sparse.csr_matrix) -> Float32Array:
    """Return the number of tracks of each label."""
    sizes: Float32Array = np.asarray(members.sum(axis=0)).ravel()
    return sizes
