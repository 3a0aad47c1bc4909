"""Agreement of a system's similarities with people's odd-one-out judgements.

People were played three clips and chose the one least like the others (the form of MagnaTagATune;
Law et al. 2009). A system's odd one out is the clip that is not in its most similar pair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from index.arrays import BoolArray, Float32Array, Float64Array, Int64Array
from index.hubs import pair_scores
from recsys.catalog import Catalog
from recsys.evaluation.labels import LabelsError, read_table, track_ids
from recsys.evaluation.metrics import bootstrap_means, interval, sign_flip_test
from recsys.evaluation.retrieval import Correction, Figures

CLIPS, VOTES = ("a", "b", "c"), ("votes_a", "votes_b", "votes_c")
CHANCE = 1 / 3


@dataclass(frozen=True, eq=False)
class Triplets:
    """Odd-one-out judgements of people.

    ids         track ids int64 (n, 3)
    votes       how many people chose each of them as the odd one out: int64 (n, 3)
    n_left_out  triplets with a clip that is not in the library, or without a vote
    """

    ids: Int64Array
    votes: Int64Array
    n_left_out: int = 0

    @property
    def groups(self) -> Int64Array:
        """The same number for triplets of the same three clips: (n,)."""
        _, number = np.unique(np.sort(self.ids, axis=1), axis=0, return_inverse=True)
        return number.ravel()

    @property
    def clear(self) -> BoolArray:
        """Whether one clip has more votes than each of the others: (n,)."""
        top = np.sort(self.votes, axis=1)
        clear: BoolArray = top[:, 2] > top[:, 1]
        return clear

    def among(self, known: Sequence[int] | Int64Array) -> Triplets:
        """Return those whose three clips are among `known`. Raises LabelsError where none are."""
        usable = np.isin(self.ids, known).all(axis=1)
        if not usable.any():
            raise LabelsError("No triplet has votes and three clips that all systems know.")
        return Triplets(
            self.ids[usable], self.votes[usable], self.n_left_out + int((~usable).sum())
        )


def read_triplets(path: Path, catalog: Catalog, known: Int64Array) -> Triplets:
    """Read `a,b,c,votes_a,votes_b,votes_c`, paths relative to the CSV's folder.

    Triplets with a clip that is not among the `known` ids, and those without a vote, are left out.
    Raises LabelsError.
    """
    table = read_table(path, [*CLIPS, *VOTES])
    ids = np.stack([track_ids(path.parent, table[clip], catalog) for clip in CLIPS], axis=1)
    try:
        votes = np.stack([table[column].astype(int).to_numpy(np.int64) for column in VOTES], axis=1)
    except (ValueError, OverflowError):
        raise LabelsError(f"The votes in {path} must be whole numbers.") from None
    if (votes < 0).any():
        raise LabelsError(f"The votes in {path} must not be negative.")
    usable = np.isin(ids, known).all(axis=1) & (votes.sum(axis=1) > 0)
    twice = usable & (np.diff(np.sort(ids, axis=1), axis=1) == 0).any(axis=1)
    if twice.any():
        line = int(np.flatnonzero(twice)[0]) + 2
        raise LabelsError(f"Line {line} of {path} does not name three different clips.")
    if not usable.any():
        raise LabelsError(f"No triplet of {path} has votes and three clips of the library.")
    return Triplets(ids[usable], votes[usable], int((~usable).sum()))


def odd_ones(
    triplets: Triplets,
    row: Mapping[int, int],
    vectors: Float32Array,
    correction: Correction | None = None,
) -> Int64Array:
    """Return which clip of each triplet, 0 to 2, is a system's odd one out: (n,).

    `row` is a track's row in `vectors` (n_tracks, dim), unit vectors, and in the correction for
    hubs. Where pairs tie it is the first one.
    """
    a, b, c = ([row[int(track_id)] for track_id in column] for column in triplets.ids.T)
    pairs = []  # similarity of the pair that remains without a, b or c
    for one, other in ((b, c), (a, c), (a, b)):
        similarity = (vectors[one] * vectors[other]).sum(axis=1).astype(np.float64)
        if correction:
            statistics = correction.track_statistics
            similarity = pair_scores(
                correction.method, similarity, statistics[one], statistics[other]
            )
        pairs.append(similarity)
    odd: Int64Array = np.argmax(np.stack(pairs, axis=1), axis=1)
    return odd


def agreement(triplets: Triplets, odd: Int64Array) -> dict[str, Float64Array]:
    """Return a system's agreement with people, per triplet.

    majority  1 where its odd one out has the most votes, else 0, of the `clear` triplets
    votes     share of the votes that its odd one out has, of all triplets
    """
    if odd.shape != (len(triplets.ids),):
        raise ValueError(f"odd: wanted shape ({len(triplets.ids)},), got {odd.shape}")
    chosen = np.take_along_axis(triplets.votes, odd[:, None], axis=1)[:, 0]
    most, clear = triplets.votes.max(axis=1), triplets.clear
    return {
        "majority": (chosen[clear] == most[clear]).astype(np.float64),
        "votes": chosen / triplets.votes.sum(axis=1),
    }


def summarise(
    triplets: Triplets, odd: Int64Array, base: Int64Array | None = None
) -> dict[str, Figures]:
    """Average each agreement, or its difference from the base's, with its 95 % interval.

    Triplets of the same clips are drawn together. A measure without triplets is left out.
    """
    ours = agreement(triplets, odd)
    theirs = agreement(triplets, base) if base is not None else {}
    best = agreement(triplets, triplets.votes.argmax(axis=1))
    groups = {"majority": triplets.groups[triplets.clear], "votes": triplets.groups}
    figures: dict[str, Figures] = {}
    for measure, values in ours.items():
        if len(values) == 0:
            continue
        difference = values - theirs.get(measure, 0.0)
        low, high = interval(bootstrap_means(difference[:, None], groups[measure]))
        ci = [float(low[0]), float(high[0])]
        mean, n = float(difference.mean()), len(values)
        if base is not None:
            p = sign_flip_test(difference[:, None], groups[measure])
            figures[measure] = {"diff": mean, "ci": ci, "p": float(p[0])}
        else:
            ceiling = float(best[measure].mean())
            figures[measure] = {
                "mean": mean,
                "ci": ci,
                "chance": CHANCE,
                "ceiling": ceiling,
                "n": n,
            }
    return figures
