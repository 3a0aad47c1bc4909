"""Tags and cover art of the demo library's files, in the fields of each format."""

# mypy: allow-untyped-calls
# (mutagen is annotated in part.)

import base64
import struct
import zlib
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

import numpy as np
from mutagen import id3
from mutagen.flac import FLAC, Picture
from mutagen.mp3 import MP3
from mutagen.mp4 import MP4, MP4Cover
from mutagen.oggopus import OggOpus
from mutagen.wave import WAVE

from recsys.demo.recipes import Album, Format
from recsys.demo.tracks import DemoTrack

_COVER_SIZE = 160  # pixels
_COVER_COLOURS = 5


def write_tags(file: BytesIO, track: DemoTrack) -> None:
    """Tag an encoded file in place."""
    _WRITERS[track.album.format](file, track)


def cover_art(album: Album) -> bytes:
    """A small PNG, different for every album: waves in five colours."""
    rng = np.random.default_rng(zlib.crc32(album.title.encode()))
    y, x = np.mgrid[0:_COVER_SIZE, 0:_COVER_SIZE] / _COVER_SIZE
    waves = np.zeros_like(x)
    for _ in range(3):
        across, down, phase = rng.uniform(-9, 9), rng.uniform(-9, 9), rng.uniform(0, 6)
        waves += np.sin(across * x + down * y + phase + 2 * np.hypot(x - 0.5, y - 0.5) * down)
    bands = np.clip((waves + 3) / 6 * _COVER_COLOURS, 0, _COVER_COLOURS - 1).astype(int)
    ends = rng.uniform(20, 235, (2, 3))
    mix = np.linspace(0, 1, _COVER_COLOURS)[:, None]
    palette = ((1 - mix) * ends[0] + mix * ends[1]).astype(np.uint8)
    rows = np.zeros((_COVER_SIZE, 1 + 3 * _COVER_SIZE), dtype=np.uint8)  # each after its filter, 0
    rows[:, 1:] = palette[bands].reshape(_COVER_SIZE, -1)
    header = struct.pack(">IIBBBBB", _COVER_SIZE, _COVER_SIZE, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def _id3_frames(track: DemoTrack) -> list[id3.Frame]:
    album = track.album
    frames: list[id3.Frame] = [
        id3.TIT2(text=track.title),
        id3.TPE1(text=track.artist.name),
        id3.TPE2(text=track.artist.name),
        id3.TALB(text=album.title),
        id3.TRCK(text=f"{track.number}/{len(album.tracks)}"),
        id3.TPOS(text="1/1"),
        id3.TDRC(text=str(album.year)),
        id3.TCON(text=list(track.genres)),
    ]
    if track.recording_id:
        owner = "http://musicbrainz.org"
        frames.append(id3.UFID(owner=owner, data=track.recording_id.encode()))
    if album.cover:
        frames.append(id3.APIC(mime="image/png", type=3, data=cover_art(album)))
    return frames


def _tag_mp3(file: BytesIO, track: DemoTrack) -> None:
    _add_id3(MP3(file), file, track)


def _tag_wav(file: BytesIO, track: DemoTrack) -> None:
    _add_id3(WAVE(file), file, track)


def _add_id3(audio: Any, file: BytesIO, track: DemoTrack) -> None:
    if audio.tags is None:
        audio.add_tags()
    for frame in _id3_frames(track):
        audio.tags.add(frame)
    file.seek(0)
    audio.save(file)


def _vorbis_comments(track: DemoTrack) -> dict[str, list[str]]:
    album = track.album
    comments = {
        "title": [track.title],
        "artist": [track.artist.name],
        "albumartist": [track.artist.name],
        "album": [album.title],
        "tracknumber": [str(track.number)],
        "tracktotal": [str(len(album.tracks))],
        "discnumber": ["1"],
        "date": [str(album.year)],
        "genre": list(track.genres),
    }
    if track.recording_id:
        comments["musicbrainz_trackid"] = [track.recording_id]
    return comments


def _picture(album: Album) -> Picture:
    picture = Picture()
    picture.type = 3
    picture.mime = "image/png"
    picture.width = picture.height = _COVER_SIZE
    picture.depth = 24
    picture.data = cover_art(album)
    return picture


def _tag_flac(file: BytesIO, track: DemoTrack) -> None:
    audio = FLAC(file)
    audio.update(_vorbis_comments(track))
    if track.album.cover:
        audio.add_picture(_picture(track.album))
    file.seek(0)
    audio.save(file)


def _tag_opus(file: BytesIO, track: DemoTrack) -> None:
    audio = OggOpus(file)
    audio.update(_vorbis_comments(track))
    if track.album.cover:
        block = base64.b64encode(_picture(track.album).write()).decode()
        audio["metadata_block_picture"] = [block]
    file.seek(0)
    audio.save(file)


def _tag_mp4(file: BytesIO, track: DemoTrack) -> None:
    album = track.album
    audio = MP4(file)
    audio["\xa9nam"] = [track.title]
    audio["\xa9ART"] = [track.artist.name]
    audio["aART"] = [track.artist.name]
    audio["\xa9alb"] = [album.title]
    audio["trkn"] = [(track.number, len(album.tracks))]
    audio["disk"] = [(1, 1)]
    audio["\xa9day"] = [str(album.year)]
    audio["\xa9gen"] = list(track.genres)
    if track.recording_id:
        audio["----:com.apple.iTunes:MusicBrainz Track Id"] = [track.recording_id.encode()]
    if album.cover:
        audio["covr"] = [MP4Cover(cover_art(album), MP4Cover.FORMAT_PNG)]
    file.seek(0)
    audio.save(file)


_WRITERS: Mapping[Format, Callable[[BytesIO, DemoTrack], None]] = {
    "mp3": _tag_mp3,
    "wav": _tag_wav,
    "flac": _tag_flac,
    "opus": _tag_opus,
    "m4a": _tag_mp4,
}
