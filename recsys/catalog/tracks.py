"""The tracks: their table, what callers see of them, and the questions asked of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, NamedTuple

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Double,
    Integer,
    Text,
    bindparam,
    cast,
    func,
    select,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from recsys.catalog.base import Base, CleanText, batches

Status = Literal["pending", "ready", "failed"]

# Two files of one recording (by its MBID) are one neighbour if their lengths are this close.
SAME_RECORDING_SECONDS = 3.0

IDS_PER_QUERY = 500


@dataclass(frozen=True)
class Tags:
    """What a file, or its name, says of the music in it."""

    title: str = ""
    artist: str = ""
    album_artist: str | None = None
    album: str | None = None
    track_number: int | None = None
    disc_number: int | None = None
    year: int | None = None
    genres: tuple[str, ...] = ()
    recording_mbid: str | None = None  # a UUID in lower case
    isrc: str | None = None
    has_cover: bool = False
    bpm: float | None = None  # beats a minute


@dataclass(frozen=True, kw_only=True)
class Track(Tags):
    """One track of the library, as everybody outside the catalogue sees it."""

    id: int
    path: Path
    status: Status
    error: str | None  # a sentence, where the status is "failed"
    duration: float | None  # seconds; like the next four, None for a file that never could be read
    sample_rate: int | None  # Hz
    channels: int | None
    codec: str | None
    audio_hash: str | None
    added_at: int  # Unix seconds
    removed_at: int | None  # Unix seconds, None while the file is there

    @property
    def removed(self) -> bool:
        """Whether the file was gone at the last scan of its folder."""
        return self.removed_at is not None


class KnownFile(NamedTuple):
    """What the catalogue knows of a path; `size` in bytes, `mtime_ns` in nanoseconds."""

    id: int
    size: int
    mtime_ns: int
    status: Status
    audio_hash: str | None
    removed: bool


class Label(NamedTuple):
    """What a list of tracks is filtered and spaced by; `duration` in seconds."""

    id: int
    title: str
    artist: str
    album_artist: str | None
    album: str | None
    genres: tuple[str, ...]
    duration: float | None


@dataclass(frozen=True)
class Counts:
    """How many tracks there are: `ready`, `pending` and `failed` have a file, `removed` none."""

    ready: int
    pending: int
    failed: int
    removed: int


class TrackRow(Base):
    """The table of tracks; its primary key is the id in every index."""

    __tablename__ = "tracks"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    path: Mapped[Path] = mapped_column(unique=True)
    size: Mapped[int] = mapped_column(BigInteger)
    mtime_ns: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[Status] = mapped_column(CleanText)
    error: Mapped[str | None]
    added_at: Mapped[int] = mapped_column(BigInteger)
    removed_at: Mapped[int | None] = mapped_column(BigInteger)
    audio_hash: Mapped[str | None] = mapped_column(index=True)
    duration: Mapped[float | None] = mapped_column(Double)
    sample_rate: Mapped[int | None]
    channels: Mapped[int | None]
    codec: Mapped[str | None]
    title: Mapped[str]
    artist: Mapped[str]
    album_artist: Mapped[str | None]
    album: Mapped[str | None]
    track_number: Mapped[int | None]
    disc_number: Mapped[int | None]
    year: Mapped[int | None]
    genres: Mapped[tuple[str, ...]]
    recording_mbid: Mapped[str | None]
    isrc: Mapped[str | None]
    has_cover: Mapped[bool]
    bpm: Mapped[float | None] = mapped_column(Double)


_TRACK = [getattr(TrackRow, field.name) for field in fields(Track)]
living = TrackRow.removed_at.is_(None)
_IDS: BindParameter[int] = bindparam("ids", expanding=True)
_BY_IDS = select(*_TRACK).where(TrackRow.id.in_(_IDS))  # built once: every answer asks them
_TITLES = select(TrackRow.id, TrackRow.title).where(TrackRow.id.in_(_IDS))


def files(session: Session) -> dict[Path, KnownFile]:
    """Return every known file, removed ones included."""
    query = select(
        TrackRow.path,
        TrackRow.id,
        TrackRow.size,
        TrackRow.mtime_ns,
        TrackRow.status,
        TrackRow.audio_hash,
        TrackRow.removed_at.is_not(None),
    )
    return {row[0]: KnownFile(*row[1:]) for row in session.execute(query).yield_per(1000)}


def at_paths(session: Session, paths: Iterable[Path]) -> dict[Path, int]:
    """Return the ids of the living tracks at these paths."""
    found: dict[Path, int] = {}
    for batch in batches(paths, IDS_PER_QUERY):
        query = select(TrackRow.path, TrackRow.id).where(living, TrackRow.path.in_(batch))
        found.update((path, track_id) for path, track_id in session.execute(query))
    return found


def by_ids(session: Session, ids: Sequence[int]) -> list[Track]:
    """Return the tracks of these ids in this order, leaving out unknown ids."""
    found: dict[int, Track] = {}
    for batch in batches(ids, IDS_PER_QUERY):
        for row in session.execute(_BY_IDS, {"ids": batch}):
            track = Track(**row._mapping)
            found[track.id] = track
    return [found[track_id] for track_id in ids if track_id in found]


def titles(session: Session, ids: Iterable[int]) -> dict[int, str]:
    """Return the titles of the tracks of these ids, without unknown ids."""
    found: dict[int, str] = {}
    for batch in batches(ids, IDS_PER_QUERY):
        rows = session.execute(_TITLES, {"ids": batch})
        found.update((track_id, title) for track_id, title in rows)
    return found


def living_after(session: Session, track_id: int, limit: int) -> list[Track]:
    """Return the next `limit` living tracks by id."""
    query = select(*_TRACK).where(living, TrackRow.id > track_id).order_by(TrackRow.id)
    return [Track(**row._mapping) for row in session.execute(query.limit(limit))]


def by_artist(session: Session, name: str) -> list[int]:
    """Return the ids of the living tracks of an artist who is written just so, ascending."""
    query = select(TrackRow.id).where(living, TrackRow.artist == name).order_by(TrackRow.id)
    return list(session.scalars(query))


def labels(session: Session) -> list[Label]:
    """Return the label of each living track, by id."""
    columns = [getattr(TrackRow, name) for name in Label._fields]
    query = select(*columns).where(living).order_by(TrackRow.id)
    return [Label(*row) for row in session.execute(query)]


def failures(session: Session, after: int, limit: int | None) -> list[Track]:
    """Return the next `limit` living tracks that cannot be analysed, by id."""
    query = select(*_TRACK).where(living, TrackRow.status == "failed", TrackRow.id > after)
    rows = session.execute(query.order_by(TrackRow.id).limit(limit))
    return [Track(**row._mapping) for row in rows]


def counts(session: Session) -> Counts:
    """Count the living tracks by status, and the removed ones."""
    query = select(TrackRow.status, func.count()).where(living).group_by(TrackRow.status)
    present = {status: count for status, count in session.execute(query)}  # noqa: C416 - rows
    removed = select(func.count()).where(TrackRow.removed_at.is_not(None))
    return Counts(
        present.get("ready", 0),
        present.get("pending", 0),
        present.get("failed", 0),
        session.scalars(removed).one(),
    )


def words(session: Session) -> Iterator[tuple[int, str, str]]:
    """Give each living track's id, name (artist and title) and other searchable text, by id."""
    query = (
        select(
            TrackRow.id,
            TrackRow.artist,
            TrackRow.title,
            TrackRow.album_artist,
            TrackRow.album,
            cast(TrackRow.genres, Text),  # as JSON: its words are the same
        )
        .where(living)
        .order_by(TrackRow.id)
    )
    for track_id, artist, title, album_artist, album, genres in session.execute(query):
        yield track_id, f"{artist} {title}", f"{album_artist or ''} {album or ''} {genres}"


def recording_groups(session: Session) -> dict[int, int]:
    """Return, for each living track, the lowest id among the tracks of the same recording.

    The same recording: the same audio, or the same MBID with lengths within
    SAME_RECORDING_SECONDS of the shortest of the group.
    """
    query = (
        select(TrackRow.id, TrackRow.audio_hash, TrackRow.recording_mbid, TrackRow.duration)
        .where(living)
        .order_by(TrackRow.id)
    )
    group: dict[int, int] = {}
    first_of_audio: dict[str, int] = {}
    by_mbid: dict[str, list[tuple[float, int]]] = {}
    for track_id, audio_hash, mbid, duration in session.execute(query):
        group[track_id] = (
            first_of_audio.setdefault(audio_hash, track_id) if audio_hash else track_id
        )
        if mbid and duration is not None:
            by_mbid.setdefault(mbid, []).append((duration, track_id))
    joined = {track_id: track_id for track_id in group.values()}
    for recordings in by_mbid.values():
        _join_close(sorted(recordings), group, joined)
    return {track_id: _root(joined, first) for track_id, first in group.items()}


def _join_close(
    recordings: list[tuple[float, int]], group: dict[int, int], joined: dict[int, int]
) -> None:
    """Join the groups of recordings, sorted by length, that are close to the shortest."""
    anchor, anchor_id = recordings[0]
    for duration, track_id in recordings[1:]:
        if duration - anchor > SAME_RECORDING_SECONDS:
            anchor, anchor_id = duration, track_id
            continue
        low, high = sorted((_root(joined, group[anchor_id]), _root(joined, group[track_id])))
        joined[high] = low


def _root(joined: dict[int, int], track_id: int) -> int:
    """Follow the joins down to the lowest id."""
    while joined[track_id] != track_id:
        track_id = joined[track_id]
    return track_id
