"""The ranker: gradient-boosted trees that correct a listening model's scores of candidates.

    score = z + (f(terms) - offset) / slope

z is the listening model's score; slope · z + constants of the listener and the kind of candidate
are the logarithm of the odds that the listener plays it, and the trees f start from there
(LightGBM; Ke et al. 2017). So a correction has the unit of the listening model's scores. Offsets
keep tracks with listens and tracks without where the listening model has them among each other.
Where the ranker was not adopted, for a kind of candidate and a length of history, a correction is
the same for all.

Parts of a correction are exact: the trees' Shapley values (TreeSHAP; Lundberg et al. 2020), added
up by the topics of the terms.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from index.arrays import BoolArray, Float32Array, Float64Array
from recsys.models.ranker.pairs import (
    KINDS,
    LENGTHS,
    REGIME_OF_KIND,
    REGIMES,
    Pairs,
    length_classes,
)
from recsys.models.ranker.terms import TERMS, term_values
from recsys.models.ranker.topics import TOPICS

TREES = "trees", "trees_of_new"  # names in files, of each of `REGIMES`
_CELLS = len(KINDS), len(LENGTHS)


class RankerUnusable(Exception):
    """The ranker cannot be used here; the message says why and what to do."""


class Trees:
    """Boosted trees of LightGBM, from its text."""

    def __init__(self, text: str, digest: str) -> None:
        """`digest` is the text's SHA-256. Raises RankerUnusable; ValueError for another text."""
        if sha256(text) != digest:
            raise ValueError("the trees of its ranker have changed since they were written")
        try:
            import lightgbm  # noqa: PLC0415 - seconds to import, and not needed without a ranker
        except (ImportError, OSError) as error:
            raise RankerUnusable(
                f"The ranker of recommendations needs LightGBM, which cannot be loaded here "
                f"({error}); recommendations have the listening model's own order."
            ) from error
        self.text, self.digest = text, digest
        self._booster = lightgbm.Booster(model_str=text)
        self.names: list[str] = self._booster.feature_name()
        known = {column_name(term.name): number for number, term in enumerate(TERMS)}
        if not set(self.names) <= set(known):
            unknown = sorted(set(self.names) - set(known))
            raise RankerUnusable(
                "The ranker of recommendations was trained by another version of Earshot, on terms "
                f"that this one does not have ({', '.join(unknown)}); recommendations have the "
                "listening model's own order until `earshot build` or `earshot import` has "
                "trained it again."
            )
        self.columns = [known[name] for name in self.names]

    @property
    def n_trees(self) -> int:
        """How many trees there are."""
        return int(self._booster.num_trees())

    def values(self, terms: Float32Array) -> Float64Array:
        """Return f of terms (n, n_terms): (n,)."""
        if not len(terms):
            return np.zeros(0)
        return np.asarray(
            self._booster.predict(terms[:, self.columns], raw_score=True, num_threads=1)
        )

    def contributions(self, terms: Float32Array) -> tuple[Float64Array, Float64Array]:
        """Return each topic's part of f (n, n_topics), and the rest, which is the same for all.

        Both add up to `values`.
        """
        topics = np.zeros((len(terms), len(TOPICS)))
        if not len(terms):
            return topics, np.zeros(0)
        shap = np.asarray(
            self._booster.predict(terms[:, self.columns], pred_contrib=True, num_threads=1)
        )
        for place, column in enumerate(self.columns):
            topics[:, TOPICS.index(TERMS[column].topic)] += shap[:, place]
        return topics, shap[:, -1]


@dataclass(frozen=True, eq=False)
class Ranker:
    """Trained trees, and where they are used.

    trees      of each of `REGIMES`
    slopes     of each kind of candidate, float64 (n_kinds,)
    offsets    float64 (n_kinds, n_lengths), see `KINDS` and `LENGTHS`
    adopted    likewise, bool
    constants  corrections where it is not adopted: float64 (n_kinds, n_lengths)
    card       what it was trained on and what it gained, as JSON can hold it
    """

    trees: tuple[Trees, ...]
    slopes: Float64Array
    offsets: Float64Array
    adopted: BoolArray
    constants: Float64Array
    card: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        cells = self.offsets, self.adopted, self.constants
        shapes = self.slopes.shape, *(array.shape for array in cells)
        if shapes != (_CELLS[:1], _CELLS, _CELLS, _CELLS):
            raise ValueError(f"its ranker has the shapes {shapes}")
        if len(self.trees) != len(REGIMES):
            raise ValueError(f"its ranker has {len(self.trees)} sets of trees")

    def is_adopted(self, history: sparse.csr_matrix) -> bool:
        """Return whether it is used for any candidates of a history (1, n_tracks)."""
        return bool(self.adopted[:, length_classes(history)[0]].any())

    def corrections(self, pairs: Pairs) -> Float32Array:
        """Return what is added to the listening model's scores: float32 (n_pairs,)."""
        kinds, lengths = _cells(pairs)
        used = self.adopted[kinds, lengths]
        if not used.any():
            return np.zeros(len(pairs), np.float32)
        terms, values = term_values(pairs), np.zeros(len(pairs))
        for trees, mask in self._by_regime(kinds):
            values[mask] = trees.values(terms[mask])
        values -= self.offsets[kinds, lengths]
        corrections = np.where(used, values / self.slopes[kinds], self.constants[kinds, lengths])
        return corrections.astype(np.float32)

    def parts(self, pairs: Pairs) -> Float32Array:
        """Return each topic's part of the corrections, which they add up to: (n_pairs, n_topics).

        What is the same for all candidates belongs to the habits.
        """
        kinds, lengths = _cells(pairs)
        used = self.adopted[kinds, lengths]
        terms = term_values(pairs)
        topics, rest = np.zeros((len(pairs), len(TOPICS))), np.zeros(len(pairs))
        for trees, mask in self._by_regime(kinds):
            topics[mask], rest[mask] = trees.contributions(terms[mask])
        topics[:, TOPICS.index("habits")] += rest - self.offsets[kinds, lengths]
        topics *= (used / self.slopes[kinds])[:, None]
        topics[:, TOPICS.index("habits")] += np.where(used, 0, self.constants[kinds, lengths])
        return topics.astype(np.float32)

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return what is stored of it, by name."""
        return {
            **{
                name: np.frombuffer(trees.text.encode(), np.uint8)
                for name, trees in zip(TREES, self.trees, strict=True)
            },
            "slopes": self.slopes,
            "offsets": self.offsets,
            "adopted": self.adopted,
            "constants": self.constants,
        }

    def _by_regime(self, kinds: NDArray[np.int64]) -> list[tuple[Trees, BoolArray]]:
        """Return trees, and the pairs of these kinds that they rank, bool (n_pairs,)."""
        regimes = REGIME_OF_KIND[kinds]
        return [(trees, regimes == number) for number, trees in enumerate(self.trees)]

    @classmethod
    def of_tensors(cls, tensors: Mapping[str, NDArray[Any]], card: Mapping[str, Any]) -> Ranker:
        """Return a stored ranker. Raises RankerUnusable, KeyError, ValueError.

        Those of before have the same trees for all kinds.
        """
        digests = card["sha256"]
        if isinstance(digests, str):
            digests = dict.fromkeys(TREES, digests)
        stored = [tensors[name if name in tensors else TREES[0]] for name in TREES]
        trees = tuple(
            Trees(text.tobytes().decode(), digests[name])
            for name, text in zip(TREES, stored, strict=True)
        )
        cells = tensors["offsets"], tensors["adopted"], tensors["constants"]
        return cls(trees, tensors["slopes"], *cells, card)


def sha256(text: str) -> str:
    """Return the SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def column_name(term: str) -> str:
    """Return a term's name as LightGBM's text can hold it.

    >>> column_name("part of the artist's tracks")
    'part_of_the_artists_tracks'
    """
    return "".join(c for c in term.replace(" ", "_") if c.isalnum() or c in "_-")


def _cells(pairs: Pairs) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the kind of candidate and the length class of each pair: (n_pairs,) each."""
    return pairs.library.kinds[pairs.tracks], length_classes(pairs.histories)[pairs.listeners]
