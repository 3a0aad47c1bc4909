from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.catalog.search import WordIndex, fold

TRACKS = [
    (1, "Nina Simone Sinnerman", "Pastel Blues jazz"),
    (2, "Nina Simone Feeling Good", "I Put a Spell on You jazz"),
    (3, "Björk It's Oh So Quiet", "Post art pop"),
    (4, "Motörhead Ace of Spades", "Ace of Spades rock"),
    (5, "AC/DC Thunderstruck", "The Razors Edge rock"),
    (6, "久石譲 もののけ姫メインテーマ", "サウンドトラック"),
    (7, "Simon & Garfunkel The Boxer", "folk rock"),
    (12, "Nina Simone Sinnerman", "Live jazz"),
]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("nina simone sinnerman", [1, 12]),
        ("simone sinerman", [1, 12]),
        ("SINNERMAN, Nina Simone!", [1, 12]),
        ("nina simone sinnerman pastel blues", [1]),
        ("bjork its oh so quiet", [3]),
        ("motorhead", [4]),
        ("ac dc", [5]),
        ("acdc thunderstruck", [5]),
        ("もののけ姫", [6]),
        ("garf", [7]),
        ("rock", [5, 4, 7]),
        ("qwertz zuiop", []),
        ("", []),
        ("?!", []),
    ],
)
def test_search(words: str, wanted: list[int]) -> None:
    found = WordIndex(TRACKS).search(words, 10)
    assert found[: len(wanted)] == wanted
    assert bool(found) == bool(wanted)


def test_the_limit_keeps_the_best() -> None:
    index = WordIndex(TRACKS)
    for limit in range(6):
        assert index.search("nina simone", limit) == index.search("nina simone", 10)[:limit]


def test_without_tracks_or_words_in_them_nothing_is_found() -> None:
    assert WordIndex([]).search("nina", 5) == []
    assert WordIndex([(1, "?", ""), (2, "Nina", "")]).search("nina", 5) == [2]


@given(st.text(), st.text())
def test_any_text_can_be_searched_for_and_in(text: str, words: str) -> None:
    found = WordIndex([(3, text, "")]).search(text, 5)
    assert found == ([3] if fold(text[:200]) else [])
    assert WordIndex([(3, text, "")]).search(words, 5) in ([], [3])


def test_folding() -> None:
    assert fold("Björk – It's Oh So Quiet") == "bjork its oh so quiet"
    assert fold("Sigur Rós: Ágætis byrjun / Straße, Mø") == "sigur ros agaetis byrjun strasse mo"
