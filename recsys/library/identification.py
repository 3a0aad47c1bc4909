"""Match the files of a scan to the tracks of the catalogue, and read their tags."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from encoders.errors import AudioError, FileUnavailable
from encoders.features import AudioInfo
from recsys.catalog import Catalog, KnownFile, ScannedFile
from recsys.catalog.base import batches, is_address
from recsys.catalog.tracks import INSIDE
from recsys.library.album_images import Piece, pieces_of
from recsys.library.file_tags import SEPARATORS, TagReader
from recsys.library.image_report import ImageReport
from recsys.library.known_files import KnownFiles, MissingFiles
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
    sheets = scanned.sheets
    reader = TagReader(scanned.folders, options.separators, options.encodings, sheets)
    unavailable = list(sheets.waiting.values())
    images = ImageReport()
    tally = dict.fromkeys(("new", "changed", "moved", "restored", "unchanged", "failed"), 0)
    undeclared = [False]
    known = KnownFiles(catalog.rows_of_files(), scanned, retry_failed=options.retry_failed)
    files = {file.path: file for file in known.to_open}
    for path, is_cut in known.left:
        images.see(path, sheets, is_cut=is_cut)
    settled = known.settled
    tally["restored"], tally["unchanged"] = len(known.back), len(settled) - len(known.back)
    missing = known.missing

    def scanned_file(file: AudioFile, piece: Piece, row: KnownFile | None) -> ScannedFile:
        track_id, kind = _match(file.path, piece.audio, row, missing)
        tally[kind] += 1
        tags = reader.tags(file.path, piece.written)
        undeclared.append(tags.tag_encoding is not None)
        cue = sheets.digest(file.path) or (INSIDE if piece.part else "")
        return ScannedFile(track_id, *file, piece.audio, tags, piece.part, piece.begin, cue)

    def scanned_files() -> Iterator[list[ScannedFile]]:
        held_of = _Ahead(catalog, list(files))
        for done, (path, audio) in enumerate(inspect(list(files)), start=1):
            try:
                written = _read(path, audio)
            except FileUnavailable as error:
                unavailable.append(str(error))  # what is known of it stays as it is
            else:
                held = held_of(path)
                alive = [row.part for row in held.values() if not row.removed]
                pieces = pieces_of(audio, written, sheets.of(path), alive)
                images.opened(path, pieces, held, sheets)
                yield [scanned_file(files[path], piece, held.get(piece.part)) for piece in pieces]
            if progress:
                progress(done, len(files))

    for batch in batches(scanned_files(), _FILES_PER_TRANSACTION):
        catalog.record_files([row for rows in batch for row in rows])
    if images.superseded:
        catalog.supersede(images.superseded)
    gone = missing.gone()
    if gone or known.back:
        catalog.set_presence(gone=gone, back=known.back)
    retagged = 0
    if options.reread_tags:
        retagged = reread_tags(catalog, settled, reader, inspect, progress)
    is_new = options.reread_tags or any(undeclared)
    remarks = settle_encodings(catalog, reader, inspect, options.encoding, is_new=is_new)
    return ScanSummary(
        **tally,
        removed=len(gone),
        notes=known.notes,
        unavailable=tuple(unavailable),
        retagged=retagged,
        remarks=remarks + images.sentences(sheets),
    )


class _Ahead:
    """What the catalogue has at paths that are asked for one after another."""

    def __init__(self, catalog: Catalog, paths: Sequence[Path]) -> None:
        self._catalog = catalog
        self._batches = batches(paths, _FILES_PER_TRANSACTION)
        self._held: dict[Path, dict[int, KnownFile]] = {}
        self._read: set[Path] = set()

    def __call__(self, path: Path) -> dict[int, KnownFile]:
        """Return what a file holds, by the numbers of its parts."""
        while path not in self._read:
            batch = next(self._batches)
            self._read, self._held = set(batch), self._catalog.files_at(batch)
        return self._held.get(path, {})


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
    path: Path, audio: AudioInfo | AudioError, row: KnownFile | None, missing: MissingFiles
) -> tuple[int | None, str]:
    """Return the track of a piece, None for a new one, and the field of `ScanSummary` to count."""
    track_id = row.id if row else None
    if isinstance(audio, AudioError):
        return track_id, "failed"
    if row:
        return row.id, "restored" if row.removed else "changed"
    track_id = missing.claim(audio.audio_hash, path)
    return track_id, "new" if track_id is None else "moved"
