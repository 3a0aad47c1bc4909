"""Learning a head: the closed form by known answers, mining by the library's own miner."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from pytorch_metric_learning.miners import TripletMarginMiner
from scipy import sparse

from encoders.head_training import (
    LOSSES,
    MARGIN,
    HeadTrainer,
    Relation,
    TrainingData,
    alike_in,
    segment_relation,
    semi_hard,
    unit_distances,
    within_scatter,
)

N, DIM, N_SEGMENTS = 60, 6, 2
ROWS = np.arange(0, 40)


def one_hot(labels: np.ndarray) -> sparse.csr_matrix:
    return sparse.csr_matrix(np.eye(labels.max() + 1, dtype=np.float32)[labels])


def made(**weights: float) -> TrainingData:
    """Tracks of 20 artists, spread widely where those of one artist differ."""
    rng = np.random.default_rng(0)
    artist = np.arange(N) // 3
    spread = np.array([3, 2, 1, 0.1, 0.1, 0.1])
    vectors = rng.standard_normal((N, DIM))[artist] + spread * rng.standard_normal((N, DIM))
    parts = np.repeat(vectors, N_SEGMENTS, axis=0) + 0.3 * rng.standard_normal((2 * N, DIM))
    named = {"artist": one_hot(artist), "genre": one_hot(artist % 2)}
    relations = [
        segment_relation(N, weight) if name == "segments" else Relation(name, named[name], weight)
        for name, weight in weights.items()
    ]
    return TrainingData(
        "projection",
        vectors.astype(np.float32),
        (parts.astype(np.float32), np.repeat(np.arange(N), N_SEGMENTS)),
        tuple(relations),
        artist,
    )


def within(data: TrainingData, x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The pooled covariance about the classes' means, by a loop."""
    scatter, dof = np.zeros((x.shape[1], x.shape[1])), 0
    for label in np.unique(labels):
        rows = x[labels == label]
        for row in rows:
            scatter += np.outer(row - rows.mean(axis=0), row - rows.mean(axis=0))
        dof += len(rows) - 1
    return scatter / dof


def test_the_closed_form_whitens_what_artists_and_segments_differ_in() -> None:
    data = made(artist=1.0, segments=0.5)
    (head,) = HeadTrainer(data, "triplet").closed_form(ROWS, [1e-9])
    mapped = (data.vectors - head.mean) @ head.matrix
    artists = within(data, mapped[ROWS], data.groups[ROWS])
    parts, owners = data.segments[0] @ head.matrix, data.segments[1]
    known = np.isin(owners, ROWS)
    together = (1.0 * artists + 0.5 * within(data, parts[known], owners[known])) / 1.5
    np.testing.assert_allclose(together, together[0, 0] * np.eye(DIM), atol=1e-4 * together[0, 0])
    np.testing.assert_allclose(head.mean, data.vectors[ROWS].mean(axis=0), atol=1e-5)


def test_shrunk_wholly_or_without_labels_a_head_leaves_directions_alone() -> None:
    (whole,) = HeadTrainer(made(artist=1.0), "triplet").closed_form(ROWS, [1.0])
    (nothing,) = HeadTrainer(made(), "triplet").closed_form(ROWS, [0.1])
    for head in (whole, nothing):
        np.testing.assert_allclose(head.matrix, np.eye(DIM), atol=1e-5)


def test_whitening_without_labels_leaves_no_direction_larger_than_another() -> None:
    data = made(artist=1.0)
    head = HeadTrainer(data, "triplet").whitening(ROWS, 1e-9)
    mapped = (data.vectors[ROWS] - head.mean) @ head.matrix
    covariance = np.cov(mapped.T)
    np.testing.assert_allclose(covariance, covariance[0, 0] * np.eye(len(covariance)), atol=1e-3)


def test_scatter_of_tracks_with_several_labels_counts_in_each() -> None:
    rng = np.random.default_rng(1)
    x, members = rng.standard_normal((12, 3)), (rng.random((12, 4)) < 0.5).astype(np.float32)
    members[:, 3] = np.eye(12)[0]  # a label of one track says nothing
    expected, dof = np.zeros((3, 3)), 0
    for label in range(4):
        rows = x[members[:, label] > 0]
        expected += (rows - rows.mean(axis=0)).T @ (rows - rows.mean(axis=0))
        dof += len(rows) - 1
    scatter, degrees = within_scatter(x, sparse.csr_matrix(members))
    np.testing.assert_allclose(scatter, expected, atol=1e-10)
    assert degrees == dof


@pytest.mark.parametrize("loss", LOSSES)
def test_training_is_repeatable_and_blind_to_other_rows(loss: str, device: str) -> None:
    data = made(artist=1.0, genre=0.5, segments=0.3)
    others = np.setdiff1d(np.arange(N), ROWS)
    vectors, parts = data.vectors.copy(), data.segments[0].copy()
    vectors[others] = parts[np.isin(data.segments[1], others)][: len(others)] = 7
    parts[np.isin(data.segments[1], others)] = -7
    blind = replace(data, vectors=vectors, segments=(parts, data.segments[1]))

    def trained(data: TrainingData, seed: int) -> np.ndarray:
        learner = HeadTrainer(data, loss, device)
        (start,) = learner.closed_form(ROWS, [0.2])
        return next(islice(learner.refine(start, ROWS, seed), 2, None)).matrix

    first = trained(data, 0)
    (start,) = HeadTrainer(data, loss).closed_form(ROWS, [0.2])
    assert not np.array_equal(first, start.matrix)
    np.testing.assert_array_equal(first, trained(data, 0))
    np.testing.assert_array_equal(first, trained(blind, 0))
    assert not np.array_equal(first, trained(data, 1))


@pytest.mark.parametrize("loss", LOSSES)
def test_training_draws_what_is_alike_together(
    loss: str, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the plain axes, where artists' tracks lie far apart."""
    monkeypatch.setattr("encoders.head_training.LEARNING_RATE", 0.02)
    data = made(artist=1.0)
    learner = HeadTrainer(data, loss, device)
    (start,) = learner.closed_form(ROWS, [1.0])
    trained = next(islice(learner.refine(start, ROWS, 0), 29, None))

    def contrast(vectors: np.ndarray) -> float:
        cosines = vectors @ vectors.T
        same = (data.groups[ROWS, None] == data.groups[ROWS]) & ~np.eye(len(ROWS), dtype=bool)
        return float(cosines[same].mean() - cosines[~same].mean())

    before, after = (contrast(head.apply(data.vectors[ROWS])) for head in (start, trained))
    assert after > before + 0.02


def test_semi_hard_triplets_are_those_of_the_librarys_miner() -> None:
    rng = np.random.default_rng(2)
    outputs = torch.nn.functional.normalize(torch.from_numpy(rng.standard_normal((30, 4))))
    labels = torch.from_numpy(rng.integers(0, 6, 30))
    alike = labels[:, None] == labels
    pairs = (alike & ~torch.eye(30, dtype=torch.bool)).nonzero(as_tuple=True)
    ours = semi_hard(unit_distances(outputs), alike, pairs)
    expected = TripletMarginMiner(MARGIN, "semihard")(outputs, labels)
    chosen, wanted = ({tuple(t) for t in torch.stack(list(x)).T.tolist()} for x in (ours, expected))
    assert wanted
    assert chosen == wanted


def test_alike_in_a_batch() -> None:
    members = sparse.csr_matrix(np.array([[1, 0], [1, 1], [0, 1], [0, 0]], np.float32))
    alike = alike_in(members, np.array([0, 1, 2, 3]))
    expected = np.array([[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]], bool)
    np.testing.assert_array_equal(alike, expected)


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="wanted a loss out of"):
        HeadTrainer(made(), "magic")
    data = made(artist=1.0)
    mixed = replace(data, segments=(data.segments[0], data.segments[1][::-1].copy()))
    learner = HeadTrainer(mixed, "triplet")
    (start,) = learner.closed_form(ROWS, [0.2])
    with pytest.raises(ValueError, match="ascending"):
        next(learner.refine(start, ROWS, 0))
