"""Which words of a phrase a text–audio model is asked, and which stay tags."""

from __future__ import annotations

import pytest

from recsys.words.grammar import parse
from recsys.words.text_audio import take_text

OWN = {"sunday", "late night drive"}


@pytest.mark.parametrize(
    ("query", "text", "left"),
    [
        ("calm solo piano for late evening", "calm solo piano for late evening", ""),
        ("Café R&B, Drum'n'Bass", "café r&b", ""),
        ("calm sunday piano", "calm piano", "sunday"),
        ("late night drive with no drums", "", "late night drive"),
        ("sunday", "", "sunday"),
        ("something faster and dark", "something and dark", "faster"),
        ("dark and without vocals", "dark", ""),
        ("some of the music", "", "some of the music"),
    ],
)
def test_what_is_asked(query: str, text: str, left: str) -> None:
    phrase = parse(query).phrases[0]
    asked, rest = take_text(phrase, OWN)
    assert (asked, " ".join(rest.words), rest.negated) == (text, left, phrase.negated)
