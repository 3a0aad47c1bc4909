"""Audio files of the demo library. Equal input gives equal bytes."""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.codec.context import Flags

from recsys.demo.recipes import Format
from recsys.demo.synth import SAMPLE_RATE, Signal
from recsys.demo.tags import write_tags
from recsys.demo.tracks import DemoTrack


class _Encoding(NamedTuple):
    muxer: str
    codec: str
    options: Mapping[str, str]
    sample_format: str
    sample_rate: int = SAMPLE_RATE
    layout: str = "stereo"


# The encoders' quickest settings, at bit rates that make up for them.
_ENCODINGS: Mapping[Format, _Encoding] = {
    "mp3": _Encoding(
        "mp3", "libmp3lame", {"b": "128k", "compression_level": "9", "joint_stereo": "0"}, "fltp"
    ),
    "flac": _Encoding("flac", "flac", {}, "s16"),
    "opus": _Encoding("opus", "libopus", {"b": "80k", "compression_level": "3"}, "flt", 48_000),
    "m4a": _Encoding("ipod", "aac", {"b": "96k", "aac_coder": "fast"}, "fltp"),
    # Without compression, so small in other ways.
    "wav": _Encoding("wav", "pcm_s16le", {}, "s16", 22_050, "mono"),
}


def audio_file(track: DemoTrack, waveform: Signal) -> bytes:
    """The bytes of a track's file, encoded and tagged; the waveform is `(2, n)`."""
    file = BytesIO(encode(waveform, track.album.format))
    write_tags(file, track)
    return file.getvalue()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under another name and rename it, so that it is there whole or not at all.

    Raises OSError, with the file's name, if it cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise OSError(error.errno, error.strerror, str(path)) from error


def encode(waveform: Signal, file_format: Format) -> bytes:
    """Encode a waveform `(2, n)` at 44.1 kHz; neither time nor encoder version is written."""
    encoding = _ENCODINGS[file_format]
    file = BytesIO()
    with av.open(file, "w", format=encoding.muxer, options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream(
            encoding.codec, rate=encoding.sample_rate, options=dict(encoding.options)
        )
        if not isinstance(stream, av.AudioStream):
            raise TypeError(f"{encoding.codec} does not encode audio")
        context = stream.codec_context
        context.flags |= Flags.bitexact
        context.thread_count = 1
        context.layout = encoding.layout
        context.format = encoding.sample_format
        for frame in _frames(waveform, encoding):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def _frames(waveform: Signal, encoding: _Encoding) -> Iterator[av.AudioFrame]:
    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(waveform, dtype=np.float32), format="fltp", layout="stereo"
    )
    frame.sample_rate = SAMPLE_RATE
    resampler = av.AudioResampler(encoding.sample_format, encoding.layout, encoding.sample_rate)
    yield from resampler.resample(frame)
    yield from resampler.resample(None)
