"""The tags of audio files of every format, and what is guessed where there are none."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from recsys.catalog import Tags
from recsys.catalog.base import clean_text
from recsys.library import tag_encoding
from recsys.library.album_images import NO_SHEETS, Sheets
from recsys.library.name_guesses import guess_tags
from recsys.library.tag_encoding import UNDECIDED, Encodings
from recsys.library.written_tags import WrittenTags, read_written

MAX_GENRES = 20
SEPARATORS = ";,/|\\"  # between genres in one text
_LAST = re.compile(r"^(?:&|and\b)\s*")  # before the last genre of a list
_YES = frozenset({"1", "true", "yes"})  # of a tag that is a switch
_NAMES = ("artist", "artists", "albumartist", "album")
_UNKNOWN = frozenset(  # what rippers and players write for unknown artists and albums
    name.strip()
    for name in """
    unknown artist|unknown album|unknown artist/composer|no artist|no album|unbekannter interpret
    unbekannter künstler|unbekanntes album|artiste inconnu|album inconnu|artista desconocido
    álbum desconocido|artista sconosciuto|album sconosciuto|artista desconhecido
    álbum desconhecido|onbekende artiest|onbekend album|неизвестный исполнитель
    неизвестный альбом|不明なアーティスト|不明なアルバム|未知艺术家|未知专辑
    """.replace("\n", "|").split("|")
    if name.strip()
)
_SEVERAL = frozenset({"various", "various artists", "va", "v.a.", "v/a", "verschiedene"})


@dataclass(frozen=True)
class TagReader:
    """Reads tags of files by the settings of a library.

    roots       the library's folders: names of folders above and of these are no artists
    separators  characters that divide genres, see SEPARATORS
    encodings   of tags that do not say theirs
    sheets      cue sheets beside the files
    """

    roots: frozenset[Path] = frozenset()
    separators: str = SEPARATORS
    encodings: Encodings = UNDECIDED
    sheets: Sheets = NO_SHEETS

    def read(self, path: Path, container: Mapping[str, str] | None = None) -> Tags:
        """Return the tags of a file, with guesses from its name and its folders' names.

        `container` has FFmpeg's tags of it. Damaged tags are missing. Raises OSError.
        """
        return self.tags(path, read_written(path, container))

    def tags(self, path: Path, written: WrittenTags) -> Tags:
        """Return the tags that are written in a file, and guesses where they are missing."""
        codec = self.encodings.of(written.undeclared) if written.undeclared else None
        texts: dict[str, list[str]] = {}
        for key, values in written.texts.items():
            words = (tag_encoding.decode(value, codec or "utf-8") for value in values)
            words = (" ".join(clean_text(word).split()) for word in words)
            texts[key] = [word for word in words if word and not _is_unknown(key, word)]

        def first(key: str) -> str | None:
            return next(iter(texts.get(key, ())), None)

        def joined(key: str) -> str:
            return clean_text(", ".join(texts.get(key, ())))

        found = Tags(
            title=first("title") or "",
            artist=joined("artist") or _one_artist(joined("albumartist")),
            album_artist=joined("albumartist") or None,
            album=first("album"),
            track_number=_number(first("tracknumber")),
            disc_number=_number(first("discnumber")),
            year=_year(first("date")) or _year(first("originaldate")),
            genres=split_genres(texts.get("genre", ()), self.separators),
            recording_mbid=_mbid(first("musicbrainz_trackid")),
            isrc=_isrc(first("isrc")),
            has_cover=written.has_cover,
            bpm=_bpm(first("bpm")),
            artists=tuple(_split(texts.get("artists") or texts.get("artist") or ())),
            tag_encoding=codec,
            compilation=(first("compilation") or "").casefold() in _YES,
            album_mbid=_mbid(first("musicbrainz_albumid")),
        )
        named = path
        if written.part:  # as if the album's file were a folder of its tracks
            named = path.with_suffix("") / f"{written.part:02d} - Track {written.part}{path.suffix}"
        return _with_guesses(found, guess_tags(named, self._root(path)))

    def _root(self, path: Path) -> Path | None:
        """Return the library's folder that a file is in, the outermost one."""
        return next((folder for folder in reversed(path.parents) if folder in self.roots), None)


def read_tags(path: Path) -> Tags:
    """Return the tags of a single file, with guesses from its own name, which are all that a file
    that cannot be read has.
    """
    reader = TagReader()
    try:
        return reader.read(path)
    except OSError:
        return reader.tags(path, WrittenTags({}))


def _with_guesses(tags: Tags, guesses: Tags) -> Tags:
    """Return tags with guesses for what they lack."""
    lacking = [name for name in guesses.guessed if not getattr(tags, name)]
    changes = {name: getattr(guesses, name) for name in lacking}
    return replace(tags, **changes, guessed=tuple(lacking))


def _split(artists: Iterable[str]) -> Iterator[str]:
    """Give artists one by one; where a container holds one value, taggers write ";" between."""
    for artist in artists:
        yield from filter(None, (part.strip() for part in artist.split(";")))


def _is_unknown(key: str, word: str) -> bool:
    """Say whether a tag says that an artist or an album is not known."""
    bare = word.casefold().strip("<>[]() ")
    is_said = bare == "unknown" and bare != word.casefold()  # in brackets; bands are called so
    return key in _NAMES and (is_said or bare in _UNKNOWN)


def _one_artist(album_artist: str) -> str:
    """Return an album's artist, nothing where the album is of several."""
    return "" if album_artist.casefold() in _SEVERAL else album_artist


def split_genres(texts: Iterable[str], separators: str = SEPARATORS) -> tuple[str, ...]:
    """Split genres at any of the separators, without repetitions.

    >>> split_genres(["Rock; Pop/Soul", "rock", "Folk, World, & Country"])
    ('Rock', 'Pop', 'Soul', 'Folk', 'World', 'Country')
    """
    genres: dict[str, str] = {}
    for text in texts:
        parts = re.split(f"[{re.escape(separators)}]", text) if separators else [text]
        for number, part in enumerate(parts):
            name = _LAST.sub("", part.strip()) if number else part.strip()
            genres.setdefault(name.casefold(), name)
    return tuple(filter(None, genres.values()))[:MAX_GENRES]


def _number(text: str | None) -> int | None:
    """Read a track or disc number such as "3", "03/12" or "CD 2"."""
    match = re.match(r"(?:[a-z]{2,6}\W{0,2})?([0-9]{1,5})(?![0-9])", text or "", re.IGNORECASE)
    return int(match[1]) if match else None


def _year(text: str | None) -> int | None:
    """Read the year of a date in any order."""
    match = re.search(r"(?<![0-9])[12][0-9]{3}", text or "")
    return int(match[0]) if match else None


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
