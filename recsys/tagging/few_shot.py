"""A listener's own tags, learned from a handful of examples.

Transfer learning (Choi, Fazekas, Sandler, Cho 2017): a regularised logistic regression on the
embeddings of the index, which come from the taggers' layers, separates tracks that fit a tag from
others. It is a direction w in the space of embeddings; how much a track has of the tag is w · x, in
standard deviations over the library. A few multiplications a track: a new track has the tag as soon
as it is indexed, and only the examples are stored.

Fitting tracks weigh as much as all others together. The others are the tracks marked as not
fitting and a sample of the library, taken as not fitting where nothing is known, as is usual for
positive and unlabelled examples (Elkan and Noto 2008); some of it will fit, which lowers the tag's
values and does not change their order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from index.arrays import Float32Array, Int64Array
from index.vector_index import VectorIndex
from recsys.catalog import TagExamples
from recsys.evaluation.tag_metrics import Figure, tag_figures
from recsys.home.track_table import UNKNOWN, TrackTable

C = 20.0  # of scikit-learn's, for weights that sum to 2: docs/results/teaching.md
UNFITTING_SHARE = 0.5  # of the weight of the others, where tracks are marked as not fitting
FEWEST = 5  # fitting tracks for a cross-validated score,
FEWEST_ARTISTS = 3  # and their artists
N_FOLDS = 5
N_REPEATS = 3


class TooFew(Exception):
    """There are too few examples; the message says which."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """The training data of a tag: unit vectors (n, dim) of each kind, and each track's artist.

    rest  a sample of the library without the examples
    """

    fitting: Float32Array
    unfitting: Float32Array
    rest: Float32Array
    artists: NDArray[np.str_]  # in the order fitting, unfitting, rest

    def __post_init__(self) -> None:
        if not len(self.fitting):
            raise TooFew("No track that is indexed is an example of what fits.")
        if not len(self.unfitting) + len(self.rest):
            raise TooFew("There is nothing to tell the examples from.")

    @property
    def vectors(self) -> Float32Array:
        """All of them, one kind after the other."""
        return np.concatenate([self.fitting, self.unfitting, self.rest])

    @property
    def kinds(self) -> Int64Array:
        """0 for a row that fits, 1 for one that does not, 2 for the rest."""
        return np.repeat(np.arange(3), [len(self.fitting), len(self.unfitting), len(self.rest)])


def lesson_of(examples: TagExamples, table: TrackTable, index: VectorIndex) -> Lesson:
    """Return the training data of a tag in a library. Raises TooFew."""
    marked = [table.rows(ids) for ids in (examples.fitting, examples.unfitting)]
    rest = np.setdiff1d(table.sample, table.recordings.mates(np.concatenate(marked)))
    rows = [*marked, rest]
    artists = [
        f"\0{row}" if table.artists[row] == UNKNOWN else str(table.artists[row])
        for row in np.concatenate(rows).tolist()
    ]
    fitting, unfitting, others = (index.vectors(table.ids[part]) for part in rows)
    return Lesson(fitting, unfitting, others, np.array(artists))


def learn(lesson: Lesson) -> Float32Array:
    """Return the direction of a tag: float32 (dim,)."""
    return _direction(lesson.vectors, lesson.kinds)


def honest_score(lesson: Lesson, threshold: float, seed: int = 0) -> Mapping[str, Figure]:
    """Return the cross-validated metrics of a tag, with folds of whole artists.

    The tag is learned from the other folds, and a fold's tracks are scored in standard deviations
    of the tracks that are not fitting; a track's score is the mean over N_REPEATS divisions into
    folds. With roc_auc, average_precision, precision and recall, the last two of the tracks at or
    above `threshold`. Where enough tracks are marked as not fitting, they are the negatives;
    otherwise the rest is, of which some may fit: then precision is a lower bound.

    Raises TooFew.
    """
    vectors, kinds = lesson.vectors, lesson.kinds
    n_artists = len(set(lesson.artists[kinds == 0]))
    if len(lesson.fitting) < FEWEST or n_artists < FEWEST_ARTISTS:
        raise TooFew(
            f"{len(lesson.fitting)} examples by {n_artists} artists are too few to tell how good "
            f"the tag is: {FEWEST} by {FEWEST_ARTISTS} artists are needed."
        )
    scores = np.zeros(len(vectors))
    rng = np.random.default_rng(seed)
    for _ in range(N_REPEATS):
        folds = _folds(lesson.artists, kinds, min(N_FOLDS, n_artists), rng)
        for fold in range(folds.max() + 1):
            training, held_out = folds != fold, folds == fold
            values = vectors @ _direction(vectors[training], kinds[training])
            others = values[training & (kinds > 0)]
            standardised = (values[held_out] - others.mean()) / max(float(others.std()), 1e-6)
            scores[held_out] += standardised
    scored = kinds < 2 if _has_negatives(lesson) else np.ones(len(kinds), np.bool_)
    return tag_figures(
        (kinds[scored] == 0)[:, None],
        scores[scored, None] / N_REPEATS,
        lesson.artists[scored],
        [threshold],
        exclusive=False,
    )


def _has_negatives(lesson: Lesson) -> bool:
    """Return whether the tracks marked as not fitting are enough to be the negatives."""
    return len(lesson.unfitting) >= FEWEST or not len(lesson.rest)


def _direction(vectors: Float32Array, kinds: Int64Array) -> Float32Array:
    sizes = np.bincount(kinds, minlength=3)
    shares = np.array([1.0, UNFITTING_SHARE, 1.0 - UNFITTING_SHARE])
    if not sizes[1] or not sizes[2]:
        shares[1:] = 1.0
    weights = (shares / np.maximum(sizes, 1))[kinds]
    model = LogisticRegression(C=C, max_iter=500)
    model.fit(vectors, kinds == 0, sample_weight=weights)
    direction: Float32Array = model.coef_[0].astype(np.float32)
    return direction


def _folds(
    artists: NDArray[np.str_], kinds: Int64Array, n: int, rng: np.random.Generator
) -> Int64Array:
    """Return each track's fold, one for an artist, with fitting artists evenly spread: (n,)."""
    names, artist_of = np.unique(artists, return_inverse=True)
    is_fitting = np.zeros(len(names), np.bool_)
    is_fitting[artist_of[kinds == 0]] = True
    order = np.lexsort((rng.random(len(names)), ~is_fitting))  # random, fitting artists first
    fold_of_artist = np.empty(len(names), np.int64)
    fold_of_artist[order] = np.arange(len(names)) % n
    folds: Int64Array = fold_of_artist[artist_of]
    return folds
