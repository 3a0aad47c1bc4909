"""Notations of keys, and which keys mix."""

from __future__ import annotations

from recsys.musical_key import KEYS, camelot, mixes_with, parse_key


def test_every_key_is_read_from_each_notation() -> None:
    for key in KEYS:
        tonic, mode = key.split()
        assert parse_key(key) == parse_key(camelot(key)) == key
        assert parse_key(f"{tonic}{'m' if mode == 'minor' else ''}") == key
    assert len({camelot(key) for key in KEYS}) == 24


def test_neighbours_on_the_wheel_mix_and_mixing_is_mutual() -> None:
    for key in KEYS:
        place, side = int(camelot(key)[:-1]), camelot(key)[-1]
        other = "B" if side == "A" else "A"
        places = {
            f"{place}{side}",
            f"{place}{other}",
            f"{place % 12 + 1}{side}",
            f"{(place - 2) % 12 + 1}{side}",
        }
        assert {camelot(one) for one in mixes_with(key)} == places
        assert all(key in mixes_with(one) for one in mixes_with(key))
