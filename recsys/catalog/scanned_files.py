"""Write scanned files to the tables: new, changed, moved, removed and restored tracks."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from encoders.errors import AudioError
from encoders.features import AudioInfo
from recsys.catalog import features, tracks, word_search
from recsys.catalog.base import batches, locked_state
from recsys.catalog.bulk import insert_rows
from recsys.catalog.tracks import IDS_PER_QUERY, Tags, TrackRow

_AUDIO = ("duration", "sample_rate", "channels", "codec", "audio_hash")


class ScannedFile(NamedTuple):
    """A file that was opened in a scan, with its audio properties and tags.

    `track_id` is the track that it belongs to, None for a new one.
    """

    track_id: int | None
    path: Path
    size: int  # bytes
    mtime_ns: int
    audio: AudioInfo | AudioError
    tags: Tags
    part: int = 0  # see `recsys.catalog.tracks.Track`
    begin: float = 0.0
    cue: str = ""  # see `recsys.catalog.tracks.KnownFile`


def record_files(session: Session, files: Sequence[ScannedFile]) -> None:
    """Write scanned files; new tracks get the next ids in the order given.

    New audio at a known path deletes the features of the old audio; a track with the same audio as
    another one gets a copy of its features.
    """
    state = locked_state(session)
    known_ids = [file.track_id for file in files if file.track_id is not None]
    rows = {
        row.id: row for row in session.scalars(select(TrackRow).where(TrackRow.id.in_(known_ids)))
    }
    new, written, changed, affects_index = [], [], [], False
    for file in files:
        if file.track_id is None:
            state.last_track_id += 1
            row = TrackRow(id=state.last_track_id, added_at=int(time.time()), begin=file.begin)
            new.append(row)
            before = None
        else:
            row = rows[file.track_id]
            before = _index_view(row)
            if isinstance(file.audio, AudioInfo) and row.audio_hash != file.audio.audio_hash:
                changed.append(row.id)
        _write(file, row)
        written.append(row.id)
        affects_index |= before != _index_view(row)
    session.flush()
    insert_rows(session.connection(), TrackRow.__table__, [_values(row) for row in new])
    features.drop(session, changed)
    features.adopt(session, written)
    _index_words(session, written)
    state.revision += affects_index
    state.track_revision += 1


def _values(row: TrackRow) -> dict[str, Any]:
    return {column.name: getattr(row, column.name) for column in TrackRow.__table__.columns}


def _index_view(row: TrackRow) -> tuple[bool, bool, str | None]:
    """Return the values of a row that an index is built from."""
    return row.removed_at is None, row.status == "failed", row.audio_hash


def _write(file: ScannedFile, row: TrackRow) -> None:
    """Write a file into its row.

    An unreadable file keeps the audio properties of its last scan: it may be readable next time.
    """
    row.path, row.size, row.mtime_ns = file.path, file.size, file.mtime_ns
    row.removed_at = None
    row.part, row.cue = file.part, file.cue
    values = dict(vars(file.tags))
    if isinstance(file.audio, AudioError):
        values |= {"status": "failed", "error": str(file.audio)}
    else:
        values |= {"status": "pending", "error": None}
        values |= {name: getattr(file.audio, name) for name in _AUDIO} | {"begin": file.begin}
    for column, value in values.items():
        setattr(row, column, value)


def record_tags(session: Session, tags: Mapping[int, Tags]) -> None:
    """Write the tags of known tracks, leaving their audio and features alone."""
    state = locked_state(session)
    for batch in batches(tags, IDS_PER_QUERY):
        for row in session.scalars(select(TrackRow).where(TrackRow.id.in_(batch))):
            for column, value in vars(tags[row.id]).items():
                setattr(row, column, value)
    session.flush()
    _index_words(session, tags)
    state.track_revision += 1


def supersede(session: Session, ids: Iterable[int]) -> None:
    """Mark tracks as removed whose file holds others now: it will be opened to have them back."""
    ids = list(ids)
    set_presence(session, ids, ())
    for batch in batches(ids, IDS_PER_QUERY):
        session.execute(update(TrackRow).where(TrackRow.id.in_(batch)).values(mtime_ns=-1))


def set_presence(session: Session, gone: Iterable[int], back: Iterable[int]) -> None:
    """Mark tracks as removed, and others as available again."""
    state = locked_state(session)
    state.revision += 1
    state.track_revision += 1
    for ids, removed_at in ((gone, int(time.time())), (back, None)):
        for batch in batches(ids, IDS_PER_QUERY):
            rows = update(TrackRow).where(TrackRow.id.in_(batch))
            session.execute(rows.values(removed_at=removed_at))
            _index_words(session, batch)


def _index_words(session: Session, ids: Iterable[int]) -> None:
    """Let searches find what these tracks are called now, where their files are there."""
    for batch in batches(ids, IDS_PER_QUERY):
        word_search.remove(session.connection(), batch)
        word_search.write(session.connection(), tracks.words(session, batch))
