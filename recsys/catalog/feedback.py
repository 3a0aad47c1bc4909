"""Listeners' feedback on tracks: likes, dislikes, skips."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from sqlalchemy import BigInteger, ForeignKey, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from recsys.catalog import listens, recordings
from recsys.catalog.base import Base, CleanText, batches
from recsys.catalog.listens import ListenerRow, StoredCounts
from recsys.catalog.recordings import Recording, RecordingRow, listening_state
from recsys.catalog.tracks import IDS_PER_QUERY, TrackRow, is_available

FeedbackKind = Literal["like", "dislike", "skip"]


class Opinion(NamedTuple):
    """Feedback of a history on a recording; `kind` None withdraws earlier feedback."""

    listener: str
    recording: Recording
    kind: FeedbackKind | None
    at: int  # Unix seconds, 0 where it is not known


class Feedback(NamedTuple):
    """A listener's current feedback on a track."""

    track_id: int
    kind: FeedbackKind
    at: int  # Unix seconds, 0 where it is not known


class FeedbackRow(Base):
    """The table of the latest feedback of each listener on each recording.

    Withdrawn feedback stays as a row without a kind, so that an older file does not restore it.
    """

    __tablename__ = "feedback"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012

    listener_id: Mapped[int] = mapped_column(ForeignKey("listeners.id"), primary_key=True)
    recording_id: Mapped[int] = mapped_column(ForeignKey("recordings.id"), primary_key=True)
    kind: Mapped[FeedbackKind | None] = mapped_column(CleanText)
    at: Mapped[int] = mapped_column(BigInteger)


DatedFeedback = tuple[FeedbackKind | None, int]  # kind and time


def outweighs(new: DatedFeedback, old: DatedFeedback) -> bool:
    """Whether new feedback replaces old feedback.

    Later feedback does, but a skip never replaces a like or a dislike.
    """
    if new[0] == "skip" and old[0] in ("like", "dislike"):
        return False
    if old[0] == "skip" and new[0] in ("like", "dislike"):
        return True
    return new[1] >= old[1]


def store(
    session: Session, opinions: Sequence[Opinion], recording_ids: Mapping[Recording, int]
) -> StoredCounts:
    """Write opinions and the listeners they name, given the ids of their recordings."""
    listener_ids = listens.ensure_ids(session, (opinion.listener for opinion in opinions))
    return _store(
        session,
        (
            (
                (listener_ids[opinion.listener], recording_ids[opinion.recording]),
                (opinion.kind, opinion.at),
            )
            for opinion in opinions
        ),
    )


def set_feedback(
    session: Session, listener_id: int, track_id: int, kind: FeedbackKind | None, at: int
) -> None:
    """Write a listener's feedback on a track. Raises KeyError for unknown ids."""
    if session.get(ListenerRow, listener_id) is None:
        raise KeyError(listener_id)
    recording_id = recordings.ensure_track_recordings(session, [track_id])[track_id]
    _store(session, [((listener_id, recording_id), (kind, at))])


def _store(
    session: Session, feedback: Iterable[tuple[tuple[int, int], DatedFeedback]]
) -> StoredCounts:
    """Write the latest feedback of each (listener_id, recording_id)."""
    latest: dict[tuple[int, int], DatedFeedback] = {}
    for key, dated in feedback:
        if key not in latest or outweighs(dated, latest[key]):
            latest[key] = dated
    before = _stored(session, latest)
    rows = [
        (*key, kind, at)
        for key, (kind, at) in sorted(latest.items())
        if key not in before or (before[key] != (kind, at) and outweighs((kind, at), before[key]))
    ]
    if rows:
        listens.insert_many(
            session,
            FeedbackRow,
            rows,
            "(listener_id, recording_id) DO UPDATE SET kind = excluded.kind, at = excluded.at",
        )
        listening_state(session, lock=True).revision += 1
    new = len(latest.keys() - before.keys())
    return StoredCounts(new, len(rows) - new, len(latest) - len(rows))


def _stored(
    session: Session, keys: Iterable[tuple[int, int]]
) -> dict[tuple[int, int], DatedFeedback]:
    """Return the stored feedback of each (listener_id, recording_id) that has some."""
    by_listener: dict[int, list[int]] = {}
    for listener_id, recording_id in keys:
        by_listener.setdefault(listener_id, []).append(recording_id)
    stored: dict[tuple[int, int], DatedFeedback] = {}
    for listener_id, recording_ids in by_listener.items():
        for batch in batches(recording_ids, IDS_PER_QUERY):
            query = select(FeedbackRow.recording_id, FeedbackRow.kind, FeedbackRow.at).where(
                FeedbackRow.listener_id == listener_id, FeedbackRow.recording_id.in_(batch)
            )
            for recording_id, kind, at in session.execute(query):
                stored[listener_id, recording_id] = kind, at
    return stored


def feedback(session: Session, listener_id: int, only: int | None = None) -> list[Feedback]:
    """Return a listener's feedback on the available tracks, by id of the track.

    `only` is the id of one track, None for all.
    """
    query = (
        select(TrackRow.id, FeedbackRow.kind, FeedbackRow.at)
        .join(RecordingRow, RecordingRow.id == FeedbackRow.recording_id)
        .join(TrackRow, TrackRow.id == RecordingRow.track_id)
        .where(FeedbackRow.listener_id == listener_id, is_available)
        .order_by(FeedbackRow.at, RecordingRow.id)
    )
    if only is not None:
        query = query.where(TrackRow.id == only)
    latest: dict[int, DatedFeedback] = {}
    for track_id, kind, at in session.execute(query):
        if track_id not in latest or outweighs((kind, at), latest[track_id]):
            latest[track_id] = kind, at
    return [Feedback(i, kind, at) for i, (kind, at) in sorted(latest.items()) if kind]
