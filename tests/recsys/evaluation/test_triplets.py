"""Odd one out: a system against votes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from encoders.features import AudioInfo
from recsys.catalog import Catalog, ScannedFile, Tags
from recsys.evaluation.labels import LabelsError
from recsys.evaluation.triplets import Triplets, agreement, odd_ones, read_triplets, summarise

HEAD = "a,b,c,votes_a,votes_b,votes_c\n"
KNOWN = np.array([1, 2, 3, 4])


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    scanned_files = [
        ScannedFile(
            None, tmp_path / f"{i}.mp3", 1, 1, AudioInfo(9, 8000, 1, "mp3", str(i)), Tags(str(i))
        )
        for i in range(1, 5)
    ]
    with Catalog(tmp_path / "home") as catalog:
        catalog.record_files(scanned_files)
        yield catalog


def read(catalog: Catalog, rows: str) -> Triplets:
    path = catalog.home.parent / "triplets.csv"
    path.write_text(HEAD + rows)
    return read_triplets(path, catalog, KNOWN)


def unit(rows: list[list[float]]) -> np.ndarray:
    vectors = np.array(rows)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_triplets_are_read(catalog: Catalog) -> None:
    triplets = read(
        catalog,
        "1.mp3,2.mp3,3.mp3,0,1,2\n"
        "1.mp3,2.mp3,nowhere.mp3,0,1,2\n"
        "1.mp3,3.mp3,4.mp3,0,0,0\n"
        "2.mp3,3.mp3,1.mp3,1,1,0\n",
    )
    assert triplets.ids.tolist() == [[1, 2, 3], [2, 3, 1]]
    assert triplets.votes.tolist() == [[0, 1, 2], [1, 1, 0]]
    assert triplets.n_left_out == 2
    assert triplets.clear.tolist() == [True, False]
    assert len(set(triplets.groups)) == 1  # the same three clips
    assert len(triplets.among([1, 2, 3]).ids) == 2
    with pytest.raises(LabelsError, match="that all systems know"):
        triplets.among([1, 2])


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ("1.mp3,2.mp3,3.mp3,0,one,2\n", "whole numbers"),
        ("1.mp3,2.mp3,3.mp3,0,1.5,2\n", "whole numbers"),
        ("1.mp3,2.mp3,3.mp3,0,,2\n", "whole numbers"),
        ("1.mp3,2.mp3,3.mp3,0,-1,2\n", "negative"),
        ("1.mp3,2.mp3,3.mp3,0,1,2\n1.mp3,2.mp3,1.mp3,0,1,2\n", "Line 3"),
        ("5.mp3,2.mp3,3.mp3,0,1,2\n", "No triplet"),
    ],
)
def test_triplets_are_refused(catalog: Catalog, rows: str, sentence: str) -> None:
    with pytest.raises(LabelsError, match=sentence):
        read(catalog, rows)


def test_a_missing_column_is_named(catalog: Catalog) -> None:
    path = catalog.home.parent / "triplets.csv"
    path.write_text("a,b,c,votes_a,votes_b\n")
    with pytest.raises(LabelsError, match='no column "votes_c"'):
        read_triplets(path, catalog, KNOWN)


def test_the_odd_one_is_not_in_the_most_similar_pair() -> None:
    vectors = unit([[1, 0], [1, 0.1], [0, 1], [1, 1]])
    ids = np.array([[1, 2, 3], [3, 1, 2], [1, 3, 2], [4, 3, 1]])
    triplets = Triplets(ids, np.ones((4, 3), np.int64))
    row = {1: 0, 2: 1, 3: 2, 4: 3}
    odd = odd_ones(triplets, row, vectors)
    for clips, place in zip(ids.tolist(), odd.tolist(), strict=True):
        pairs = {
            i: float(np.delete(vectors[[row[c] for c in clips]], i, axis=0).prod(axis=0).sum())
            for i in range(3)
        }
        assert pairs[place] == max(pairs.values())
    assert odd.tolist()[:3] == [2, 0, 1]


def test_agreement() -> None:
    triplets = Triplets(
        np.array([[1, 2, 3], [1, 2, 4], [2, 3, 4], [1, 3, 4]]),
        np.array([[3, 1, 0], [0, 2, 2], [0, 0, 5], [1, 0, 3]]),
    )
    got = agreement(triplets, np.array([0, 1, 2, 0]))
    assert got["majority"].tolist() == [1, 1, 0]
    assert got["votes"].tolist() == [0.75, 0.5, 1.0, 0.25]
    figures = summarise(triplets, np.array([0, 1, 2, 0]))
    assert figures["majority"]["mean"] == pytest.approx(2 / 3)
    assert figures["majority"]["n"] == 3
    assert figures["majority"]["ceiling"] == 1
    assert figures["votes"]["mean"] == pytest.approx(0.625)
    assert figures["votes"]["ceiling"] == pytest.approx((0.75 + 0.5 + 1 + 0.75) / 4)
    perfect = summarise(triplets, triplets.votes.argmax(axis=1))
    assert perfect["majority"]["mean"] == 1
    assert perfect["votes"]["mean"] == perfect["votes"]["ceiling"]
    better = summarise(triplets, triplets.votes.argmax(axis=1), np.array([0, 1, 2, 0]))
    assert better["votes"]["diff"] == pytest.approx(0.125)
    with pytest.raises(ValueError, match=r"wanted shape \(4,\)"):
        agreement(triplets, np.array([0]))


def test_without_a_clear_judgement_only_votes_count() -> None:
    triplets = Triplets(np.array([[1, 2, 3]]), np.array([[1, 1, 0]]))
    assert list(summarise(triplets, np.array([0]))) == ["votes"]


def test_chance_is_a_third() -> None:
    rng = np.random.default_rng(0)
    ids = np.stack([rng.choice(500, 3, replace=False) for _ in range(3000)])
    votes = rng.multinomial(5, [0.6, 0.3, 0.1], 3000)
    vectors = unit(rng.standard_normal((500, 40)).tolist())
    figures = summarise(
        Triplets(ids, votes),
        odd_ones(Triplets(ids, votes), {i: i for i in range(500)}, vectors),
    )
    for measure in ("majority", "votes"):
        assert figures[measure]["mean"] == pytest.approx(figures[measure]["chance"], abs=0.03)
