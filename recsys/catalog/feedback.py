"""What listeners say of tracks: likes, dislikes, skips."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from sqlalchemy import BigInteger, ForeignKey, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from recsys.catalog import listens, recordings
from recsys.catalog.base import Base, CleanText, batches
from recsys.catalog.listens import ListenerRow, Stored
from recsys.catalog.recordings import Recording, RecordingRow, listening_state
from recsys.catalog.tracks import IDS_PER_QUERY, TrackRow, living

FeedbackKind = Literal["like", "dislike", "skip"]


class Opinion(NamedTuple):
    """What a listener said of a recording; `kind` None takes back what was said before."""

    listener: str
    recording: Recording
    kind: FeedbackKind | None
    at: int  # Unix seconds, 0 where it is not known


class Feedback(NamedTuple):
    """What a listener says of a track."""

    track_id: int
    kind: FeedbackKind
    at: int  # Unix seconds, 0 where it is not known


class FeedbackRow(Base):
    """The table of the last word of each listener on each recording.

    What was taken back stays as a row without a kind: an older file must not bring it back.
    """

    __tablename__ = "feedback"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012

    listener_id: Mapped[int] = mapped_column(ForeignKey("listeners.id"), primary_key=True)
    recording_id: Mapped[int] = mapped_column(ForeignKey("recordings.id"), primary_key=True)
    kind: Mapped[FeedbackKind | None] = mapped_column(CleanText)
    at: Mapped[int] = mapped_column(BigInteger)


Said = tuple[FeedbackKind | None, int]  # kind and time


def outweighs(new: Said, old: Said) -> bool:
    """Whether new words take the place of old ones.

    The later ones do, but a skip says less than a like or a dislike.
    """
    if new[0] == "skip" and old[0] in ("like", "dislike"):
        return False
    if old[0] == "skip" and new[0] in ("like", "dislike"):
        return True
    return new[1] >= old[1]


def store(session: Session, opinions: Sequence[Opinion], heard: Mapping[Recording, int]) -> Stored:
    """Write opinions with the listeners they name, given the recordings' ids."""
    people = listens.ids_of(session, (opinion.listener for opinion in opinions))
    return _store(
        session,
        (
            ((people[said.listener], heard[said.recording]), (said.kind, said.at))
            for said in opinions
        ),
    )


def set_feedback(
    session: Session, listener_id: int, track_id: int, kind: FeedbackKind | None, at: int
) -> None:
    """Write what a listener says of a track. Raises KeyError for unknown ids."""
    if session.get(ListenerRow, listener_id) is None:
        raise KeyError(listener_id)
    recording_id = recordings.of_tracks(session, [track_id])[track_id]
    _store(session, [((listener_id, recording_id), (kind, at))])


def _store(session: Session, said: Iterable[tuple[tuple[int, int], Said]]) -> Stored:
    """Write the last words on each (listener_id, recording_id)."""
    last: dict[tuple[int, int], Said] = {}
    for key, words in said:
        if key not in last or outweighs(words, last[key]):
            last[key] = words
    before = _said(session, last)
    rows = [
        (*key, kind, at)
        for key, (kind, at) in sorted(last.items())
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
    new = len(last.keys() - before.keys())
    return Stored(new, len(rows) - new, len(last) - len(rows))


def _said(session: Session, wanted: Mapping[tuple[int, int], Said]) -> dict[tuple[int, int], Said]:
    """Return what is known already."""
    by_listener: dict[int, list[int]] = {}
    for listener_id, recording_id in wanted:
        by_listener.setdefault(listener_id, []).append(recording_id)
    known: dict[tuple[int, int], Said] = {}
    for listener_id, recording_ids in by_listener.items():
        for batch in batches(recording_ids, IDS_PER_QUERY):
            query = select(FeedbackRow.recording_id, FeedbackRow.kind, FeedbackRow.at).where(
                FeedbackRow.listener_id == listener_id, FeedbackRow.recording_id.in_(batch)
            )
            for recording_id, kind, at in session.execute(query):
                known[listener_id, recording_id] = kind, at
    return known


def feedback(session: Session, listener_id: int) -> list[Feedback]:
    """Return what a listener says of the living tracks, by id of the track."""
    query = (
        select(TrackRow.id, FeedbackRow.kind, FeedbackRow.at)
        .join(RecordingRow, RecordingRow.id == FeedbackRow.recording_id)
        .join(TrackRow, TrackRow.id == RecordingRow.track_id)
        .where(FeedbackRow.listener_id == listener_id, living)
        .order_by(FeedbackRow.at, RecordingRow.id)
    )
    last: dict[int, Said] = {}
    for track_id, kind, at in session.execute(query):
        if track_id not in last or outweighs((kind, at), last[track_id]):
            last[track_id] = kind, at
    return [Feedback(i, kind, at) for i, (kind, at) in sorted(last.items()) if kind]
