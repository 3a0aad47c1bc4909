"""Similarity of two tracks as a percentile: comparable between libraries and kinds of score.

The similarity of two recordings is the share of random pairs of the library's recordings that are
less alike than they are: 0.5 is as alike as any two tracks, 0.99 more alike than 99 of 100 pairs.
It grows with the score that ranks them, is the same in both directions, and is 1 for a recording
and itself alone.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from index.arrays import Float64Array
from index.hubs import METHODS, SHARES, CosineStatistics

SAME = 1.0  # the similarity of a recording to itself
DIGITS, TABLE_DIGITS = 6, 4  # that are shown of a similarity, to machines and to people
_MOST = 1.0 - 10.0**-DIGITS  # of two recordings
_BEST = {"none": 1.0, "nicdm": 0.0, "csls": 4.0, "mutual-proximity": 0.0}  # no score is greater


class Similarity:
    """Maps the scores of one library's pairs to similarities."""

    def __init__(self, statistics: CosineStatistics, hubs: str) -> None:
        """`hubs` is the method of the scores, one of `hubs.METHODS`."""
        self._scores = np.append(statistics.quantiles[METHODS.index(hubs)], np.float32(_BEST[hubs]))
        self._shares = np.append(SHARES, 1.0)

    def of(self, scores: ArrayLike) -> Float64Array:
        """Return the similarities of pairs of different recordings, in [0, 1): (n,).

        Scores between two known quantiles are interpolated; one that several quantiles have in
        common is in the middle of their shares. In a library of one recording there are no pairs
        to compare with: every similarity is 0.
        """
        quantiles, x = self._scores, np.asarray(scores, np.float32)
        if np.isnan(quantiles[0]):
            return np.zeros(x.shape)
        first = np.searchsorted(quantiles, x, "left")
        behind = np.searchsorted(quantiles, x, "right")
        last = len(quantiles) - 1
        between = np.interp(x, quantiles, self._shares)
        middle = (self._shares[np.minimum(first, last)] + self._shares[behind - 1]) / 2
        similarities: Float64Array = np.where(behind > first, middle, between)
        return similarities.clip(0.0, _MOST)


def shown(similarity: float, digits: int = DIGITS) -> float:
    """Round down, so that nothing but the same recording is shown as 1.

    >>> shown(0.99999), shown(0.99999, 4), shown(1.0, 4)
    (0.99999, 0.9999, 1.0)
    """
    scale = 10.0**digits
    return float(math.floor(similarity * scale + 1e-6) / scale)
