"""Whether a learned head is worth adopting, measured on artists that it never saw.

The artists are split into folds. For each fold a head is learned from the other artists, how long
it is trained and how much it counts being chosen among those alone; the fold's tracks are then the
queries, and all tracks the candidates. So every query is answered once, by a head that never saw
its artist, and is compared with the default projection's answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from encoders.projection import Head
from recsys.alike import artist_numbers, label_members
from recsys.evaluate import Retrieval, evaluate_retrieval
from recsys.metrics import bootstrap_means

ARTIST_K, GENRE_K = 5, 10
MIN_ARTISTS = 10  # with two tracks or more, below which there is nothing to learn from
WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # a head's share that are tried
GENRE_KEPT = 0.995  # of the default's genre P@10, at least, where epochs and weight are chosen
MAX_EPOCHS = 20
PATIENCE = 3  # epochs without a better validation
INNER_SPLITS = 3
MAX_QUERIES = 500  # of one validation

_Vectors = NDArray[np.float32]
_Rows = NDArray[np.int64]
_Floats = NDArray[np.float64]

# Gives the head of some rows before the first epoch, and after each.
Trainer = Callable[[_Rows, int], Iterator[Head]]


class TooFewArtists(ValueError):
    """There is nothing to learn from; the message says what is missing."""


class Choice(NamedTuple):
    """How long a head is trained, and how much it counts beside the default."""

    epochs: int
    weight: float


class Change(NamedTuple):
    """One figure of the default projection and of the head, and the difference."""

    baseline: float
    head: float
    diff: float
    ci: tuple[float, float]  # 95 %, paired bootstrap over artists


@dataclass(frozen=True)
class Verdict:
    """What cross-fitting found; `genre` is None where no genre is known of enough tracks."""

    splits: int
    choices: tuple[Choice, ...]
    artist: Change
    genre: Change | None

    @property
    def adopted(self) -> bool:
        """Artist P@5 rises beyond its interval, and genre P@10 does not fall beyond its own."""
        return self.artist.ci[0] > 0 and (self.genre is None or self.genre.ci[1] >= 0)


class GateLabels:
    """The labels by which heads are judged, as a head's validation needs them."""

    def __init__(self, table: pd.DataFrame) -> None:
        """Raises TooFewArtists; a table without artists raises LabelsError."""
        self.table = table
        self.artists = artist_numbers(table)
        self.artist = label_members(table, "artist")
        sizes = np.asarray(self.artist.sum(axis=0)).ravel()
        if (sizes >= 2).sum() < MIN_ARTISTS:
            raise TooFewArtists(
                f"Only {(sizes >= 2).sum()} artists have two tracks or more; a head needs at "
                f"least {MIN_ARTISTS} to learn from. Nothing was changed."
            )
        self.genre: sparse.csr_matrix | None = None
        if "genre" in table.columns:
            genre = label_members(table, "genre")
            # With one genre every result is a hit, and nothing could be seen to get worse.
            if (np.asarray(genre.sum(axis=0)).ravel() > GENRE_K).sum() >= 2:
                self.genre = genre


def folds(artists: _Rows, n: int, seed: int) -> _Rows:
    """Deal artists out to `n` folds of about as many tracks: the fold of each track (n_tracks,)."""
    numbers, index, sizes = np.unique(artists, return_inverse=True, return_counts=True)
    rng = np.random.default_rng(seed)
    order = np.lexsort((rng.random(len(numbers)), -sizes))  # the largest first
    fold_of, filled = np.zeros(len(numbers), np.int64), np.zeros(n)
    for artist in order:
        fold = int(np.argmin(filled + 1e-3 * rng.random(n)))
        fold_of[artist] = fold
        filled[fold] += sizes[artist]
    dealt: _Rows = fold_of[index]
    return dealt


def cross_fit(
    vectors: _Vectors,
    labels: GateLabels,
    trainer: Trainer,
    *,
    splits: int,
    seed: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Verdict:
    """Compare heads with the default `vectors` (n_tracks, dim), a row for each of the labels."""
    fold = folds(labels.artists, splits, seed)
    base = _judged(vectors, labels)
    merged: dict[str, list[tuple[Retrieval, NDArray[np.bool_]]]] = {}
    choices = []
    for number in range(splits):
        progress(number, splits + 1)
        rows = np.flatnonzero(fold != number)
        head, choice = fit(vectors, labels, trainer, rows, seed)
        choices.append(choice)
        for column, judged in _judged(head.join(vectors), labels).items():
            merged.setdefault(column, []).append((judged, fold[judged.rows] == number))
    changes = {column: _change(base[column], column, parts) for column, parts in merged.items()}
    return Verdict(splits, tuple(choices), changes["artist"], changes.get("genre"))


def fit(
    vectors: _Vectors, labels: GateLabels, trainer: Trainer, rows: _Rows, seed: int
) -> tuple[Head, Choice]:
    """Learn a head from `rows` alone, epochs and weight chosen by validation within them."""
    choice = choose(vectors, labels, trainer, rows, seed)
    head = next(islice(trainer(rows, seed), choice.epochs, None))
    return replace(head, weight=choice.weight), choice


def choose(
    vectors: _Vectors, labels: GateLabels, trainer: Trainer, rows: _Rows, seed: int
) -> Choice:
    """Choose epochs and weight on artists that are left out of the training in turn.

    The best artist P@5 whose genre P@10 is at least GENRE_KEPT of the default's. The gradient
    steps are taken only where they gain more than their gain's standard error.
    """
    fold = folds(labels.artists[rows], INNER_SPLITS, seed)
    curves, artists = [], []
    for number in range(INNER_SPLITS):
        queries = _validation_queries(labels, rows, rows[fold == number], seed)
        if len(queries):
            heads = trainer(rows[fold != number], seed)
            curves.append(_curve(vectors, labels, heads, rows, queries))
            artists.append(labels.artists[queries])
    n_epochs = min(len(curve) for curve in curves)
    # (n_epochs, n_queries, n_weights, 2), the last axis being artist P@5 and genre P@10
    values = np.concatenate([curve[:n_epochs] for curve in curves], axis=1)
    means = np.nanmean(values, axis=1) if labels.genre is not None else values.mean(axis=1)
    score = means[..., 0].copy()
    if labels.genre is not None:
        score[means[..., 1] < GENRE_KEPT * means[0, 0, 1]] = -np.inf
    start = int(np.argmax(score[0]))
    epoch, weight = np.unravel_index(int(np.argmax(score)), score.shape)
    gain = values[epoch, :, weight, 0] - values[0, :, start, 0]
    error = bootstrap_means(gain[:, None], np.concatenate(artists), n_resamples=200).std()
    if gain.mean() <= error:
        epoch, weight = np.intp(0), np.intp(start)
    return Choice(int(epoch), WEIGHTS[int(weight)])


def _validation_queries(labels: GateLabels, rows: _Rows, held_out: _Rows, seed: int) -> _Rows:
    """Choose up to MAX_QUERIES of the tracks held out whose artist has another in `rows`."""
    known = labels.artist[rows]
    others = np.asarray(known.sum(axis=0)).ravel()
    most = np.asarray(labels.artist[held_out].multiply(others).max(axis=1).todense()).ravel()
    queries = held_out[most >= 2]
    chosen = np.random.default_rng(seed).permutation(queries)[:MAX_QUERIES]
    return np.sort(chosen)


def _curve(
    vectors: _Vectors,
    labels: GateLabels,
    heads: Iterator[Head],
    rows: _Rows,
    queries: _Rows,
) -> _Floats:
    """Each epoch's P@K of each query at each weight: (n_epochs, n_queries, n_weights, 2).

    Stops after PATIENCE epochs that are no better than the best before.
    """
    default = vectors[queries] @ vectors[rows].T
    itself = queries[:, None] == rows
    same_artist = (labels.artist[queries] @ labels.artist[rows].T).toarray() > 0
    same_genre = None
    if labels.genre is not None:
        same_genre = (labels.genre[queries] @ labels.genre[rows].T).toarray() > 0
        unknown = np.diff(labels.genre[queries].indptr) == 0
    curve: list[_Floats] = []
    best, best_epoch = -1.0, 0
    for epoch, head in enumerate(islice(heads, MAX_EPOCHS + 1)):
        learned = head.apply(vectors[queries]) @ head.apply(vectors[rows]).T
        values = np.zeros((len(queries), len(WEIGHTS), 2))
        for number, weight in enumerate(WEIGHTS):
            scores = (1 - weight) * default + weight * learned
            values[:, number, 0] = _precision(np.where(itself, -9, scores), same_artist, ARTIST_K)
            if same_genre is not None:
                others = np.where(same_artist, -9, scores)
                values[:, number, 1] = _precision(others, same_genre, GENRE_K)
                values[unknown, number, 1] = np.nan
        curve.append(values)
        score = float(values[..., 0].mean(axis=0).max())
        if score > best:
            best, best_epoch = score, epoch
        elif epoch - best_epoch >= PATIENCE:
            break
    return np.stack(curve)


def _precision(scores: _Floats | _Vectors, relevant: NDArray[np.bool_], k: int) -> _Floats:
    """P@K of rankings by score, per query: (n_queries,)."""
    k = min(k, scores.shape[1])
    best = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    precision: _Floats = np.take_along_axis(relevant, best, axis=1).mean(axis=1)
    return precision


def _judged(vectors: _Vectors, labels: GateLabels) -> dict[str, Retrieval]:
    table = labels.table
    judged = {"artist": evaluate_retrieval(vectors, table, "artist", [ARTIST_K], min_group=2)}
    if labels.genre is not None:
        judged["genre"] = evaluate_retrieval(
            vectors, table, "genre", [GENRE_K], exclude_same="artist"
        )
    return judged


def _change(
    base: Retrieval, column: str, parts: Sequence[tuple[Retrieval, NDArray[np.bool_]]]
) -> Change:
    """Put the folds' answers together, each query's from its own fold, and compare."""
    metric, mean = (f"P@{ARTIST_K}", "micro") if column == "artist" else (f"P@{GENRE_K}", "macro")
    values = np.zeros(len(base.rows))
    for part, own in parts:
        values[own] = part.per_query[metric][own]
    head = replace(base, per_query={metric: values})
    base = replace(base, per_query={metric: base.per_query[metric]})
    compared = head.compare(base)[metric][mean]
    low, high = np.asarray(compared["ci"], np.float64).tolist()
    before, after = (float(np.asarray(r.summary()[metric][mean])) for r in (base, head))
    return Change(before, after, float(np.asarray(compared["diff"])), (low, high))
