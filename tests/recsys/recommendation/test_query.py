"""What may be asked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from recsys.recommendation.query import Query, Seed


@pytest.mark.parametrize("name", ["discovery", "consistency", "diversity", "randomness"])
@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_controls_go_from_0_to_1(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name}: wanted a number from 0 to 1, got {value}"):
        Query(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"artist_cap": 0}, "artist_cap: wanted a number of at least 1, got 0"),
        ({"album_cap": -1}, "album_cap: wanted a number of at least 1, got -1"),
        ({"artist_spacing": -1}, "artist_spacing: wanted a number of at least 0, got -1"),
        ({"seed": -1}, "seed: wanted a number of at least 0, got -1"),
        ({"min_duration": -1}, "min_duration: wanted seconds of at least 0, got -1"),
        ({"min_duration": 9, "max_duration": 8}, "max_duration: wanted at least min_duration, 9"),
        ({"exclude_artists": "Ada"}, "exclude_artists: wanted several, got one text"),
    ],
)
def test_what_means_nothing_is_refused(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Query(**arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ("track", "7"),
        ("track", True),
        ("artist", 7),
        ("tag", " "),
        ("tag", "jazz", 0.0),
        ("tag", "jazz", float("inf")),
        ("sound", "a.mp3"),
        ("track", 7, 1.0, np.ones(2)),
    ],
)
def test_a_seed_that_means_nothing_is_refused(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match="wanted"):
        Seed(*arguments)


def test_equal_questions_are_equal() -> None:
    assert Query.like([1], artist_cap=2) == Query(seeds=(Seed("track", 1),), artist_cap=2)
    assert Query.like([1]) != Query.like([], unlike=[1])


@pytest.mark.parametrize(
    "weight", [0.0, -0.0, 1e-320, -5e-324, 9e-7, 1e7, float("inf"), float("-inf"), float("nan")]
)
def test_a_weight_stays_where_scores_are_numbers(weight: float) -> None:
    with pytest.raises(ValueError, match=r"weight of 7: wanted a number from 0\.000001 to 1000000"):
        Seed("track", 7, weight)
