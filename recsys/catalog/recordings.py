"""Recordings of listening histories, and the tracks of the library that they match.

A recording's metadata is stored once, however many listens it has, with its match and the level of
the match. An unmatched recording is stored too, and matched again when the library has changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Literal, NamedTuple

from sqlalchemy import (
    BigInteger,
    Double,
    ForeignKey,
    Integer,
    LargeBinary,
    and_,
    bindparam,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from recsys.catalog.base import Base, CleanText, State, batches, clean_text
from recsys.catalog.tracks import IDS_PER_QUERY, TrackRow

Kind = Literal["recording", "artist", "library"]
MatchLevel = Literal["library", "mbid", "isrc", "file", "item", "name", "fuzzy"]

LONGEST_ITEM = 500  # characters; an index cannot hold much longer ones


class Recording(NamedTuple):
    """A recording as a listening history describes it.

    kind         "recording"; "artist" where only the artist is known; "library" for a track that
                 was played here: its id is the `item`
    mbid         MusicBrainz id as the player sent it; a UUID in lower case
    item         the service's or data set's own identifier
    mapped_mbid  assigned by the service later: not part of the recording's identity
    track_number on its album, from 1: not part of the identity either
    """

    artist: str = ""
    title: str = ""
    album: str = ""
    duration: float | None = None  # seconds
    mbid: str | None = None
    isrc: str | None = None
    item: str = ""
    mapped_mbid: str | None = None
    kind: Kind = "recording"
    track_number: int | None = None

    def cleaned(self) -> Recording:
        """Return it as the database stores it."""
        return self._replace(
            artist=clean_text(self.artist),
            title=clean_text(self.title),
            album=clean_text(self.album),
            item=clean_text(self.item)[:LONGEST_ITEM],
        )

    def key(self) -> bytes:
        """Return the hash that identifies the recording, 16 bytes. Takes a cleaned one."""
        parts = (
            self.kind,
            self.artist,
            self.title,
            self.album,
            "" if self.duration is None else str(round(self.duration)),
            self.mbid or "",
            self.isrc or "",
            self.item if not self.title else "",  # a title identifies it already
        )
        return blake2b("\0".join(parts).encode(), digest_size=16).digest()


class Match(NamedTuple):
    """The track that a recording matches, and the level of the match."""

    track_id: int
    level: MatchLevel


class StoredRecording(NamedTuple):
    """A recording of the catalogue with its match, or None."""

    id: int
    recording: Recording
    match: Match | None


class RecordingRow(Base):
    """The table of recordings; ids rise and are not used again."""

    __tablename__ = "recordings"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    key: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    kind: Mapped[Kind] = mapped_column(CleanText)
    artist: Mapped[str]
    title: Mapped[str]
    album: Mapped[str]
    duration: Mapped[float | None] = mapped_column(Double)
    mbid: Mapped[str | None]
    isrc: Mapped[str | None]
    item: Mapped[str] = mapped_column(index=True)
    mapped_mbid: Mapped[str | None]
    track_number: Mapped[int | None]
    track_id: Mapped[int | None] = mapped_column(ForeignKey("tracks.id"), index=True)
    level: Mapped[MatchLevel | None] = mapped_column("rung", CleanText)


class ListeningState(Base):
    """The one row of the revisions of listens.

    revision                 rises with every change of listens, feedback or matches
    matched_recording_id     recordings up to this id have been matched against the library
    matched_revision         State.revision when all recordings were last matched
    matched_track_revision   State.track_revision at that time
    """

    __tablename__ = "listening_state"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    revision: Mapped[int] = mapped_column(BigInteger)
    matched_recording_id: Mapped[int] = mapped_column(Integer)
    matched_revision: Mapped[int] = mapped_column(BigInteger)
    matched_track_revision: Mapped[int] = mapped_column(BigInteger)


COLUMNS = [getattr(RecordingRow, name) for name in Recording._fields]


def listening_state(session: Session, *, lock: bool = False) -> ListeningState:
    """Return the state row of listens; with `lock`, writers wait for each other's commit."""
    return session.get_one(ListeningState, 1, with_for_update=lock)


def ensure_ids(session: Session, wanted: Iterable[Recording]) -> dict[Recording, int]:
    """Return the id of each recording; new ones are inserted.

    A new mapped MBID is added to a stored recording, which will be matched again.
    The caller holds the lock of the listening state.
    """
    cleaned = {recording: recording.cleaned() for recording in dict.fromkeys(wanted)}
    keys = {recording: clean.key() for recording, clean in cleaned.items()}
    stored: dict[bytes, tuple[int, str | None]] = {}
    for batch in batches(set(keys.values()), IDS_PER_QUERY):
        query = select(RecordingRow.key, RecordingRow.id, RecordingRow.mapped_mbid)
        for key, recording_id, mapped in session.execute(query.where(RecordingRow.key.in_(batch))):
            stored[key] = recording_id, mapped
    new: dict[bytes, Recording] = {}
    newly_mapped: dict[int, str] = {}
    for recording, key in keys.items():
        if key not in stored:
            if key not in new or not new[key].mapped_mbid:
                new[key] = recording
        elif recording.mapped_mbid and not stored[key][1]:
            newly_mapped.setdefault(stored[key][0], recording.mapped_mbid)
    _map(session, newly_mapped)
    first = (session.scalar(select(func.max(RecordingRow.id))) or 0) + 1
    rows = [
        {"id": number, "key": key, **cleaned[recording]._asdict()}
        for number, (key, recording) in enumerate(new.items(), start=first)
    ]
    if rows:
        session.connection().execute(insert(RecordingRow), rows)
    ids = {key: recording_id for key, (recording_id, _) in stored.items()}
    ids |= {key: number for number, key in enumerate(new, start=first)}
    return {recording: ids[key] for recording, key in keys.items()}


def _map(session: Session, mbids: Mapping[int, str]) -> None:
    """Add MBIDs that a service assigned, and mark these recordings to be matched again."""
    for recording_id, mbid in mbids.items():
        row = update(RecordingRow).where(RecordingRow.id == recording_id)
        session.execute(row.values(mapped_mbid=mbid))
    if mbids:
        state = listening_state(session, lock=True)
        state.matched_recording_id = min(state.matched_recording_id, min(mbids) - 1)
        state.revision += 1


def ensure_track_recordings(session: Session, track_ids: Iterable[int]) -> dict[int, int]:
    """Return the ids of the recordings of kind "library" for tracks; new ones are inserted.

    Raises KeyError for an unknown track.
    """
    wanted = set(track_ids)
    recordings: dict[int, Recording] = {}
    for batch in batches(sorted(wanted), IDS_PER_QUERY):
        for row in session.scalars(select(TrackRow).where(TrackRow.id.in_(batch))):
            recordings[row.id] = Recording(item=str(row.id), kind="library")
    if missing := wanted - recordings.keys():
        raise KeyError(min(missing))
    ids = ensure_ids(session, recordings.values())
    by_track = {track_id: ids[recording] for track_id, recording in recordings.items()}
    for track_id, recording_id in by_track.items():
        unmatched = update(RecordingRow).where(
            RecordingRow.id == recording_id, RecordingRow.track_id.is_(None)
        )
        session.execute(unmatched.values(track_id=track_id, level="library"))
    return by_track


def stored_after(session: Session, recording_id: int, limit: int) -> list[StoredRecording]:
    """Return the next `limit` recordings by id."""
    query = (
        select(RecordingRow.id, RecordingRow.track_id, RecordingRow.level, *COLUMNS)
        .where(RecordingRow.id > recording_id)
        .order_by(RecordingRow.id)
        .limit(limit)
    )
    return [
        StoredRecording(
            stored_id,
            Recording(*fields),
            None if track_id is None else Match(track_id, level),
        )
        for stored_id, track_id, level, *fields in session.execute(query)
    ]


def begin_matching(session: Session) -> int:
    """Return the id up to which recordings have been matched against the library as it is.

    0 where the library has changed since.
    """
    state, library = listening_state(session, lock=True), session.get_one(State, 1)
    if (state.matched_revision, state.matched_track_revision) != (
        library.revision,
        library.track_revision,
    ):
        state.matched_recording_id = 0
        state.matched_revision = library.revision
        state.matched_track_revision = library.track_revision
    return state.matched_recording_id


def set_matches(session: Session, matches: Mapping[int, Match | None], upto: int = 0) -> None:
    """Write the matches of recordings, and that those up to an id have been matched."""
    rows = [
        {
            "recording": recording_id,
            "track": match and match.track_id,
            "match_level": match and match.level,
        }
        for recording_id, match in matches.items()
    ]
    state = listening_state(session, lock=True)
    state.matched_recording_id = max(state.matched_recording_id, upto)
    if rows:
        change = update(RecordingRow).where(RecordingRow.id == bindparam("recording"))
        change = change.values(track_id=bindparam("track"), level=bindparam("match_level"))
        session.connection().execute(change, rows)
        state.revision += 1


def match_by_items(session: Session) -> int:
    """Match nameless recordings by others of the same service identifier; count the changes."""
    twin = aliased(RecordingRow)
    same_item = and_(twin.item == RecordingRow.item, twin.title != "", twin.track_id.is_not(None))
    query = (
        select(RecordingRow.id, RecordingRow.track_id, func.min(twin.track_id))
        .join(twin, same_item, isouter=True)
        .where(RecordingRow.title == "", RecordingRow.item != "", RecordingRow.kind == "recording")
        .where(or_(RecordingRow.level.is_(None), RecordingRow.level == "item"))
        .group_by(RecordingRow.id, RecordingRow.track_id)
        .having(RecordingRow.track_id.is_distinct_from(func.min(twin.track_id)))
    )
    changes = {
        recording_id: None if track_id is None else Match(track_id, "item")
        for recording_id, _, track_id in session.execute(query)
    }
    set_matches(session, changes)
    return len(changes)
