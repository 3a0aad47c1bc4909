"""Read the tags of audio files of every format, with fallbacks from the file name."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeAlias

import mutagen
from mutagen import FileType
from mutagen.apev2 import TEXT, APEv2
from mutagen.asf import ASFTags
from mutagen.flac import FLAC
from mutagen.id3 import ID3
from mutagen.mp4 import MP4Tags

from recsys.catalog import Tags
from recsys.catalog.base import clean_text

Texts: TypeAlias = dict[str, list[str]]  # values by Vorbis comment key, in lower case

MUSICBRAINZ = "http://musicbrainz.org"
MAX_GENRES = 20

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
}
_MP4 = {
    "title": "©nam",
    "artist": "©ART",
    "albumartist": "aART",
    "album": "©alb",
    "tracknumber": "trkn",
    "discnumber": "disk",
    "date": "©day",
    "genre": "©gen",
    "bpm": "tmpo",
    "isrc": "----:com.apple.iTunes:ISRC",
    "musicbrainz_trackid": "----:com.apple.iTunes:MusicBrainz Track Id",
}
_ASF = {
    "title": "Title",
    "artist": "Author",
    "albumartist": "WM/AlbumArtist",
    "album": "WM/AlbumTitle",
    "tracknumber": "WM/TrackNumber",
    "discnumber": "WM/PartOfSet",
    "date": "WM/Year",
    "originaldate": "WM/OriginalReleaseYear",
    "genre": "WM/Genre",
    "bpm": "WM/BeatsPerMinute",
    "isrc": "WM/ISRC",
    "musicbrainz_trackid": "MusicBrainz/Track Id",
}
# APEv2 and Vorbis comments have no fixed field names: alternatives of the same field.
_ALTERNATIVES = {
    "albumartist": ("album artist", "album_artist"),
    "tracknumber": ("track",),
    "discnumber": ("disc", "disk"),
    "date": ("year",),
    "bpm": ("tempo",),
}


def read_tags(path: Path) -> Tags:
    """Return the tags of a file, with fallbacks from its name and its folders' names.

    Never raises for a damaged file or invalid tags: unreadable fields are missing.
    """
    texts, has_cover = _read(path)
    from_path = tags_from_path(path)

    def first(key: str) -> str | None:
        return next(iter(texts.get(key, ())), None)

    def joined(key: str) -> str | None:
        return clean_text(", ".join(texts.get(key, ()))) or None

    return Tags(
        title=first("title") or from_path.title,
        artist=joined("artist") or from_path.artist,
        album_artist=joined("albumartist"),
        album=first("album") or from_path.album,
        track_number=_number(first("tracknumber")) or from_path.track_number,
        disc_number=_number(first("discnumber")),
        year=_year(first("date")) or _year(first("originaldate")),
        genres=_genres(texts.get("genre", ())),
        recording_mbid=_mbid(first("musicbrainz_trackid")),
        isrc=_isrc(first("isrc")),
        has_cover=has_cover,
        bpm=_bpm(first("bpm")),
        artists=tuple(texts.get("artist", ())),
    )


def tags_from_path(path: Path) -> Tags:
    """Return the tags in the names of a file and its folders: `artist/album/01 - title.flac`.

    >>> tags_from_path(Path("/music/Nina Simone/Pastel Blues/10 - Sinnerman.mp3")).title
    'Sinnerman'
    >>> tags_from_path(Path("/downloads/Nina Simone - Sinnerman.mp3")).artist
    'Nina Simone'
    """
    stem = path.stem.replace("_", " ").strip()
    numbered = re.match(r"(?:\d{1,2}-)?(\d{1,3})(?:\s*[-.)]+\s*|(?<=\d\d)\s+)(?=\S)", stem)
    title = stem[numbered.end() :] if numbered else stem
    artist, dash, rest = title.partition(" - ")
    if dash and artist.strip() and rest.strip():
        title = rest.strip()
    else:
        artist = path.parent.parent.name
    return Tags(
        title=clean_text(title),
        artist=clean_text(artist.strip()),
        album=clean_text(path.parent.name) or None,
        track_number=_number(numbered[1]) if numbered else None,
    )


def _read(path: Path) -> tuple[Texts, bool]:
    """Return the text tags of a file and whether it has a picture."""
    for opener in (
        mutagen.File,
        ID3,
        APEv2,
    ):  # the last two for a file that is damaged after its tags
        try:
            source = opener(path)
            tags = source.tags if isinstance(source, FileType) else source
            texts = _clean(_texts(tags))
            has_cover = _has_cover(tags) or (isinstance(source, FLAC) and bool(source.pictures))
        except Exception:  # mutagen's parsers raise nearly everything
            continue
        if texts or has_cover:
            return texts, has_cover
    return {}, False


def _texts(tags: Any) -> Texts:
    """Return the text tags of one format, not cleaned."""
    if tags is None:
        return {}
    if isinstance(tags, ID3):
        texts = {key: tags[name].text for key, name in _ID3.items() if name in tags}
        if "TCON" in tags:
            texts["genre"] = tags["TCON"].genres
        if f"UFID:{MUSICBRAINZ}" in tags:
            texts["musicbrainz_trackid"] = [tags[f"UFID:{MUSICBRAINZ}"].data]
    elif isinstance(tags, MP4Tags):
        texts = {key: tags[name] for key, name in _MP4.items() if name in tags}
    elif isinstance(tags, ASFTags):
        texts = {key: tags[name] for key, name in _ASF.items() if name in tags}
    elif isinstance(tags, APEv2):
        texts = {key.lower(): tags[key] for key in tags if tags[key].kind == TEXT}
    else:  # Vorbis comments
        texts = {key.lower(): tags[key] for key in tags.keys()}  # noqa: SIM118 - no dict
    return {key: [_text(value) for value in values] for key, values in texts.items()}


def _text(value: Any) -> str:
    """Return one value as text; MP4 has bytes, and pairs (number, total)."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value[0] if isinstance(value, tuple) else value)


def _clean(texts: Texts) -> Texts:
    """Return the texts without blanks and empty values, under canonical keys."""
    clean: Texts = {}
    for key, values in texts.items():
        words = (" ".join(clean_text(value).split()) for value in values)
        clean[key] = [value for value in words if value]
    for key, alternatives in _ALTERNATIVES.items():
        for alternative in alternatives:
            clean[key] = clean.get(key) or clean.get(alternative, [])
    return {key: values for key, values in clean.items() if values}


def _has_cover(tags: Any) -> bool:
    """Whether the tags hold a picture."""
    if tags is None:
        return False
    marks = ("apic", "covr", "wm/picture", "cover art", "metadata_block_picture", "coverart")
    return any(key.lower().startswith(marks) for key in tags.keys())  # noqa: SIM118 - no dict


def _number(text: str | None) -> int | None:
    """Read a track or disc number such as "3" or "03/12"."""
    match = re.match(r"([0-9]{1,5})(?![0-9])", text or "")
    return int(match[1]) if match else None


def _year(text: str | None) -> int | None:
    """Read the year of a date in any order."""
    match = re.search(r"(?<![0-9])[12][0-9]{3}", text or "")
    return int(match[0]) if match else None


def _genres(texts: Iterable[str]) -> tuple[str, ...]:
    """Split genres such as "Rock; Pop/Soul", without repetitions."""
    genres: dict[str, str] = {}
    for text in texts:
        for part in re.split(r"[;/\\|]", text):
            genres.setdefault(part.strip().casefold(), part.strip())
    return tuple(filter(None, genres.values()))[:MAX_GENRES]


def _bpm(text: str | None) -> float | None:
    """Read a tempo such as "120" or "119.98 BPM"; 0 means unknown."""
    match = re.match(r"[0-9]{1,3}(?:[.,][0-9]{1,9})?(?![0-9])", text or "")
    return (float(match[0].replace(",", ".")) or None) if match else None


def _mbid(text: str | None) -> str | None:
    """Return a MusicBrainz id in its canonical form."""
    try:
        return str(uuid.UUID(text)) if text else None
    except ValueError:
        return None


def _isrc(text: str | None) -> str | None:
    """Return an ISRC without dashes."""
    code = (text or "").replace("-", "").upper()
    return code if re.fullmatch(r"[A-Z]{2}[A-Z0-9]{3}[0-9]{7}", code) else None
