"""Values that are made anew: at once where that is quick, else meanwhile the last one is given."""

from __future__ import annotations

import threading
import time

import pytest

from recsys import renewed
from recsys.renewed import Renewed

PATIENCE = 30  # s


def test_quick_values_follow_their_key_at_once() -> None:
    made: list[int] = []
    numbers = Renewed[int, int](lambda key: made.append(key) or 10 * key)
    assert [tuple(numbers.of(key)) for key in (1, 1, 2, 2, 1)] == [
        (1, 10),
        (1, 10),
        (2, 20),
        (2, 20),
        (1, 10),
    ]
    assert made == [1, 2, 1]


def test_slow_values_are_made_meanwhile_the_last_one_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(renewed, "QUICK", 0.0)
    monkeypatch.setattr(renewed, "REST", 0.0)
    let, begun = threading.Event(), threading.Event()

    def make(key: int) -> int:
        if key > 1:
            begun.set()
            assert let.wait(PATIENCE)
        if key == 3:
            raise ValueError("it is damaged")
        return 10 * key

    numbers = Renewed[int, int](make)
    assert numbers.of(1).value == 10
    assert numbers.of(2).value == 10 and begun.wait(PATIENCE), "it does not wait"
    let.set()
    await_value(numbers, 2, 20)
    for _ in range(20):
        assert numbers.of(3) == (2, 20), "what fails leaves the last one"
    await_value(numbers, 4, 40)


def test_slow_values_rest_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewed, "QUICK", 0.0)
    monkeypatch.setattr(renewed, "REST", 1e9)
    numbers = Renewed[int, int](lambda key: 10 * key)
    assert [numbers.of(key).value for key in range(5)] == [0, 0, 0, 0, 0]


def test_the_first_value_fails_aloud() -> None:
    with pytest.raises(ZeroDivisionError):
        Renewed[int, float](lambda key: 1 / key).of(0)


def await_value(numbers: Renewed[int, int], key: int, value: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while numbers.of(key).value != value:
        assert time.monotonic() < deadline
        time.sleep(0.001)
