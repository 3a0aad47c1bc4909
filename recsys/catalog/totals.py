"""How much there is of everything, and which files are copies of one another."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Select, distinct, func, select
from sqlalchemy.orm import Session

from recsys.catalog import tracks
from recsys.catalog.feedback import FeedbackRow
from recsys.catalog.listens import ListenerRow, ListenRow, PlayCountRow
from recsys.catalog.tracks import Track, TrackRow, living


@dataclass(frozen=True)
class Totals:
    """What a catalogue holds.

    artists, albums  how many names there are, of tracks whose file is there
    seconds          that those tracks last together
    listens          those that play counts stand for included
    feedback         likes, dislikes and skips that were not taken back
    copied           recordings with several files of the very same audio
    copies           how many files those are
    """

    artists: int
    albums: int
    seconds: float
    listeners: int
    listens: int
    feedback: int
    copied: int
    copies: int


def totals(session: Session) -> Totals:
    """Count everything."""

    def one(query: Select[int]) -> int:
        return int(session.scalar(query) or 0)

    artists, albums, seconds = session.execute(
        select(
            func.count(distinct(func.nullif(TrackRow.artist, ""))),
            func.count(distinct(TrackRow.album)),
            func.sum(TrackRow.duration),
        ).where(living)
    ).one()
    groups = _groups().subquery()
    copied, copies = session.execute(
        select(func.count(), func.coalesce(func.sum(groups.c.n), 0))
    ).one()
    return Totals(
        artists=artists,
        albums=albums,
        seconds=float(seconds or 0),
        listeners=one(select(func.count()).select_from(ListenerRow)),
        listens=one(select(func.count()).select_from(ListenRow))
        + one(select(func.sum(PlayCountRow.count))),
        feedback=one(select(func.count()).where(FeedbackRow.kind.is_not(None))),
        copied=copied,
        copies=int(copies),
    )


def copies(session: Session, limit: int) -> list[list[Track]]:
    """Return the living files of recordings that have several of the same audio, most first."""
    groups = _groups().order_by(func.count().desc(), TrackRow.audio_hash).limit(limit)
    found: dict[str | None, list[int]] = {audio: [] for audio, _ in session.execute(groups)}
    query = select(TrackRow.audio_hash, TrackRow.id).where(
        living, TrackRow.audio_hash.in_(list(found))
    )
    for audio_hash, track_id in session.execute(query.order_by(TrackRow.id)):
        found[audio_hash].append(track_id)
    return [tracks.by_ids(session, ids) for ids in found.values()]


def _groups() -> Select[str | None, int]:
    """Each audio that several living files have, and how many."""
    return (
        select(TrackRow.audio_hash, func.count().label("n"))
        .where(living, TrackRow.audio_hash.is_not(None))
        .group_by(TrackRow.audio_hash)
        .having(func.count() > 1)
    )
