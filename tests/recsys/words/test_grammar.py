"""How queries by words are taken apart."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.musical_key import KEYS
from recsys.words.grammar import Likeness, Phrase, WantedKeys, parse


@pytest.mark.parametrize(
    ("query", "wanted", "unwanted"),
    [
        ("calm solo piano", "calm solo piano", ""),
        ("piano without vocals", "piano", "vocals"),
        ("jazz without drums or vocals", "jazz", "drums or vocals"),
        ("classical but not calm", "classical", "calm"),
        ("no guitar, synths", "synths", "guitar"),
        ("less vocals", "", "vocals"),
        ("rock and roll", "rock and roll", ""),
        ("without drums but with choir", "choir", "drums"),
        ("piano, nothing", "piano nothing", ""),
    ],
)
def test_negation_lasts_until_a_comma_or_but(query: str, wanted: str, unwanted: str) -> None:
    words: dict[bool, list[str]] = {True: [], False: []}
    for phrase in parse(query).phrases:
        words[phrase.negated] += phrase.words
    assert (words[False], words[True]) == (wanted.split(), unwanted.split())


@pytest.mark.parametrize(
    ("query", "quantity", "low", "high"),
    [
        ("around 120 bpm", "bpm", 112.8, 127.2),
        ("120 bpm", "bpm", 112.8, 127.2),
        ("between 100 and 120 bpm", "bpm", 100, 120),
        ("140-150 BPM", "bpm", 140, 150),
        ("slower than 90 bpm", "bpm", 0, 90),
        ("at least 140 beats per minute", "bpm", 140, math.inf),
        ("from the 70s", "year", 1970, 1979),
        ("1970s", "year", 1970, 1979),
        ("70's", "year", 1970, 1979),
        ("from the late seventies", "year", 1970, 1979),
        ("00s", "year", 2000, 2009),
        ("from 1975", "year", 1975, 1975),
        ("between 1970 and 1974", "year", 1970, 1974),
        ("from 1974 to 1970", "year", 1970, 1974),
        ("before 1980", "year", 0, 1979),
        ("since 1990", "year", 1990, math.inf),
        ("around 1984", "year", 1982, 1986),
        ("under 4 minutes", "minutes", 0, 4),
        ("longer than 10 min", "minutes", 10, math.inf),
    ],
)
def test_numbers(query: str, quantity: str, low: float, high: float) -> None:
    for text in (query, f"calm {query} piano"):
        parsed = parse(text)
        (found,) = parsed.ranges
        assert (found.quantity, found.low, found.high) == (quantity, low, high)
        assert [word for phrase in parsed.phrases for word in phrase.words] == (
            text.replace(query, "").split()
        )


def test_a_number_alone_is_a_word() -> None:
    assert parse("blink 182").phrases == [Phrase(("blink", "182"))]


@pytest.mark.parametrize(
    ("query", "likenesses", "words"),
    [
        ("like Nina Simone but faster", [Likeness("nina simone")], ["faster"]),
        ("calm, like The Beatles without vocals", [Likeness("the beatles")], ["calm", "vocals"]),
        ("unlike ABBA", [Likeness("abba", negated=True)], []),
        ("not like ABBA, similar to Bix", [Likeness("abba", negated=True), Likeness("bix")], []),
        ("sounds like Earth, piano", [Likeness("earth")], ["piano"]),
    ],
)
def test_likeness(query: str, likenesses: list[Likeness], words: list[str]) -> None:
    parsed = parse(query)
    assert parsed.likenesses == likenesses
    assert [word for phrase in parsed.phrases for word in phrase.words] == words


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        ("in c# minor", ("C# minor",)),
        ("d minor", ("D minor",)),
        ("in the key of a major", ("A major",)),
        ("in b flat minor", ("Bb minor",)),
        ("8a", ("A minor",)),
        ("in a minor key", tuple(key for key in KEYS if key.endswith("minor"))),
        ("major", tuple(key for key in KEYS if key.endswith("major"))),
    ],
)
def test_keys_are_told_apart_from_words(words: str, keys: tuple[str, ...]) -> None:
    parsed = parse(f"piano {words}")
    assert parsed.keys == [WantedKeys(keys, words)]
    assert parsed.phrases == [Phrase(("piano",))]


@given(st.text(max_size=300))
def test_any_text_is_a_query(text: str) -> None:
    parse(text)
