"""The gate: its figures against the evaluation's, its folds, and what it adopts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from encoders.head import Head
from recsys.evaluation.labels import LabelsError
from recsys.evaluation.retrieval import evaluate_retrieval
from recsys.interactions import Interactions
from recsys.training.head_validation import (
    REPEATS,
    WEIGHT,
    GateLabels,
    HeadGains,
    MeasuredChange,
    TooFewArtists,
    Verdict,
    cross_fit,
    folds,
    precisions,
)
from recsys.training.positives import artist_numbers, label_members, listener_members

N, DIM, N_TRAITS = 240, 12, 3


def library() -> tuple[np.ndarray, pd.DataFrame]:
    """Tracks of 80 artists and 4 genres: what tells artists apart is a small part of a vector."""
    rng = np.random.default_rng(0)
    artist = np.arange(N) // 3
    genre = artist % 4
    vectors = np.concatenate(
        [
            0.6 * rng.standard_normal((N, N_TRAITS))[artist],
            2.0 * np.eye(4)[genre] + 0.7 * rng.standard_normal((N, 4)),
            rng.standard_normal((N, DIM - N_TRAITS - 4)),
        ],
        axis=1,
    )
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    table = pd.DataFrame(
        {
            "artist": [f"artist {a}" for a in artist],
            "genre": [("rock|pop", "rock", "folk", "")[g] for g in genre],
        }
    )
    table.loc[3:4, "artist"] = ""  # two tracks of nobody
    table.loc[9, "artist"] = "artist 3|artist 4"
    return vectors.astype(np.float32), table


VECTORS, TABLE = library()
# Whom a good head would listen to: artists' traits, and genres.
GOOD = np.diag([2.0] * N_TRAITS + [1.5] * 4 + [0.2] * (DIM - N_TRAITS - 4)).astype(np.float32)
IDENTITY = np.eye(DIM, dtype=np.float32)


class Fixed:
    """A learner of one matrix, which remembers what it was shown, beside a rival of another."""

    def __init__(self, matrix: np.ndarray, rival: np.ndarray = IDENTITY) -> None:
        self.matrix, self.rival = matrix, rival
        self.shown: list[np.ndarray] = []

    def closed_form(self, rows: np.ndarray, shrinkages: Sequence[float]) -> list[Head]:
        self.shown.append(rows)
        head = Head("default", np.zeros(DIM, np.float32), self.matrix)
        return [head for _ in shrinkages]

    def whitening(self, rows: np.ndarray, shrinkage: float) -> Head:
        self.shown.append(rows)
        return Head("default", np.zeros(DIM, np.float32), self.rival)

    def refine(self, start: Head, rows: np.ndarray, seed: int) -> Iterator[Head]:
        self.shown.append(rows)
        return repeat(start)


def judge(matrix: np.ndarray, table: pd.DataFrame = TABLE) -> tuple[Verdict, Fixed]:
    learner = Fixed(matrix)
    return (
        cross_fit(VECTORS, GateLabels(table), learner, splits=4, seed=0, max_epochs=3),
        learner,
    )


def of_the_folds(vectors: np.ndarray) -> tuple[float, float]:
    """Artist P@5 and genre P@10, each track ranked among all."""
    artist = evaluate_retrieval(vectors, TABLE, "artist", [5], min_group=2)
    genre = evaluate_retrieval(vectors, TABLE, "genre", [10], exclude_same="artist")
    return float(artist.per_query["P@5"].mean()), genre.summary()["P@10"]["macro"]  # type: ignore[return-value]


def test_the_figures_are_those_of_the_evaluation() -> None:
    """A head that is the same in every fold ranks as one space does."""
    verdict, _ = judge(GOOD)
    artist, genre = of_the_folds(VECTORS)
    assert verdict.default.artist.baseline == pytest.approx(artist)
    assert verdict.default.genre
    assert verdict.default.genre.baseline == pytest.approx(genre)
    head = Head("default", np.zeros(DIM, np.float32), GOOD, WEIGHT)
    artist, genre = of_the_folds(head.join(VECTORS))
    assert verdict.default.artist.head == verdict.whitening.artist.head == pytest.approx(artist)
    assert verdict.default.genre.head == pytest.approx(genre)


def test_a_head_that_only_draws_together_what_it_was_trained_on_is_refused() -> None:
    class Memory(Fixed):
        def closed_form(self, rows: np.ndarray, shrinkages: Sequence[float]) -> list[Head]:
            inside = np.linalg.svd(VECTORS[rows], full_matrices=False)[2][:2]
            return [
                Head("default", np.zeros(DIM, np.float32), np.ascontiguousarray(inside.T))
                for _ in shrinkages
            ]

    shuffled = TABLE.assign(artist=np.random.default_rng(2).permutation(TABLE["artist"]))
    labels = GateLabels(shuffled)
    verdict = cross_fit(VECTORS, labels, Memory(GOOD), splits=4, seed=0, max_epochs=0)
    assert not verdict.adopted


def test_a_head_that_whitening_equals_is_refused() -> None:
    """Then the labels had no part in the gain."""
    rival = Fixed(GOOD, rival=GOOD)
    verdict = cross_fit(VECTORS, GateLabels(TABLE), rival, splits=4, seed=0, max_epochs=0)
    assert verdict.default.artist_rises
    assert verdict.default.genre_kept
    assert verdict.whitening.artist.diff == 0
    assert not verdict.adopted


def test_a_good_head_is_adopted_and_others_are_not() -> None:
    assert judge(GOOD)[0].adopted
    noise = np.random.default_rng(1).standard_normal((DIM, DIM)).astype(np.float32)
    for useless in (noise, np.eye(DIM, dtype=np.float32), np.zeros((DIM, 1), np.float32)):
        assert not judge(useless)[0].adopted


@pytest.mark.parametrize(
    ("artist", "genre", "adopted"),
    [
        ((0.01, 0.1), (-0.02, 0.01), True),  # genre may have fallen, but not beyond doubt
        ((0.01, 0.1), (-0.02, -0.001), False),
        ((0.0, 0.1), (0.01, 0.02), False),
        ((0.01, 0.1), None, True),
        ((8e-19, 0.1), (0.0, 0.01), False),  # rounding is no gain
        ((0.01, 0.1), (-0.02, -8e-19), True),  # nor a loss
    ],
)
def test_the_rule(artist: tuple[float, float], genre: tuple[float, float], adopted: bool) -> None:
    def change(ci: tuple[float, float]) -> MeasuredChange:
        return MeasuredChange(0.5, 0.5 + sum(ci) / 2, sum(ci) / 2, ci)

    gains, clear = HeadGains(change(artist), genre and change(genre)), change((0.1, 0.2))
    for verdict in (
        Verdict(5, (), gains, HeadGains(clear, clear)),
        Verdict(5, (), HeadGains(clear, clear), gains),
    ):
        assert verdict.adopted == adopted


def test_an_artists_tracks_are_dealt_over_the_folds_and_a_head_sees_none_of_its_own() -> None:
    artists = artist_numbers(TABLE)
    fold = folds(artists, 4, 0)
    assert np.ptp(np.bincount(fold)) <= 1
    for artist in np.unique(artists):
        counts = np.bincount(fold[artists == artist], minlength=4)
        assert np.ptp(counts) <= 1
    _, learner = judge(GOOD)
    training = [
        frozenset(np.flatnonzero(folds(artists, 4, seed) != number).tolist())
        for seed in range(REPEATS)
        for number in range(4)
    ]
    shown = [frozenset(rows.tolist()) for rows in learner.shown]
    assert set(training) <= set(shown)
    assert all(any(rows <= rest for rest in training) for rows in shown)


def test_precision_of_a_library_shorter_than_a_list() -> None:
    """What is not there is a miss."""
    table = pd.DataFrame({"artist": [f"{i // 2}" for i in range(24)]})
    labels = GateLabels(table)
    vectors = np.repeat(np.eye(12, dtype=np.float32), 2, axis=0)
    head = Head("default", np.zeros(12, np.float32), np.eye(12, dtype=np.float32))
    rows = np.arange(4)
    precision = precisions(vectors, labels, head, rows, rows, [0.0, 1.0])
    np.testing.assert_allclose(precision[..., 0], 1 / 5)
    assert not precision[..., 1].any()


def test_what_cannot_be_judged() -> None:
    few = TABLE.iloc[:24]
    with pytest.raises(TooFewArtists, match="two tracks or more: 6;"):
        GateLabels(few)
    together = TABLE.assign(artist=TABLE["artist"] + "|everybody")  # nobody is on their own
    with pytest.raises(TooFewArtists, match="two tracks or more: 1;"):
        GateLabels(together)
    with pytest.raises(LabelsError, match='no column "artist"'):
        GateLabels(TABLE[["genre"]])
    assert GateLabels(TABLE.assign(genre="rock")).genre is None
    assert judge(GOOD, TABLE[["artist"]])[0].default.genre is None


def test_labels_become_members() -> None:
    members = label_members(TABLE, "genre").toarray()
    expected = [
        [name in (genre.split("|") if genre else []) for name in ("folk", "pop", "rock")]
        for genre in TABLE["genre"]
    ]
    np.testing.assert_array_equal(members, np.array(expected, np.float32))


def test_companions_are_tracks_of_the_same_listeners() -> None:
    """Two circles of listeners, and one track that both play."""
    counts = np.zeros((6, 7), np.float32)
    counts[:3, :3], counts[3:, 3:6] = 2, 1
    counts[:, 6] = [1, 0, 0, 1, 0, 0]  # with each circle it shares one listener: too few
    listens = Interactions(np.arange(6), np.arange(10, 17), sparse.csr_matrix(counts))
    ids = np.array([10, 11, 12, 13, 14, 16, 99])  # 15 is not indexed, 99 nobody plays
    members = listener_members(listens, ids)
    alike = (members @ members.T).toarray() > 0
    expected = np.zeros((7, 7), bool)
    expected[:3, :3] = expected[3:5, 3:5] = True
    np.testing.assert_array_equal(alike & ~np.eye(7, dtype=bool), expected & ~np.eye(7, dtype=bool))
    nothing = listener_members(
        Interactions(np.arange(1), np.arange(2), sparse.csr_matrix((1, 2), dtype=np.float32)), ids
    )
    assert nothing.nnz == 0
