"""Read the tags that are written in a file, by its content: its suffix may be wrong.

mutagen reads the containers that it knows; what it does not find comes from FFmpeg, which read the
file for its audio: RIFF INFO, Matroska and WebM, AIFF chunks, CAF, FLV, QuickTime and others.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import mutagen
from mutagen import FileType
from mutagen.aac import AAC
from mutagen.ac3 import AC3
from mutagen.aiff import AIFF
from mutagen.apev2 import TEXT, APEv2
from mutagen.asf import ASF, ASFTags
from mutagen.dsdiff import DSDIFF
from mutagen.dsf import DSF
from mutagen.flac import FLAC
from mutagen.id3 import ID3, Encoding
from mutagen.monkeysaudio import MonkeysAudio
from mutagen.mp3 import MP3
from mutagen.mp4 import MP4, MP4Tags
from mutagen.musepack import Musepack
from mutagen.oggflac import OggFLAC
from mutagen.oggopus import OggOpus
from mutagen.oggspeex import OggSpeex
from mutagen.oggvorbis import OggVorbis
from mutagen.optimfrog import OptimFROG
from mutagen.tak import TAK
from mutagen.trueaudio import TrueAudio
from mutagen.wave import WAVE
from mutagen.wavpack import WavPack

from encoders.features import AudioInfo
from recsys.library.cue_sheets import CueError, CueSheet, Texts, Value, of_flac_block, read_sheet

MUSICBRAINZ = "http://musicbrainz.org"
_HEAD = 256  # bytes that tell a container
_MOST_ID3 = 8  # tags before the audio

_ID3 = {
    "title": "TIT2",
    "artist": "TPE1",
    "albumartist": "TPE2",
    "album": "TALB",
    "tracknumber": "TRCK",
    "discnumber": "TPOS",
    "date": "TDRC",
    "originaldate": "TDOR",
    "isrc": "TSRC",
    "bpm": "TBPM",
    "initialkey": "TKEY",
    "compilation": "TCMP",
    "mood": "TMOO",
}
# Texts of ID3 that are named by a description.
_ID3_TEXTS = {
    "artists": "artists",
    "cuesheet": "cuesheet",
    "musicbrainz album id": "musicbrainz_albumid",
    "mood": "mood",
    "tags": "tags",
}
_MP4 = {
    "title": "©nam",
    "artist": "©ART",
    "artists": "----:com.apple.iTunes:ARTISTS",
    "albumartist": "aART",
    "album": "©alb",
    "tracknumber": "trkn",
    "discnumber": "disk",
    "date": "©day",
    "genre": "©gen",
    "bpm": "tmpo",
    "initialkey": "----:com.apple.iTunes:initialkey",
    "isrc": "----:com.apple.iTunes:ISRC",
    "musicbrainz_trackid": "----:com.apple.iTunes:MusicBrainz Track Id",
    "musicbrainz_albumid": "----:com.apple.iTunes:MusicBrainz Album Id",
    "mood": "----:com.apple.iTunes:MOOD",
    "tags": "----:com.apple.iTunes:TAGS",
}
_ASF = {
    "title": "Title",
    "artist": "Author",
    "artists": "WM/ARTISTS",
    "albumartist": "WM/AlbumArtist",
    "album": "WM/AlbumTitle",
    "tracknumber": "WM/TrackNumber",
    "discnumber": "WM/PartOfSet",
    "date": "WM/Year",
    "originaldate": "WM/OriginalReleaseYear",
    "genre": "WM/Genre",
    "bpm": "WM/BeatsPerMinute",
    "initialkey": "WM/InitialKey",
    "isrc": "WM/ISRC",
    "musicbrainz_trackid": "MusicBrainz/Track Id",
    "compilation": "WM/IsCompilation",
    "musicbrainz_albumid": "MusicBrainz/Album Id",
    "mood": "WM/Mood",
    "tags": "TAGS",
}
# What else a key may be called: in APEv2, Vorbis comments and FFmpeg's names, which are not fixed.
_ALTERNATIVES = {
    "title": ("track/title", "song/title"),
    "artist": ("track/artist", "song/artist", "author", "performer", "lead_performer"),
    "albumartist": ("album artist", "album_artist", "album/artist", "ensemble"),
    "album": ("product", "album/title"),
    "tracknumber": ("track", "part_number", "track/part_number", "iprt"),
    "discnumber": ("disc", "disk"),
    "date": ("year", "date_released", "date_recorded", "album/date_released", "icrd"),
    "genre": ("track/genre", "album/genre"),
    "bpm": ("tempo", "tbpm"),
    "initialkey": ("key", "initial key", "tkey"),
    "isrc": ("tsrc",),
    "musicbrainz_trackid": ("musicbrainz track id", "musicbrainz/track id"),
    "compilation": ("itunescompilation", "tcmp"),
    "musicbrainz_albumid": ("musicbrainz album id", "musicbrainz/album id"),
}
_MAGIC: tuple[tuple[re.Pattern[bytes], type[FileType]], ...] = tuple(
    (re.compile(pattern, re.DOTALL), kind)
    for pattern, kind in (
        (rb"fLaC", FLAC),
        (rb"OggS.{1,220}?\x01vorbis", OggVorbis),
        (rb"OggS.{1,220}?OpusHead", OggOpus),
        (rb"OggS.{1,220}?Speex   ", OggSpeex),
        (rb"OggS.{1,220}?\x7fFLAC", OggFLAC),
        (rb"RIFF....WAVE", WAVE),
        (rb"FORM....AIF[FC]", AIFF),
        (rb"....ftyp", MP4),
        (rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11", ASF),
        (rb"MAC ", MonkeysAudio),
        (rb"wvpk", WavPack),
        (rb"MPCK|MP\+", Musepack),
        (rb"TTA1", TrueAudio),
        (rb"DSD ", DSF),
        (rb"FRM8", DSDIFF),
        (rb"OFR ", OptimFROG),
        (rb"tBaK", TAK),
        (rb"\x0b\x77", AC3),
        (rb"ADIF|\xff[\xf0\xf1\xf8\xf9]", AAC),
        (rb"\xff[\xe2-\xe7\xf2-\xf7\xfa-\xff]", MP3),
    )
)


class WrittenTags(NamedTuple):
    """The text tags of a file, cleaned, under canonical keys; and whether it has a picture."""

    texts: Texts
    has_cover: bool = False
    sheet: CueSheet | None = None  # inside the file, of its tracks
    part: int = 0  # number of the track in a file of several, 0 for a whole file

    @property
    def undeclared(self) -> list[bytes]:
        """The values whose encoding the file does not say, and that are not UTF-8."""
        values = (value for values in self.texts.values() for value in values)
        return [value for value in values if isinstance(value, bytes)]


@dataclass(frozen=True)
class TaggedInfo(AudioInfo):
    """A file's audio with what is written in it, where both were read together."""

    written: WrittenTags = field(default=WrittenTags({}), compare=False)


def read_written(path: Path, container: Mapping[str, str] | None = None) -> WrittenTags:
    """Return what is written in a file. Damaged tags are left out. Raises OSError.

    `container` has FFmpeg's tags of the file, see `encoders.features.AudioInfo`; they serve where
    mutagen finds nothing under a key.
    """
    texts: Texts = {}
    has_cover = False
    sheet = None
    with path.open("rb") as file:
        for source in _sources(file):
            tags = source.tags if isinstance(source, FileType) else source
            with suppress(Exception):  # of damaged frames
                texts, has_cover = _clean(_texts(tags)), _has_cover(source)
                sheet = _sheet(source, texts)
            if texts or has_cover:
                break
    for key, values in _clean(_of_ffmpeg(container or {})).items():
        texts.setdefault(key, values)
    return WrittenTags(texts, has_cover, sheet)


def open_tagged(file: BinaryIO) -> FileType | None:
    """Open a file as the container that its content says. Raises what mutagen's parsers raise."""
    kind = _kind(file)
    file.seek(0)
    opened: FileType | None = kind(file) if kind else mutagen.File(file)
    return opened


def _sources(file: BinaryIO) -> Iterator[FileType | ID3 | APEv2]:
    """Give what mutagen opens of a file: of a damaged one the tags before or behind its audio."""
    openers: tuple[Any, ...] = (open_tagged, mutagen.File, ID3, APEv2)
    for opener in openers:
        try:
            file.seek(0)
            source = opener(file)
        except Exception as error:  # mutagen's parsers raise nearly everything
            _raise_failure_of_disk(error)
            continue
        if source is not None:
            yield source


def _raise_failure_of_disk(error: Exception) -> None:
    """Raise the OSError that a parser's error hides, if it is not about a place in the file."""
    for cause in (error, *error.args):
        if isinstance(cause, OSError) and cause.errno not in (None, errno.EINVAL):
            raise cause


def _kind(file: BinaryIO) -> type[FileType] | None:
    """Say which container a file is, by the bytes behind its ID3 tags."""
    start = 0
    for _ in range(_MOST_ID3):
        file.seek(start)
        head = file.read(_HEAD)
        if not head.startswith(b"ID3") or len(head) < 10:
            break
        size = sum(
            (byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True)
        )
        start += size + (20 if head[5] & 0x10 else 10)
    return next((kind for pattern, kind in _MAGIC if pattern.match(head)), None)


def _texts(tags: Any) -> Texts:
    """Return the text tags of one format, not cleaned."""
    if tags is None:
        return {}
    if isinstance(tags, ID3):
        return _of_id3(tags)
    if isinstance(tags, MP4Tags):
        texts = {key: tags[name] for key, name in _MP4.items() if name in tags}
        if "cpil" in tags:  # a switch, where the others are lists
            texts["compilation"] = [tags["cpil"]]
    elif isinstance(tags, ASFTags):
        texts = {key: tags[name] for key, name in _ASF.items() if name in tags}
    elif isinstance(tags, APEv2):
        texts = {key.lower(): tags[key] for key in tags if tags[key].kind == TEXT}
    else:  # Vorbis comments
        texts = {key.lower(): tags[key] for key in tags.keys()}  # noqa: SIM118 - no dict
    return {key: [_text(value) for value in values] for key, values in texts.items()}


def _of_id3(tags: Any) -> Texts:
    """Return the text frames; Latin-1 is what ID3 calls any encoding that it does not know."""
    texts = {
        key: [_of_frame(tags[name], text) for text in tags[name].text]
        for key, name in _ID3.items()
        if name in tags
    }
    if "TCON" in tags:
        texts["genre"] = [_of_frame(tags["TCON"], genre) for genre in tags["TCON"].genres]
    if f"UFID:{MUSICBRAINZ}" in tags:
        texts["musicbrainz_trackid"] = [_text(tags[f"UFID:{MUSICBRAINZ}"].data)]
    for frame in tags.getall("TXXX"):
        if (key := frame.desc.lower()) in _ID3_TEXTS:
            texts[_ID3_TEXTS[key]] = [_of_frame(frame, text) for text in frame.text]
    return texts


def _of_frame(frame: Any, text: object) -> Value:
    value = str(text)
    if frame.encoding != Encoding.LATIN1 or value.isascii():
        return value
    try:
        return _undeclared(value.encode("latin-1"))
    except UnicodeEncodeError:
        return value


def _of_ffmpeg(container: Mapping[str, str]) -> Texts:
    """Return FFmpeg's tags; bytes that are not UTF-8 stand in them as lone surrogates."""
    return {
        key.lower(): [_undeclared(value.encode("utf-8", "surrogateescape"))]
        for key, value in container.items()
    }


def _undeclared(value: bytes) -> Value:
    """Return bytes as they are, or as text where they are UTF-8."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def _text(value: Any) -> str:
    """Return one value as text; MP4 has bytes, and pairs (number, total)."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value[0] if isinstance(value, tuple) else value)


def _clean(texts: Texts) -> Texts:
    """Return the texts without empty values, divided at NUL, under canonical keys."""
    clean = {key: list(_divided(values)) for key, values in texts.items()}
    for key, alternatives in _ALTERNATIVES.items():
        for alternative in alternatives:
            clean[key] = clean.get(key) or clean.get(alternative, [])
    return {key: values for key, values in clean.items() if values}


def _divided(values: Iterable[Value]) -> Iterator[Value]:
    for value in values:
        parts = value.split(b"\0") if isinstance(value, bytes) else value.split("\0")
        yield from (part for part in parts if part.strip())


def _sheet(source: FileType | ID3 | APEv2, texts: Texts) -> CueSheet | None:
    """Return the cue sheet in a tag or a block of a file, if it is of several tracks in one."""
    for value in texts.get("cuesheet", ()):
        with suppress(CueError):
            sheet = read_sheet(value.encode() if isinstance(value, str) else value)
            first = sheet.of_file(0)
            if first.tracks and len(first.tracks) == len(sheet.tracks):  # all of them in one file
                return first
    if isinstance(source, FLAC) and source.cuesheet is not None:
        sheet = of_flac_block(source.cuesheet, int(source.info.sample_rate))
        return sheet if sheet.tracks else None
    return None


def _has_cover(source: FileType | ID3 | APEv2) -> bool:
    """Whether the tags hold a picture."""
    if isinstance(source, FLAC) and source.pictures:
        return True
    tags: Any = source.tags if isinstance(source, FileType) else source
    if tags is None:
        return False
    marks = ("apic", "covr", "wm/picture", "cover art", "metadata_block_picture", "coverart")
    return any(key.lower().startswith(marks) for key in tags.keys())  # noqa: SIM118 - no dict
