"""Scan folders for audio files, and match them to the tracks of the catalogue."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias

from encoders.errors import AudioError
from encoders.features import AudioInfo
from recsys.catalog import Catalog, KnownFile, ScannedFile
from recsys.catalog.base import batches, shown
from recsys.library.file_tags import read_tags

# Video containers can hold audio.
_SUFFIXES = """
.mp3 .mp2 .m4a .m4b .mp4 .m4v .mov .3gp .aac .alac .flac .ogg .oga .ogv .opus .spx .wav .w64
.aif .aiff .aifc .au .caf .wma .wmv .asf .ape .wv .mpc .tta .ac3 .dts .dsf .dff .mka .mkv .webm
.avi .amr
"""
AUDIO_SUFFIXES = frozenset(_SUFFIXES.split())

_FILES_PER_TRANSACTION = 200
_LONGEST_PATH = 2600  # bytes; PostgreSQL cannot index longer ones
_LARGEST_INTEGER = 2**63 - 1  # of databases; file systems have times after the year 2262

# Demuxes files, in the order given: the audio properties of each, or an error.
Inspect: TypeAlias = Callable[[Iterable[Path]], Iterator[tuple[Path, AudioInfo | AudioError]]]


class LibraryError(Exception):
    """The folders cannot be scanned; the message says which and why."""


class AudioFile(NamedTuple):
    """A file with an audio suffix; `size` in bytes."""

    path: Path
    size: int
    mtime_ns: int


class ScanProblem(NamedTuple):
    """A folder or file that could not be read, and why, in a sentence."""

    path: Path
    sentence: str


@dataclass(frozen=True)
class Scan:
    """The result of scanning folders.

    folders   the real folders (or single files) scanned with all that is below them, targets of
              symbolic links included
    files     the audio files, sorted by the bytes of their path
    problems  what could not be read
    empty     those of `folders` without entries, such as the mount point of a missing drive
    """

    folders: frozenset[Path]
    files: tuple[AudioFile, ...]
    problems: tuple[ScanProblem, ...] = ()
    empty: frozenset[Path] = frozenset()

    def covers(self, path: Path) -> bool:
        """Whether the scan would contain `path` if it existed."""
        above = {path, *path.parents}
        hidden = self.empty.union(problem.path for problem in self.problems)
        return not above.isdisjoint(self.folders) and above.isdisjoint(hidden)


@dataclass(frozen=True)
class ScanSummary:
    """The result of matching a scan to the catalogue; the first six count each file once."""

    new: int = 0
    changed: int = 0  # other tags or other audio at a known path
    moved: int = 0
    restored: int = 0  # available again after being removed
    unchanged: int = 0
    failed: int = 0  # opened in this scan, and unreadable
    removed: int = 0
    notes: tuple[str, ...] = ()  # sentences for the library's owner


def scan(folders: Iterable[Path]) -> Scan:
    """Find the audio files in and below `folders`; a folder may also be a single file.

    Paths are real ones: a folder that is reached through several symbolic links is scanned once.
    Hidden files and folders are left out. Raises LibraryError where a folder does not exist.
    """
    scanner = _Scanner()
    for folder in folders:
        scanner.start(folder)
    files = {file.path: file for file in scanner.files}
    return Scan(
        frozenset(scanner.roots),
        tuple(sorted(files.values(), key=lambda file: os.fsencode(file.path))),
        tuple(sorted(scanner.problems, key=lambda problem: os.fsencode(problem.path))),
        frozenset(scanner.empty),
    )


def folders_of(
    given: Iterable[Path], known: Iterable[Path], tracks: Collection[Path]
) -> tuple[Path, ...]:
    """Return the folders of a library: the `given` ones, and `known` ones that contain a track.

    Real paths, sorted, none inside another; given ones may be single files.
    """
    folders = {Path(os.path.realpath(folder)) for folder in given}
    folders.update(
        folder for folder in known if any(track.is_relative_to(folder) for track in tracks)
    )
    return tuple(sorted(folder for folder in folders if folders.isdisjoint(folder.parents)))


class _Scanner:
    """Walks folders and collects their audio files and problems."""

    def __init__(self) -> None:
        self.roots: set[Path] = set()
        self.files: list[AudioFile] = []
        self.problems: list[ScanProblem] = []
        self.empty: set[Path] = set()
        self._visited: set[str] = set()

    def start(self, folder: Path) -> None:
        """Scan one folder, or one file."""
        real = os.path.realpath(folder)
        try:
            is_folder = stat.S_ISDIR(os.stat(real).st_mode)  # noqa: PTH116
        except OSError as error:
            raise LibraryError(
                f"{shown(folder)} cannot be scanned: {error.strerror}. "
                "Is its drive mounted, its name spelt right?"
            ) from error
        self.roots.add(Path(real))
        if not is_folder:
            self._file(real)
            return
        waiting = [real]
        while waiting:
            waiting += self._folder(waiting.pop())

    def _folder(self, folder: str) -> list[str]:
        """Scan the entries of one folder; return the folders in it."""
        if folder in self._visited:
            return []
        self._visited.add(folder)
        try:
            with os.scandir(folder) as entries:
                children = list(entries)
        except OSError as error:
            self._problem(folder, f"The folder cannot be read: {error.strerror}.")
            return []
        if not children and Path(folder) in self.roots:
            self.empty.add(Path(folder))
        subfolders = []
        for entry in children:
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                subfolders += self._real_folder(folder, entry)
            elif os.path.splitext(entry.name)[1].lower() in AUDIO_SUFFIXES:  # noqa: PTH122
                self._file(entry.path)
        return subfolders

    def _real_folder(self, folder: str, entry: os.DirEntry[str]) -> list[str]:
        """Return the real path of a folder; the target of a link is scanned like a root.

        A link to a folder above itself is not followed.
        """
        if not entry.is_symlink():
            return [entry.path]
        real = os.path.realpath(entry.path)
        if Path(folder).is_relative_to(real):
            return []
        self.roots.add(Path(real))
        return [real]

    def _file(self, path: str) -> None:
        """Add one file, unless it is a broken link or a pipe."""
        try:
            status = os.stat(path)  # noqa: PTH116
        except FileNotFoundError:
            return
        except OSError as error:
            self._problem(path, f"The file cannot be read: {error.strerror}.")
            return
        if not stat.S_ISREG(status.st_mode):
            return
        if len(os.fsencode(path)) > _LONGEST_PATH:
            self._problem(path, f"The path is longer than {_LONGEST_PATH} bytes.")
            return
        mtime_ns = min(status.st_mtime_ns, _LARGEST_INTEGER)
        self.files.append(AudioFile(Path(path), status.st_size, mtime_ns))

    def _problem(self, path: str, sentence: str) -> None:
        self.problems.append(ScanProblem(Path(path), sentence))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def identify(
    catalog: Catalog,
    scanned: Scan,
    inspect: Inspect,
    *,
    retry_failed: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> ScanSummary:
    """Update the catalogue to the files of a scan.

    Files of unchanged size and time are not opened; the others are, in the order of the scan, and
    written in batches of one transaction each: killed at any point and run again, the catalogue
    ends with the rows and ids of an uninterrupted run. `progress` is called with (done, total) of
    the opened files. Raises CatalogError.
    """
    known = catalog.files()
    files = {file.path: file for file in scanned.files}
    tally = dict.fromkeys(("new", "changed", "moved", "restored", "unchanged", "failed"), 0)
    to_open, back = [], []
    for file in scanned.files:
        row = known.get(file.path)
        if row is None or _differs(file, row) or (retry_failed and row.status == "failed"):
            to_open.append(file.path)
        elif row.removed:
            back.append(row.id)
        else:
            tally["unchanged"] += 1
    tally["restored"] = len(back)
    missing = _MissingFiles(known, scanned, files)

    def scanned_files() -> Iterator[ScannedFile]:
        for done, (path, audio) in enumerate(inspect(to_open), start=1):
            track_id, kind = _match(path, audio, known.get(path), missing)
            tally[kind] += 1
            yield ScannedFile(track_id, *files[path], audio, read_tags(path))
            if progress:
                progress(done, len(to_open))

    for batch in batches(scanned_files(), _FILES_PER_TRANSACTION):
        catalog.record_files(batch)
    gone = missing.gone()
    if gone or back:
        catalog.set_presence(gone=gone, back=back)
    return ScanSummary(**tally, removed=len(gone), notes=_notes(known, scanned))


def _differs(file: AudioFile, row: KnownFile) -> bool:
    """Whether size or time of a file differ from when it was last opened."""
    return (file.size, file.mtime_ns) != (row.size, row.mtime_ns)


def _match(
    path: Path, audio: AudioInfo | AudioError, row: KnownFile | None, missing: _MissingFiles
) -> tuple[int | None, str]:
    """Return the track of a file, None for a new one, and the field of `ScanSummary` to count."""
    track_id = row.id if row else None
    if isinstance(audio, AudioError):
        return track_id, "failed"
    if row:
        return row.id, "restored" if row.removed else "changed"
    track_id = missing.claim(audio.audio_hash, path)
    return track_id, "new" if track_id is None else "moved"


class _MissingFiles:
    """Files of the catalogue that a scan did not contain: moved, gone, or outside its folders."""

    def __init__(
        self, known: Mapping[Path, KnownFile], scanned: Scan, files: Mapping[Path, AudioFile]
    ) -> None:
        self._scan = scanned
        self._missing = {path: row for path, row in known.items() if path not in files}
        self._by_audio: dict[str, list[Path]] = {}
        for path, row in self._missing.items():
            if row.audio_hash is not None:
                self._by_audio.setdefault(row.audio_hash, []).append(path)

    def claim(self, audio_hash: str, path: Path) -> int | None:
        """Take the track that moved to `path`: of equal audio, preferably of the same file name."""
        paths = self._by_audio.get(audio_hash, [])
        candidates = [old for old in paths if self._is_gone(old)]
        if not candidates:
            return None
        old = min(candidates, key=lambda old: (old.name != path.name, self._missing[old].id))
        paths.remove(old)
        return self._missing.pop(old).id

    def gone(self) -> list[int]:
        """Return the ids of unclaimed tracks in scanned folders: their files are gone."""
        return sorted(
            row.id
            for path, row in self._missing.items()
            if not row.removed and self._scan.covers(path)
        )

    def _is_gone(self, path: Path) -> bool:
        if self._missing[path].removed or self._scan.covers(path):
            return True
        try:
            path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:  # a folder without permission
            return False
        return False


def _notes(known: Mapping[Path, KnownFile], scanned: Scan) -> tuple[str, ...]:
    """Return a sentence for each empty folder in which the catalogue has tracks."""
    notes = []
    for folder in sorted(scanned.empty):
        inside = sum(folder in path.parents and not row.removed for path, row in known.items())
        if inside:
            notes.append(
                f"{shown(folder)} is empty; its {inside} tracks were left as they are. Is its "
                "drive mounted? If the files are gone for good, scan the folder above it."
            )
    return tuple(notes)
