"""Stored playlists of listeners.

An entry refers to a recording, as feedback does: a track that is moved or retagged stays in its
playlists. One whose file is gone stays too, and plays again where the library has another file of
the same recording.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, ForeignKey, Integer, delete, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from recsys.catalog import recordings
from recsys.catalog.base import Base, batches, is_name, one_line
from recsys.catalog.listens import ListenerRow
from recsys.catalog.recordings import RecordingRow
from recsys.catalog.tracks import IDS_PER_QUERY

LONGEST_PLAYLIST = 10_000  # entries


class PlaylistChanged(Exception):
    """A playlist was changed since its writer read it."""


@dataclass(frozen=True)
class StoredPlaylist:
    """A playlist of a listener; names need not be unique.

    track_ids   in order, with repetitions. Tracks whose file is gone are among them, so that
                writing the playlist again leaves them where they are
    created_at  Unix seconds; changed_at likewise
    revision    1, and one more with every change
    """

    id: int
    listener_id: int
    name: str
    track_ids: tuple[int, ...]
    created_at: int
    changed_at: int
    revision: int


class PlaylistRow(Base):
    """The table of playlists; ids rise and are not used again."""

    __tablename__ = "playlists"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - SQLAlchemy's own way

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    listener_id: Mapped[int] = mapped_column(ForeignKey("listeners.id"), index=True)
    name: Mapped[str]
    created_at: Mapped[int] = mapped_column(BigInteger)
    changed_at: Mapped[int] = mapped_column(BigInteger)
    revision: Mapped[int] = mapped_column(BigInteger)


class PlaylistEntryRow(Base):
    """The table of playlists' entries; places count from 0."""

    __tablename__ = "playlist_entries"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012

    playlist_id: Mapped[int] = mapped_column(ForeignKey("playlists.id"), primary_key=True)
    place: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    recording_id: Mapped[int] = mapped_column(ForeignKey("recordings.id"))


def playlists(
    session: Session, listener_id: int, after: int, limit: int | None
) -> list[StoredPlaylist]:
    """Return the next `limit` playlists of a listener, by id."""
    query = (
        select(PlaylistRow)
        .where(PlaylistRow.listener_id == listener_id, PlaylistRow.id > after)
        .order_by(PlaylistRow.id)
        .limit(limit)
    )
    rows = session.scalars(query).all()
    entries = _entries(session, [row.id for row in rows])
    return [_stored_playlist(row, entries[row.id]) for row in rows]


def playlist(session: Session, listener_id: int, playlist_id: int) -> StoredPlaylist | None:
    """Return a playlist of a listener, None for an unknown one."""
    row = _row(session, listener_id, playlist_id)
    return None if row is None else _stored_playlist(row, _entries(session, [row.id])[row.id])


def save(
    session: Session,
    listener_id: int,
    name: str,
    track_ids: Sequence[int],
    playlist_id: int | None,
    revision: int | None,
) -> StoredPlaylist:
    """Write a playlist, a new one without an id; see `Catalog.save_playlist`.

    The caller holds the lock of the listening state.
    """
    if not is_name(name):
        raise ValueError(f"name: wanted 1 to 200 printable characters, got {name[:50]!r}")
    if len(track_ids) > LONGEST_PLAYLIST:
        raise ValueError(f"track_ids: wanted at most {LONGEST_PLAYLIST}, got {len(track_ids)}")
    if session.get(ListenerRow, listener_id) is None:
        raise KeyError(listener_id)
    now = int(time.time())
    if playlist_id is None:
        row = PlaylistRow(listener_id=listener_id, created_at=now, revision=0)
        session.add(row)
    else:
        row = _row_at_revision(session, listener_id, playlist_id, revision)
    row.name, row.changed_at, row.revision = name, now, row.revision + 1
    session.flush()
    session.execute(delete(PlaylistEntryRow).where(PlaylistEntryRow.playlist_id == row.id))
    recording_ids = recordings.ensure_track_recordings(session, track_ids)
    entries = [
        {"playlist_id": row.id, "place": place, "recording_id": recording_ids[track_id]}
        for place, track_id in enumerate(track_ids)
    ]
    if entries:
        session.connection().execute(insert(PlaylistEntryRow), entries)
    return _stored_playlist(row, track_ids)


def remove(session: Session, listener_id: int, playlist_id: int, revision: int | None) -> None:
    """Delete a playlist; see `Catalog.delete_playlist`."""
    row = _row_at_revision(session, listener_id, playlist_id, revision)
    session.execute(delete(PlaylistEntryRow).where(PlaylistEntryRow.playlist_id == row.id))
    session.delete(row)


def _row_at_revision(
    session: Session, listener_id: int, playlist_id: int, revision: int | None
) -> PlaylistRow:
    """Return a playlist's row at a revision, None for any. Raises KeyError, PlaylistChanged."""
    row = _row(session, listener_id, playlist_id)
    if row is None:
        raise KeyError(playlist_id)
    if revision is not None and row.revision != revision:
        raise PlaylistChanged(f"revision: wanted {row.revision}, got {revision}")
    return row


def _row(session: Session, listener_id: int, playlist_id: int) -> PlaylistRow | None:
    return session.scalar(
        select(PlaylistRow).where(
            PlaylistRow.id == playlist_id, PlaylistRow.listener_id == listener_id
        )
    )


def _entries(session: Session, playlist_ids: Iterable[int]) -> dict[int, list[int]]:
    """Return the track ids of each playlist, in order."""
    track_ids: dict[int, list[int]] = {}
    for batch in batches(playlist_ids, IDS_PER_QUERY):
        track_ids |= {playlist_id: [] for playlist_id in batch}
        query = (
            select(PlaylistEntryRow.playlist_id, RecordingRow.track_id, RecordingRow.item)
            .join(RecordingRow, RecordingRow.id == PlaylistEntryRow.recording_id)
            .where(PlaylistEntryRow.playlist_id.in_(batch))
            .order_by(PlaylistEntryRow.playlist_id, PlaylistEntryRow.place)
        )
        for playlist_id, track_id, item in session.execute(query):
            track_ids[playlist_id].append(int(item) if track_id is None else track_id)
    return track_ids


def _stored_playlist(row: PlaylistRow, track_ids: Sequence[int]) -> StoredPlaylist:
    return StoredPlaylist(
        row.id,
        row.listener_id,
        one_line(row.name) or "Untitled",  # older versions took any characters
        tuple(track_ids),
        row.created_at,
        row.changed_at,
        row.revision,
    )
