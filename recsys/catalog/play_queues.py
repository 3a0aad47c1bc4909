"""The play queue that a listener left off at, to be gone on with in another player."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import JSON, BigInteger, ForeignKey, Integer
from sqlalchemy.orm import Mapped, Session, mapped_column

from recsys.catalog.base import Base
from recsys.catalog.listens import ListenerRow
from recsys.catalog.playlists import LONGEST_PLAYLIST


@dataclass(frozen=True)
class PlayQueue:
    """A listener's queue.

    track_ids    in order, with repetitions
    place        of the current track, from 0; position_ms: how far it has played
    changed_at   Unix seconds
    changed_by   the player's name
    """

    track_ids: tuple[int, ...]
    place: int
    position_ms: int
    changed_at: int
    changed_by: str


class PlayQueueRow(Base):
    """The table of play queues, one a listener."""

    __tablename__ = "play_queues"

    listener_id: Mapped[int] = mapped_column(
        ForeignKey("listeners.id"), primary_key=True, autoincrement=False
    )
    track_ids: Mapped[list[int]] = mapped_column(JSON)
    place: Mapped[int] = mapped_column(Integer)
    position_ms: Mapped[int] = mapped_column(BigInteger)
    changed_at: Mapped[int] = mapped_column(BigInteger)
    changed_by: Mapped[str]


def play_queue(session: Session, listener_id: int) -> PlayQueue | None:
    """Return a listener's queue, None where nothing was left."""
    row = session.get(PlayQueueRow, listener_id)
    if row is None:
        return None
    return PlayQueue(
        tuple(row.track_ids), row.place, row.position_ms, row.changed_at, row.changed_by
    )


def save(session: Session, listener_id: int, queue: PlayQueue | None) -> None:
    """Replace a listener's queue, or delete it; see `Catalog.save_play_queue`."""
    if session.get(ListenerRow, listener_id) is None:
        raise KeyError(listener_id)
    row = session.get(PlayQueueRow, listener_id)
    if queue is None or not queue.track_ids:
        if row is not None:
            session.delete(row)
        return
    if len(queue.track_ids) > LONGEST_PLAYLIST:
        raise ValueError(f"a queue has at most {LONGEST_PLAYLIST} tracks")
    if not 0 <= queue.place < len(queue.track_ids):
        raise ValueError(f"the current place is one of {len(queue.track_ids)}, got {queue.place}")
    if row is None:
        row = PlayQueueRow(listener_id=listener_id)
        session.add(row)
    row.track_ids = list(queue.track_ids)
    row.place, row.position_ms = queue.place, queue.position_ms
    row.changed_at, row.changed_by = queue.changed_at, queue.changed_by
