"""Totals of the catalogue, and groups of files with equal audio."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Select, distinct, func, select
from sqlalchemy.orm import Session

from recsys.catalog import tracks
from recsys.catalog.feedback import FeedbackRow
from recsys.catalog.listens import ListenerRow, ListenRow, PlayCountRow
from recsys.catalog.tracks import Track, TrackRow, is_available


@dataclass(frozen=True)
class Totals:
    """Totals of a catalogue.

    artists, albums  distinct names of available tracks
    seconds          total duration of these tracks
    listens          with those of play counts
    feedback         likes, dislikes and skips that were not withdrawn
    copied           recordings with several files of equal audio
    copies           the number of these files
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
        ).where(is_available)
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
    """Return groups of available files with equal audio, the largest first."""
    groups = _groups().order_by(func.count().desc(), TrackRow.audio_hash).limit(limit)
    ids_by_audio: dict[str | None, list[int]] = {audio: [] for audio, _ in session.execute(groups)}
    query = select(TrackRow.audio_hash, TrackRow.id).where(
        is_available, TrackRow.audio_hash.in_(list(ids_by_audio))
    )
    for audio_hash, track_id in session.execute(query.order_by(TrackRow.id)):
        ids_by_audio[audio_hash].append(track_id)
    return [tracks.by_ids(session, ids) for ids in ids_by_audio.values()]


def _groups() -> Select[str | None, int]:
    """Select the audio hash and number of files of audio that several available files have."""
    return (
        select(TrackRow.audio_hash, func.count().label("n"))
        .where(is_available, TrackRow.audio_hash.is_not(None))
        .group_by(TrackRow.audio_hash)
        .having(func.count() > 1)
    )
