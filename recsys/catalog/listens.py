"""Listeners, their listens and play counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Connection,
    ForeignKey,
    Integer,
    Subquery,
    bindparam,
    func,
    insert,
    select,
    union_all,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from recsys.catalog import recordings
from recsys.catalog.base import LONGEST_NAME, Base, batches, is_name
from recsys.catalog.recordings import Kind, MatchLevel, Recording, RecordingRow, listening_state
from recsys.catalog.tracks import IDS_PER_QUERY


@dataclass(frozen=True)
class Listener:
    """A listener; `n_listens` counts all stored plays, matched to a track or not."""

    id: int
    name: str
    n_listens: int


class Listen(NamedTuple):
    """A play of a recording at a time, in Unix seconds."""

    listener: str
    recording: Recording
    at: int


class PlayCount(NamedTuple):
    """The total plays of a recording; `last_at` in Unix seconds, 0 where it is unknown."""

    listener: str
    recording: Recording
    plays: int
    last_at: int = 0


@dataclass(frozen=True)
class StoredCounts:
    """How many events of a batch were new, changed stored ones, or were known already."""

    new: int = 0
    changed: int = 0
    known: int = 0

    def __add__(self, other: StoredCounts) -> StoredCounts:
        return StoredCounts(
            self.new + other.new, self.changed + other.changed, self.known + other.known
        )


class ListenerRow(Base):
    """The table of listeners."""

    __tablename__ = "listeners"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(unique=True)


class ListenRow(Base):
    """The table of listens, clustered by listener and time."""

    __tablename__ = "listens"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - SQLAlchemy's own way

    listener_id: Mapped[int] = mapped_column(ForeignKey("listeners.id"), primary_key=True)
    listened_at: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    recording_id: Mapped[int] = mapped_column(ForeignKey("recordings.id"), primary_key=True)


class PlayCountRow(Base):
    """The table of play counts without times."""

    __tablename__ = "play_counts"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012

    listener_id: Mapped[int] = mapped_column(ForeignKey("listeners.id"), primary_key=True)
    recording_id: Mapped[int] = mapped_column(ForeignKey("recordings.id"), primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)
    last_at: Mapped[int] = mapped_column(BigInteger)


# Listeners


def listeners(session: Session) -> list[Listener]:
    """Return all listeners, by name."""
    timed = select(ListenRow.listener_id, func.count()).group_by(ListenRow.listener_id)
    played = select(PlayCountRow.listener_id, func.sum(PlayCountRow.count))
    n_listens: Counter[int] = Counter()
    for query in (timed, played.group_by(PlayCountRow.listener_id)):
        for listener_id, n in session.execute(query):
            n_listens[listener_id] += int(n)
    rows = session.execute(select(ListenerRow.id, ListenerRow.name).order_by(ListenerRow.name))
    return [Listener(i, name, n_listens[i]) for i, name in rows]


_LISTENER_ID = select(ListenerRow.id).where(ListenerRow.name == bindparam("listener"))


def listener_id(connection: Session | Connection, name: str) -> int | None:
    """Return the id of the listener of this name, or None."""
    return connection.scalar(_LISTENER_ID, {"listener": name})


def listener(session: Session, name: str) -> Listener | None:
    """Return the listener of this name, or None."""
    found = listener_id(session, name)
    if found is None:
        return None
    listens = select(func.count()).where(ListenRow.listener_id == found)
    plays = select(func.coalesce(func.sum(PlayCountRow.count), 0))
    plays = plays.where(PlayCountRow.listener_id == found)
    n_listens = (session.scalar(listens) or 0) + int(session.scalar(plays) or 0)
    return Listener(found, name, n_listens)


def ensure_ids(session: Session, names: Iterable[str]) -> dict[str, int]:
    """Return the id of each listener; new ones are inserted in the order given.

    The caller holds the lock of the listening state. Raises ValueError for an invalid name.
    """
    wanted = list(dict.fromkeys(names))
    for name in wanted:
        if not is_name(name):
            raise ValueError(
                f"a listener's name has 1 to {LONGEST_NAME} printable characters, got {name[:50]!r}"
            )
    ids: dict[str, int] = {}
    for batch in batches(wanted, IDS_PER_QUERY):
        query = select(ListenerRow.name, ListenerRow.id).where(ListenerRow.name.in_(batch))
        ids.update((name, number) for name, number in session.execute(query))
    first = (session.scalar(select(func.max(ListenerRow.id))) or 0) + 1
    new = [name for name in wanted if name not in ids]
    rows = [{"id": number, "name": name} for number, name in enumerate(new, start=first)]
    if rows:
        session.connection().execute(insert(ListenerRow), rows)
    return ids | {str(row["name"]): number for number, row in enumerate(rows, start=first)}


# Storing


def store_listens(session: Session, rows: Iterable[tuple[int, int, int]]) -> StoredCounts:
    """Insert (listener_id, listened_at, recording_id) rows, ignoring those stored already."""
    distinct = sorted(set(rows))
    if not distinct:
        return StoredCounts()
    new = insert_many(session, ListenRow, distinct, "DO NOTHING")
    return StoredCounts(new=new, known=len(distinct) - new)


def store_counts(session: Session, counts: Sequence[tuple[int, int, int, int]]) -> StoredCounts:
    """Write (listener_id, recording_id, count, last_at); a count replaces an older one.

    An unknown last time (0) leaves the stored one.
    """
    latest = {row[:2]: row[2:] for row in counts}
    rows = [(*key, *values) for key, values in sorted(latest.items())]
    new = insert_many(session, PlayCountRow, rows, "DO NOTHING")
    if new == len(rows):
        return StoredCounts(new=new)
    changed = insert_many(
        session,
        PlayCountRow,
        rows,
        "(listener_id, recording_id) DO UPDATE SET count = excluded.count, last_at = "
        "CASE WHEN excluded.last_at > 0 THEN excluded.last_at ELSE play_counts.last_at END "
        "WHERE play_counts.count <> excluded.count OR "
        "(excluded.last_at > 0 AND play_counts.last_at <> excluded.last_at)",
    )
    return StoredCounts(new=new, changed=changed, known=len(rows) - new - changed)


def insert_many(
    session: Session,
    table: type[Base],
    rows: Sequence[tuple[int | str | bytes | None, ...]],
    on_conflict: str,
) -> int:
    """Insert rows, a value for each column, and return how many rows were changed.

    As textual SQL: SQLAlchemy's parameters for each row would take most of the time.
    """
    if not rows:
        return 0
    connection = session.connection()
    columns = table.__table__.columns
    into = f"INSERT INTO {table.__tablename__} ({', '.join(columns.keys())})"
    parameters: Any = list(rows)
    if connection.dialect.name == "postgresql":
        types = [column.type.compile(connection.dialect) for column in columns]
        source = f"SELECT * FROM unnest({', '.join(f'%s::{kind}[]' for kind in types)})"
        parameters = tuple(list(column) for column in zip(*rows, strict=True))
    else:
        source = f"VALUES ({', '.join('?' * len(columns))})"
    result = connection.exec_driver_sql(
        f"{into} {source} ON CONFLICT {on_conflict}",
        parameters,
        execution_options={"preserve_rowcount": True},
    )
    return result.rowcount


def store(
    session: Session, events: Sequence[Listen | PlayCount], recording_ids: Mapping[Recording, int]
) -> StoredCounts:
    """Write listens, counts and the listeners they name, given the ids of their recordings."""
    listener_ids = ensure_ids(session, (event.listener for event in events))
    stored = store_listens(
        session,
        (
            (listener_ids[event.listener], event.at, recording_ids[event.recording])
            for event in events
            if isinstance(event, Listen)
        ),
    ) + store_counts(
        session,
        [
            (
                listener_ids[event.listener],
                recording_ids[event.recording],
                event.plays,
                event.last_at,
            )
            for event in events
            if isinstance(event, PlayCount)
        ],
    )
    if stored.new or stored.changed:
        listening_state(session, lock=True).revision += 1
    return stored


def record(session: Session, listener_id: int, listens: Sequence[tuple[int, int]]) -> None:
    """Insert (track_id, listened_at) pairs of a listener. Raises KeyError for unknown ids."""
    if session.get(ListenerRow, listener_id) is None:
        raise KeyError(listener_id)
    ids = recordings.ensure_track_recordings(session, (int(track_id) for track_id, _ in listens))
    rows = ((listener_id, int(at), ids[int(track_id)]) for track_id, at in listens)
    stored = store_listens(session, rows)
    if stored.new:
        listening_state(session, lock=True).revision += 1


# Matches


class MatchCounts(NamedTuple):
    """Recordings of one kind and level of match (None: no match), and their listens."""

    kind: Kind
    level: MatchLevel | None
    recordings: int
    listens: int


def _plays_by_recording() -> Subquery:
    """Select each recording's plays by all listeners."""
    plays = union_all(
        select(ListenRow.recording_id, func.count().label("n")).group_by(ListenRow.recording_id),
        select(PlayCountRow.recording_id, func.sum(PlayCountRow.count)).group_by(
            PlayCountRow.recording_id
        ),
    ).subquery()
    total = select(plays.c.recording_id, func.sum(plays.c.n).label("n"))
    return total.group_by(plays.c.recording_id).subquery()


def match_counts(session: Session) -> list[MatchCounts]:
    """Count recordings and listens by kind and level of match, most listens first."""
    plays = _plays_by_recording()
    query = (
        select(
            RecordingRow.kind,
            RecordingRow.level,
            func.count(),
            func.coalesce(func.sum(plays.c.n), 0),
        )
        .join(plays, plays.c.recording_id == RecordingRow.id, isouter=True)
        .group_by(RecordingRow.kind, RecordingRow.level)
    )
    rows = [
        MatchCounts(kind, level, n, int(n_listens))
        for kind, level, n, n_listens in session.execute(query)
    ]
    return sorted(rows, key=lambda row: (-row.listens, row.kind, row.level or ""))


def unmatched(session: Session, limit: int) -> list[tuple[Recording, int]]:
    """Return the recordings without a match and their listens, most first."""
    plays = _plays_by_recording()
    n_listens = func.coalesce(plays.c.n, 0)
    query = (
        select(*recordings.COLUMNS, n_listens)
        .join(plays, plays.c.recording_id == RecordingRow.id, isouter=True)
        .where(RecordingRow.track_id.is_(None))
        .order_by(n_listens.desc(), RecordingRow.id)
        .limit(limit)
    )
    return [(Recording(*fields), int(n)) for *fields, n in session.execute(query)]
