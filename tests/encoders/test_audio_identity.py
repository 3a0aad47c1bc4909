"""The audio's hash: the same under any tags and names, another for any other audio."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import mutagen
import numpy as np
import pytest
from mutagen import aiff, flac, wave
from mutagen.apev2 import BINARY, APEv2, APEValue
from mutagen.id3 import APIC, ID3, TIT2
from mutagen.mp4 import MP4, MP4Cover
from synthesis import (
    AAC,
    ADTS,
    AIFF,
    ALAC,
    FLAC,
    MATROSKA,
    MP3,
    MP3_NO_XING,
    MP3_VBR,
    MP4_VIDEO,
    OPUS,
    TTA,
    VORBIS,
    WAV,
    WAVPACK,
    WEBM,
    WMA,
    Format,
    samples_of_sound,
    write,
    write_sound,
)

from encoders.audio import SegmentGrid, inspect, read_segments
from encoders.errors import AudioError

Tagging = Callable[[Path], object]

GRID = SegmentGrid(sample_rate=16_000, hop_length=256, n_fft=512, n_frames=187)
# Bytes like those of a picture, among them some that look like the beginning of an MP3 frame.
COVER = np.random.default_rng(0).integers(0, 256, 70_000, np.uint8).tobytes() + b"\xff\xfb\x90" * 9


def append(data: bytes) -> Tagging:
    def tag(path: Path) -> None:
        path.write_bytes(path.read_bytes() + data)

    return tag


def id3(cover: bytes = b"", padding: int = 1000, v1: int = 0, version: int = 4) -> Tagging:
    def tag(path: Path) -> None:
        tags = ID3()
        tags.add(TIT2(encoding=3, text="Änderung"))
        if cover:
            tags.add(APIC(encoding=0, mime="image/jpeg", type=3, desc="", data=cover))
        tags.save(path, v1=v1, v2_version=version, padding=lambda _: padding)

    return tag


def ape(cover: bytes = b"") -> Tagging:
    def tag(path: Path) -> None:
        tags = APEv2()
        tags["Title"] = "Änderung"
        if cover:
            tags["Cover Art (Front)"] = APEValue(cover, BINARY)
        tags.save(path)

    return tag


def both(first: Tagging, second: Tagging) -> Tagging:
    def tag(path: Path) -> None:
        first(path)
        second(path)

    return tag


def text(**tags: str) -> Tagging:
    """Vorbis comments, ASF attributes."""

    def tag(path: Path) -> None:
        file = mutagen.File(path)
        for name, value in tags.items():
            file[name] = value
        file.save()

    return tag


def mp4(cover: bytes = b"", padding: int = 0) -> Tagging:
    def tag(path: Path) -> None:
        file = MP4(path)
        file["\xa9nam"] = "Änderung " * 100
        if cover:
            file["covr"] = [MP4Cover(cover, MP4Cover.FORMAT_JPEG)]
        file.save(padding=lambda _: padding)

    return tag


def flac_picture(path: Path) -> None:
    file, picture = flac.FLAC(path), flac.Picture()
    picture.data, picture.type, picture.mime = COVER, 3, "image/jpeg"
    file.add_picture(picture)
    file.save()


def id3_chunk(path: Path) -> None:
    file = wave.WAVE(path) if path.suffix == ".wav" else aiff.AIFF(path)
    file.add_tags()
    file.tags.add(TIT2(encoding=3, text="Änderung"))
    file.tags.add(APIC(encoding=0, mime="image/jpeg", type=3, desc="", data=COVER))
    file.save()


def list_chunk(before_data: bool) -> Tagging:
    def tag(path: Path) -> None:
        data = path.read_bytes()
        chunk = b"LIST" + struct.pack("<I", 18) + b"INFOINAM" + struct.pack("<I", 6) + b"Title\0"
        place = data.index(b"data") if before_data else len(data)
        data = data[:place] + chunk + data[place:]
        path.write_bytes(data[:4] + struct.pack("<I", len(data) - 8) + data[8:])

    return tag


ID3V1 = append(b"TAG" + b"Title".ljust(30, b"\0") + bytes(60) + b"1999" + bytes(30) + b"\x11")
ID3_AT_END = append(b"ID3\4\0\x10\0\0\0\x10TIT2\0\0\0\x06\0\0\3hello" + b"3DI\4\0\x10\0\0\0\x10")
LYRICS = b"LYRICSBEGIN" + b"IND0000200" + b"LYR00500" + b"[00:01]" + b"la " * 164 + b"!"
LYRICS3 = append(LYRICS + b"%06dLYRICS200" % len(LYRICS))

TAGS_AT_END: dict[str, Tagging] = {
    "ID3v1": ID3V1,
    "APEv2": ape(),
    "APEv2 with a cover": ape(COVER),
    "APEv2 and ID3v1": both(ape(COVER), ID3V1),
    "Lyrics3 and ID3v1": both(LYRICS3, ID3V1),
    "ID3v2.4 at the end": ID3_AT_END,
}
ID3_TAGS: dict[str, Tagging] = {
    "ID3v2": id3(),
    "ID3v2 without padding": id3(padding=0),
    "ID3v2 with much padding": id3(padding=100_000),
    "ID3v2 with a cover": id3(COVER),
    "ID3v2.3 and ID3v1": id3(v1=2, version=3),
    **TAGS_AT_END,
}
COMMENTS: dict[str, Tagging] = {
    "short": text(title="Änderung"),
    "long": text(title="Änderung" * 20_000),
}
ATOMS: dict[str, Tagging] = {
    "atoms": mp4(),
    "cover": mp4(COVER),
    "padding": mp4(padding=50_000),
}
CHUNKS: dict[str, Tagging] = {"ID3 chunk": id3_chunk, "ID3v1": ID3V1}
FASTSTART = replace(AAC, name="fast.m4a", container_options={"movflags": "+faststart"})

CASES: list[tuple[Format, dict[str, Tagging]]] = [
    (MP3, {**ID3_TAGS, "none": mutagen.id3.delete}),
    (MP3_NO_XING, ID3_TAGS),
    (MP3_VBR, ID3_TAGS),
    (ADTS, {"ID3v2": id3(), "ID3v2 with a cover": id3(COVER), **TAGS_AT_END}),
    (AAC, ATOMS),
    (FASTSTART, ATOMS),  # its index lies before the audio and moves it when it grows
    (ALAC, ATOMS),
    (MP4_VIDEO, ATOMS),
    (FLAC, {**COMMENTS, "picture": flac_picture, **ID3_TAGS}),
    (VORBIS, COMMENTS),
    (OPUS, COMMENTS),
    (replace(FLAC, name="a.oga", container="oga"), COMMENTS),
    (WAV, {**CHUNKS, "LIST first": list_chunk(True), "LIST last": list_chunk(False)}),
    (AIFF, CHUNKS),
    (WMA, {"attributes": text(Title="Änderung", Author="Ä" * 5_000)}),
    (WAVPACK, TAGS_AT_END),
    (TTA, ID3_TAGS),
]


@pytest.mark.parametrize(("form", "taggings"), CASES, ids=[form.name for form, _ in CASES])
def test_tags_do_not_change_the_hash(
    form: Format, taggings: dict[str, Tagging], tmp_path: Path
) -> None:
    path = write_sound(tmp_path / form.name, form, 3.5)
    plain = path.read_bytes()
    info = inspect(path)
    segments = read_segments(path, info.duration, GRID)
    for name, tagging in taggings.items():
        tagged = tmp_path / f"{name}{path.suffix}"
        tagged.write_bytes(plain)
        tagging(tagged)
        assert tagged.read_bytes() != plain
        assert (name, inspect(tagged)) == (name, info)
        decoded = read_segments(tagged, info.duration, GRID)
        np.testing.assert_array_equal(decoded.waveforms, segments.waveforms)


def test_other_audio_has_another_hash(tmp_path: Path) -> None:
    """Another format, bit rate, length or loudness; not another name."""
    loud = np.tile(samples_of_sound(1.0, 44_100), (2, 1))
    forms = [MP3, MP3_VBR, AAC, ALAC, FLAC, VORBIS, OPUS, WMA, WAVPACK, TTA, AIFF, WAV]
    forms.append(replace(MP3, name="better.mp3", bit_rate=192_000))
    paths = [write_sound(tmp_path / form.name, form, 1.0) for form in forms]
    paths.append(write_sound(tmp_path / "long.flac", FLAC, 1.1))
    paths.append(write(tmp_path / "quiet.flac", 0.9 * loud, FLAC))
    hashes = [inspect(path).audio_hash for path in paths]
    assert len(set(hashes)) == len(paths)
    assert all(len(audio_hash) == 32 for audio_hash in hashes)
    renamed = [path.rename(path.with_name(f"{index}")) for index, path in enumerate(paths)]
    assert [inspect(path).audio_hash for path in renamed] == hashes


@pytest.mark.parametrize(
    "forms", [(MP3, MP3_NO_XING), (AAC, FASTSTART, MATROSKA, MP4_VIDEO), (OPUS, WEBM)]
)
def test_packing_the_same_packets_otherwise_keeps_the_hash(
    forms: tuple[Format, ...], tmp_path: Path
) -> None:
    paths = [write_sound(tmp_path / form.name, form, 1.0) for form in forms]
    assert len({inspect(path).audio_hash for path in paths}) == 1


def test_a_tag_that_claims_more_than_the_file_is_none(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.mp3", MP3, 1.0)
    duration = inspect(path).duration
    for tag in (
        b"APETAGEX" + struct.pack("<IIII", 2000, 2**31, 1, 0) + bytes(8),
        b"999999LYRICS200",
        b"3DI\4\0\x10\x7f\x7f\x7f\x7f",
        b"3DI\4\0\x10\xff\xff\xff\xff",
    ):
        damaged = tmp_path / "damaged.mp3"
        damaged.write_bytes(path.read_bytes() + tag)
        assert inspect(damaged).duration == pytest.approx(duration, abs=0.1)
    nothing = tmp_path / "nothing but a tag.mp3"
    nothing.write_bytes(b"")
    ID3V1(nothing)
    with pytest.raises(AudioError):
        inspect(nothing)
