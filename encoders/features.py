"""The encoders' results: plain NumPy values, importable without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MUSICNN_SECONDS = 187 * 256 / 16_000  # of musicnn's segments
_LOGIT_EPS = 1e-4  # probabilities are kept this far from 0 and 1


class AudioSpan(NamedTuple):
    """A file's audio of `duration` seconds, or a part of it from `begin` seconds on."""

    path: Path
    duration: float
    begin: float | None = None  # of a part
    audio_hash: str | None = None  # of `AudioInfo`, or of the part, where it is known


@dataclass(frozen=True)
class AudioInfo:
    """Duration, format and identity of a file's audio, read without decoding it.

    `audio_hash` is a digest of the encoded audio packets alone: it survives moving, renaming and
    re-tagging, and differs between two encodings of one recording. `container_tags` are FFmpeg's
    names and values; bytes that are not UTF-8 stand in them as lone surrogates.
    """

    duration: float  # seconds
    sample_rate: int  # Hz, as stored in the file
    channels: int
    codec: str  # FFmpeg's name: "mp3float", "flac", ...
    audio_hash: str  # 32 hexadecimal digits
    container_tags: Mapping[str, str] = field(default_factory=dict, compare=False)


# The keynotes, as keys name them.
TONICS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")


@dataclass(frozen=True)
class Descriptors:
    """What is estimated of a track's tempo, key and loudness; None where it has none.

    method    the name of the way it was estimated
    bpm       beats a minute
    key       keynote and mode: "C# minor"
    loudness  LUFS, of the parts that were heard
    """

    method: str
    bpm: float | None = None
    key: str | None = None
    loudness: float | None = None


@dataclass(frozen=True, eq=False)
class TrackFeatures:
    """One model's outputs for one track, segment by segment.

    starts       float32 (n_segments,)              seconds from the beginning of the track
    tags         float16 (n_segments, n_tags)       tag probabilities over time (the taggram)
    penultimate  float16 (n_segments, n_units)      the layer below the tags
    pooled       float16 (2 * n_channels,)          mean next to max pools, each taken within a
                                                    segment and averaged over the segments

    A segment lasts `segment_seconds`.
    """

    starts: NDArray[np.float32]
    tags: NDArray[np.float16]
    penultimate: NDArray[np.float16]
    pooled: NDArray[np.float16]
    segment_seconds: float = MUSICNN_SECONDS

    def logits(self) -> NDArray[np.float32]:
        """Return the tags as log-odds: (n_segments, n_tags)."""
        tags = self.tags.astype(np.float32).clip(_LOGIT_EPS, 1.0 - _LOGIT_EPS)
        logits: NDArray[np.float32] = np.log(tags / (1.0 - tags))
        return logits

    def mean_logits(self) -> NDArray[np.float32]:
        """Return the tags as log-odds, averaged over the segments: (n_tags,)."""
        mean: NDArray[np.float32] = self.logits().mean(axis=0)
        return mean
