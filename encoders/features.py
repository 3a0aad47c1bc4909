"""What the encoders hand to the layers above: plain NumPy values, importable without torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class AudioInfo:
    """What a file says of its audio without being decoded.

    `audio_hash` is a digest of the encoded audio packets alone: it survives moving, renaming and
    re-tagging, and differs between two encodings of one recording.
    """

    duration: float  # seconds
    sample_rate: int  # Hz, as stored in the file
    channels: int
    codec: str  # FFmpeg's name: "mp3float", "flac", ...
    audio_hash: str  # 32 hexadecimal digits


@dataclass(frozen=True, eq=False)
class TrackFeatures:
    """What one model heard in one track, segment by segment.

    starts       float32 (n_segments,)              seconds from the beginning of the track
    tags         float16 (n_segments, n_tags)       tag probabilities over time (the taggram)
    penultimate  float16 (n_segments, n_units)      the layer below the tags
    pooled       float16 (2 * n_channels,)          mean next to max pools, each taken within a
                                                    segment and averaged over the segments
    """

    starts: NDArray[np.float32]
    tags: NDArray[np.float16]
    penultimate: NDArray[np.float16]
    pooled: NDArray[np.float16]
