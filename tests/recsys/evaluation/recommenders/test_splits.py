"""What every protocol holds out, and that none of it is in the training listens."""

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
        outer = split(interactions, artists, protocol, seed, share=share, user_seeds=(1, 3))
    except NothingHeldOut as error:
        assert protocol in str(error)
        return
    whole, train = stored(interactions.counts), stored(outer.train)
    held_out, seen = stored(outer.held_out), stored(outer.seen)
    assert train.shape == whole.shape
    assert not (train & ~whole).any()
    assert outer.held_out.shape == seen.shape == (len(outer.listeners), whole.shape[1])
    assert (np.diff(outer.listeners) > 0).all()
    assert held_out.any(axis=1).all()
    assert seen.any(axis=1).all()
    queries = whole[outer.listeners]
    assert not (held_out & ~queries).any()
    assert not (held_out & train[outer.listeners]).any()
    assert not (held_out & seen).any()
    assert not (held_out & ~outer.candidates).any()
    for history in outer.histories.values():
        assert not (stored(history) & ~(seen & queries)).any()
    expected = interactions.counts.toarray() * train
    assert (outer.train.toarray() == expected).all()  # counts are unchanged
    if interactions.times is not None:
        table = interactions.counts.copy()
        table.data = interactions.times.astype(np.float32)
        assert outer.train_times is not None
        assert (outer.train_times == table.toarray()[outer.train.nonzero()]).all()
    check_protocol(protocol, interactions, artists, outer)


def check_protocol(
    protocol: str, interactions: Interactions, artists: np.ndarray, outer: Split
) -> None:
    """What is particular to one protocol."""
    whole, train = stored(interactions.counts), stored(outer.train)
    held_out = stored(outer.held_out)
    if protocol in ("warm", "long-tail"):
        assert (stored(outer.seen) == train[outer.listeners]).all()
        if interactions.times is not None:
            table = interactions.counts.copy()
            table.data = interactions.times.astype(np.float32)
            times = table.toarray()[outer.listeners]
            latest = np.where(train[outer.listeners], times, -np.inf).max(axis=1)
            assert (np.where(held_out, times, np.inf).min(axis=1) >= latest).all()
    if protocol == "warm":
        assert outer.candidates.all()
        assert (held_out | train[outer.listeners] == whole[outer.listeners]).all()
        assert (outer.listeners == np.flatnonzero(whole.sum(axis=1) > 1)).all()
    if protocol == "long-tail":
        assert (outer.candidates == tail(outer.train)).all()
    if protocol.startswith("cold-item"):
        assert not train[:, outer.candidates].any()
        assert (train[:, ~outer.candidates] == whole[:, ~outer.candidates]).all()
        assert outer.candidates.any()
        assert not outer.candidates.all()
    if protocol == "cold-item-artist":
        both = np.intersect1d(artists[outer.candidates], artists[~outer.candidates])
        assert set(both) <= {-1}
    if protocol == "cold-user":
        assert not train[outer.listeners].any()
        one, three = (stored(outer.histories[n]) for n in ("1", "3"))
        assert (one.sum(axis=1) == 1).all()
        assert (three.sum(axis=1) == 3).all()
        assert not (one & ~three).any()
        assert (held_out | three == whole[outer.listeners]).all()
        others = np.setdiff1d(np.arange(len(whole)), outer.listeners)
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
    outer = split(listens, np.full(10, -1), "warm", 0)
    assert outer.held_out.indices.tolist() == [0, 1]


def test_the_tail_is_all_but_the_hits_of_a_third_of_the_listens() -> None:
    counts = np.zeros((6, 5))
    for track, n in enumerate([1, 5, 2, 2, 0]):
        counts[:n, track] = 1
    assert tail(sparse.csr_matrix(counts)).tolist() == [True, False, True, True, True]
    counts[:, :] = 1  # equally popular: none is in the tail more than another
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
