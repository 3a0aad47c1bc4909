"""Write tempo, key, tags and moods into the tags of audio files, and change nothing else there.

A file is never written in place: its copy in the same folder gets the tags, and takes its place in
one step after the encoded audio packets of both have the same digest and their other tags are
equal. The new file keeps owner and permissions. Its modification time is that of the writing, so
that players and backups notice it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Literal, get_args

from mutagen import FileType, id3, mp4
from mutagen.asf import ASFTags
from mutagen.flac import FLAC
from mutagen.id3 import ID3, Encoding, Frame
from mutagen.mp4 import MP4Tags

from index.storage import replacing
from recsys.library.written_tags import open_tagged, read_written

Field = Literal["tempo", "key", "tags", "moods"]
FIELDS: Sequence[Field] = get_args(Field)
Values = Mapping[Field, tuple[str, ...]]

_FREE = "----:com.apple.iTunes:"
# Of each field: the key that `read_written` gives it, and its names in Vorbis comments and APEv2,
# in MP4 and in ASF. ID3 has frames.
_NAMES: Mapping[Field, tuple[str, str, str, str]] = {
    "tempo": ("bpm", "BPM", "tmpo", "WM/BeatsPerMinute"),
    "key": ("initialkey", "INITIALKEY", f"{_FREE}initialkey", "WM/InitialKey"),
    "tags": ("tags", "TAGS", f"{_FREE}TAGS", "TAGS"),
    "moods": ("mood", "MOOD", f"{_FREE}MOOD", "WM/Mood"),
}
_ID3_V1 = 128  # bytes


class CannotWrite(Exception):
    """The tags of a file cannot be written; the message says why, and the file is as it was."""


def written_fields(path: Path) -> Values:
    """Return what a file says of the fields already. Raises OSError."""
    texts = read_written(path).texts
    return {
        field: tuple(value for value in texts[key] if isinstance(value, str))
        for field, (key, *_) in _NAMES.items()
        if texts.get(key)
    }


def why_not(path: Path) -> str:
    """Return why a file is to be left alone, "" where it can be written to. Raises OSError."""
    if path.stat().st_nlink > 1:
        return "they have several names (hard links), of which one alone would change"
    if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        return "they, or their folders, may not be written to"
    with path.open("rb") as file:
        try:
            _opened(file)
        except OSError:
            raise
        except Exception:  # mutagen's parsers raise nearly everything
            return "their format has no tags that can be written"
    return ""


def write_fields(path: Path, values: Values, digest: Callable[[Path], str]) -> None:
    """Write fields into a file, in place of what it says of them.

    digest  returns a digest of a file's encoded audio packets

    Raises CannotWrite, and OSError, as where the disk is full; the file is then as it was.
    """
    before = path.stat()
    audio, others = digest(path), _others(path, values)
    with replacing(path) as file:
        copy = Path(file.name)
        shutil.copyfile(path, copy)
        shutil.copystat(path, copy)
        with suppress(PermissionError):  # then the new file is this user's, as a copy would be
            os.chown(copy, before.st_uid, before.st_gid)
        try:
            _write(copy, values)
            same_tags = _others(copy, values) == others
        except OSError:
            raise
        except Exception as error:  # as above
            raise CannotWrite(f"{path}: its tags cannot be written ({error}).") from error
        if not same_tags or written_fields(copy) != {**written_fields(path), **values}:
            raise CannotWrite(f"{path}: its other tags would change.")
        if digest(copy) != audio:
            raise CannotWrite(f"{path}: its audio would change.")
        now = path.stat()
        if (now.st_ino, now.st_mtime_ns) != (before.st_ino, before.st_mtime_ns):
            raise CannotWrite(f"{path}: another program has changed it meanwhile.")
        os.utime(copy)


def _opened(file: BinaryIO) -> FileType:
    """Open a file whose tags can be written, ID3's frames as they are.

    Raises ValueError, and what mutagen's parsers raise.
    """
    opened = open_tagged(file)
    if opened is None:
        raise ValueError("its format is not known")
    if isinstance(opened.tags, ID3):
        file.seek(0)
        opened = type(opened)(file, translate=False)
        if opened.tags.version < (2, 3):
            raise ValueError("ID3 before version 2.3 would be changed")
    elif opened.tags is None:
        opened.add_tags()
    return opened


def _write(path: Path, values: Values) -> None:
    """Write the fields into a file in place. Raises what mutagen raises."""
    with path.open("r+b") as file:
        opened = _opened(file)
        tags: Any = opened.tags
        how: dict[str, Any] = {}
        if isinstance(tags, ID3):
            version = tags.version[1]
            frames: Any = tags
            for frame in _frames(values, version):
                frames.delall(frame.HashKey)
                frames.add(frame)
            how = {"v2_version": version, "v23_sep": None}
        else:
            kind = 2 if isinstance(tags, MP4Tags) else 3 if isinstance(tags, ASFTags) else 1
            for field, texts in values.items():
                tags[_NAMES[field][kind]] = _in_mp4(field, texts) if kind == 2 else list(texts)
        last = _last_bytes(file)
        file.seek(0)
        opened.save(file, **how)
        if last.startswith(b"TAG"):  # ID3v1, which mutagen makes anew of the other tags
            file.seek(-_ID3_V1, os.SEEK_END)
            file.write(last)


def _frames(values: Values, version: int) -> list[Frame]:
    """Return the frames of the fields, for a minor version of ID3v2."""
    kinds: Any = id3
    frames: list[Frame] = []
    for field, texts in values.items():
        how = {"encoding": Encoding.UTF8 if version == 4 else Encoding.UTF16, "text": list(texts)}
        if field == "tempo":
            frames.append(kinds.TBPM(**how))
        elif field == "key":
            frames.append(kinds.TKEY(**how))
        elif field == "moods" and version == 4:
            frames.append(kinds.TMOO(**how))
        else:
            frames.append(kinds.TXXX(desc=_NAMES[field][1], **how))
    return frames


def _in_mp4(field: Field, texts: Sequence[str]) -> list[Any]:
    if field == "tempo":
        return [round(float(texts[0]))]
    free_form: Any = mp4.MP4FreeForm
    return [free_form(text.encode()) for text in texts]


def _last_bytes(file: BinaryIO) -> bytes:
    """Return the last bytes of a file, where ID3v1 is."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - _ID3_V1, 0))
    return file.read()


def _others(path: Path, values: Values) -> tuple[object, ...]:
    """Return all that a file's tags hold beside some fields, to be compared."""
    with path.open("rb") as file:
        opened = _opened(file)
    tags: Any = opened.tags
    if isinstance(tags, ID3):
        ours = {frame.HashKey for version in (3, 4) for frame in _frames(values, version)}
    else:
        ours = {name.casefold() for field in values for name in _NAMES[field][1:]}
    held = {
        str(key): repr(tags[key])
        for key in tags.keys()  # noqa: SIM118 - no dict
        if (key if isinstance(tags, ID3) else str(key).casefold()) not in ours
    }
    blocks: tuple[object, ...] = ()
    if isinstance(opened, FLAC):
        flac: Any = opened
        pictures = [picture.write() for picture in flac.pictures]
        blocks = (pictures, flac.cuesheet and flac.cuesheet.write())
    texts = read_written(path).texts
    read = {
        key: value
        for key, value in texts.items()
        if key not in {name.casefold() for field in values for name in _NAMES[field]}
    }
    return held, read, blocks
