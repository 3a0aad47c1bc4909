"""Small real audio files, and a small real demuxer; run as a script it identifies a folder."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import av
import numpy as np

from encoders.errors import AudioError
from encoders.features import AudioInfo
from recsys.catalog import Catalog
from recsys.library.identification import identify
from recsys.library.scanning import scan

# By suffix: encoder and its sample format.
ENCODERS = {
    ".mp3": ("libmp3lame", "s16p"),
    ".flac": ("flac", "s16"),
    ".ogg": ("vorbis", "fltp"),
    ".opus": ("libopus", "flt"),
    ".m4a": ("aac", "fltp"),
    ".wav": ("pcm_s16le", "s16"),
    ".aiff": ("pcm_s16be", "s16"),
    ".wma": ("wmav2", "fltp"),
    ".wv": ("wavpack", "s16p"),
    ".tta": ("tta", "s16"),
    ".mkv": ("aac", "fltp"),
}
RATE = 48000


def make_audio(path: Path, pitch: float = 440.0, seconds: float = 0.3) -> Path:
    """Write a tone; files of one suffix and pitch have the same audio packets."""
    encoder, layout = ENCODERS[path.suffix]
    path.parent.mkdir(parents=True, exist_ok=True)
    times = np.arange(round(RATE * seconds)) / RATE
    tone = (8000 * np.sin(2 * np.pi * pitch * times)).astype(np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(encoder, rate=RATE, layout="stereo")
        if encoder == "vorbis":
            stream.codec_context.options = {"strict": "-2"}  # FFmpeg's own encoder asks for it
        stream.bit_rate = 128_000
        frame = av.AudioFrame.from_ndarray(np.repeat(tone, 2)[None], format="s16", layout="stereo")
        frame.sample_rate = RATE
        resampler = av.AudioResampler(layout, "stereo", RATE, stream.codec_context.frame_size)
        for resampled in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(resampled))
        container.mux(stream.encode(None))
    return path


def inspect(paths: Iterable[Path]) -> Iterator[tuple[Path, AudioInfo | AudioError]]:
    """Demux files one after the other."""
    for path in paths:
        try:
            yield path, _info(path)
        except (av.FFmpegError, IndexError) as error:
            yield path, AudioError(f"{path.name} cannot be read: {error}.")


def _info(path: Path) -> AudioInfo:
    digest = hashlib.blake2b(digest_size=16)
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        for packet in container.demux(stream):
            digest.update(bytes(packet))
        duration = float((stream.duration or 0) * stream.time_base)
        context = stream.codec_context
        return AudioInfo(
            duration, context.sample_rate, context.channels, context.name, digest.hexdigest()
        )


def main() -> None:
    """Identify the files of argv[2] in the home argv[1], killed at the file number argv[3]."""
    home, folder, last = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])

    def deadly(paths: Iterable[Path]) -> Iterator[tuple[Path, AudioInfo | AudioError]]:
        for number, result in enumerate(inspect(paths), start=1):
            if number == last:
                os.kill(os.getpid(), signal.SIGKILL)
            yield result

    with Catalog(home) as catalog:
        identify(catalog, scan([folder]), deadly)


if __name__ == "__main__":
    main()
