"""Fuzzy search of tracks by words of their metadata."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable

import numpy as np
from rapidfuzz import fuzz, process

from index.arrays import Float32Array

# Similarities are rapidfuzz's: 0 to 100. One wrong letter of five gives 80, of four 75.
WORD_SIMILARITY = 78.0
PREFIX_SIMILARITY = 85.0
MAX_QUERY = 200  # characters
MATCH = 65.0  # least mean similarity of a query's words, weighted by their lengths

_WORD = re.compile(r"[^\W_]+")
_APOSTROPHE = re.compile("['’`]")
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i"})


def fold(text: str) -> str:
    """Normalize text for comparison: lower case, no accents or punctuation, single spaces.

    >>> fold("Björk – It's Oh So Quiet")
    'bjork its oh so quiet'
    """
    text = text.casefold()
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text).casefold().translate(_LETTERS)
        text = "".join(c for c in text if not unicodedata.combining(c))
    return " ".join(_WORD.findall(_APOSTROPHE.sub("", text)))


class WordIndex:
    """An in-memory index of the words of all tracks.

    Every distinct word is compared with every word of a query once; a track's score for a word is
    that of its best matching word.
    """

    def __init__(self, texts: Iterable[tuple[int, str, str]]) -> None:
        """Index (id, name, other text) of each track, by id; a name is artist and title."""
        ids: list[int] = []
        numbers: dict[str, int] = {}  # of the distinct words
        occurrences: list[int] = []
        starts: list[int] = []
        self._names: list[str] = []
        for track_id, name, other in texts:
            folded = fold(name)
            words = dict.fromkeys(f"{folded} {fold(other)}".split())
            if not words:
                continue
            ids.append(track_id)
            self._names.append(folded)
            starts.append(len(occurrences))
            occurrences.extend(numbers.setdefault(word, len(numbers)) for word in words)
        self._ids = np.array(ids, np.int64)  # (n_tracks,)
        self._words = list(numbers)  # (n_words,)
        self._sorted = sorted(numbers)
        self._numbers = np.array([numbers[word] for word in self._sorted], np.int64)
        self._occurrences = np.array(occurrences, np.int64)  # word numbers, track after track
        self._starts = np.array(starts, np.int64)  # (n_tracks,) into the occurrences

    def search(self, words: str, limit: int) -> list[int]:
        """Return the ids of at most `limit` tracks, best first; empty where nothing matches."""
        query = fold(words[:MAX_QUERY]).split()
        if not query or not self._names or limit < 1:
            return []
        scores = np.average(
            [self._best(word) for word in query], axis=0, weights=[len(word) for word in query]
        )
        wanted = min(limit, len(scores))
        threshold = max(MATCH, float(np.partition(scores, -wanted)[-wanted]))
        matches = np.flatnonzero(scores >= threshold)
        phrase = " ".join(query)
        closeness = [fuzz.token_sort_ratio(phrase, self._names[i]) for i in matches]
        order = np.lexsort((self._ids[matches], -np.array(closeness), -scores[matches]))
        return [int(i) for i in self._ids[matches[order]]][:limit]

    def _best(self, word: str) -> Float32Array:
        """Return each track's best similarity to one word, float32 (n_tracks,)."""
        similarity = process.cdist(
            [word], self._words, scorer=fuzz.ratio, score_cutoff=WORD_SIMILARITY
        )[0]
        begin = bisect_left(self._sorted, word)
        end = bisect_right(self._sorted, word, begin, key=lambda other: other[: len(word)])
        longer = self._numbers[begin:end]  # of the words that begin so
        if not word.isascii():  # scripts written without spaces
            longer = np.array([i for i, other in enumerate(self._words) if word in other], np.int64)
        similarity[longer] = np.maximum(similarity[longer], PREFIX_SIMILARITY)
        return np.maximum.reduceat(similarity[self._occurrences], self._starts)
