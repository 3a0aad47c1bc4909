"""Which files of a scan the catalogue has as they are, and which of its files the scan lacks."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from recsys.catalog import KnownFile
from recsys.catalog.base import is_address, shown
from recsys.catalog.tracks import INSIDE
from recsys.library.scanning import AudioFile, Scan

_FITS, _WHOLE, _DIFFERS = 1, 2, 4  # of a file: a row of it, one of the whole file, and one that not


class KnownFiles:
    """Compares the catalogue's rows with a scan, one after another.

    to_open  files that are new or other than they were
    settled  ids of the tracks of the other files, by file and part
    back     those of `settled` that were removed
    left     each of the other files, and whether it holds several tracks
    missing  the catalogue's files that the scan lacks
    notes    a sentence for each empty folder in which the catalogue has tracks

    A file must be opened where its size or time has changed, or the cue sheet beside it, unless one
    cannot be read for the moment. Memory is some 30 bytes a file beside the scan itself, and a row
    of each missing file.
    """

    def __init__(
        self, rows: Iterable[tuple[Path, KnownFile]], scanned: Scan, *, retry_failed: bool
    ) -> None:
        self._scan = scanned
        numbers = {file.path: number for number, file in enumerate(scanned.files)}
        seen = bytearray(len(numbers))
        columns = tuple(array("q") for _ in range(4))  # number of the file, part, id, removed
        missing: list[tuple[Path, KnownFile]] = []
        for path, row in rows:
            number = numbers.get(path)
            if number is None:
                missing.append((path, row))
            elif self._fits(scanned.files[number], row):
                seen[number] |= _FITS | (_WHOLE if row.part == 0 else 0)
                seen[number] |= _DIFFERS if retry_failed and row.status == "failed" else 0
                values = number, row.part, row.id, row.removed
                for column, value in zip(columns, values, strict=True):
                    column.append(value)
            elif not row.removed:
                seen[number] |= _DIFFERS
        del numbers
        states = np.frombuffer(seen, np.uint8)
        self._is_left = (states & (_FITS | _DIFFERS)) == _FITS
        self._is_whole = (states & _WHOLE) > 0
        of_file, parts, ids, removed = (np.array(column, np.int64) for column in columns)
        order = np.lexsort((parts, of_file))
        order = order[self._is_left[of_file[order]]]
        self.settled: list[int] = ids[order].tolist()
        self.back: list[int] = ids[order[removed[order] > 0]].tolist()
        self.to_open = [
            file
            for file, is_left in zip(scanned.files, self._is_left.tolist(), strict=True)
            if not is_left
        ]
        self.missing = MissingFiles(missing, scanned)
        self.notes = _notes(missing, scanned)

    @property
    def left(self) -> Iterator[tuple[Path, bool]]:
        """Give the path of each file that need not be opened, and whether it holds several."""
        for file, is_left, is_whole in zip(
            self._scan.files, self._is_left.tolist(), self._is_whole.tolist(), strict=True
        ):
            if is_left:
                yield file.path, not is_whole

    def _fits(self, file: AudioFile, row: KnownFile) -> bool:
        """Say whether a row is what the file was when it was opened."""
        if (row.size, row.mtime_ns) != (file.size, file.mtime_ns):
            return False
        cue = self._scan.sheets.digest(file.path)
        return row.cue in ((cue,) if cue else ("", INSIDE)) or self._scan.sheets.may_wait(file.path)


class MissingFiles:
    """Files of the catalogue that a scan did not contain: moved, gone, or outside its folders."""

    def __init__(self, missing: Iterable[tuple[Path, KnownFile]], scanned: Scan) -> None:
        self._scan = scanned
        self._missing = {row.id: (path, row) for path, row in missing}
        self._by_audio: defaultdict[str, list[int]] = defaultdict(list)
        for track_id, (_, row) in sorted(self._missing.items()):
            if row.audio_hash is not None:
                self._by_audio[row.audio_hash].append(track_id)

    def claim(self, audio_hash: str, path: Path) -> int | None:
        """Take the track that moved to `path`: of equal audio, preferably of the same file name."""
        ids = self._by_audio.get(audio_hash, [])
        candidates = [old for old in ids if self._is_gone(*self._missing[old])]
        if not candidates:
            return None
        old = min(candidates, key=lambda old: (self._missing[old][0].name != path.name, old))
        ids.remove(old)
        del self._missing[old]
        return old

    def gone(self) -> list[int]:
        """Return the ids of unclaimed tracks in scanned folders: their files are gone."""
        return sorted(
            row.id
            for path, row in self._missing.values()
            if not row.removed and self._scan.covers(path)
        )

    def _is_gone(self, path: Path, row: KnownFile) -> bool:
        if row.removed or self._scan.covers(path):
            return True
        if is_address(path):
            return False
        try:
            path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:  # a folder without permission
            return False
        return False


def _notes(missing: Iterable[tuple[Path, KnownFile]], scanned: Scan) -> tuple[str, ...]:
    """Return a sentence for each empty folder in which the catalogue has tracks."""
    inside = Counter(
        folder
        for path, row in (missing if scanned.empty else ())
        if not row.removed
        for folder in scanned.empty.intersection(path.parents)
    )
    return tuple(
        f"{shown(folder)} is empty; its {n} tracks were left as they are. Is its drive mounted? If "
        "the files are gone for good, scan the folder above it."
        for folder, n in sorted(inside.items())
    )
