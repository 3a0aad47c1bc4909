"""What every protocol holds out, and that nothing of it is known in training."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from tastes import checkerboard, colours, of_counts

from recsys.evaluation.recommenders.splits import (
    PROTOCOLS,
    NothingHeldOut,
    Split,
    artist_groups,
    split,
    tail,
)
from recsys.interactions import Interactions

every_protocol = pytest.mark.parametrize("protocol", PROTOCOLS)


def stored(matrix: sparse.csr_matrix) -> np.ndarray:
    return np.asarray(matrix.toarray()) > 0


@st.composite
def listening(draw: st.DrawFn) -> tuple[Interactions, np.ndarray, int]:
    """Any listens, with times or without, artists of some tracks, and a seed."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = draw(st.tuples(st.integers(1, 12), st.integers(1, 15)))
    counts = rng.integers(0, 4, shape) * (rng.random(shape) < draw(st.floats(0, 1)))
    times = rng.integers(1, 30, shape) if draw(st.booleans()) else None
    artists = rng.integers(-1, draw(st.integers(1, 8)), shape[1])
    return of_counts(counts, times), artists, draw(st.integers(0, 9))


@every_protocol
@settings(deadline=None)
@given(data=listening(), share=st.floats(0.05, 0.95))
def test_nothing_leaks(
    protocol: str, data: tuple[Interactions, np.ndarray, int], share: float
) -> None:
    interactions, artists, seed = data
    try:
        made = split(interactions, artists, protocol, seed, share=share, user_seeds=(1, 3))
    except NothingHeldOut as error:
        assert protocol in str(error)
        return
    whole, train = stored(interactions.counts), stored(made.train)
    held_out, seen = stored(made.held_out), stored(made.seen)
    assert train.shape == whole.shape
    assert not (train & ~whole).any()
    assert made.held_out.shape == seen.shape == (len(made.listeners), whole.shape[1])
    assert (np.diff(made.listeners) > 0).all()
    assert held_out.any(axis=1).all()
    assert seen.any(axis=1).all()
    of_asked = whole[made.listeners]
    assert not (held_out & ~of_asked).any()
    assert not (held_out & train[made.listeners]).any()
    assert not (held_out & seen).any()
    assert not (held_out & ~made.candidates).any()
    for history in made.histories.values():
        assert not (stored(history) & ~(seen & of_asked)).any()
    kept = interactions.counts.toarray() * train
    assert (made.train.toarray() == kept).all()  # counts are what they were
    if interactions.times is not None:
        table = interactions.counts.copy()
        table.data = interactions.times.astype(np.float32)
        assert made.train_times is not None
        assert (made.train_times == table.toarray()[made.train.nonzero()]).all()
    check_protocol(protocol, interactions, artists, made)


def check_protocol(
    protocol: str, interactions: Interactions, artists: np.ndarray, made: Split
) -> None:
    """What is particular to one protocol."""
    whole, train = stored(interactions.counts), stored(made.train)
    held_out = stored(made.held_out)
    if protocol in ("warm", "long-tail"):
        assert (stored(made.seen) == train[made.listeners]).all()
        if interactions.times is not None:
            table = interactions.counts.copy()
            table.data = interactions.times.astype(np.float32)
            times = table.toarray()[made.listeners]
            latest = np.where(train[made.listeners], times, -np.inf).max(axis=1)
            assert (np.where(held_out, times, np.inf).min(axis=1) >= latest).all()
    if protocol == "warm":
        assert made.candidates.all()
        assert (held_out | train[made.listeners] == whole[made.listeners]).all()
        assert (made.listeners == np.flatnonzero(whole.sum(axis=1) > 1)).all()
    if protocol == "long-tail":
        assert (made.candidates == tail(made.train)).all()
    if protocol.startswith("cold-item"):
        assert not train[:, made.candidates].any()
        assert (train[:, ~made.candidates] == whole[:, ~made.candidates]).all()
        assert made.candidates.any()
        assert not made.candidates.all()
    if protocol == "cold-item-artist":
        both = np.intersect1d(artists[made.candidates], artists[~made.candidates])
        assert set(both) <= {-1}
    if protocol == "cold-user":
        assert not train[made.listeners].any()
        one, three = (stored(made.histories[n]) for n in ("1", "3"))
        assert (one.sum(axis=1) == 1).all()
        assert (three.sum(axis=1) == 3).all()
        assert not (one & ~three).any()
        assert (held_out | three == whole[made.listeners]).all()
        others = np.setdiff1d(np.arange(len(whole)), made.listeners)
        assert (train[others] == whole[others]).all()


@every_protocol
def test_a_seed_is_a_split(protocol: str) -> None:
    listens, artists = checkerboard(), colours().artists
    one, again, other = (
        split(listens, artists, protocol, seed, user_seeds=(1, 5)) for seed in (0, 0, 1)
    )
    assert (one.train != again.train).nnz == 0
    assert (one.held_out != again.held_out).nnz == 0
    assert (stored(one.train) != stored(other.train)).any()


def test_the_latest_are_held_out() -> None:
    listens = of_counts(np.ones((1, 10)), np.arange(10, 0, -1)[None])
    made = split(listens, np.full(10, -1), "warm", 0)
    assert made.held_out.indices.tolist() == [0, 1]


def test_the_tail_is_all_but_the_hits_of_a_third_of_the_listens() -> None:
    counts = np.zeros((6, 5))
    for track, n in enumerate([1, 5, 2, 2, 0]):
        counts[:n, track] = 1
    assert tail(sparse.csr_matrix(counts)).tolist() == [True, False, True, True, True]
    counts[:, :] = 1  # equally heard: none is in the tail more than another
    assert not tail(sparse.csr_matrix(counts)).any()


def test_unknown_artists_are_each_one_of_its_own() -> None:
    groups = artist_groups(np.array([4, -1, 4, -1, 2]))
    assert groups[0] == groups[2]
    assert len(np.unique(groups)) == 4
    assert artist_groups(np.array([], np.int64)).size == 0


def test_what_is_asked_wrongly() -> None:
    listens, artists = checkerboard(), colours().artists
    with pytest.raises(ValueError, match="one of warm"):
        split(listens, artists, "hot", 0)
    with pytest.raises(ValueError, match="between 0 and 1"):
        split(listens, artists, "warm", 0, share=1.0)
    with pytest.raises(ValueError, match="at least 1"):
        split(listens, artists, "cold-user", 0, user_seeds=(0,))
