"""A listener's own tags, learned from a handful of examples.

Transfer learning (Choi, Fazekas, Sandler, Cho 2017): what the taggers' layers say of a track is
kept, as the embedding that the index holds, and a regularised logistic regression on it tells what
fits a tag from the rest. It is a direction w in the space of embeddings; how much a track has of
the tag is w · x, in standard deviations over the library. A few multiplications a track: a new
track has the tag as soon as it is indexed, and nothing but the examples is ever stored.

What fits weighs as much as all else together. The rest are the tracks said not to fit and a sample
of the library, which counts as not fitting where nothing is said, as is usual for positive and
unlabelled examples (Elkan and Noto 2008); some of it will fit, which costs the tag's level and not
its order.
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

C = 20.0  # of scikit-learn's, for weights that sum to 2: docs/teaching.md
UNFITTING_SHARE = 0.5  # of the weight of the rest, where tracks were said not to fit
FEWEST = 5  # fitting tracks,
FEWEST_ARTISTS = 3  # and their artists, that a score can be told of
N_FOLDS = 5
N_REPEATS = 3


class TooFew(Exception):
    """There are too few examples; the message says of what."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """What a tag is learned from: unit vectors (n, dim) of each kind, and whose each track is.

    rest  the sample of the library, the examples not among it
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


def lesson_of(examples: TagExamples, shelf: TrackTable, index: VectorIndex) -> Lesson:
    """Return what a tag is learned from in a library. Raises TooFew."""
    said = [shelf.rows(ids) for ids in (examples.fitting, examples.unfitting)]
    rest = np.setdiff1d(shelf.sample, shelf.recordings.mates(np.concatenate(said)))
    rows = [*said, rest]
    artists = [
        f"\0{row}" if shelf.artists[row] == UNKNOWN else str(shelf.artists[row])
        for row in np.concatenate(rows).tolist()
    ]
    fitting, unfitting, others = (index.vectors(shelf.ids[part]) for part in rows)
    return Lesson(fitting, unfitting, others, np.array(artists))


def learn(lesson: Lesson) -> Float32Array:
    """Return the direction of a tag: float32 (dim,)."""
    return _direction(lesson.vectors, lesson.kinds)


def honest_score(lesson: Lesson, threshold: float, seed: int = 0) -> Mapping[str, Figure]:
    """Return how well examples are found that were not learned from, by artists nothing was of.

    Whole artists are left out in turn, the tag learned from the others, and the left-out tracks
    scored in standard deviations of the rest; a track's score is the mean over N_REPEATS ways of
    dealing artists out. With roc_auc, average_precision, precision and recall, the last two of the
    tracks at or above `threshold`. Where tracks were said not to fit, fitting ones are told from
    those; otherwise from the rest, of which some may fit: then precision is a lower bound.

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
        fold = _deal(lesson.artists, kinds, min(N_FOLDS, n_artists), rng)
        for number in range(fold.max() + 1):
            known, left = fold != number, fold == number
            values = vectors @ _direction(vectors[known], kinds[known])
            usual = values[known & (kinds > 0)]
            scores[left] += (values[left] - usual.mean()) / max(float(usual.std()), 1e-6)
    judged = kinds < 2 if _judges(lesson) else np.ones(len(kinds), np.bool_)
    return tag_figures(
        (kinds[judged] == 0)[:, None],
        scores[judged, None] / N_REPEATS,
        lesson.artists[judged],
        [threshold],
        exclusive=False,
    )


def _judges(lesson: Lesson) -> bool:
    """Say whether enough was said not to fit to be told from."""
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


def _deal(
    artists: NDArray[np.str_], kinds: Int64Array, n: int, rng: np.random.Generator
) -> Int64Array:
    """Give each track a fold, its artist's; artists of what fits are spread evenly: (n_tracks,)."""
    names, owner = np.unique(artists, return_inverse=True)
    having = np.zeros(len(names), np.bool_)
    having[owner[kinds == 0]] = True
    # In a random order, those with examples first, dealt out like cards.
    order = np.lexsort((rng.random(len(names)), ~having))
    fold = np.empty(len(names), np.int64)
    fold[order] = np.arange(len(names)) % n
    folds: Int64Array = fold[owner]
    return folds
