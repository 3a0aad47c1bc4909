"""Cross-validation of a learned head: against the default projection, and against whitening.

Each artist's tracks are dealt over folds. For each fold a head is learned from the other folds'
tracks; the fold's tracks, whose labels it has not seen, are then the queries, and are ranked among
all tracks. That is what becomes of a track that is added to a library, or has no tags, or is asked
about from outside: the head knows other tracks of its artist, not the track.

A head learned from shuffled artists does worse than none by this measure. Where whole artists are
left out it does better, whatever the labels say, as it draws the tracks together that it was
trained on, and those left out, an artist's among them, lie apart from them (docs/head.md).

Whitening without any labels, at the same shrinkage and weight, is a third system: a head must beat
it too, or its labels had no part in the gain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice, product
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd
from scipy import sparse

from encoders.head import Head
from index.arrays import BoolArray, Float32Array, Float64Array, Int64Array
from recsys.evaluation.metrics import bootstrap_means, interval, macro_mean, precision_at_k
from recsys.training.positives import artist_numbers, label_members

ARTIST_K, GENRE_K = 5, 10
MIN_ARTISTS = 10  # with two tracks or more, that training needs
SHRINKAGE, WEIGHT = 0.3, 0.6  # of a head: docs/decisions/metric-learning-head.md
INNER_SPLITS = 3  # one of them validates epochs
MIN_GENRE_SHARE = 0.995  # of genre P@10 that an epoch must keep
REPEATS = 3  # divisions into folds, whose figures are averaged
PATIENCE = 2  # epochs without improvement
MAX_QUERIES = 500  # of one validation
ROUNDING = 1e-9  # a bound of a difference as near to 0 as this is 0
_BLOCK = 500  # queries ranked at once


class HeadLearner(Protocol):
    """Learns heads from some rows alone; `encoders.head_training.HeadTrainer` is one."""

    def closed_form(self, rows: Int64Array, shrinkages: Sequence[float]) -> list[Head]:
        """Return the head with which training begins, at each shrinkage."""

    def whitening(self, rows: Int64Array, shrinkage: float) -> Head:
        """Return the head that needs no labels: whitening by the covariance of all rows."""

    def refine(self, start: Head, rows: Int64Array, seed: int) -> Iterator[Head]:
        """Yield the head after each epoch of training."""


class TooFewArtists(ValueError):
    """The library has too few artists for training; the message says what is missing."""


class MeasuredChange(NamedTuple):
    """One figure of another system and of the head, and the difference."""

    baseline: float
    head: float
    diff: float
    ci: tuple[float, float]  # 95 %, paired bootstrap over artists


@dataclass(frozen=True)
class HeadGains:
    """What a head gains over another system; `genre` is None where too few tracks have a genre."""

    artist: MeasuredChange
    genre: MeasuredChange | None

    @property
    def artist_rises(self) -> bool:
        """Whether artist P@5 rises significantly."""
        return self.artist.ci[0] > ROUNDING

    @property
    def genre_kept(self) -> bool:
        """Whether genre P@10 does not fall significantly, or cannot be measured."""
        return self.genre is None or self.genre.ci[1] >= -ROUNDING

    def as_json(self) -> dict[str, Any]:
        """Return the form in which commands print it."""
        return {
            "artist_p5": self.artist._asdict(),
            "genre_p10": self.genre and self.genre._asdict(),
        }


@dataclass(frozen=True)
class Verdict:
    """Result of the cross-validation: the gains over the default projection, and over whitening.

    epochs  of training that each fold's head was given
    """

    splits: int
    epochs: tuple[int, ...]
    default: HeadGains
    whitening: HeadGains

    @property
    def adopted(self) -> bool:
        """Whether artist P@5 rises significantly over both, and genre P@10 does not fall."""
        return all(g.artist_rises and g.genre_kept for g in (self.default, self.whitening))

    def as_json(self) -> dict[str, Any]:
        """Return the form in which commands print it."""
        return {
            "adopted": self.adopted,
            **self.default.as_json(),
            "over_whitening": self.whitening.as_json(),
        }


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
    """Deal each artist's tracks over `n` folds, in random order: each track's fold (n_tracks,)."""
    rng = np.random.default_rng(seed)
    numbers, index = np.unique(artists, return_inverse=True)
    order = np.lexsort((rng.random(len(artists)), rng.permutation(len(numbers))[index]))
    fold = np.empty(len(artists), np.int64)
    fold[order] = np.arange(len(artists)) % n
    return fold


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
    everyone = np.arange(len(vectors))
    default, whitened, learned = np.zeros((3, len(vectors), 2))
    epochs = []
    for repeat, number in product(range(REPEATS), range(splits)):
        progress(repeat * splits + number, REPEATS * splits + 1)
        fold = folds(labels.artists, splits, seed + repeat)
        hidden, rows = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        head, n_epochs = fit(vectors, labels, learner, rows, seed, max_epochs)
        epochs.append(n_epochs)
        both = precisions(vectors, labels, head, hidden, everyone, [0.0, WEIGHT])
        default[hidden] += both[:, 0] / REPEATS
        learned[hidden] += both[:, 1] / REPEATS
        rival = learner.whitening(rows, SHRINKAGE)
        whitened[hidden] += (
            precisions(vectors, labels, rival, hidden, everyone, [WEIGHT])[:, 0] / REPEATS
        )
    return Verdict(
        splits, tuple(epochs), _gains(default, learned, labels), _gains(whitened, learned, labels)
    )


def _gains(base: Float64Array, values: Float64Array, labels: GateLabels) -> HeadGains:
    artist, *genre = (
        _change(base[query, i], values[query, i], labels.artists[query], label)
        for i, (query, label) in enumerate(labels.counted(np.arange(len(base))))
    )
    return HeadGains(artist, genre[0] if genre else None)


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
) -> tuple[Head, int]:
    """Learn a head from `rows` alone; return it and its epochs, chosen by validation in them."""
    n_epochs = _n_epochs(vectors, labels, learner, rows, seed, max_epochs) if max_epochs else 0
    (head,) = learner.closed_form(rows, [SHRINKAGE])
    if n_epochs:
        head = next(islice(learner.refine(head, rows, seed), n_epochs - 1, None))
    return replace(head, weight=WEIGHT), n_epochs


def _n_epochs(
    vectors: Float32Array,
    labels: GateLabels,
    learner: HeadLearner,
    rows: Int64Array,
    seed: int,
    max_epochs: int,
) -> int:
    """Choose the number of epochs by some of the rows' tracks, left out of training."""
    fold = folds(labels.artists[rows], INNER_SPLITS, seed)
    left_out, training = rows[fold == 0], rows[fold != 0]
    chosen = np.random.default_rng(seed).permutation(left_out)[:MAX_QUERIES]
    (start,) = learner.closed_form(training, [SHRINKAGE])
    heads = chain([start], islice(learner.refine(start, training, seed), max_epochs))
    return _best_epoch(vectors, labels, heads, np.sort(chosen), rows)


def _best_epoch(
    vectors: Float32Array,
    labels: GateLabels,
    heads: Iterator[Head],
    queries: Int64Array,
    candidates: Int64Array,
) -> int:
    """Return the best epoch, or 0 where its gain is within one standard error."""
    counted = labels.counted(queries)
    curve: list[Float64Array] = []  # of each epoch (n_queries, 2)
    best = 0
    for epoch, head in enumerate(heads):
        curve.append(precisions(vectors, labels, head, queries, candidates, [WEIGHT])[:, 0])
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
