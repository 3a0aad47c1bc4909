"""Sounds known at every instant, and real files made of them in the formats people have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}

MILLISECOND = 0.0011  # s, and a little for rounding: the resolution of some time stamps

Samples = NDArray[np.float64]


@dataclass(frozen=True)
class Format:
    """How FFmpeg is to write a file, and what is then to be expected of reading it.

    delay        seconds by which the sound comes late, where a file does not tell its decoder
    lag          seconds by which it may be misplaced beyond that
    seek_error   largest difference of a sample read after a seek from one read on the way;
                 None where the file's time stamps do not tell samples apart
    correlation  least one of a segment with the true sound
    gain         of encoder and decoder
    """

    name: str  # of the file
    encoder: str
    sample_format: str
    rate: int = 44_100
    channels: int = 2
    container: str | None = None
    bit_rate: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    container_options: Mapping[str, str] = field(default_factory=dict)
    video: str | None = None  # encoder of a video stream beside the sound
    delay: float = 0.0
    lag: float = 0.0001
    seek_error: float | None = 0.0
    correlation: float = 0.99
    gain: float = 1.0


def sound(times: Samples) -> Samples:
    """Sixteen slowly swelling sinusoids of 100 to 2500 Hz, at `times` in seconds; 0 before 0.

    No two instants sound alike, and it is the same whatever the sample rate.
    """
    rng = np.random.default_rng(0)
    total = np.zeros_like(times)
    for frequency, swell, phase in zip(
        rng.uniform(100, 2500, 16), rng.uniform(0.05, 0.5, 16), rng.uniform(0, 6, 16), strict=True
    ):
        envelope = 0.6 + 0.4 * np.sin(2 * np.pi * swell * times)
        total += envelope * np.sin(2 * np.pi * frequency * times + phase)
    return np.where(times < 0, 0.0, 0.05 * total)


@cache
def samples_of_sound(seconds: float, rate: int) -> Samples:
    """Sample it."""
    return sound(np.arange(round(seconds * rate)) / rate)


def write(path: Path, samples: Samples, form: Format) -> Path:
    """Write samples (channels, time), full scale 1."""
    layout = LAYOUTS[len(samples)]
    kind, dtype = ("dbl", np.float64) if form.sample_format == "dbl" else ("flt", np.float32)
    packed = np.ascontiguousarray(samples.T.reshape(1, -1), dtype)
    frame = av.AudioFrame.from_ndarray(packed, format=kind, layout=layout)
    frame.sample_rate, frame.pts, frame.time_base = form.rate, 0, Fraction(1, form.rate)
    options = dict(form.container_options)
    with av.open(str(path), "w", format=form.container, options=options) as container:
        if form.video:
            picture = container.add_stream(form.video, rate=25)
            picture.width, picture.height, picture.pix_fmt = 64, 64, "yuv420p"
        stream = container.add_stream(form.encoder, rate=form.rate, layout=layout)
        stream.codec_context.format = form.sample_format
        stream.codec_context.options = {"strict": "-2", **form.options}  # -2: FFmpeg's own Vorbis
        if form.bit_rate:
            stream.bit_rate = form.bit_rate
        stream.codec_context.open()
        size = stream.codec_context.frame_size or 1024
        resampler = av.AudioResampler(form.sample_format, layout, form.rate, size)
        n_pictures, n_samples = 0, 0
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            n_samples += piece.samples
            while form.video and n_pictures / 25 < n_samples / form.rate:
                image = av.VideoFrame(64, 64, "yuv420p")
                image.pts = n_pictures
                container.mux(picture.encode(image))
                n_pictures += 1
            container.mux(stream.encode(piece))
        if form.video:
            container.mux(picture.encode(None))
        container.mux(stream.encode(None))
    return path


def write_sound(path: Path, form: Format, seconds: float) -> Path:
    """Write `sound` to all channels alike."""
    return write(path, np.tile(samples_of_sound(seconds, form.rate), (form.channels, 1)), form)


_VARIABLE = {"global_quality": "236", "flags": "+qscale"}  # LAME's -V 2
_GOOD = {"global_quality": "590", "flags": "+qscale"}
_NO_XING = {"write_xing": "0"}

# LAME makes it quieter where a bit rate is given. It begins 1105 samples late, FFmpeg's AAC 1024,
# MP2 481, AC-3 256 and WMA a frame of 2048: files without room for that number do not say so.
MP3 = Format("cbr.mp3", "libmp3lame", "s16p", bit_rate=128_000, gain=0.95)
MP3_NO_XING = replace(
    MP3,
    name="no xing.mp3",
    delay=1105 / 44_100,
    container_options={**_NO_XING, "id3v2_version": "0"},
)
MP3_VBR = Format("vbr.mp3", "libmp3lame", "s16p", options=_VARIABLE)
AAC = Format("a.m4a", "aac", "fltp", container="ipod", bit_rate=128_000, seek_error=1e-3)
ADTS = replace(AAC, name="a.aac", container="adts", delay=1024 / 44_100)
ALAC = Format("alac.m4a", "alac", "s16p", container="ipod", correlation=0.9999)
FLAC = Format("16 bit.flac", "flac", "s16", correlation=0.9999)
VORBIS = Format("a.ogg", "vorbis", "fltp", container="ogg", options=_GOOD)
OPUS = Format(
    "a.opus",
    "libopus",
    "flt",
    rate=48_000,
    container="ogg",
    bit_rate=96_000,
    seek_error=1e-3,
)
WMA = Format(
    "a.wma",
    "wmav2",
    "fltp",
    container="asf",
    bit_rate=128_000,
    delay=2048 / 44_100,
    lag=MILLISECOND,
    seek_error=None,
)
WAVPACK = Format("a.wv", "wavpack", "s16p", correlation=0.9999)
TTA = Format("a.tta", "tta", "s16", correlation=0.9999)
AIFF = Format("a.aiff", "pcm_s16be", "s16", correlation=0.9999)
WAV = Format("s16.wav", "pcm_s16le", "s16", correlation=0.9999)
WAV_16K = replace(WAV, name="16 kHz.wav", rate=16_000, channels=1)
MATROSKA = replace(AAC, name="a.mka", container="matroska", lag=MILLISECOND, seek_error=None)
WEBM = replace(OPUS, name="a.webm", container="webm", lag=MILLISECOND, seek_error=None)
MP4_VIDEO = replace(AAC, name="film.mp4", container="mp4", video="mpeg4")

FORMATS = (
    MP3,
    MP3_NO_XING,
    MP3_VBR,
    replace(MP3_VBR, name="vbr no xing.mp3", delay=1105 / 44_100, container_options=_NO_XING),
    replace(MP3, name="16 kHz.mp3", rate=16_000, channels=1, bit_rate=64_000),
    replace(MP3, name="48 kHz.mp3", rate=48_000, bit_rate=320_000, gain=1.0),
    replace(MP3, name="8 kHz.mp3", rate=8_000, channels=1, bit_rate=48_000),
    Format("a.mp2", "mp2", "s16", bit_rate=192_000, delay=481 / 44_100, seek_error=1e-3),
    AAC,
    ADTS,
    ALAC,
    FLAC,
    replace(FLAC, name="24 bit.flac", sample_format="s32", rate=96_000),
    replace(FLAC, name="six channels.flac", rate=48_000, channels=6),
    replace(FLAC, name="eight channels.flac", rate=48_000, channels=8),
    replace(FLAC, name="a.oga", container="oga"),
    replace(FLAC, name="odd rate.flac", rate=44_056),
    VORBIS,
    OPUS,
    replace(OPUS, name="mono.opus", channels=1, bit_rate=48_000),
    WAV,
    WAV_16K,
    Format("u8.wav", "pcm_u8", "u8"),
    Format("s24.wav", "pcm_s24le", "s32", rate=48_000, channels=6),
    Format("s32.wav", "pcm_s32le", "s32", rate=192_000, channels=1),
    Format("float32.wav", "pcm_f32le", "flt", rate=8_000, channels=1),
    Format("float64.wav", "pcm_f64le", "dbl", rate=22_050, channels=1),
    replace(WAV, name="prime rate.wav", rate=22_051, channels=1),
    replace(WAV, name="a.w64", container="w64"),
    AIFF,
    Format("a.au", "pcm_s16be", "s16", rate=11_025, channels=1),
    Format("a.caf", "alac", "s16p", container="caf"),
    WMA,
    replace(WMA, name="version 1.wma", encoder="wmav1"),
    WAVPACK,
    TTA,
    Format(
        "a.ac3", "ac3", "fltp", rate=48_000, bit_rate=192_000, delay=256 / 48_000, seek_error=1e-3
    ),
    MATROSKA,
    replace(
        FLAC,
        name="flac.mka",
        correlation=0.99,
        container="matroska",
        lag=MILLISECOND,
        seek_error=None,
    ),
    WEBM,
    MP4_VIDEO,
    replace(MATROSKA, name="film.mkv", video="mpeg4"),
    replace(ADTS, name="film.ts", container="mpegts", video="mpeg4"),
    replace(ADTS, name="film.flv", container="flv", video="flv", lag=MILLISECOND, seek_error=None),
    replace(MP3_NO_XING, name="film.avi", container="avi", video="mpeg4", container_options={}),
    replace(WMA, name="film.wmv", video="mpeg4"),
    Format(
        "film.mpg",
        "mp2",
        "s16",
        container="mpeg",
        bit_rate=192_000,
        video="mpeg1video",
        delay=481 / 44_100,
        seek_error=1e-3,
    ),
)
