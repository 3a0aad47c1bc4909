"""Match the files of a scan to the tracks of the catalogue, and read their tags."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from encoders.errors import AudioError, FileUnavailable
from encoders.features import AudioInfo
from recsys.catalog import Catalog, KnownFile, ScannedFile
from recsys.catalog.base import batches, is_address, shown
from recsys.catalog.tracks import INSIDE
from recsys.library.album_images import Piece, pieces_of
from recsys.library.file_tags import SEPARATORS, TagReader
from recsys.library.image_report import ImageReport
from recsys.library.scanning import AudioFile, Scan
from recsys.library.tag_encoding import UNDECIDED, Encodings
from recsys.library.tag_updates import Inspect, reread_tags, settle_encodings
from recsys.library.written_tags import TaggedInfo, WrittenTags, read_written

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
    """The result of matching a scan to the catalogue; the first six count each track once."""

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
    known = catalog.tracks_of_files()
    sheets = scanned.sheets
    reader = TagReader(scanned.folders, options.separators, options.encodings, sheets)
    files = {file.path: file for file in scanned.files}
    unavailable = list(sheets.waiting.values())
    images = ImageReport()
    tally = dict.fromkeys(("new", "changed", "moved", "restored", "unchanged", "failed"), 0)
    to_open: list[Path] = []
    settled: list[KnownFile] = []
    undeclared = [False]
    for file, rows in _unchanged(scanned, known, options):
        if not rows:
            to_open.append(file.path)
            continue
        images.see(file.path, sheets, is_cut=rows[0].part > 0)
        settled += rows
    back = [row.id for row in settled if row.removed]
    tally["restored"], tally["unchanged"] = len(back), len(settled) - len(back)
    missing = _MissingFiles(known, scanned, files)

    def scanned_file(file: AudioFile, piece: Piece, row: KnownFile | None) -> ScannedFile:
        track_id, kind = _match(file.path, piece.audio, row, missing)
        tally[kind] += 1
        tags = reader.tags(file.path, piece.written)
        undeclared.append(tags.tag_encoding is not None)
        cue = sheets.digest(file.path) or (INSIDE if piece.part else "")
        return ScannedFile(track_id, *file, piece.audio, tags, piece.part, piece.begin, cue)

    def scanned_files() -> Iterator[list[ScannedFile]]:
        for done, (path, audio) in enumerate(inspect(to_open), start=1):
            try:
                written = _read(path, audio)
            except FileUnavailable as error:
                unavailable.append(str(error))  # what is known of it stays as it is
            else:
                held = known.get(path, {})
                alive = [row.part for row in held.values() if not row.removed]
                pieces = pieces_of(audio, written, sheets.of(path), alive)
                images.opened(path, pieces, held, sheets)
                yield [scanned_file(files[path], piece, held.get(piece.part)) for piece in pieces]
            if progress:
                progress(done, len(to_open))

    for batch in batches(scanned_files(), _FILES_PER_TRANSACTION):
        catalog.record_files([row for rows in batch for row in rows])
    if images.superseded:
        catalog.supersede(images.superseded)
    gone = missing.gone()
    if gone or back:
        catalog.set_presence(gone=gone, back=back)
    retagged = 0
    if options.reread_tags:
        retagged = reread_tags(catalog, [row.id for row in settled], reader, inspect, progress)
    is_new = options.reread_tags or any(undeclared)
    remarks = settle_encodings(catalog, reader, inspect, options.encoding, is_new=is_new)
    return ScanSummary(
        **tally,
        removed=len(gone),
        notes=_notes(known, scanned),
        unavailable=tuple(unavailable),
        retagged=retagged,
        remarks=remarks + images.sentences(sheets),
    )


def _unchanged(
    scanned: Scan, known: Mapping[Path, Mapping[int, KnownFile]], options: ScanOptions
) -> Iterator[tuple[AudioFile, list[KnownFile]]]:
    """Give each file with what it holds, nothing where it must be opened.

    It must where its size or time has changed, or the cue sheet beside it, unless one cannot be
    read for the moment.
    """
    for file in scanned.files:
        held = known.get(file.path, {}).values()
        cue = scanned.sheets.digest(file.path)
        cues = (cue,) if cue else ("", INSIDE)
        waits = scanned.sheets.may_wait(file.path)
        rows = [
            row
            for row in held
            if (row.size, row.mtime_ns) == (file.size, file.mtime_ns) and (row.cue in cues or waits)
        ]
        is_other = any(not row.removed and row not in rows for row in held)
        is_retried = options.retry_failed and any(row.status == "failed" for row in rows)
        yield file, [] if is_other or is_retried else rows


def _read(path: Path, audio: AudioInfo | AudioError) -> WrittenTags:
    """Return what is written in a file, nothing for a damaged one of an object store.

    Raises FileUnavailable.
    """
    if isinstance(audio, FileUnavailable):
        raise audio
    if isinstance(audio, TaggedInfo):
        return audio.written
    if is_address(path):
        return WrittenTags({})
    try:
        return read_written(path, audio.container_tags if isinstance(audio, AudioInfo) else None)
    except OSError as error:
        raise FileUnavailable(f"{path} cannot be read: {error.strerror}.") from error


def _match(
    path: Path, audio: AudioInfo | AudioError, row: KnownFile | None, missing: _MissingFiles
) -> tuple[int | None, str]:
    """Return the track of a piece, None for a new one, and the field of `ScanSummary` to count."""
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
        self,
        known: Mapping[Path, Mapping[int, KnownFile]],
        scanned: Scan,
        files: Mapping[Path, AudioFile],
    ) -> None:
        self._scan = scanned
        self._missing = {
            row.id: (path, row)
            for path, held in known.items()
            if path not in files
            for row in held.values()
        }
        self._by_audio: dict[str, list[int]] = {}
        for track_id, (_, row) in self._missing.items():
            if row.audio_hash is not None:
                self._by_audio.setdefault(row.audio_hash, []).append(track_id)

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


def _notes(known: Mapping[Path, Mapping[int, KnownFile]], scanned: Scan) -> tuple[str, ...]:
    """Return a sentence for each empty folder in which the catalogue has tracks."""
    notes = []
    for folder in sorted(scanned.empty):
        inside = sum(
            not row.removed
            for path, held in known.items()
            if folder in path.parents
            for row in held.values()
        )
        if inside:
            notes.append(
                f"{shown(folder)} is empty; its {inside} tracks were left as they are. Is its "
                "drive mounted? If the files are gone for good, scan the folder above it."
            )
    return tuple(notes)
