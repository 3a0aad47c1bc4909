"""The part of a track worth hearing first: where its tags of arousal are strongest.

A chorus is where a song is fullest. How lively a segment is, is how far tags of arousal stand above
the track's own mean there, and those of calm below: the emotion that Huang et al. learn attention
from ("Music thumbnailing via neural attention modeling of music emotion", APSIPA 2017), read off
the stored tags. That it comes back elsewhere in the track (Bartsch and Wakefield 2005) was tried
beside it, and found more verses than choruses: docs/results/highlights.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from index.arrays import Float32Array
from recsys.similarity.explanation import Moment, TrackSound, aligned_logits

SECONDS = 15.0  # of a highlight, about a chorus; of a short track's
SHARE = 1 / 3  # of the track at most
PREVIEW_SECONDS = 30.0  # from a highlight's beginning on
_LIVELY = frozenset(
    {"loud", "fast", "drums", "beat", "beats", "energetic", "party", "catchy", "dance", "heavy",
     "rock", "metal", "hard rock", "happy", "vocal", "vocals", "voice", "singing", "uplifting"}
)  # fmt: skip
_CALM = frozenset(
    {"quiet", "slow", "soft", "calm", "ambient", "chill", "chillout", "mellow", "relaxing", "sad",
     "no vocals", "no vocal", "no voice", "instrumental", "solo", "meditative"}
)  # fmt: skip


def highlight(track: TrackSound, tags: Sequence[str], seconds: float = SECONDS) -> Moment:
    """Return the stretch of `seconds`, or of a SHARE of a shorter track, that is its highlight.

    `tags` are the names of all extractors' tags, joined. Of equal stretches, as where no tagger
    knows a tag of arousal or calm, the one nearest to the middle is returned.
    """
    starts = track.features[0].starts.astype(np.float64)
    length = track.features[0].segment_seconds
    end = track.duration if track.duration is not None else float(starts[-1] + length)
    seconds = min(seconds, SHARE * end)
    centres = starts + length / 2
    begins = np.clip(starts, 0.0, end - seconds)
    inside = (centres >= begins[:, None]) & (centres < begins[:, None] + seconds)
    scores = np.where(inside, liveliness(track, tags), 0.0).sum(axis=1)
    means = (scores / np.maximum(inside.sum(axis=1), 1)).round(6)
    from_middle = np.abs(begins + seconds / 2 - end / 2)
    begin = float(begins[np.lexsort((from_middle, -means))[0]])
    return Moment(begin, begin + seconds)


def liveliness(track: TrackSound, tags: Sequence[str]) -> Float32Array:
    """Return how lively each segment of the first model is beside the others, (n_segments,)."""
    logits = aligned_logits(track.features)
    names = [tag.casefold() for tag in tags]
    weights = np.zeros(len(names), np.float32)
    for side, sign in ((_LIVELY, 1.0), (_CALM, -1.0)):
        members = np.array([name in side for name in names], np.bool_)
        weights[members] = sign / max(int(members.sum()), 1)
    lively: Float32Array = (logits - logits.mean(axis=0)) @ weights
    return lively
