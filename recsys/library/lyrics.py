"""Read the lyrics of an audio file: from its tags, and from an .lrc file beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import mutagen
from mutagen.id3 import ID3
from mutagen.mp4 import MP4Tags

from recsys.catalog.base import clean_text

LARGEST = 1 << 20  # bytes of a file
MOST_LINES = 5000
_TIME = re.compile(r"\[(\d{1,3}):(\d{1,2})(?:[.:](\d{1,3}))?\]", re.ASCII)
_FIELD = re.compile(r"\[(ar|ti|al|au|by|re|ve|la|length|offset|tool|#)\s*:(.*)\]", re.I | re.ASCII)
_WORD_TIME = re.compile(r"<\d{1,3}:\d{1,2}(?:[.:]\d{1,3})?>", re.ASCII)
_NO_LANGUAGE = "xxx"  # ISO 639-3: not said
_VORBIS = ("lyrics", "unsyncedlyrics", "syncedlyrics", "unsynced lyrics")
_MILLISECONDS = 2  # of ID3's SYLT: its times are milliseconds, not frames


class LyricsLine(NamedTuple):
    """A line, and when it begins in milliseconds; None where that is not known."""

    start: int | None
    text: str


class Lyrics(NamedTuple):
    """The lyrics of a file.

    language  as ISO 639 has it, "xxx" where it is not said
    offset    milliseconds that lines come earlier
    """

    language: str
    lines: tuple[LyricsLine, ...]
    offset: int = 0

    @property
    def synced(self) -> bool:
        """Whether the lines have times."""
        return bool(self.lines) and all(line.start is not None for line in self.lines)


def read_lyrics(path: Path) -> list[Lyrics]:
    """Return the lyrics of a file, those with times first; empty without any.

    Never raises for a damaged file.
    """
    found = [*_beside(path), *_inside(path)]
    return sorted((one for one in found if one.lines), key=lambda one: not one.synced)


def parse_lyrics(text: str, language: str = _NO_LANGUAGE) -> Lyrics:
    """Read a text that may be LRC; a line with several times stands at each of them.

    >>> parse_lyrics("[00:01.50]Oh\\n[offset:+100]").lines
    (LyricsLine(start=1500, text='Oh'),)
    """
    lines: list[LyricsLine] = []
    plain: list[LyricsLine] = []
    offset = 0
    for raw in text.splitlines()[:MOST_LINES]:
        if field := _FIELD.fullmatch(raw.strip()):
            if field[1].lower() == "offset" and re.fullmatch(r"\s*[+-]?\d{1,6}\s*", field[2]):
                offset = int(field[2])
            if field[1].lower() == "la" and field[2].strip():
                language = field[2].strip()[:20]
            continue
        times = []
        rest = raw.strip()
        while time := _TIME.match(rest):
            times.append(_milliseconds(time))
            rest = rest[time.end() :].lstrip()
        words = clean_text(_WORD_TIME.sub("", rest)).strip()
        lines += [LyricsLine(start, words) for start in times]
        if not times:
            plain.append(LyricsLine(None, words))
    if lines:
        lines.sort(key=lambda line: line.start or 0)
        return Lyrics(language, tuple(lines), offset)
    while plain and not plain[-1].text:
        plain.pop()
    while plain and not plain[0].text:
        plain.pop(0)
    return Lyrics(language, tuple(plain))


def _milliseconds(time: re.Match[str]) -> int:
    fraction = (time[3] or "0").ljust(3, "0")
    return (60 * int(time[1]) + int(time[2])) * 1000 + int(fraction)


def _beside(path: Path) -> Iterator[Lyrics]:
    """Read the .lrc file of the same name."""
    for suffix in (".lrc", ".LRC"):
        beside = path.with_suffix(suffix)
        try:
            if not beside.is_file() or beside.stat().st_size > LARGEST:
                continue
            data = beside.read_bytes()
        except OSError:
            continue
        yield parse_lyrics(_decoded(data))
        return


def _decoded(data: bytes) -> str:
    """Return text in UTF-8 or UTF-16 with its mark, or else in Windows' western encoding."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _inside(path: Path) -> Iterator[Lyrics]:
    """Read the tags."""
    try:
        file = mutagen.File(path)
        yield from list(_of_tags(None if file is None else file.tags))
    except Exception:  # mutagen's parsers raise nearly everything
        return


def _of_tags(tags: Any) -> Iterator[Lyrics]:
    is_id3, is_mp4 = isinstance(tags, ID3), isinstance(tags, MP4Tags)
    if is_id3:
        for frame in tags.getall("SYLT"):
            if frame.format == _MILLISECONDS:
                lines = (LyricsLine(int(at), clean_text(text).strip()) for text, at in frame.text)
                yield Lyrics(_language(frame.lang), tuple(lines)[:MOST_LINES])
        for frame in tags.getall("USLT"):
            yield parse_lyrics(frame.text, _language(frame.lang))
    elif is_mp4:
        for text in tags.get("©lyr", []):
            yield parse_lyrics(text)
    elif tags is not None:
        for key in tags.keys():  # noqa: SIM118 - no dict
            if key.lower() in _VORBIS:
                value = tags[key]
                for text in value if isinstance(value, list) else [str(value)]:
                    yield parse_lyrics(str(text))


def _language(code: str) -> str:
    """Return a language as ID3 has it; it may say nothing."""
    return code.lower() if re.fullmatch("[A-Za-z]{3}", code, re.ASCII) else _NO_LANGUAGE
