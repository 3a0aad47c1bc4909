"""From words to tags: by name, by stem, by a list of words with their tags, by a text encoder."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from index.arrays import Float32Array
from recsys.words.encoder import TextEncoder
from recsys.words.grammar import FILLERS, Phrase
from recsys.words.thesaurus import COMPARATIVES, THESAURUS, absent

Way = Literal["name", "stem", "meaning", "encoder", "mixture"]
T = TypeVar("T")
_LONGEST = 4  # words of a name that are looked up together
NEAR = 0.4  # least cosine of a word and a tag, by the text encoder, that counts
BESIDE = 0.8  # of the nearest tag's cosine: what another must have
N_TAGS = 3  # of one word, by the text encoder
RELATED = 0.25  # least cosine to a tag of a word that is taken for a mixture; nonsense has less
N_MIXED = 8  # tags of a mixture
PENALTY = 1.0  # of the ridge regression that finds their weights
_ENDING = re.compile(r"(?<=[^\W\d_]{3})(?:ing|edly|ed|ly|ness|ic|al|e|y)$")
_PLURAL = re.compile(r"(?<=[^\W\d_]{3})s$")


@dataclass(frozen=True)
class Meaning:
    """What some words of a query mean.

    words    as they are shown
    wanted   folded names of tags and genres to stand out in, with weights that add up to 1
    lacking  of those not to stand out in, likewise
    way      how the words were found
    """

    words: str
    wanted: tuple[tuple[str, float], ...]
    lacking: tuple[tuple[str, float], ...]
    way: Way


def longest_first(
    words: tuple[str, ...], find: Callable[[tuple[str, ...]], T | None]
) -> Iterator[tuple[tuple[str, ...], T | None]]:
    """Split words into names and single words, with what `find` has for them.

    Of several words the longest run that it has something for is taken. What it has nothing for
    comes as single words, with None.

    >>> list(longest_first(("deep", "hard", "rock"), {("hard", "rock"): "genre"}.get))
    [(('deep',), None), (('hard', 'rock'), 'genre')]
    """
    place = 0
    while place < len(words):
        for n in range(min(_LONGEST, len(words) - place), 0, -1):
            run = words[place : place + n]
            found = find(run)
            if found is not None or n == 1:
                yield run, found
                place += n
                break


def stem(word: str) -> str:
    """Return a word without its usual English ending.

    >>> stem("guitars"), stem("dancing"), stem("dance"), stem("80s")
    ('guitar', 'danc', 'danc', '80s')
    """
    return _ENDING.sub("", _PLURAL.sub("", word))


class Dictionary:
    """The tags and genres that a query can name, and what words mean among them."""

    def __init__(self, names: Iterable[str], encoder: TextEncoder | None) -> None:
        """`names` are folded. Encoding all of them takes milliseconds, at the first such word."""
        self.names = frozenset(name for name in names if name)
        self._by_stem: dict[str, str] = {}
        for name in sorted(
            self.names | set(THESAURUS), key=lambda name: (name in self.names, name)
        ):
            self._by_stem[_stems(name.split())] = name
        self._encoder = encoder
        self._vectors: Float32Array | None = None
        self._encoded: dict[str, tuple[tuple[str, float], ...]] = {}
        self._sorted = sorted(self.names)

    def read(self, phrase: Phrase) -> tuple[list[Meaning], list[str]]:
        """Return the meanings of a phrase's words in their order, and the words without any.

        Of several words the longest name is taken: "hard rock" before "rock".
        """
        meanings: list[Meaning] = []
        unknown: list[str] = []

        def known(words: tuple[str, ...]) -> Meaning | None:
            is_framed = words[0] in FILLERS or words[-1] in FILLERS
            if is_framed and not self._is_listed(" ".join(words)):
                return None
            return self._known(words, phrase.negated)

        for words, meaning in longest_first(phrase.words, known):
            if meaning is not None:
                meanings.append(meaning)
            elif words[0] not in FILLERS:
                near = self._near(words[0], phrase.negated)
                if near is None:
                    unknown.append(words[0])
                else:
                    meanings.append(near)
        return meanings, unknown

    def _is_listed(self, text: str) -> bool:
        return text in self.names or text in THESAURUS

    def _known(self, words: tuple[str, ...], negated: bool) -> Meaning | None:
        """Return what is listed for some words: tags of their name, and those that mean them."""
        text = " ".join(words)
        if text in COMPARATIVES:
            more, less = (self._tags(word) for word in COMPARATIVES[text])
            return _meaning(text, more, less, "meaning", negated) if more or less else None
        way: Way = "name" if text in self.names else "meaning"
        tags = self._tags(text)
        if not tags:
            near = self._by_stem.get(_stems(words))
            tags = self._tags(near) if near else ()
            way = "stem" if near in self.names else "meaning"
            text_of = near or text
        else:
            text_of = text
        if not tags:
            return None
        opposite = _shares([tag for tag in absent(text_of) if tag in self.names])
        return _meaning(text, tags, opposite if negated else (), way, negated)

    def _tags(self, word: str) -> tuple[tuple[str, float], ...]:
        """Return the tags of a word: that of its own name, or those listed for it."""
        listed = [tag for tag in THESAURUS.get(word, ()) if tag in self.names]
        if word not in self.names:
            return _shares(listed)
        # The same tag in another tagger's words is part of it; what is only near it is not.
        same = [tag for tag in listed if stem(tag.split()[0]) == stem(word.split(maxsplit=1)[0])]
        return _shares(list(dict.fromkeys([word, *same])))

    def _near(self, word: str, negated: bool) -> Meaning | None:
        """Return the tags nearest to a word by the text encoder."""
        if self._encoder is None or not self._sorted:
            return None
        if word not in self._encoded:
            cosines = self._tag_vectors(self._encoder) @ self._encoder.encode([word])[0]
            order = np.argsort(-cosines, kind="stable")[:N_TAGS]
            least = max(NEAR, BESIDE * float(cosines[order[0]]))
            near = [(self._sorted[i], float(cosines[i])) for i in order if cosines[i] >= least]
            total = sum(cosine for _, cosine in near)
            if len(self._encoded) >= 10_000:
                self._encoded.clear()
            self._encoded[word] = tuple((tag, cosine / total) for tag, cosine in near)
        tags = self._encoded[word]
        return _meaning(word, tags, (), "encoder", negated) if tags else None

    def mixture(self, word: str) -> Meaning | None:
        """Return a mixture of tags for a word that is near to none by itself; None for nonsense.

        It is little more than a guess: for queries of which nothing else is understood.
        """
        if self._encoder is None or not self._sorted:
            return None
        vectors = self._tag_vectors(self._encoder)
        weights = mixture_weights(vectors, self._encoder.encode([word])[0])
        order = np.argsort(-np.abs(weights), kind="stable").tolist()
        shares = [(self._sorted[i], float(weights[i])) for i in order if weights[i]]
        more = tuple((name, share) for name, share in shares if share > 0)
        less = tuple((name, -share) for name, share in shares if share < 0)
        return Meaning(word, more, less, "mixture") if more else None

    def _tag_vectors(self, encoder: TextEncoder) -> Float32Array:
        if self._vectors is None:
            self._vectors = encoder.encode(self._sorted)
        return self._vectors


def mixture_weights(tags: Float32Array, word: Float32Array) -> Float32Array:
    """Return how much each tag counts for a word, or against it: (n,), absolute values of sum 1.

    `tags` (n, dim) and `word` (dim,) are unit vectors. By ridge regression from the tags' vectors
    to how much tracks have of each tag: its prediction for the word is a mixture of the tags, of
    which the greatest weights are kept. 0 throughout where the word is related to no tag.
    """
    cosines = tags @ word
    weights = np.zeros(len(tags), np.float32)
    if float(cosines.max()) >= RELATED:
        penalised = tags @ tags.T + np.float32(PENALTY) * np.eye(len(tags), dtype=np.float32)
        mixed = np.linalg.solve(penalised, cosines)
        kept = np.argsort(-np.abs(mixed), kind="stable")[:N_MIXED]
        weights[kept] = mixed[kept] / np.abs(mixed[kept]).sum()
    return weights


def _meaning(
    words: str,
    more: tuple[tuple[str, float], ...],
    less: tuple[tuple[str, float], ...],
    way: Way,
    negated: bool,
) -> Meaning:
    """Return a meaning; of a negated one, `less` is what says that it is missing."""
    if not negated:
        return Meaning(words, more, less, way)
    return Meaning(f"without {words}", less, more, way)


def _shares(tags: list[str]) -> tuple[tuple[str, float], ...]:
    return tuple((tag, 1 / len(tags)) for tag in tags)


def _stems(words: Iterable[str]) -> str:
    return " ".join(stem(word) for word in words)
