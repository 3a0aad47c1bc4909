"""What lists hide is what waveforms confirm, each pair compared once."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from encoders.errors import AudioError
from encoders.features import AudioInfo, TrackFeatures
from recsys.catalog import Catalog, ScannedFile, Tags, Track
from recsys.catalog.comparisons import joined, pair
from recsys.library.coherence import RATE
from recsys.library.comparing import compare_named_alike, named_alike

SECONDS = 12.0
MBID = "3c1a9ed0-1b1d-4f9c-8ab0-5d1f2f5a5d37"


def fill(catalog: Catalog, *tags: Tags, seconds: float = SECONDS) -> None:
    """Store tracks with ids 1, 2, ... and audio of their own, all analysed."""
    files = [
        ScannedFile(
            None,
            Path(f"/music/{n}"),
            1,
            1,
            AudioInfo(seconds + n / 10, 44_100, 2, "flac", f"{n:032}"),
            each,
        )
        for n, each in enumerate(tags, start=1)
    ]
    catalog.record_files(files)
    zeros = np.zeros((1, 2), np.float16)
    heard = TrackFeatures(np.zeros(1, np.float32), zeros, zeros, zeros[0])
    catalog.store_features("model", [(n, heard) for n in range(1, len(tags) + 1)])


class Player:
    """Plays waves by track id, equal seeds being copies, and counts how often."""

    def __init__(self, *seeds: int | None) -> None:
        self.seeds = seeds
        self.played: list[int] = []

    def __call__(self, track: Track) -> NDArray[np.float32]:
        self.played.append(track.id)
        seed = self.seeds[track.id - 1]
        if seed is None:
            raise AudioError("unreadable")
        n = int(SECONDS * RATE)
        return np.random.default_rng(seed).normal(size=n).astype(np.float32)


def test_movements_and_untitled_tracks_are_all_shown(catalog: Catalog) -> None:
    allegro = Tags("I. Allegro", "Quartetto", album="Quartets")
    fill(catalog, allegro, allegro, Tags("Untitled", "Ann"), Tags("Untitled", "Ann"))
    compare_named_alike(catalog, Player(1, 2, 3, 4))
    assert catalog.recording_groups() == {}


def test_an_identifier_on_three_songs_by_mistake_joins_none(catalog: Catalog) -> None:
    songs = (Tags(title, "Ann", recording_mbid=MBID) for title in ("Rain", "Sun", "Snow"))
    fill(catalog, *songs, Tags("Snow (live)", "Ann", recording_mbid=MBID))
    compare_named_alike(catalog, Player(1, 2, 3, 3))
    assert catalog.recording_groups() == {3: 3, 4: 3}


@pytest.mark.parametrize(
    "tags",
    [
        Tags("Rain", "Ann"),
        Tags("RAIN", "ann", album="Other"),
        Tags("Ploaie", "Ana", recording_mbid=MBID),
        Tags("Regen", "Anna", isrc="USPR36507810"),
    ],
)
def test_copies_are_joined_however_they_are_named_alike(catalog: Catalog, tags: Tags) -> None:
    fill(catalog, Tags("Rain", "Ann", recording_mbid=MBID, isrc="USPR36507810"), tags)
    compare_named_alike(catalog, Player(1, 1))
    assert catalog.recording_groups() == {1: 1, 2: 1}


def test_each_pair_is_compared_once_and_again_where_it_could_not_be(catalog: Catalog) -> None:
    fill(catalog, *(Tags("Rain", "Ann") for _ in range(3)))
    player = Player(1, 1, None)
    calls: list[tuple[int, int]] = []
    assert compare_named_alike(catalog, player, lambda *at: calls.append(at)) == 3
    assert calls == [(0, 3), (1, 3), (2, 3)]
    assert sorted(player.played) == [1, 2, 3]
    assert catalog.recording_groups() == {1: 1, 2: 1}
    again = Player(1, 1, 1)
    assert compare_named_alike(catalog, again) == 2  # with the third alone
    assert catalog.recording_groups() == {1: 1, 2: 1, 3: 1}
    assert compare_named_alike(catalog, Player()) == 0


def test_other_lengths_and_nameless_tracks_are_not_compared(catalog: Catalog) -> None:
    fill(catalog, Tags("", "Ann"), Tags("", "Ann"), Tags("Rain", ""), Tags("Rain", ""))
    assert list(named_alike(catalog.available_tracks())) == []


def test_of_many_tracks_of_one_name_the_nearest_lengths_are_compared(catalog: Catalog) -> None:
    fill(catalog, *[Tags("Untitled", "Ann")] * 60)
    named = list(named_alike(catalog.available_tracks()))
    assert all(abs((a.duration or 0) - (b.duration or 0)) <= 3 for a, b in named)
    assert 59 < len(named) <= 20 * 60


@given(st.dictionaries(st.tuples(st.integers(0, 6), st.integers(0, 6)), st.booleans()))
def test_nothing_is_joined_that_was_not_found_the_same(drawn: dict[tuple[int, int], bool]) -> None:
    known = {pair(str(a), str(b)): same for (a, b), same in drawn.items() if a != b}
    lowest = joined(known, {str(n): n for n in range(7)})
    groups: dict[int, list[int]] = {}
    for track_id, first in lowest.items():
        groups.setdefault(first, []).append(track_id)
    check: Callable[[int, int], bool] = lambda a, b: known[pair(str(a), str(b))]  # noqa: E731
    assert all(check(*two) for group in groups.values() for two in itertools.combinations(group, 2))
