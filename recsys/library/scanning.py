"""Scan folders for audio files, and count what is left out."""

from __future__ import annotations

import errno
import os
import stat
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from recsys.catalog.base import is_address, shown
from recsys.library.addresses import AddressError, find_objects
from recsys.library.album_images import NO_SHEETS, Sheets, find_sheets
from recsys.library.suffixes import AUDIO_SUFFIXES, is_media, listed

_LONGEST_PATH = 2600  # bytes; PostgreSQL cannot index longer ones
_LARGEST_INTEGER = 2**63 - 1  # of databases; file systems have times after the year 2262


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
class LeftOut:
    """The numbers of files that a scan saw and left out.

    by_suffix     regular files by suffix, in lower case
    hidden        audio files whose name begins with a dot; what is in hidden folders is not counted
    broken_links  links with an audio suffix that lead nowhere
    no_files      audio suffixes of what is no regular file, such as a pipe
    cue_sheets    that make no tracks: of files of one track each, or unused
    """

    by_suffix: Mapping[str, int] = field(default_factory=dict)
    hidden: int = 0
    broken_links: int = 0
    no_files: int = 0
    cue_sheets: int = 0

    @property
    def total(self) -> int:
        """The number of files left out."""
        return (
            sum(self.by_suffix.values())
            + self.hidden
            + self.broken_links
            + self.no_files
            + self.cue_sheets
        )

    def sentences(self) -> tuple[str, ...]:
        """Return sentences for the library's owner about what may be missed."""
        media = {suffix: n for suffix, n in self.by_suffix.items() if is_media(suffix)}
        said = []
        if media:
            said.append(f"Not read, as Earshot cannot decode their formats: {listed(media)}.")
        if self.broken_links:
            n = self.broken_links
            said.append(f"{n:,} link{'s' * (n > 1)} to audio files lead{'s' * (n == 1)} nowhere.")
        return tuple(said)


LEFT_NOTHING_OUT = LeftOut()


@dataclass(frozen=True)
class Scan:
    """The result of scanning folders.

    folders   the real folders (or single files) scanned with all that is below them, targets of
              symbolic links included
    files     the audio files, sorted by the bytes of their path
    problems  what could not be read
    left_out  the numbers of other files
    sheets    the cue sheets beside files
    empty     those of `folders` without entries, such as the mount point of a missing drive
    """

    folders: frozenset[Path]
    files: tuple[AudioFile, ...]
    problems: tuple[ScanProblem, ...] = ()
    empty: frozenset[Path] = frozenset()
    left_out: LeftOut = LEFT_NOTHING_OUT
    sheets: Sheets = NO_SHEETS

    def covers(self, path: Path) -> bool:
        """Whether the scan would contain `path` if it existed."""
        above = {path, *path.parents}
        hidden = self.empty.union(problem.path for problem in self.problems)
        return not above.isdisjoint(self.folders) and above.isdisjoint(hidden)


def scan(folders: Iterable[Path]) -> Scan:
    """Find the audio files in and below `folders`; a folder may also be a file, or an address.

    Paths are real ones: a folder that is reached through several symbolic links is scanned once.
    Hidden files and folders are left out. Raises LibraryError where a folder does not exist.
    """
    scanner = _Scanner()
    for folder in folders:
        scanner.start(folder)
    files = {file.path: file for file in scanner.files}
    sheets = find_sheets(scanner.cue_files, files)
    return Scan(
        frozenset(scanner.roots),
        tuple(sorted(files.values(), key=lambda file: os.fsencode(file.path))),
        tuple(sorted(scanner.problems, key=lambda problem: os.fsencode(problem.path))),
        frozenset(scanner.empty),
        scanner.left_out(sheets),
        sheets,
    )


def folders_of(
    given: Iterable[Path], known: Iterable[Path], tracks: Collection[Path]
) -> tuple[Path, ...]:
    """Return the folders of a library: the `given` ones, and `known` ones that contain a track.

    Real paths, sorted, none inside another; given ones may be single files.
    """
    folders = {folder if is_address(folder) else Path(os.path.realpath(folder)) for folder in given}
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
        self._skipped: Counter[str] = Counter()  # by suffix
        self._odd: Counter[str] = Counter()  # "hidden", "broken_links", "no_files"
        self.cue_files: list[Path] = []

    def start(self, folder: Path) -> None:
        """Scan one folder, one file, or what lies at an address."""
        if is_address(folder):
            self._objects(folder)
            return
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

    def _objects(self, folder: Path) -> None:
        """Scan what lies at an address of an object store, where cue sheets are not read."""
        self.roots.add(folder)
        try:
            for found in find_objects(folder):
                suffix = found.path.suffix.lower()
                names = found.path.relative_to(folder).parts
                if any(name.startswith(".") for name in names):
                    self._odd["hidden"] += suffix in AUDIO_SUFFIXES
                elif suffix in AUDIO_SUFFIXES:
                    self.files.append(AudioFile(*found))
                else:
                    self._skipped[suffix] += 1
        except AddressError as error:
            raise LibraryError(str(error)) from error

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
            suffix = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122
            is_folder = self._is_folder(entry)
            if entry.name.startswith("."):
                self._odd["hidden"] += suffix in AUDIO_SUFFIXES and not is_folder
            elif is_folder:
                subfolders += self._real_folder(folder, entry)
            elif suffix in AUDIO_SUFFIXES:
                self._file(entry.path)
            elif suffix == ".cue":
                self.cue_files.append(Path(entry.path))
            else:
                self._skipped[suffix] += 1
        return subfolders

    def _is_folder(self, entry: os.DirEntry[str]) -> bool:
        """Say whether an entry is a folder, or a link to one."""
        try:
            return entry.is_dir()
        except OSError as error:
            if error.errno != errno.ELOOP:  # a link to itself is none
                self._problem(entry.path, f"It cannot be read: {error.strerror}.")
            return False

    def left_out(self, sheets: Sheets) -> LeftOut:
        """Return the numbers of what was left out."""
        used = {sheet.path for sheet in sheets.by_file.values()}
        unused = len(set(self.cue_files) - used)
        return LeftOut(dict(self._skipped), **self._odd, cue_sheets=unused)

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
            self._odd["broken_links"] += 1
            return
        except OSError as error:
            self._problem(path, f"The file cannot be read: {error.strerror}.")
            return
        if not stat.S_ISREG(status.st_mode):
            self._odd["no_files"] += 1
            return
        if len(os.fsencode(path)) > _LONGEST_PATH:
            self._problem(path, f"The path is longer than {_LONGEST_PATH} bytes.")
            return
        mtime_ns = min(status.st_mtime_ns, _LARGEST_INTEGER)
        self.files.append(AudioFile(Path(path), status.st_size, mtime_ns))

    def _problem(self, path: str, sentence: str) -> None:
        self.problems.append(ScanProblem(Path(path), sentence))
