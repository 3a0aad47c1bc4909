from __future__ import annotations

import threading

import pytest

from recsys.catalog.turns import NoTurn, Turns

LONG = 300.0  # s: longer than any test waits


def hold(turns: Turns, has: threading.Event, ends: threading.Event) -> None:
    with turns.turn():
        has.set()
        ends.wait()


def test_few_wait_long_and_the_others_give_up() -> None:
    turns = Turns(LONG, most_waiting=2)
    has, ends = threading.Event(), threading.Event()
    holder = threading.Thread(target=hold, args=(turns, has, ends))
    holder.start()
    has.wait()
    waiting = [threading.Thread(target=hold, args=(turns, has, ends)) for _ in range(2)]
    for thread in waiting:
        thread.start()
    while turns._n_waiting < 2:
        pass
    for _ in range(2):
        with pytest.raises(NoTurn), turns.turn():
            pass
    assert all(thread.is_alive() for thread in waiting)
    ends.set()
    for thread in (holder, *waiting):
        thread.join()
    with turns.turn():
        assert turns._n_waiting == 0


def test_all_wait_while_others_write() -> None:
    turns = Turns(LONG, most_waiting=0)
    done: list[int] = []

    def write(number: int) -> None:
        with turns.turn():
            done.append(number)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(50)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(done) == list(range(50))


def test_a_turn_that_fails_passes_on() -> None:
    turns = Turns(LONG, most_waiting=None)
    with pytest.raises(KeyError), turns.turn():
        raise KeyError
    with turns.turn():
        pass
