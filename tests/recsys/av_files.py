"""Small audio files in any container that FFmpeg writes, with its own tags."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np


def written(path: Path, tags: dict[str, str], how: tuple[str, str, str]) -> Path:
    """Write a tone: `how` names container, encoder and sample format."""
    container_format, encoder, layout = how
    tone = (8000 * np.sin(np.arange(9600) / 20)).astype(np.int16)
    with av.open(str(path), "w", format=container_format) as container:
        stream = container.add_stream(encoder, rate=48000, layout="stereo")
        container.metadata.update(tags)
        frame = av.AudioFrame.from_ndarray(np.repeat(tone, 2)[None], format="s16", layout="stereo")
        frame.sample_rate = 48000
        resampler = av.AudioResampler(layout, "stereo", 48000, stream.codec_context.frame_size)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path
