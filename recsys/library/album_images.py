"""Albums in one file: which cue sheet is of which file, and the pieces that it makes of it."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from encoders.errors import AudioError
from encoders.features import AudioInfo
from recsys.catalog.base import shown
from recsys.library.cue_sheets import (
    ANOTHER,
    DISC_IMAGE,
    LARGEST,
    MISSING,
    SPLIT,
    UNREADABLE,
    CueError,
    CueSheet,
    Texts,
    parts_of,
    read_sheet,
    texts_of,
)
from recsys.library.tag_encoding import decode
from recsys.library.written_tags import WrittenTags
from recsys.listens import text_encoding

# Tags of a whole album's file that are its tracks', too.
_SHARED = (
    *("album", "albumartist", "artist", "date", "originaldate", "genre", "discnumber"),
    *("compilation", "musicbrainz_albumid"),
)
_OF_TRACK = ("title", "artist", "isrc")  # that foobar2000 writes as cue_track01_title
_DISC_KINDS = frozenset({b"BINARY", b"MOTOROLA"})
_BEST = (".flac", ".ape", ".wv", ".tta", ".tak", ".wav", ".aiff", ".m4a")  # of one name
_NUMBERED = re.compile(r"\W*(?:track\W*)?0*(\d{1,3})(?!\d)")


class FileSheet(NamedTuple):
    """A cue sheet beside a file of music: where it lies, what it says of the file, its digest."""

    path: Path
    sheet: CueSheet
    digest: str


@dataclass(frozen=True)
class Sheets:
    """The cue sheets of a scan.

    by_file   those that make tracks of files
    unused    those that cannot, by the reason; sheets of files of one track each are neither
    waiting   those that cannot be read for the moment, with the system's reason
    """

    by_file: Mapping[Path, FileSheet] = field(default_factory=dict)
    unused: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    waiting: Mapping[Path, str] = field(default_factory=dict)

    def may_wait(self, path: Path) -> bool:
        """Say whether a sheet that cannot be read for the moment may be of a file."""
        return path not in self.by_file and any(cue.parent in path.parents for cue in self.waiting)

    def digest(self, path: Path) -> str:
        """Return what identifies the sheet of a file, nothing where it has none."""
        return self.by_file[path].digest if path in self.by_file else ""

    def of(self, path: Path) -> CueSheet | None:
        """Return the sheet of a file."""
        return self.by_file[path].sheet if path in self.by_file else None


NO_SHEETS = Sheets()


class Piece(NamedTuple):
    """A track that a file holds: all of it (part 0), or a part from `begin` seconds on."""

    part: int
    begin: float
    audio: AudioInfo | AudioError
    written: WrittenTags


def find_sheets(cue_files: Iterable[Path], audio_files: Iterable[Path]) -> Sheets:
    """Read cue sheets, and find the files that they are of among those of a scan."""
    places = _Places(audio_files)
    unused: defaultdict[str, list[Path]] = defaultdict(list)
    waiting: dict[Path, str] = {}
    found: dict[Path, FileSheet] = {}
    for path in sorted(cue_files, key=os.fsencode):
        try:
            data = _content(path)
            sheet = read_sheet(data)
            pieces = [sheet.of_file(number) for number in range(len(sheet.files))]
            pieces = [piece for piece in pieces if piece.tracks]
            codec = text_encoding.of_bytes(data)
            for number, piece in enumerate(pieces):
                file = places.find(path, piece, codec, alone=len(pieces) == 1)
                if file is None:
                    continue
                if file in found:
                    raise CueError(ANOTHER)
                digest = blake2b(data + bytes([number % 256]), digest_size=16).hexdigest()
                found[file] = FileSheet(path, piece, digest)
        except OSError as error:
            waiting[path] = f"{shown(path)} cannot be read: {error.strerror}."
        except CueError as error:
            unused[str(error)].append(path)
    for file, one in list(found.items()):
        if places.has_tracks_of(file, one.sheet, found):
            unused[SPLIT].append(one.path)
            del found[file]
    return Sheets(found, {reason: tuple(paths) for reason, paths in unused.items()}, waiting)


def pieces_of(
    audio: AudioInfo | AudioError,
    written: WrittenTags,
    beside: CueSheet | None,
    known: Sequence[int] = (),
) -> list[Piece]:
    """Return the tracks that a file holds: by the sheet beside it, by the one inside, or one.

    A damaged file holds what is `known` of it.
    """
    if isinstance(audio, AudioError):
        numbers = [number for number in known if number] or [0]
        of_parts = beside or written.sheet or CueSheet()
        return [Piece(n, 0.0, audio, written_of(n, written, of_parts)) for n in numbers]
    for sheet in (beside, written.sheet):
        if sheet is None or not sheet.tracks:
            continue
        try:
            parts = parts_of(sheet, audio.duration)
        except CueError:
            continue
        return [
            Piece(
                part.number,
                part.begin,
                replace(
                    audio,
                    duration=part.duration,
                    audio_hash=_part_hash(audio.audio_hash, part.begin, part.duration),
                ),
                written_of(part.number, written, sheet),
            )
            for part in parts
        ]
    return [Piece(0, 0.0, audio, written)]


def written_of(number: int, image: WrittenTags, sheet: CueSheet) -> WrittenTags:
    """Return the tags of a track of an album's file: the sheet's, then those of the file."""
    if not number:
        return image
    texts: Texts = {key: image.texts[key] for key in _SHARED if key in image.texts}
    for key in _OF_TRACK:
        if values := image.texts.get(f"cue_track{number:02d}_{key}"):
            texts[key] = values
    texts |= texts_of(sheet, number)
    return WrittenTags(texts, image.has_cover, part=number)


def _content(path: Path) -> bytes:
    """Return the content of a cue sheet. Raises CueError, OSError."""
    if not path.is_file():  # a pipe would never end
        raise CueError(UNREADABLE)
    with path.open("rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise CueError(UNREADABLE)
    return data


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _part_hash(audio_hash: str, begin: float, duration: float) -> str:
    """Return the identity of a part of an audio."""
    part = f"{audio_hash} {begin:.3f} {duration:.3f}"
    return blake2b(part.encode(), digest_size=16).hexdigest()


class _Places:
    """The files of a scan by their names, as cue sheets write them."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._folders: defaultdict[Path, list[Path]] = defaultdict(list)
        self._by_path: dict[str, Path] = {}
        for path in files:
            self._folders[path.parent].append(path)
            self._by_path.setdefault(_comparable(str(path)), path)

    def find(self, cue: Path, sheet: CueSheet, codec: str, *, alone: bool) -> Path | None:
        """Return the file of a sheet: of its name, of that stem, or of the sheet's own stem.

        None where its tracks are there as files. Raises CueError where the file is not there.
        """
        name, kind = sheet.files[0]
        text = name.decode("utf-8" if _is_utf8(name) else codec, "replace").replace("\\", "/")
        exact = self._by_path.get(_comparable(os.path.normpath(cue.parent / text)))
        inner = self._by_path.get(_comparable(str(cue.parent / PurePosixPath(text).name)))
        if file := exact or inner:
            return file
        stems = [PurePosixPath(text).stem, *([cue.stem, Path(cue.stem).stem] if alone else [])]
        for stem in stems:
            if same := self._of_stem(cue.parent, stem):
                return same
        if kind in _DISC_KINDS:
            raise CueError(DISC_IMAGE)
        if len(self._folders[cue.parent]) >= len(sheet.tracks):
            return None
        raise CueError(MISSING)

    def has_tracks_of(self, image: Path, sheet: CueSheet, images: Mapping[Path, object]) -> bool:
        """Say whether all tracks of a sheet lie beside the album's file, by their names."""
        others = [path for path in self._folders[image.parent] if path not in images]
        stems = [_letters(path.stem) for path in others]
        numbers = [m for path in others if (m := _NUMBERED.match(path.stem))]
        present = {int(number[1]) for number in numbers}
        tracks = [track for track in sheet.tracks if track.is_audio]

        def is_there(number: int, texts: Texts) -> bool:
            titles = (decode(title, text_encoding.UTF_8) for title in texts.get("title", ()))
            title = _letters(next(titles, ""))
            named = len(title) > 2 and any(title in stem for stem in stems)
            return named or number in present

        return len(others) >= len(tracks) and all(is_there(t.number, t.texts) for t in tracks)

    def _of_stem(self, folder: Path, stem: str) -> Path | None:
        """Return the file of a stem in a folder, of several the lossless one."""
        wanted = _comparable(stem)
        same = [path for path in self._folders[folder] if _comparable(path.stem) == wanted]
        order = {suffix: place for place, suffix in enumerate(_BEST)}
        return min(same, key=lambda path: order.get(path.suffix.lower(), len(order)), default=None)


def _comparable(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", _comparable(text))
