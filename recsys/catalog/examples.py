"""Personal tags: tracks that a listener marked as examples or counterexamples of a tag.

An example refers to a recording, as feedback does: it survives rebuilds, moves and new file tags.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ForeignKey, delete, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from recsys.catalog import recordings
from recsys.catalog.base import Base, is_name
from recsys.catalog.listens import ListenerRow
from recsys.catalog.recordings import RecordingRow, listening_state
from recsys.catalog.search import fold
from recsys.catalog.tracks import TrackRow, is_available


@dataclass(frozen=True)
class TagExamples:
    """A listener's tag, with the ids of the available tracks that fit it and that do not."""

    tag: str
    fitting: tuple[int, ...]
    unfitting: tuple[int, ...]


class ExampleRow(Base):
    """The table of examples; `tag_key` is the folded tag, the same for all its spellings."""

    __tablename__ = "tag_examples"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - SQLAlchemy's own way

    listener_id: Mapped[int] = mapped_column(ForeignKey("listeners.id"), primary_key=True)
    tag_key: Mapped[str] = mapped_column(primary_key=True)
    recording_id: Mapped[int] = mapped_column(ForeignKey("recordings.id"), primary_key=True)
    tag: Mapped[str]
    fits: Mapped[bool]


def examples(session: Session, listener_id: int) -> list[TagExamples]:
    """Return the tags of a listener with their examples, by tag."""
    query = (
        select(ExampleRow.tag_key, ExampleRow.tag, ExampleRow.fits, TrackRow.id)
        .join(RecordingRow, RecordingRow.id == ExampleRow.recording_id)
        .outerjoin(TrackRow, (TrackRow.id == RecordingRow.track_id) & is_available)
        .where(ExampleRow.listener_id == listener_id)
        .order_by(ExampleRow.tag_key, TrackRow.id)
    )
    ids_by_tag: dict[str, tuple[str, dict[bool, list[int]]]] = {}
    for key, tag, fits, track_id in session.execute(query):
        ids_by_fit = ids_by_tag.setdefault(key, (tag, {True: [], False: []}))[1]
        if track_id is not None:
            ids_by_fit[fits].append(track_id)
    return [
        TagExamples(tag, tuple(ids[True]), tuple(ids[False])) for tag, ids in ids_by_tag.values()
    ]


def teach(
    session: Session, listener_id: int, tag: str, examples: Iterable[tuple[int, bool | None]]
) -> None:
    """Write (track_id, whether it fits) of a tag, None to take an example back.

    Raises KeyError for unknown ids, ValueError for a tag that is no name.
    """
    key = fold(tag)
    if not is_name(tag) or not key:
        raise ValueError(f"a tag has 1 to 200 printable characters, got {tag[:50]!r}")
    if session.get(ListenerRow, listener_id) is None:
        raise KeyError(listener_id)
    fits_by_track = dict(examples)
    recording_ids = recordings.ensure_track_recordings(session, fits_by_track)
    of_tag = ExampleRow.listener_id == listener_id, ExampleRow.tag_key == key
    for track_id, fits in fits_by_track.items():
        row = ExampleRow.recording_id == recording_ids[track_id]
        session.execute(delete(ExampleRow).where(*of_tag, row))
        if fits is not None:
            values = (listener_id, key, recording_ids[track_id], tag, fits)
            names = ("listener_id", "tag_key", "recording_id", "tag", "fits")
            session.execute(insert(ExampleRow).values(dict(zip(names, values, strict=True))))
    listening_state(session, lock=True).revision += 1


def forget(session: Session, listener_id: int, tag: str) -> bool:
    """Delete a tag with its examples; return whether there was one."""
    of_tag = ExampleRow.listener_id == listener_id, ExampleRow.tag_key == fold(tag)
    exists = session.scalar(select(ExampleRow.tag).where(*of_tag).limit(1)) is not None
    if exists:
        session.execute(delete(ExampleRow).where(*of_tag))
        listening_state(session, lock=True).revision += 1
    return exists
