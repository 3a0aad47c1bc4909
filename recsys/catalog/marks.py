"""Listeners' stars and ratings of tracks, albums and artists, as players give them.

What is said of a track is feedback too: a star or a rating of 4 or 5 is a like, a rating of 1 or 2
a dislike. A like that was given elsewhere is a star.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import BigInteger, ForeignKey, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from recsys.catalog import feedback
from recsys.catalog.base import Base, CleanText
from recsys.catalog.feedback import Feedback, FeedbackKind
from recsys.catalog.listens import ListenerRow
from recsys.catalog.recordings import listening_state

MarkedKind = Literal["track", "album", "artist"]
LIKED_FROM, DISLIKED_TO = 4, 2  # ratings
LOWEST, HIGHEST = 1, 5


@dataclass(frozen=True)
class Mark:
    """A listener's star and rating of something.

    item        the id of a track, album or artist
    starred_at  Unix seconds, None without a star
    rating      1 to 5, None without one; `rated_at` is when it was given or withdrawn
    """

    kind: MarkedKind
    item: str
    starred_at: int | None = None
    rating: int | None = None
    rated_at: int | None = None


class MarkRow(Base):
    """The table of stars and ratings."""

    __tablename__ = "marks"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - SQLAlchemy's own way

    listener_id: Mapped[int] = mapped_column(ForeignKey("listeners.id"), primary_key=True)
    kind: Mapped[MarkedKind] = mapped_column(CleanText, primary_key=True)
    item: Mapped[str] = mapped_column(primary_key=True)
    starred_at: Mapped[int | None] = mapped_column(BigInteger)
    rating: Mapped[int | None]
    rated_at: Mapped[int | None] = mapped_column(BigInteger)


def marks(session: Session, listener_id: int) -> list[Mark]:
    """Return a listener's stars and ratings; of tracks the stars are those that still are likes."""
    rows = session.scalars(select(MarkRow).where(MarkRow.listener_id == listener_id))
    stored = [Mark(row.kind, row.item, row.starred_at, row.rating, row.rated_at) for row in rows]
    of_tracks = {mark.item: mark for mark in stored if mark.kind == "track"}
    others = [mark for mark in stored if mark.kind != "track"]
    said = {str(one.track_id): one for one in feedback.feedback(session, listener_id)}
    for item in of_tracks.keys() | said.keys():
        mark = of_tracks.get(item, Mark("track", item))
        starred_at = _starred_at(mark, said.get(item))
        others.append(Mark("track", item, starred_at, mark.rating, mark.rated_at))
    return [mark for mark in others if mark.starred_at is not None or mark.rating is not None]


def _starred_at(mark: Mark, said: Feedback | None) -> int | None:
    """Return since when a track has a star: a like that is not its rating's alone."""
    if said is None or said.kind != "like":
        return None
    if mark.starred_at is not None:
        return mark.starred_at
    by_rating = (mark.rating or 0) >= LIKED_FROM and said.at <= (mark.rated_at or 0)
    return None if by_rating else said.at


def star(
    session: Session, listener_id: int, kind: MarkedKind, item: str, at: int, *, on: bool
) -> None:
    """Give or take a star; see `Catalog.star`."""
    row = _row(session, listener_id, kind, item)
    if row.starred_at is None or not on:
        row.starred_at = at if on else None
    _follow(session, row, at)


def rate(
    session: Session, listener_id: int, kind: MarkedKind, item: str, rating: int | None, at: int
) -> None:
    """Give or withdraw a rating; see `Catalog.rate`."""
    row = _row(session, listener_id, kind, item)
    row.rating, row.rated_at = rating, at
    _follow(session, row, at)


def _row(session: Session, listener_id: int, kind: MarkedKind, item: str) -> MarkRow:
    """Return the row, a new one where there is none. Raises KeyError for an unknown listener."""
    if session.get(ListenerRow, listener_id) is None:
        raise KeyError(listener_id)
    row = session.get(MarkRow, (listener_id, kind, item))
    if row is None:
        row = MarkRow(listener_id=listener_id, kind=kind, item=item)
        session.add(row)
    return row


def _follow(session: Session, row: MarkRow, at: int) -> None:
    """Write the feedback that follows from a mark, and that something has changed."""
    if row.kind == "track":
        kind: FeedbackKind | None = None
        if row.starred_at is not None or (row.rating or 0) >= LIKED_FROM:
            kind = "like"
        elif row.rating is not None and row.rating <= DISLIKED_TO:
            kind = "dislike"
        feedback.set_feedback(session, row.listener_id, int(row.item), kind, at)
    listening_state(session, lock=True).revision += 1
