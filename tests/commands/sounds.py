"""Small pieces of music made by code, each different, written as real files of many formats."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import av
import mutagen
import numpy as np
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from numpy.typing import NDArray

RATE = 22050

# By suffix: container, encoder, its sample format and rate.
FORMATS = {
    ".mp3": ("mp3", "libmp3lame", "fltp", 22050),
    ".flac": ("flac", "flac", "s16", 22050),
    ".ogg": ("ogg", "libopus", "flt", 48000),
    ".m4a": ("ipod", "aac", "fltp", 22050),
    ".wav": ("wav", "pcm_s16le", "s16", 22050),
    ".mkv": ("matroska", "aac", "fltp", 22050),
    ".wma": ("asf", "wmav2", "fltp", 22050),
    ".mp4": ("mp4", "aac", "fltp", 22050),
}


def tune(seed: int, seconds: float = 4.0, rate: int = RATE) -> NDArray[np.float32]:
    """Compose notes of one scale over noisy beats: float32 (n_samples,)."""
    rng = np.random.default_rng(seed)
    times = np.arange(round(seconds * rate)) / rate
    beat = rng.uniform(0.15, 0.6)
    notes = 110 * 2 ** (rng.integers(0, 36, 64) / 12)
    pitch = notes[(times / beat).astype(int) % len(notes)]
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    tone = sum(np.sin(n * phase) * rng.uniform(0.1, 1) / n for n in range(1, 6))
    decay = np.exp(-(times % beat) * rng.uniform(2, 20))
    noise = rng.normal(size=times.size) * np.exp(-(times % (2 * beat)) * 30)
    mixed = tone * decay + rng.uniform(0, 0.5) * noise
    return (0.5 * mixed / np.abs(mixed).max()).astype(np.float32)


def write(path: Path, waveform: NDArray[np.float32], layout: str = "mono", **tags: str) -> Path:
    """Encode a waveform, the same in each channel of the layout; the suffix says how."""
    path.parent.mkdir(parents=True, exist_ok=True)
    container_format, encoder, sample_format, rate = FORMATS[path.suffix]
    content = io.BytesIO()
    with av.open(content, "w", format=container_format) as container:
        stream = container.add_stream(encoder, rate=rate, layout=layout)
        stream.bit_rate = 64_000
        _encode(container, stream, waveform, sample_format)
    path.write_bytes(content.getvalue())
    if tags:
        retag(path, **tags)
    return path


def _encode(container: Any, stream: AudioStream, waveform: Any, sample_format: str) -> None:
    layout = stream.codec_context.layout
    interleaved = np.repeat(waveform.astype(np.float32), layout.nb_channels)[None]
    frame = av.AudioFrame.from_ndarray(interleaved, format="flt", layout=layout)
    frame.sample_rate = RATE
    resampler = av.AudioResampler(
        sample_format, layout, stream.rate, stream.codec_context.frame_size
    )
    for piece in [*resampler.resample(frame), *resampler.resample(None)]:
        container.mux(stream.encode(piece))
    container.mux(stream.encode(None))


def retag(path: Path, **tags: str) -> None:
    """Write title, artist, album and the like into a file, leaving its audio alone."""
    file = mutagen.File(path, easy=True)
    if file.tags is None:
        file.add_tags()
    for name, text in tags.items():
        file[name] = text
    file.save()


def video(path: Path, waveform: NDArray[np.float32] | None) -> Path:
    """Write a second of moving grey, with the waveform as its sound if there is one."""
    with av.open(str(path), "w") as container:
        pictures = cast(VideoStream, container.add_stream("mpeg4", rate=10))
        pictures.width = pictures.height = 64
        pictures.pix_fmt = "yuv420p"
        if waveform is not None:
            sound = cast(AudioStream, container.add_stream("aac", rate=RATE, layout="mono"))
        for number in range(10):
            grey = np.full((64, 64, 3), 20 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
            frame.pts = number
            container.mux(pictures.encode(frame))
        container.mux(pictures.encode(None))
        if waveform is not None:
            _encode(container, sound, waveform, "fltp")
    return path


def float_wav(path: Path, channels: Sequence[NDArray[np.float32]]) -> Path:
    """Write float32 samples as they are, NaN and infinity included."""
    interleaved = np.stack(channels, axis=1).astype("<f4").tobytes()
    frame_bytes = 4 * len(channels)
    layout = struct.pack("<HHIIHH", 3, len(channels), RATE, RATE * frame_bytes, frame_bytes, 32)
    return _riff(path, layout, len(interleaved), interleaved)


def long_wav(path: Path, seconds: int, rate: int, every: int) -> Path:
    """Write a 16-bit file with a tune of 20 s every `every` seconds and holes between them."""
    layout = struct.pack("<HHIIHH", 1, 1, rate, 2 * rate, 2, 16)
    _riff(path, layout, 2 * rate * seconds, b"")
    sound = (20000 * tune(1, 20, rate)).astype("<i2").tobytes()
    with path.open("r+b") as file:
        for start in range(0, seconds - 20, every):
            file.seek(44 + 2 * rate * start)
            file.write(sound)
        file.truncate(44 + 2 * rate * seconds)
    return path


def _riff(path: Path, layout: bytes, n_bytes: int, samples: bytes) -> Path:
    head = struct.pack("<4sI4s4sI", b"RIFF", 36 + n_bytes, b"WAVE", b"fmt ", 16)
    path.write_bytes(head + layout + struct.pack("<4sI", b"data", n_bytes) + samples)
    return path


def long_mp3(path: Path, seconds: int) -> Path:
    """Write the frames of a ten-second tune again and again: 8 kHz, 8 kbit/s."""
    content = io.BytesIO()
    options = {"write_xing": "0", "id3v2_version": "0"}
    with av.open(content, "w", format="mp3", options=options) as container:
        stream = container.add_stream("libmp3lame", rate=8000, layout="mono")
        stream.bit_rate = 8000
        _encode(container, stream, tune(2, 10), "fltp")
    with path.open("wb") as file:
        for _ in range(seconds // 10):
            file.write(content.getvalue())
    return path


def cut(path: Path, share: float) -> Path:
    """Keep the first `share` of a file."""
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    return path


def flip(path: Path, n_bits: int = 20, seed: int = 0) -> Path:
    """Flip bits in the middle half of a file."""
    rng = np.random.default_rng(seed)
    content = bytearray(path.read_bytes())
    for place in rng.integers(len(content) // 4, 3 * len(content) // 4, n_bits):
        content[place] ^= 1 << rng.integers(8)
    path.write_bytes(content)
    return path
