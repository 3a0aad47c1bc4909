"""Playlists that renew themselves: what is asked for, how often, and what their last lists held."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from sqlalchemy import BigInteger, ForeignKey, Integer, Select, Text, delete, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from recsys.catalog import leases, playlists, recordings
from recsys.catalog.base import Base, one_line
from recsys.catalog.playlists import PlaylistRow, StoredPlaylist
from recsys.catalog.recordings import RecordingRow

Every = Literal["day", "week"]

REMEMBERED = 7  # lists, whose tracks the next one leaves out
MOST_STAYING = 200
LONGEST_QUESTION = 100_000  # characters; sounds from outside the library are in it
LEASE = 120  # s that one list may take to be renewed
_RENEWING = "renewals"  # the lease's name


class PlaylistRenews(Exception):
    """The tracks of a playlist that renews itself are not chosen by hand."""


@dataclass(frozen=True)
class RenewalPlan:
    """What a playlist renews itself by.

    question  the query string of a mix, as its page's address has it: "?like=tag:jazz"
    every     how often
    stay      at most so many tracks of the last list may be in the next
    paused    whether it waits
    folder    where each list is written as M3U8; None for nowhere
    relative  whether the paths in it are relative to the folder
    """

    question: str
    every: Every = "day"
    stay: int = 0
    paused: bool = False
    folder: Path | None = None
    relative: bool = False

    @property
    def words(self) -> str:
        """The plan as a person reads it, without a full stop.

        >>> RenewalPlan("?like=tag:jazz", "week").words
        'Renews itself every week'
        """
        return f"Renews itself every {self.every}" + ", paused" * self.paused


@dataclass(frozen=True)
class Renewal:
    """A playlist that renews itself.

    name        of the playlist
    number      how many lists it has had
    renewed_at  Unix seconds, when that was tried last; None before the first time
    exported    the file of the last list, None where there is none
    sentences   what a person should know of the last time
    """

    playlist_id: int
    listener_id: int
    name: str
    plan: RenewalPlan
    number: int
    renewed_at: int | None
    exported: Path | None
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class RenewedList:
    """A new list of a playlist.

    track_ids   in order; None where nothing was found, and the last list stays
    remembered  those that the next lists leave out
    """

    track_ids: tuple[int, ...] | None
    remembered: tuple[int, ...] = ()
    sentences: tuple[str, ...] = ()


class RenewalRow(Base):
    """The table of playlists that renew themselves."""

    __tablename__ = "renewals"

    playlist_id: Mapped[int] = mapped_column(
        ForeignKey("playlists.id"), primary_key=True, autoincrement=False
    )
    question: Mapped[str] = mapped_column(Text)  # longer than CleanText lets in
    every: Mapped[str]
    stay: Mapped[int] = mapped_column(Integer)
    paused: Mapped[bool]
    folder: Mapped[Path | None]
    relative: Mapped[bool]
    exported: Mapped[Path | None]
    number: Mapped[int] = mapped_column(Integer)
    renewed_at: Mapped[int | None] = mapped_column(BigInteger)
    sentences: Mapped[tuple[str, ...]]


class RenewedTrackRow(Base):
    """The table of what the last lists held, by their numbers."""

    __tablename__ = "renewed_tracks"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - SQLAlchemy's own way

    playlist_id: Mapped[int] = mapped_column(
        ForeignKey("renewals.playlist_id"), primary_key=True, autoincrement=False
    )
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    recording_id: Mapped[int] = mapped_column(
        ForeignKey("recordings.id"), primary_key=True, autoincrement=False
    )


class Renewals:
    """All access to the playlists that renew themselves; a part of `Catalog`.

    Each call is one short transaction, and raises CatalogError where the database does.
    """

    def __init__(
        self,
        reading: Callable[[], AbstractContextManager[Session]],
        writing: Callable[[], AbstractContextManager[Session]],
    ) -> None:
        """Take what opens a session to read, and one to write."""
        self._reading = reading
        self._writing = writing

    def all(self, listener_id: int | None = None) -> list[Renewal]:
        """Return those of a listener, None for everybody's, by the playlists' ids."""
        query = _with_playlists().order_by(RenewalRow.playlist_id)
        if listener_id is not None:
            query = query.where(PlaylistRow.listener_id == int(listener_id))
        with self._reading() as session:
            return [_renewal(row, playlist) for row, playlist in session.execute(query)]

    def of(self, playlist_id: int) -> Renewal | None:
        """Return how a playlist renews itself, None for one that does not."""
        query = _with_playlists().where(RenewalRow.playlist_id == int(playlist_id))
        with self._reading() as session:
            found = session.execute(query).one_or_none()
            return None if found is None else _renewal(*found)

    def plan(self, listener_id: int, playlist_id: int, plan: RenewalPlan) -> Renewal:
        """Let a playlist renew itself, or change how.

        Raises KeyError for an unknown playlist of this listener, ValueError for a plan out of its
        bounds.
        """
        if not 0 <= plan.stay <= MOST_STAYING:
            raise ValueError(f"stay: wanted 0 to {MOST_STAYING}, got {plan.stay}")
        if len(plan.question) > LONGEST_QUESTION:
            raise ValueError(f"question: wanted at most {LONGEST_QUESTION} characters")
        with self._writing() as session:
            recordings.listening_state(session, lock=True)
            if playlists.playlist(session, int(listener_id), int(playlist_id)) is None:
                raise KeyError(playlist_id)
            row = session.get(RenewalRow, int(playlist_id))
            if row is None:
                row = RenewalRow(playlist_id=int(playlist_id), number=0, sentences=())
                session.add(row)
            row.question, row.every, row.stay = plan.question, plan.every, plan.stay
            row.paused, row.folder, row.relative = plan.paused, plan.folder, plan.relative
            session.flush()
            return _renewal(row, session.get_one(PlaylistRow, row.playlist_id))

    def end(self, listener_id: int, playlist_id: int) -> None:
        """Let a playlist renew itself no longer: it stays as it is.

        Raises KeyError for one of this listener that does not renew itself.
        """
        with self._writing() as session:
            recordings.listening_state(session, lock=True)
            stored = playlists.playlist(session, int(listener_id), int(playlist_id))
            if stored is None or not forget(session, stored.id):
                raise KeyError(playlist_id)

    def remembered(self, playlist_id: int) -> list[set[int]]:
        """Return the ids of the tracks of the last lists, at most REMEMBERED, the last one first.

        Without tracks that the library no longer has.
        """
        query = (
            select(RenewedTrackRow.number, RecordingRow.track_id)
            .join(RecordingRow, RecordingRow.id == RenewedTrackRow.recording_id)
            .where(RenewedTrackRow.playlist_id == int(playlist_id))
        )
        lists: dict[int, set[int]] = {}
        with self._reading() as session:
            for number, track_id in session.execute(query):
                lists.setdefault(number, set()).update([track_id] if track_id else [])
        return [lists[number] for number in sorted(lists, reverse=True)]

    # One process at a time renews

    def take_turn(self, holder: str) -> bool:
        """Take the turn to renew, or go on holding it; return whether nobody else has it."""
        with self._writing() as session:
            return leases.take(session, _RENEWING, holder, int(time.time()), LEASE)

    def end_turn(self, holder: str) -> None:
        """Give the turn back."""
        with self._writing() as session:
            leases.give_back(session, _RENEWING, holder)

    def record(self, renewal: Renewal, holder: str, made: RenewedList, at: int) -> StoredPlaylist:
        """Write a new list, and what the next ones leave out; `at` is Unix seconds.

        Raises LeaseLost where the holder has no turn any more, and KeyError where the playlist does
        not renew itself any more, or a track is unknown; then nothing is written.
        """
        with self._writing() as session:
            recordings.listening_state(session, lock=True)
            leases.held(session, _RENEWING, holder)
            row = session.get(RenewalRow, renewal.playlist_id)
            stored = playlists.playlist(session, renewal.listener_id, renewal.playlist_id)
            if row is None or stored is None:
                raise KeyError(renewal.playlist_id)
            row.renewed_at, row.sentences = at, made.sentences
            if made.track_ids is None:
                return stored
            row.number += 1
            _remember(session, row, made.remembered)
            return playlists.save(
                session, stored.listener_id, stored.name, made.track_ids, stored.id, None
            )

    def record_export(self, renewal: Renewal, path: Path | None, sentences: Sequence[str]) -> None:
        """Write where the last list was exported to, and what else to say of it."""
        with self._writing() as session:
            recordings.listening_state(session, lock=True)
            row = session.get(RenewalRow, renewal.playlist_id)
            if row is not None:
                row.exported = path
                row.sentences = (*row.sentences, *sentences)


def check_by_hand(
    session: Session, listener_id: int, playlist_id: int, track_ids: Sequence[int]
) -> None:
    """Raise PlaylistRenews where other tracks are chosen for a playlist that renews itself."""
    if session.get(RenewalRow, playlist_id) is None:
        return
    stored = playlists.playlist(session, listener_id, playlist_id)
    if stored is not None and stored.track_ids != tuple(track_ids):
        raise PlaylistRenews(playlist_id)


def forget(session: Session, playlist_id: int) -> bool:
    """Delete how a playlist renews itself, and return whether it did."""
    session.execute(delete(RenewedTrackRow).where(RenewedTrackRow.playlist_id == playlist_id))
    row = session.get(RenewalRow, playlist_id)
    if row is None:
        return False
    session.delete(row)
    session.flush()
    return True


def _remember(session: Session, row: RenewalRow, track_ids: Sequence[int]) -> None:
    """Keep what a list holds, and forget the list before the last ones."""
    session.flush()
    old = RenewedTrackRow.number <= row.number - REMEMBERED
    session.execute(
        delete(RenewedTrackRow).where(RenewedTrackRow.playlist_id == row.playlist_id, old)
    )
    ids = set(recordings.ensure_track_recordings(session, track_ids).values())
    rows = [
        {"playlist_id": row.playlist_id, "number": row.number, "recording_id": recording_id}
        for recording_id in sorted(ids)
    ]
    if rows:
        session.connection().execute(insert(RenewedTrackRow), rows)


def _with_playlists() -> Select[RenewalRow, PlaylistRow]:
    return select(RenewalRow, PlaylistRow).join(
        PlaylistRow, PlaylistRow.id == RenewalRow.playlist_id
    )


def _renewal(row: RenewalRow, playlist: PlaylistRow) -> Renewal:
    return Renewal(
        row.playlist_id,
        playlist.listener_id,
        one_line(playlist.name) or "Untitled",
        RenewalPlan(
            row.question,
            cast(Every, row.every),
            row.stay,
            row.paused,
            row.folder,
            row.relative,
        ),
        row.number,
        row.renewed_at,
        row.exported,
        row.sentences,
    )
