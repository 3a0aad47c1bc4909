"""Small files of music, damaged in many ways: cut, altered, filled, with headers that lie."""

from __future__ import annotations

import gzip
import io
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import av
import numpy as np

FORMATS = {  # container, encoder, its sample format and rate
    "mp3": ("mp3", "libmp3lame", "fltp", 22050),
    "flac": ("flac", "flac", "s16", 22050),
    "ogg": ("ogg", "libopus", "flt", 48000),
    "m4a": ("ipod", "aac", "fltp", 22050),
    "wav": ("wav", "pcm_s16le", "s16", 22050),
    "mkv": ("matroska", "aac", "fltp", 22050),
    "wma": ("asf", "wmav2", "fltp", 22050),
}
SECONDS, RATE = 3.5, 22050
MIB = 1 << 20


def damaged_media(seed: int, n: int) -> Iterator[tuple[str, bytes]]:
    """Yield n damaged files with names: every damage of every format in turn, at random places."""
    rng = random.Random(seed)
    whole = {suffix: music(suffix) for suffix in FORMATS}
    damages = list(DAMAGES.items())
    for number in range(n):
        suffix = list(whole)[number % len(whole)]
        name, damage = damages[number // len(whole) % len(damages)]
        yield f"{number}-{name}.{suffix}", damage(whole[suffix], rng)


def music(suffix: str) -> bytes:
    """Encode a few seconds of a tune."""
    times = np.arange(round(SECONDS * RATE)) / RATE
    tune = (0.4 * np.sin(2 * np.pi * 220 * times * (1 + times // 0.5 % 4))).astype(np.float32)
    container_format, encoder, sample_format, rate = FORMATS[suffix]
    content = io.BytesIO()
    with av.open(content, "w", format=container_format) as container:
        stream: Any = container.add_stream(encoder, rate=rate, layout="mono")
        stream.bit_rate = 64_000
        frame = av.AudioFrame.from_ndarray(tune[None], format="flt", layout="mono")
        frame.sample_rate = RATE
        size = stream.codec_context.frame_size
        resampler = av.AudioResampler(sample_format, "mono", rate, size)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return content.getvalue()


def cut(content: bytes, rng: random.Random) -> bytes:
    """Keep the beginning."""
    return content[: rng.randrange(len(content))]


def headless(content: bytes, rng: random.Random) -> bytes:
    """Keep the end."""
    return content[rng.randrange(1, min(4096, len(content))) :]


def altered(content: bytes, rng: random.Random) -> bytes:
    """Alter some bits anywhere."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 10, 100, 1000))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def altered_header(content: bytes, rng: random.Random) -> bytes:
    """Alter some bytes of the first 128."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 4, 16))):
        changed[rng.randrange(min(128, len(changed)))] = rng.randrange(256)
    return bytes(changed)


def huge_numbers(content: bytes, rng: random.Random) -> bytes:
    """Write the largest numbers where sizes, rates and lengths may be."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 3))):
        at = rng.randrange(4, min(256, len(changed) - 8))
        changed[at : at + 4] = rng.choice((b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0"))
    return bytes(changed)


def filled(content: bytes, rng: random.Random) -> bytes:
    """Fill a part with zeros, ones or noise."""
    first = rng.randrange(len(content))
    length = rng.randrange(len(content) - first)
    filling = rng.choice((bytes(length), b"\xff" * length, rng.randbytes(length)))
    return content[:first] + filling + content[first + length :]


def repeated(content: bytes, rng: random.Random) -> bytes:
    """Repeat a piece, up to 8 MiB."""
    first = rng.randrange(len(content))
    piece = content[first : first + rng.randrange(1, 65536)]
    return content[:first] + piece * rng.randrange(1, max(8 * MIB // len(piece), 2))


def huge_tag(content: bytes, rng: random.Random) -> bytes:
    """Put an ID3 tag before it that says it has 256 MiB, or that is of 4 MiB of zeros."""
    if rng.random() < 0.5:
        return b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + content
    size = 4 * MIB
    packed = bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x04\0\0" + packed + bytes(size) + content


def compressed(content: bytes, rng: random.Random) -> bytes:
    """Be a gzip or zlib stream that becomes 64 MiB, or a ZIP file's beginning."""
    bomb = bytes(64 * MIB) if rng.random() < 0.1 else content
    packed = rng.choice((gzip.compress(bomb), zlib.compress(bomb)))
    return rng.choice((packed, b"PK\x03\x04" + packed))


def lying_wav(content: bytes, rng: random.Random) -> bytes:
    """Be a WAV file of impossible channels, rates and lengths."""
    channels, rate, bits = (rng.choice((0, 1, 2, 255, 65535)) for _ in range(3))
    layout = struct.pack("<HHIIHH", rng.choice((1, 3, 85)), channels, rate, 0, 0, bits)
    sizes = struct.pack("<I", rng.choice((0, 0xFFFFFFFF, len(content))))
    return b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0" + layout + b"data" + sizes + content


def no_music(content: bytes, rng: random.Random) -> bytes:
    """Be nothing, noise, text, a playlist that names other files, or a picture's beginning."""
    playlist = b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\nhttp://127.0.0.1:1/x.mp3\n"
    concat = b"ffconcat version 1.0\nfile /etc/passwd\n"
    kinds = (b"", b"\0", rng.randbytes(rng.randrange(1, MIB)), b"words " * 1000, playlist)
    return rng.choice((*kinds, concat, b"\x89PNG\r\n\x1a\n" + content, b"%PDF-1.7\n" + content))


Damage = Callable[[bytes, random.Random], bytes]
DAMAGES: dict[str, Damage] = {
    "cut": cut,
    "headless": headless,
    "altered": altered,
    "altered-header": altered_header,
    "huge-numbers": huge_numbers,
    "filled": filled,
    "repeated": repeated,
    "huge-tag": huge_tag,
    "compressed": compressed,
    "lying-wav": lying_wav,
    "no-music": no_music,
}
