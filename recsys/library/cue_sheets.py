"""Cue sheets: which parts of one audio file are tracks, with their names.

A sheet is read as bytes, as many do not say their encoding; values that are not UTF-8 stay bytes,
and are decoded as undeclared tags are (`recsys.library.tag_encoding`).

A track begins at its INDEX 01 and ends where that of the next one is, so that a pause belongs to
the track before it, as where a CD is played; the last one ends with the file. What is before the
first INDEX 01 is in no track.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from recsys.listens import text_encoding

Value: TypeAlias = str | bytes  # bytes where the file does not say their encoding
Texts: TypeAlias = dict[str, list[Value]]  # values by Vorbis comment key, in lower case

LARGEST = 1 << 20  # bytes; cue sheets have a few thousand
SHORTEST = 0.05  # s of a track
_FRAMES = 75  # a second
_LINE = re.compile(rb"\s*(REM\s+)?([A-Za-z]+)\s+(\S.*?)\s*", re.IGNORECASE | re.DOTALL)
_FILE = re.compile(rb'(?:"(.*)"|(.+?))(?:\s+([A-Za-z0-9]+))?', re.DOTALL)
_TRACK = re.compile(rb"(\d{1,3})\s+(\S+)")
_INDEX = re.compile(rb"(\d{1,2})\s+(\d{1,4}):(\d{1,2})[:.](\d{1,2})")
_AUDIO = b"AUDIO"
_KEYS = {  # of a sheet's lines, by what tags call them
    b"PERFORMER": "artist",
    b"TITLE": "title",
    b"ISRC": "isrc",
    b"GENRE": "genre",
    b"DATE": "date",
    b"DISCNUMBER": "discnumber",
}
_REMARKS = frozenset({b"GENRE", b"DATE", b"DISCNUMBER"})  # that stand behind REM
_OF_DISC = {"title": "album", "artist": "albumartist"}  # what these are above the first track
_BEGINS_UTF = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


class CueError(ValueError):
    """A cue sheet of which no tracks can be made; the message is the reason."""


UNREADABLE = "not readable as a cue sheet"
CONTRADICTORY = "times that contradict each other or the length of the file"
MISSING = "of an audio file that is not there"
DISC_IMAGE = "of an image of a disc (such as .bin), which is not read"
SPLIT = "of an album whose tracks lie beside it as files of their own"
ANOTHER = "of a file that has another cue sheet"


class SheetTrack(NamedTuple):
    """A track of a cue sheet; its place is in the `file`, by number among the sheet's files."""

    number: int
    file: int
    begin: float  # seconds
    texts: Texts
    is_audio: bool = True


@dataclass(frozen=True)
class CueSheet:
    """What a cue sheet says.

    files   names of the files as the sheet writes them, and their kinds: WAVE, MP3, BINARY, ...
    tracks  by place
    texts   of the disc
    """

    files: tuple[tuple[bytes, bytes], ...] = ()
    tracks: tuple[SheetTrack, ...] = ()
    texts: Texts = field(default_factory=dict)

    def of_file(self, number: int) -> CueSheet:
        """Return the sheet of one of its files, without tracks where it has fewer than two."""
        tracks = tuple(track._replace(file=0) for track in self.tracks if track.file == number)
        n_audio = sum(track.is_audio for track in tracks)
        return CueSheet((self.files[number],), tracks if n_audio > 1 else (), self.texts)


class FilePart(NamedTuple):
    """A track as a part of a file: `duration` seconds from `begin` seconds on."""

    number: int
    begin: float
    duration: float


def read_sheet(data: bytes) -> CueSheet:
    """Read a cue sheet. Raises CueError for what is none, or contradicts itself.

    >>> read_sheet(b'FILE "a.wav" WAVE\\n TRACK 01 AUDIO\\n  INDEX 01 00:02:15').tracks[0].begin
    2.2
    """
    reader = _SheetReader()
    for line in _lines(data):
        if found := _LINE.fullmatch(line):
            reader.line(bool(found[1]), found[2].upper(), found[3])
    return reader.sheet()


def parts_of(sheet: CueSheet, duration: float) -> tuple[FilePart, ...]:
    """Return the tracks of a sheet of one file of `duration` seconds, in their order.

    Together they are the file from the first INDEX 01 to its end, but for data tracks. Raises
    CueError where times contradict.
    """
    begins = [track.begin for track in sheet.tracks]
    ends = [*begins[1:], duration]
    # A data track behind the music may begin where the file ends.
    audible = [i for i, track in enumerate(sheet.tracks) if track.is_audio]
    for i in range(len(begins)):
        if i <= max(audible, default=-1) and min(ends[i], duration) - begins[i] < SHORTEST:
            raise CueError(CONTRADICTORY)
    return tuple(
        FilePart(sheet.tracks[i].number, begins[i], min(ends[i], duration) - begins[i])
        for i in audible
    )


def of_flac_block(block: Any, sample_rate: int) -> CueSheet:
    """Return the sheet in a FLAC file's CUESHEET block, which has places and ISRCs alone."""
    tracks = []
    for track in block.tracks[:-1]:  # the last one is the lead-out
        at = {index.index_number: index.index_offset for index in track.indexes}
        begin = (track.start_offset + at.get(1, 0)) / max(sample_rate, 1)
        isrc = track.isrc.decode("ascii", "replace").strip("\0 ") if track.isrc else ""
        texts: Texts = {"isrc": [isrc]} if isrc else {}
        is_audio = track.type == 0
        tracks.append(SheetTrack(track.track_number, 0, begin, texts, is_audio))
    return CueSheet(((b"", b"FLAC"),), tuple(tracks)).of_file(0)


def texts_of(sheet: CueSheet, number: int) -> Texts:
    """Return the texts of the track of a number, with the disc's; none for an unknown one."""
    track = next((track for track in sheet.tracks if track.number == number), None)
    return {} if track is None else _with_disc(track, sheet.texts)


def _with_disc(track: SheetTrack, disc: Texts) -> Texts:
    """Return the texts of a track, with those of its disc where it has none."""
    shared: Texts = {_OF_DISC.get(key, key): values for key, values in disc.items()}
    shared |= {"artist": disc["artist"]} if "artist" in disc else {}
    return shared | track.texts | {"tracknumber": [str(track.number)]}


class _SheetReader:
    """Collects a sheet line by line."""

    def __init__(self) -> None:
        self._files: list[tuple[bytes, bytes]] = []
        self._disc: Texts = {}
        self._texts: Texts = self._disc
        self._track: tuple[int, bool] | None = None
        self._tracks: list[SheetTrack] = []
        self._numbers: list[int] = []

    def line(self, is_remark: bool, key: bytes, rest: bytes) -> None:
        """Take one line."""
        if key in _KEYS and (is_remark or key not in _REMARKS):
            if value := _unquoted(rest):
                self._texts.setdefault(_KEYS[key], []).append(value)
        elif is_remark:
            return
        elif key == b"FILE" and (found := _FILE.fullmatch(rest)):
            name = found[1] if found[1] is not None else found[2]
            self._files.append((name, (found[3] or b"").upper()))
        elif key == b"TRACK":
            self._begin_track(rest)
        elif key == b"INDEX" and self._track and (found := _INDEX.fullmatch(rest)):
            number, minutes, seconds, frames = map(int, found.groups())
            if number == 1:
                if seconds > 59 or frames >= _FRAMES or not self._files:
                    raise CueError(CONTRADICTORY)
                begin = 60 * minutes + seconds + frames / _FRAMES
                place = len(self._files) - 1
                track, is_audio = self._track
                self._tracks.append(SheetTrack(track, place, begin, self._texts, is_audio))
                self._track = None

    def _begin_track(self, rest: bytes) -> None:
        found = _TRACK.fullmatch(rest)
        if self._track or found is None:  # the last one has no INDEX 01
            raise CueError(CONTRADICTORY)
        self._texts = {}
        self._track = int(found[1]), found[2].upper() == _AUDIO
        self._numbers.append(int(found[1]))

    def sheet(self) -> CueSheet:
        """Return the whole."""
        if not self._numbers or not self._files:
            raise CueError(UNREADABLE)
        rising = all(
            a.file < b.file or (a.file == b.file and a.begin < b.begin)
            for a, b in zip(self._tracks, self._tracks[1:], strict=False)
        )
        if self._track or len(set(self._numbers)) < len(self._numbers) or not rising:
            raise CueError(CONTRADICTORY)
        return CueSheet(tuple(self._files), tuple(self._tracks), self._disc)


def _lines(data: bytes) -> Sequence[bytes]:
    """Return the lines of a sheet, in UTF-8 where it says or shows its encoding."""
    if data.startswith(_BEGINS_UTF) or b"\0" in data:
        codec = text_encoding.of_bytes(data)
        data = data.decode(codec, "replace").removeprefix("\ufeff").encode("utf-8", "replace")
    return re.split(rb"\r\n|\r|\n", data)


def _unquoted(rest: bytes) -> Value:
    """Return a value without the quotation marks around it; in it there may be others."""
    if rest.startswith(b'"'):
        rest = rest[1:].rpartition(b'"')[0] or rest[1:].rstrip(b'"')
    rest = rest.strip()
    try:
        return rest.decode()
    except UnicodeDecodeError:
        return rest
