"""Audio decoding: files in, mono float32 waveforms out. PyAV (FFmpeg) and NumPy, never torch.

A track is read as segments: windows of a fixed number of samples on a regular grid. A segment
starts half an FFT window before its place on the grid, so that a spectrogram of it, computed
without padding, has the frames that a centred spectrogram of the whole track has there.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, NamedTuple

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from numpy.typing import NDArray

from encoders.channels import (
    Channels,
    have_cancelled,
    may_have_cancelled,
    silent,
    sounds,
    with_signal,
)
from encoders.errors import AudioError, FileUnavailable, no_memory
from encoders.features import AudioInfo
from encoders.mixing import MonoMixer
from encoders.resampling import resample

av.logging.set_level(None)  # a broken file is reported once, by AudioError, not on stderr

_PREROLL = 0.25  # s decoded before a segment: MP3's bit reservoir, Opus's overlap, the resampler
_SEEK_GAP = 1.5  # s; a shorter gap between two segments is decoded through rather than sought over
_MIN_DURATION = 0.05  # s
_AT_ONCE = 200  # segments of a track that is searched for any signal
_DENSER = 10  # times as many segments are read of a track that is mostly silent
_LONGEST_TAG_END = 128  # bytes that tell the kind and length of a tag at a file's end
_LONGEST_TAG = 2000  # characters
_MOST_TAGS = 200
_MAX_PACKET = 60  # s; what says to be longer is damaged


@dataclass(frozen=True)
class SegmentGrid:
    """The positions and length of a model's segments, in samples at `sample_rate` Hz."""

    sample_rate: int
    hop_length: int  # between spectrogram frames
    n_fft: int
    n_frames: int  # of a segment

    @property
    def step(self) -> int:
        """Samples from one segment's start to the next one's."""
        return self.n_frames * self.hop_length

    @property
    def seconds(self) -> float:
        """Seconds from one segment's start to the next one's."""
        return self.step / self.sample_rate

    @property
    def n_samples(self) -> int:
        """Samples of one segment."""
        return (self.n_frames - 1) * self.hop_length + self.n_fft

    def count(self, duration: float) -> int:
        """Complete segments in `duration` seconds; a track shorter than one counts as one."""
        n_frames = 1 + int(duration * self.sample_rate) // self.hop_length
        return max(1, n_frames // self.n_frames)


class _Span(NamedTuple):
    """The samples of a track in its file, at a grid's rate."""

    begin: int
    end: int


_WHOLE = _Span(0, 1 << 62)


class Segments(NamedTuple):
    """waveforms float32 (n_segments, n_samples), full scale 1; starts float32 (n_segments,) s."""

    waveforms: NDArray[np.float32]
    starts: NDArray[np.float32]


def inspect(path: Path) -> AudioInfo:
    """Return duration and identity of the first audio stream, from its packets, without decoding.

    Raises AudioError if the file cannot be read as audio.
    """
    with opened(path) as (container, stream):
        codec = stream.codec_context
        digest = hashlib.blake2b(digest_size=16)
        digest.update(f"{codec.name} {codec.sample_rate} {codec.channels}".encode())
        first, last, total = None, 0, 0
        time_base = stream.time_base or Fraction(0)
        longest = math.floor(_MAX_PACKET / time_base) if time_base else math.inf
        for packet in packets(container, stream):  # of a song 6,000 and more: all is integers here
            if not packet.size:
                continue
            digest.update(packet)
            length, begin = packet.duration or 0, packet.pts
            if length > longest:
                length = 0
            total += length
            if begin is not None:
                if begin + length < last and container.format.name == "ogg":
                    raise _chained(container)
                first = begin if first is None or begin < first else first
                last = max(last, begin + length)
        length = total if first is None else last - max(first, stream.start_time or first)
        # A damaged time stamp can lie far behind the end. Not so half of it: Matroska's and ASF's
        # packet durations are whole milliseconds, rounded down.
        if 0 < 2 * total < length:
            length = total
        duration = float(length * time_base)
        if duration < _MIN_DURATION:
            raise AudioError(f"{path} holds {duration:.2f} s of audio: nothing to analyse.")
        return AudioInfo(
            duration=duration,
            sample_rate=codec.sample_rate,
            channels=codec.channels,
            codec=codec.name,
            audio_hash=digest.hexdigest(),
            container_tags=_tags(container, stream),
        )


def _tags(container: InputContainer, stream: AudioStream) -> dict[str, str]:
    """Return the tags of a container, or in Ogg of its stream, cut to a bounded size."""
    tags = {**stream.metadata, **container.metadata}
    return {key: tags[key][:_LONGEST_TAG] for key in sorted(tags)[:_MOST_TAGS]}


def choose_segments(n_available: int, n_wanted: int | None) -> NDArray[np.int64]:
    """Return which segments of a track to read: all, or `n_wanted` spread evenly over it."""
    if n_wanted is None or n_wanted >= n_available:
        return np.arange(n_available)
    return np.floor((np.arange(n_wanted) + 0.5) * n_available / n_wanted).astype(np.int64)


def read_segments(
    path: Path,
    duration: float,
    grid: SegmentGrid,
    n_segments: int | None = 20,
    begin: float | None = None,
) -> Segments:
    """Decode `n_segments` segments spread over a track of `duration` seconds, by seeking.

    With `begin` it is that part of a file, read as if the file were cut at both of its ends.

    None reads all of them (and holds them in memory: 64 kB a second of a track). A track shorter
    than one segment is repeated to fill it. Segments without signal are left out, unless all are
    read; where that is most of them, others are read instead. `duration` is what `inspect` found.
    Raises AudioError if the file cannot be decoded, or is silent throughout.
    """
    n_available = grid.count(duration)
    span = _WHOLE
    if begin is not None:
        ends = begin, begin + duration
        span = _Span(*(round(end * grid.sample_rate) for end in ends))
    numbers, waveforms = _read_mono(path, choose_segments(n_available, n_segments), grid, span)
    if n_segments is None:
        if not sounds(waveforms.reshape(1, -1)).any():
            raise silent(path)
    else:
        signal = with_signal(waveforms, grid.n_fft // 2)
        if 2 * signal.sum() < min(n_segments, len(signal)) and len(signal) < n_available:
            denser = choose_segments(n_available, _DENSER * n_segments)
            numbers, waveforms = _read_mono(path, denser, grid, span)
            signal = with_signal(waveforms, grid.n_fft // 2)
        if not signal.any() and len(signal) < n_available:
            numbers, waveforms = _read_sounding(path, n_available, grid, span)
            signal = with_signal(waveforms, grid.n_fft // 2)
        if not signal.any():
            raise silent(path)
        kept = np.flatnonzero(signal)
        kept = kept[choose_segments(len(kept), n_segments)]
        numbers, waveforms = numbers[kept], waveforms[kept]
    starts = (numbers * grid.step / grid.sample_rate).astype(np.float32)
    return Segments(waveforms, starts)


def _read_sounding(
    path: Path, n_available: int, grid: SegmentGrid, span: _Span
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Read the segments with signal of a track that is silent wherever else it was looked at.

    All are decoded, some at once, in bounded memory.
    """
    read = []
    for first in range(0, n_available, _AT_ONCE):
        chosen = np.arange(first, min(first + _AT_ONCE, n_available))
        numbers, waveforms = _read_mono(path, chosen, grid, span)
        signal = with_signal(waveforms, grid.n_fft // 2)
        read.append((numbers[signal], waveforms[signal]))
    return np.concatenate([n for n, _ in read]), np.concatenate([w for _, w in read])


def _read_mono(
    path: Path, chosen: NDArray[np.int64], grid: SegmentGrid, span: _Span
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Read segments, averaging the channels that sound; of cancelled ones the first is read."""
    channels = Channels()
    numbers, waveforms = _read_chosen(path, chosen, grid, span, channels)
    if channels.gain != 1.0:
        waveforms *= np.float32(channels.gain)
    elif channels.first is not None:
        quiet = np.flatnonzero(may_have_cancelled(waveforms))
        if len(quiet):
            alone = _read_chosen(path, numbers[quiet], grid, span, Channels(channels.first))
            quiet = quiet[np.isin(numbers[quiet], alone[0])]
            cancelled = have_cancelled(waveforms[quiet], alone[1])
            waveforms[quiet[cancelled]] = alone[1][cancelled]
    return numbers, waveforms


def _read_chosen(
    path: Path,
    chosen: NDArray[np.int64],
    grid: SegmentGrid,
    span: _Span,
    channels: Channels,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Decode segments by seeking: the numbers of those that hold audio, and their waveforms."""
    read: list[tuple[int, NDArray[np.float32]]] = []
    with opened(path) as (container, stream):
        for run in _runs(chosen, grid):
            first = int(run[0]) * grid.step - grid.n_fft // 2
            last = int(run[-1]) * grid.step - grid.n_fft // 2 + grid.n_samples
            begin, end = span.begin + max(first, 0), min(span.begin + last, span.end)
            waveform = _read_span(container, stream, begin, end, grid.sample_rate, channels)
            if first < 0 and waveform.size:  # the spectrogram's first frame is centred on sample 0
                waveform = np.concatenate([np.zeros(-first, np.float32), waveform])
            read.extend(_cut(waveform, run, grid))
    if not read:
        raise AudioError(f"{path} cannot be decoded: not one of its segments holds audio.")
    return np.array([n for n, _ in read], np.int64), np.stack([waveform for _, waveform in read])


class _AudioFile:
    """A file object for PyAV that ends where the tags at the end of the file begin.

    Demuxers of raw streams take such tags for audio. Seeking never raises: PyAV would print a
    traceback for damaged files.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.name = file.name
        self.tell = file.tell
        self._file = file
        self._end = _tags_begin(file)
        file.seek(0)

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes."""
        return self._file.read(max(min(size, self._end - self._file.tell()), 0))

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Return the new place, -1 where there is none."""
        if whence == os.SEEK_END:
            offset, whence = offset + self._end, os.SEEK_SET
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError):
            return -1


def _tags_begin(file: BinaryIO) -> int:
    """Return where the ID3v1, APEv2, Lyrics3v2 and ID3v2.4 tags at a file's end begin."""
    end = file.seek(0, os.SEEK_END)
    while length := _tag_length(file, end):
        end -= length
    return end


def _tag_length(file: BinaryIO, end: int) -> int:
    """Return the length of the tag that ends at `end`, 0 if there is none."""
    file.seek(max(end - _LONGEST_TAG_END, 0))
    last = file.read(min(end, _LONGEST_TAG_END))
    length = 0
    if last[-128:-125] == b"TAG":
        length = 128
    elif last[-32:-24] == b"APETAGEX":
        has_header = last[-9] & 0x80
        length = int.from_bytes(last[-20:-16], "little") + (32 if has_header else 0)
    elif last[-9:] == b"LYRICS200" and last[-15:-9].isdigit():
        length = int(last[-15:-9]) + 15
    elif last[-10:-7] == b"3DI" and max(last[-4:]) < 0x80:
        length = sum(byte << shift for byte, shift in zip(last[-4:], (21, 14, 7, 0), strict=True))
        length += 20
    return length if length < end else 0


@contextmanager
def opened(path: Path) -> Iterator[tuple[InputContainer, AudioStream]]:
    """Open a file and its first audio stream; turn every failure on the way into AudioError."""
    try:
        if path.stat().st_size == 0:
            raise AudioError(f"{path} is empty (0 bytes).")
        # A file object, so that names need not be UTF-8 and can never be taken for a protocol.
        with (
            path.open("rb") as file,
            av.open(
                _AudioFile(file),
                mode="r",
                options={"protocol_whitelist": ""},
                metadata_errors="surrogateescape",
            ) as source,
        ):
            if not source.streams.audio:
                raise AudioError(f"{path} has no audio stream.")
            stream = source.streams.audio[0]
            if stream.codec_context is None:  # PyAV's type does not say so
                raise AudioError(f"{path} holds audio in a format that cannot be decoded.")
            if not stream.codec_context.sample_rate:
                raise AudioError(f"{path} is not readable as audio: no sample rate.")
            yield source, stream
    except av.FFmpegError as error:
        raise AudioError(f"{path} is not readable as audio: {error.strerror}.") from error
    except OSError as error:  # of the disk, the network or the rights, not of the content
        raise FileUnavailable(f"{path} cannot be read: {error.strerror}.") from error
    except MemoryError as error:
        raise no_memory(path) from error
    except (ValueError, IndexError, OverflowError) as error:
        raise AudioError(f"{path} is not readable as audio: {error}.") from error


def packets(container: InputContainer, stream: AudioStream) -> Iterator[av.Packet[AudioStream]]:
    """Demux a stream up to its end or to the first place where the container is broken."""
    try:
        yield from container.demux(stream)
    except av.error.InvalidDataError:
        return
    except av.FFmpegError as error:
        if container.format.name == "ogg":
            raise _chained(container) from error
        raise


def _chained(container: InputContainer) -> AudioError:
    """Return what is said of Ogg streams one behind the other whose times or rates do not go on."""
    return AudioError(
        f"{container.name} holds several Ogg streams, one behind the other (a chained file), which "
        "cannot be read as one: split it, or convert it to a single stream."
    )


def frames(container: InputContainer, stream: AudioStream) -> Iterator[av.AudioFrame]:
    """Decode from where the container stands, stepping over broken packets."""
    for packet in packets(container, stream):
        try:
            decoded = packet.decode()
        except av.FFmpegError:
            continue
        yield from decoded


def _runs(chosen: NDArray[np.int64], grid: SegmentGrid) -> list[NDArray[np.int64]]:
    """Group segment numbers that are decoded in one go."""
    gaps = np.diff(chosen) - 1
    far = np.flatnonzero(gaps * grid.step > _SEEK_GAP * grid.sample_rate) + 1
    return np.split(chosen, far)


def _cut(
    waveform: NDArray[np.float32], run: NDArray[np.int64], grid: SegmentGrid
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Cut one run's waveform into its segments, filling up what is short at the track's end."""
    for index in run:
        start = int(index - run[0]) * grid.step
        piece = waveform[start : start + grid.n_samples]
        n_missing = grid.n_samples - piece.size
        if n_missing <= grid.n_fft // 2:
            yield int(index), np.pad(piece, (0, n_missing))
        elif index == 0 and piece.size > grid.n_fft // 2:
            sound = piece[grid.n_fft // 2 :]
            repeated = np.resize(sound, grid.n_samples - grid.n_fft // 2)
            yield 0, np.concatenate([np.zeros(grid.n_fft // 2, np.float32), repeated])


def _read_span(
    container: InputContainer,
    stream: AudioStream,
    first: int,
    last: int,
    sample_rate: int,
    channels: Channels,
) -> NDArray[np.float32]:
    """Decode samples [first, last) of the track as it is at `sample_rate`; fewer at its end."""
    # Up to 1 / divisor seconds are cut off below.
    divisor = math.gcd(stream.codec_context.sample_rate, sample_rate)
    begin = max(first / sample_rate - _PREROLL - 1 / divisor, 0.0)
    end = last / sample_rate + 0.01
    time_base = stream.time_base or Fraction(1, stream.codec_context.sample_rate)
    origin = (stream.start_time or 0) * time_base
    try:
        container.seek(int((begin + origin) / time_base), stream=stream, backward=True)
    except (av.FFmpegError, PermissionError):
        container.seek(0)  # a stream without an index is read from its beginning
    mixer = MonoMixer(channels)
    rate, offset = stream.codec_context.sample_rate, 0.0
    for time, frame, rate in _timed_frames(container, stream, float(time_base), float(origin)):
        frame_end = time + frame.samples / rate
        if frame_end <= begin:
            continue
        if mixer.is_empty:
            offset = time
        mixer.add(frame)
        if frame_end >= end:
            break
    if mixer.is_empty:
        return np.zeros(0, np.float32)
    source = mixer.waveform()
    # Begin on a sample that both rates have, so that every read of a track falls on the same grid.
    divisor = math.gcd(rate, sample_rate)
    position = round(offset * rate)
    trimmed = -position % (rate // divisor)
    waveform = resample(source[trimmed:], rate, sample_rate)
    skip = first - (position + trimmed) * sample_rate // rate
    if skip < 0:
        waveform = np.concatenate([np.zeros(-skip, np.float32), waveform])
    return waveform[max(skip, 0) :][: last - first]


def _timed_frames(
    container: InputContainer, stream: AudioStream, time_base: float, origin: float
) -> Iterator[tuple[float, av.AudioFrame, int]]:
    """Decode from where the container stands: (seconds, frame, sample rate).

    Broken packets are stepped over; AudioError only if the sample rate changes on the way.
    """
    time, rate = 0.0, 0
    for frame in frames(container, stream):
        if rate and frame.sample_rate != rate:
            raise AudioError(
                f"{container.name} changes its sample rate from {rate} to "
                f"{frame.sample_rate} Hz midway; convert it to one rate."
            )
        rate = frame.sample_rate
        if frame.pts is not None:
            time = frame.pts * time_base - origin
        yield time, frame, rate
        time += frame.samples / rate
