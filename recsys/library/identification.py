"""Match the files of a scan to the tracks of the catalogue, and read their tags."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from encoders.errors import AudioError, FileUnavailable
from encoders.features import AudioInfo
from recsys.catalog import Catalog, KnownFile, ScannedFile
from recsys.catalog.base import batches, shown
from recsys.library.cue_sheets import cue_sentence
from recsys.library.file_tags import SEPARATORS, TagReader
from recsys.library.scanning import AudioFile, Scan
from recsys.library.tag_encoding import UNDECIDED, Encodings
from recsys.library.tag_updates import Inspect, reread_tags, settle_encodings
from recsys.library.written_tags import WrittenTags, read_written

_FILES_PER_TRANSACTION = 200


class ScanOptions(NamedTuple):
    """How files are identified and their tags are read.

    retry_failed  open damaged files again that have not changed
    reread_tags   read the tags of files that have not changed, too
    encoding      codec of tags that do not say theirs, None to guess it
    separators    of genres, see `recsys.library.file_tags.SEPARATORS`
    """

    retry_failed: bool = False
    reread_tags: bool = False
    encoding: str | None = None
    separators: str = SEPARATORS

    @property
    def encodings(self) -> Encodings:
        """The encodings to begin with."""
        return Encodings(self.encoding, self.encoding) if self.encoding else UNDECIDED


USUAL = ScanOptions()


@dataclass(frozen=True)
class ScanSummary:
    """The result of matching a scan to the catalogue; the first six count each file once."""

    new: int = 0
    changed: int = 0  # other tags or other audio at a known path
    moved: int = 0
    restored: int = 0  # available again after being removed
    unchanged: int = 0
    failed: int = 0  # opened in this scan, and damaged
    removed: int = 0
    notes: tuple[str, ...] = ()  # sentences about what could not be read
    unavailable: tuple[str, ...] = ()  # sentences about files that cannot be read at the moment
    retagged: int = 0  # other tags at files that were only read anew for them
    remarks: tuple[str, ...] = ()  # sentences about how tags were read


def identify(
    catalog: Catalog,
    scanned: Scan,
    inspect: Inspect,
    *,
    options: ScanOptions = USUAL,
    progress: Callable[[int, int], None] | None = None,
) -> ScanSummary:
    """Update the catalogue to the files of a scan.

    Files of unchanged size and time are not opened; the others are, in the order of the scan, and
    written in batches of one transaction each: killed at any point and run again, the catalogue
    ends with the rows and ids of an uninterrupted run. Files that cannot be read at the moment are
    left as they were, so that the next build tries them again. `progress` is called with
    (done, total) of the opened files. Raises CatalogError.
    """
    known = catalog.files()
    reader = TagReader(scanned.folders, options.separators, options.encodings)
    files = {file.path: file for file in scanned.files}
    unavailable: list[str] = []
    n_images = 0
    tally = dict.fromkeys(("new", "changed", "moved", "restored", "unchanged", "failed"), 0)
    to_open, back, settled, undeclared = [], [], [], [False]
    for file in scanned.files:
        row = known.get(file.path)
        if row is None or _differs(file, row) or (options.retry_failed and row.status == "failed"):
            to_open.append(file.path)
            continue
        settled.append(row.id)
        if row.removed:
            back.append(row.id)
        else:
            tally["unchanged"] += 1
    tally["restored"] = len(back)
    missing = _MissingFiles(known, scanned, files)

    def scanned_files() -> Iterator[ScannedFile]:
        nonlocal n_images
        for done, (path, audio) in enumerate(inspect(to_open), start=1):
            try:
                written = _read(path, audio)
            except FileUnavailable as error:
                unavailable.append(str(error))  # what is known of it stays as it is
            else:
                track_id, kind = _match(path, audio, known.get(path), missing)
                tally[kind] += 1
                n_images += written.n_cue_tracks > 1
                file_tags = reader.tags(path, written)
                undeclared.append(file_tags.tag_encoding is not None)
                yield ScannedFile(track_id, *files[path], audio, file_tags)
            if progress:
                progress(done, len(to_open))

    for batch in batches(scanned_files(), _FILES_PER_TRANSACTION):
        catalog.record_files(batch)
    gone = missing.gone()
    if gone or back:
        catalog.set_presence(gone=gone, back=back)
    retagged = 0
    if options.reread_tags:
        retagged = reread_tags(catalog, settled, reader, inspect, progress)
    is_new = options.reread_tags or any(undeclared)
    remarks = settle_encodings(catalog, reader, inspect, options.encoding, is_new=is_new)
    if n_images:
        remarks += (cue_sentence(n_images, "inside"),)
    return ScanSummary(
        **tally,
        removed=len(gone),
        notes=_notes(known, scanned),
        unavailable=tuple(unavailable),
        retagged=retagged,
        remarks=remarks,
    )


def _read(path: Path, audio: AudioInfo | AudioError) -> WrittenTags:
    """Return what is written in a file. Raises FileUnavailable."""
    if isinstance(audio, FileUnavailable):
        raise audio
    try:
        return read_written(path, audio.container_tags if isinstance(audio, AudioInfo) else None)
    except OSError as error:
        raise FileUnavailable(f"{path} cannot be read: {error.strerror}.") from error


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
