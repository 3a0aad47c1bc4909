"""The tracks that are ranked again: the best of each kind by the listening model and by artist."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from index.arrays import Float32Array, Int64Array
from recsys.models.profile import Profile, ScoreTerms
from recsys.models.ranker.pairs import KINDS, Pairs, RankedLibrary

N_CANDIDATES = (300, 300, 300)  # of each kind
OWN_ARTIST = (
    0.5  # what the log of the history's tracks by a candidate's artist counts beside scores
)


def candidate_pairs(
    library: RankedLibrary,
    histories: sparse.csr_matrix,
    n_of_kind: Sequence[int] = N_CANDIDATES,
    times: sparse.csr_matrix | None = None,
) -> tuple[Pairs, Float32Array]:
    """Return the best candidates of each kind for histories, and all scores (n, n_tracks).

    `times` are those of `Pairs`.
    """
    profile: Profile = library.model.profile(histories)
    terms = profile.terms()
    scores = profile.scores_of(terms)
    codes = library.artists.codes
    own = np.log1p(library.artists.sums(histories.sign()))
    proposal = scores.copy()
    if own.shape[1]:
        proposal += OWN_ARTIST * np.where(codes >= 0, own[:, codes], 0).astype(np.float32)
    proposal[histories.nonzero()] = -np.inf
    chosen = [
        _best(proposal, np.flatnonzero(library.kinds == kind), n_of_kind[kind])
        for kind in range(len(KINDS))
    ]
    listeners, tracks = (np.concatenate(arrays) for arrays in zip(*chosen, strict=True))
    order = np.lexsort((tracks, listeners))
    listeners, tracks = listeners[order], tracks[order]
    of_pairs = ScoreTerms(*(term[listeners, tracks] for term in terms))
    of_best = scores[listeners, tracks]
    pairs = Pairs(library, profile, histories, listeners, tracks, of_best, of_pairs, times)
    return pairs, scores


def _best(proposal: Float32Array, tracks: Int64Array, n: int) -> tuple[Int64Array, Int64Array]:
    """Return rows and tracks of the n greatest finite values of each row among some tracks."""
    n = min(n, len(tracks))
    if not n:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    values = proposal if len(tracks) == proposal.shape[1] else proposal[:, tracks]
    best = np.argpartition(values, -n, axis=1)[:, -n:]
    rows = np.repeat(np.arange(len(values)), n)
    kept = np.isfinite(np.take_along_axis(values, best, axis=1)).ravel()
    return rows[kept].astype(np.int64), tracks[best.ravel()[kept]].astype(np.int64)
