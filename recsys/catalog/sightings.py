"""What the files of the library looked like, and what each look changes in the tables."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from encoders.errors import AudioError
from encoders.features import AudioInfo
from recsys.catalog import features
from recsys.catalog.base import batches, locked_state
from recsys.catalog.tracks import IDS_PER_QUERY, Tags, TrackRow


class Sighting(NamedTuple):
    """A file that was opened: where, how it looked, what is in it.

    `track_id` is the track it was recognised as, None for a new one.
    """

    track_id: int | None
    path: Path
    size: int  # bytes
    mtime_ns: int
    audio: AudioInfo | AudioError
    tags: Tags


def record(session: Session, sightings: Sequence[Sighting]) -> None:
    """Write what was seen: new tracks get the next ids in the order given.

    New audio at a known path drops the features of the old; a track whose audio is known from
    another one receives its features.
    """
    state = locked_state(session)
    known = [seen.track_id for seen in sightings if seen.track_id is not None]
    rows = {row.id: row for row in session.scalars(select(TrackRow).where(TrackRow.id.in_(known)))}
    touched, changed, matters = [], [], False
    for seen in sightings:
        if seen.track_id is None:
            state.last_track_id += 1
            row = TrackRow(id=state.last_track_id, added_at=int(time.time()))
            session.add(row)
            before = None
        else:
            row = rows[seen.track_id]
            before = _index_view(row)
            if isinstance(seen.audio, AudioInfo) and row.audio_hash != seen.audio.audio_hash:
                changed.append(row.id)
        _write(seen, row)
        touched.append(row.id)
        matters |= before != _index_view(row)
    session.flush()
    features.drop(session, changed)
    features.adopt(session, touched)
    state.revision += matters
    state.track_revision += 1


def _index_view(row: TrackRow) -> tuple[bool, bool, str | None]:
    """Return what an index depends on."""
    return row.removed_at is None, row.status == "failed", row.audio_hash


def _write(seen: Sighting, row: TrackRow) -> None:
    """Write one sighting into its row.

    A file that cannot be read keeps what is known of its audio: it may be whole again next time.
    """
    row.path, row.size, row.mtime_ns = seen.path, seen.size, seen.mtime_ns
    row.removed_at = None
    values = dict(vars(seen.tags))
    if isinstance(seen.audio, AudioError):
        values |= {"status": "failed", "error": str(seen.audio)}
    else:
        values |= {"status": "pending", "error": None, **vars(seen.audio)}
    for column, value in values.items():
        setattr(row, column, value)


def set_presence(session: Session, gone: Iterable[int], back: Iterable[int]) -> None:
    """Mark tracks as removed, and others as there again."""
    state = locked_state(session)
    state.revision += 1
    state.track_revision += 1
    for ids, removed_at in ((gone, int(time.time())), (back, None)):
        for batch in batches(ids, IDS_PER_QUERY):
            rows = update(TrackRow).where(TrackRow.id.in_(batch))
            session.execute(rows.values(removed_at=removed_at))
