"""Read the tags of known files anew, without analysing anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import TypeAlias

from encoders.errors import AudioError
from encoders.features import AudioInfo
from recsys.catalog import Catalog, Tags, Track
from recsys.catalog.base import batches, is_address
from recsys.library.album_images import Sheets, written_of
from recsys.library.cue_sheets import CueSheet
from recsys.library.file_tags import TagReader
from recsys.library.tag_encoding import WESTERN, Encodings, decide
from recsys.library.written_tags import TaggedInfo, WrittenTags, read_written
from recsys.listens.text_encoding import shown as encoding_name

# Demuxes files, in the order given: the audio properties of each, or an error.
Inspect: TypeAlias = Callable[[Iterable[Path]], Iterator[tuple[Path, AudioInfo | AudioError]]]

_PER_TRANSACTION = 200
_USUAL = {"title", "artist", "album"}
_SAMPLE = 500  # files from which an encoding is guessed, spread evenly


def reread_tags(
    catalog: Catalog,
    ids: Sequence[int],
    reader: TagReader,
    inspect: Inspect,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Read the tags of tracks anew, and write those that differ; return how many did.

    `progress` is called with (done, total). Raises CatalogError.
    """
    done, n_changed = 0, 0
    for batch in batches(ids, _PER_TRANSACTION):
        tracks = catalog.tracks(batch)
        written = _written(tracks, inspect, reader.sheets)
        n_changed += _record(catalog, tracks, written, reader)
        done += len(batch)
        if progress:
            progress(done, len(ids))
    return n_changed


def settle_encodings(
    catalog: Catalog, reader: TagReader, inspect: Inspect, given: str | None, *, is_new: bool
) -> tuple[str, ...]:
    """Decide in which encoding the library's undeclared tags are, and read those again.

    They were read as `reader` says; where `given`, that is the encoding. `is_new` says that there
    may be new ones. Returns sentences for the library's owner. Raises CatalogError.
    """
    tracks = catalog.with_undeclared_tags()
    if not is_new or not tracks:
        return ()
    encodings = Encodings(given, given) if given else _guess(tracks, inspect, reader.sheets)
    stale = [track for track in tracks if track.tag_encoding != given]
    for batch in batches(stale, _PER_TRANSACTION):
        written = _written(batch, inspect, reader.sheets, undeclared=True)
        _record(catalog, batch, written, replace(reader, encodings=encodings))
    return _remarks(catalog.with_undeclared_tags(), given)


def _guess(tracks: Sequence[Track], inspect: Inspect, sheets: Sheets) -> Encodings:
    """Guess the encodings from a sample of the files."""
    n = min(len(tracks), _SAMPLE)
    sample = [tracks[number * len(tracks) // n] for number in range(n)]
    written = _written(sample, inspect, sheets, undeclared=True)
    return decide(tags.undeclared for tags in written.values())


def _written(
    tracks: Sequence[Track], inspect: Inspect, sheets: Sheets, *, undeclared: bool = False
) -> dict[int, WrittenTags]:
    """Return what is written in files that can be read, by the tracks' ids.

    Those where mutagen finds too little are demuxed too: no usual tags, or none `undeclared`. Those
    of object stores are read by who demuxes them.
    """
    by_path: dict[Path, WrittenTags] = {}
    lacking = []
    for track in tracks:
        if track.path in by_path:  # of an album in one file
            continue
        if is_address(track.path):
            lacking.append(track.path)
            continue
        with suppress(OSError):  # then what is known stays
            tags = read_written(track.path)
            by_path[track.path] = tags
            if not tags.texts.keys() >= _USUAL or (undeclared and not tags.undeclared):
                lacking.append(track.path)
    for path, audio in inspect(lacking) if lacking else ():
        if isinstance(audio, TaggedInfo):
            by_path[path] = audio.written
        elif isinstance(audio, AudioInfo):
            with suppress(OSError):
                by_path[path] = read_written(path, audio.container_tags)
    written = {}
    for track in tracks:
        if track.path in by_path:
            image = by_path[track.path]
            sheet = sheets.of(track.path) or image.sheet or CueSheet()
            written[track.id] = written_of(track.part, image, sheet)
    return written


def _record(
    catalog: Catalog,
    tracks: Sequence[Track],
    written: dict[int, WrittenTags],
    reader: TagReader,
) -> int:
    """Write the tags that differ from the catalogue's; return of how many tracks."""
    changed = {}
    for track in (track for track in tracks if track.id in written):
        tags = reader.tags(track.path, written[track.id])
        if tags != Tags(**{field.name: getattr(track, field.name) for field in fields(Tags)}):
            changed[track.id] = tags
    if changed:
        catalog.record_tags(changed)
    return len(changed)


def _remarks(tracks: Sequence[Track], given: str | None) -> tuple[str, ...]:
    """Return a sentence on each encoding that was guessed and is not the Western one."""
    counts = Counter(track.tag_encoding for track in tracks if track.tag_encoding != WESTERN)
    return tuple(
        f"The tags of {count:,} file{'s' * (count > 1)} do not say their encoding, and were read "
        f"as {encoding_name(codec)}. If names look wrong, set tag_encoding in the home's "
        "earshot.toml and run `earshot build --again --reread-tags`."
        for codec, count in counts.most_common()
        if codec and not given
    )
