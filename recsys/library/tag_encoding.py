"""Decide in which encoding the undeclared tags of a library are written.

ID3v1, ID3v2 that says Latin-1, RIFF INFO and AIFF chunks hold the bytes of whatever system wrote
them. Few words of one file say little about their encoding; those of a whole library say much. So
it is decided for the library: once for files whose words look like a Latin alphabet's, which have
Latin letters between the others, and once for all others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from recsys.library.cue_sheets import Value
from recsys.listens.text_encoding import detected

WESTERN = "cp1252"
_LATIN = (WESTERN, "cp1250", "cp1254")
_LETTERS = frozenset("ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿŠšŒœŽžŸ")
_SIGNS = frozenset("’‘“”„‚–—…•«»¡¿°©®™´·½¼¾²³¹ªº§£€ ")
_BETWEEN = frozenset("’‘´-­")  # signs that may stand within a word
_WORD = re.compile(r"[^\s\d!-,./:-@\[-`{-~]+")
_CASES = re.compile("[a-zà-öø-ÿ][À-ÖØ-Þ]")  # a capital within a word: "åÁ"
_MOST_ACCENTS = 0.5  # of the letters of all words that have any
_FEWEST_LATIN = 8  # values, below which accents do not tell Windows-1250 from Windows-1252
_FEWEST_BYTES = 4  # above 127


class Encodings(NamedTuple):
    """The codecs of a library's undeclared tags: of words in Latin letters, and of others."""

    latin: str = WESTERN
    other: str = WESTERN

    def of(self, values: Iterable[bytes]) -> str:
        """Return the codec of one file's values."""
        return self.latin if looks_latin(values) else self.other


UNDECIDED = Encodings()  # before any tag was read


def decode(value: Value, codec: str) -> str:
    """Return a value as text. A character that ends in the middle, as in ID3v1, is left out."""
    return value if isinstance(value, str) else value.decode(codec, "replace").rstrip("\ufffd")


def decide(files: Iterable[Sequence[bytes]]) -> Encodings:
    """Return the codecs of a library, from the undeclared values of its files."""
    latin: list[bytes] = []
    other: list[bytes] = []
    for values in files:
        (latin if looks_latin(values) else other).extend(values)
    n_strange = sum(byte > 127 for value in set(other) for byte in value)
    return Encodings(
        detected(latin, _LATIN) if len(set(latin)) >= _FEWEST_LATIN else WESTERN,
        detected(other) if n_strange >= _FEWEST_BYTES else WESTERN,
    )


def looks_latin(values: Iterable[bytes]) -> bool:
    """Say whether words look like those of a language in Latin letters, read as Windows-1252.

    >>> looks_latin(["Beyoncé".encode("cp1252")]), looks_latin(["Кино".encode("cp1251")])
    (True, False)
    >>> looks_latin(["テスト".encode("cp932")])
    False
    """
    accents = letters = 0
    for value in values:
        text = value.decode(WESTERN, "replace")
        for word in _WORD.findall(text):
            strange = [character for character in word if not character.isascii()]
            if not strange:
                continue
            if not _LETTERS.issuperset(set(strange) - _SIGNS) or _CASES.search(word):
                return False
            inner = set(word[1:-1]) & _SIGNS - _BETWEEN
            if inner:
                return False
            accented = sum(character in _LETTERS for character in strange)
            if accented and len(word) > 1:
                accents += accented
                letters += sum(character.isalpha() for character in word)
    return accents <= _MOST_ACCENTS * letters
