"""The table of tracks, the classes that callers get, and the queries."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Double,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    bindparam,
    cast,
    exists,
    func,
    literal_column,
    select,
    text,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from encoders.features import AudioSpan
from recsys.catalog import comparisons
from recsys.catalog.base import Base, CleanText, batches, clean_text
from recsys.catalog.descriptors import DescriptorRow, tempo_of
from recsys.catalog.word_search import Words

Status = Literal["pending", "ready", "failed"]

IDS_PER_QUERY = 500
_ROWS_READ = 10_000  # of all, at once
_INDEXED = 200  # letters of an artist; an entry of PostgreSQL's indexes has at most 2,700 bytes
INSIDE = "inside"  # as a digest: the cue sheet is in the file


@dataclass(frozen=True)
class Tags:
    """The metadata of a file, from its tags or its name."""

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
    initial_key: str | None = None  # as `recsys.musical_key` writes it: "C# minor"
    artists: tuple[str, ...] = ()  # the values of the artist tag, () where it was not read
    tag_encoding: str | None = None  # Python's name of it, where the file does not say it
    guessed: tuple[str, ...] = ()  # names of the fields that names of files and folders gave
    compilation: bool | None = None  # whether the album is one of several artists; None: not read
    album_mbid: str | None = None  # the release's, a UUID in lower case

    @property
    def known_artist(self) -> str:
        """Return the artist, nothing where it is a guess."""
        return "" if "artist" in self.guessed else self.artist

    @property
    def known_album(self) -> str:
        """Return the album, nothing where it is a guess or there is none."""
        return "" if "album" in self.guessed else self.album or ""


@dataclass(frozen=True, kw_only=True)
class Track(Tags):
    """A track of the library, as callers of the catalogue get it."""

    id: int
    path: Path
    status: Status
    error: str | None  # a sentence, where the status is "failed"
    size: int  # bytes of the file
    duration: float | None  # seconds; like the next four, None for a file that was never readable
    sample_rate: int | None  # Hz
    channels: int | None
    codec: str | None
    audio_hash: str | None
    added_at: int  # Unix seconds
    removed_at: int | None  # Unix seconds, None while the file is there
    part: int = 0  # number of the track in a file of several (an album's), 0 for a whole file
    begin: float = 0.0  # seconds into the file
    estimated_bpm: float | None = None  # like the next two, from its audio; see `descriptors`
    estimated_key: str | None = None
    loudness: float | None = None  # LUFS

    @property
    def span(self) -> AudioSpan:
        """Return the audio: where it is, its length, its beginning and its identity."""
        begin = self.begin if self.part else None
        return AudioSpan(self.path, self.duration or 0.0, begin, self.audio_hash)

    @property
    def end(self) -> float:
        """Return the second of the file that it ends at."""
        return self.begin + (self.duration or 0.0)

    @property
    def tempo(self) -> float | None:
        """Return beats a minute: those of the tags, unless the audio contradicts them."""
        return tempo_of(self.bpm, self.estimated_bpm)

    @property
    def key(self) -> str | None:
        """Return the key that the tags name, or the one estimated."""
        return self.initial_key or self.estimated_key

    @property
    def name(self) -> str:
        """Return "artist - title", or the title alone."""
        return f"{self.artist} - {self.title}" if self.artist else self.title

    @property
    def removed(self) -> bool:
        """Whether the file was missing at the last scan of its folder."""
        return self.removed_at is not None


class KnownFile(NamedTuple):
    """The catalogue's record of a path, or of a part of it.

    size, mtime_ns  of the file, in bytes and nanoseconds
    cue             digest of the cue sheet beside the file that it was read by; empty without one,
                    INSIDE for one in the file, None in rows that an earlier version wrote
    """

    id: int
    size: int
    mtime_ns: int
    status: Status
    audio_hash: str | None
    removed: bool
    part: int = 0
    cue: str | None = None


class PlacedTrack(NamedTuple):
    """A track at a path, `begin` seconds into the file."""

    id: int
    begin: float
    title: str


class TrackSummary(NamedTuple):
    """What lists are filtered, spaced and shown by; units are those of `Track`."""

    id: int
    title: str
    artist: str
    album_artist: str | None
    album: str | None
    genres: tuple[str, ...]
    duration: float | None
    status: Status
    guessed: tuple[str, ...] = ()
    year: int | None = None
    bpm: float | None = None
    initial_key: str | None = None
    estimated_bpm: float | None = None
    estimated_key: str | None = None
    loudness: float | None = None

    @property
    def tempo(self) -> float | None:
        """Return beats a minute: those of the tags, unless the audio contradicts them."""
        return tempo_of(self.bpm, self.estimated_bpm)

    @property
    def key(self) -> str | None:
        """Return the key that the tags name, or the one estimated."""
        return self.initial_key or self.estimated_key

    @property
    def known_artist(self) -> str:
        """Return the artist, nothing where it is a guess."""
        return "" if "artist" in self.guessed else self.artist


class AlbumTrack(NamedTuple):
    """What albums and artists are made of, of one track; `compilation` None: not read."""

    id: int
    path: Path
    title: str
    artist: str
    artists: tuple[str, ...]
    album_artist: str | None
    album: str | None
    disc_number: int | None
    track_number: int | None
    year: int | None
    genres: tuple[str, ...]
    duration: float | None  # seconds
    added_at: int  # Unix seconds
    has_cover: bool
    compilation: bool | None
    album_mbid: str | None


class TrackNames(NamedTuple):
    """What names a track has, of one track."""

    id: int
    artist: str
    album: str | None
    album_artist: str | None
    genres: tuple[str, ...]


@dataclass(frozen=True)
class Counts:
    """Numbers of tracks by status: `ready`, `pending` and `failed` have a file, `removed` none."""

    ready: int
    pending: int
    failed: int
    removed: int


class TrackRow(Base):
    """The table of tracks; its primary key is the id in every index."""

    __tablename__ = "tracks"
    __table_args__ = (
        UniqueConstraint("path", "part"),
        Index("ix_tracks_artist", text(f"substr(artist, 1, {_INDEXED})")),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    path: Mapped[Path]
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
    initial_key: Mapped[str | None]
    artists: Mapped[tuple[str, ...]]
    tag_encoding: Mapped[str | None]
    guessed: Mapped[tuple[str, ...]]
    compilation: Mapped[bool | None]
    album_mbid: Mapped[str | None]
    part: Mapped[int] = mapped_column(server_default="0")
    begin: Mapped[float] = mapped_column(Double, server_default="0")
    cue: Mapped[str | None]


def _columns(names: Iterable[str]) -> list[Any]:
    """Return the columns of tracks, or of their descriptors, with these names."""
    return [
        getattr(TrackRow, name)
        if hasattr(TrackRow, name)
        else getattr(DescriptorRow, _DESCRIPTORS[name]).label(name)
        for name in names
    ]


_DESCRIPTORS = {"estimated_bpm": "bpm", "estimated_key": "key", "loudness": "loudness"}
_described = TrackRow.audio_hash == DescriptorRow.audio_hash
_TRACKS = select(*_columns(field.name for field in fields(Track))).outerjoin(
    DescriptorRow, _described
)
is_available = TrackRow.removed_at.is_(None)
# As the index has it: numbers, not parameters.
_ARTIST_BEGINS: ColumnElement[str] = literal_column(f"substr(tracks.artist, 1, {_INDEXED})", Text)
_IDS: BindParameter[int] = bindparam("ids", expanding=True)
_BY_IDS = _TRACKS.where(TrackRow.id.in_(_IDS))  # built once: every request runs them
_TITLES = select(TrackRow.id, TrackRow.title).where(TrackRow.id.in_(_IDS))


_FILES = select(
    TrackRow.path,
    TrackRow.id,
    TrackRow.size,
    TrackRow.mtime_ns,
    TrackRow.status,
    TrackRow.audio_hash,
    TrackRow.removed_at.is_not(None),
    TrackRow.part,
    TrackRow.cue,
)


def files(session: Session) -> Iterator[tuple[Path, KnownFile]]:
    """Yield each known file, or part of one, with its path, removed ones included."""
    for row in session.execute(_FILES.execution_options(yield_per=_ROWS_READ)):
        yield row[0], KnownFile(*row[1:])


def files_at(session: Session, paths: Iterable[Path]) -> dict[Path, dict[int, KnownFile]]:
    """Return what these files hold, by the numbers of their parts, removed ones included."""
    found: dict[Path, dict[int, KnownFile]] = {}
    for batch in batches(paths, IDS_PER_QUERY):
        query = _FILES.where(TrackRow.path.in_(batch)).order_by(TrackRow.part)
        for values in session.execute(query):
            row = KnownFile(*values[1:])
            found.setdefault(values[0], {})[row.part] = row
    return found


def at_paths(session: Session, paths: Iterable[Path]) -> dict[Path, list[PlacedTrack]]:
    """Return the available tracks at these paths, those of one file in their order."""
    found: dict[Path, list[PlacedTrack]] = {}
    for batch in batches(paths, IDS_PER_QUERY):
        query = select(TrackRow.path, TrackRow.id, TrackRow.begin, TrackRow.title)
        query = query.where(is_available, TrackRow.path.in_(batch)).order_by(TrackRow.begin)
        for path, track_id, begin, title in session.execute(query):
            found.setdefault(path, []).append(PlacedTrack(track_id, begin, title))
    return found


def by_ids(session: Session, ids: Sequence[int]) -> list[Track]:
    """Return the tracks of these ids in this order, leaving out unknown ids."""
    tracks: dict[int, Track] = {}
    for batch in batches(ids, IDS_PER_QUERY):
        for row in session.execute(_BY_IDS, {"ids": batch}):
            track = Track(**row._mapping)
            tracks[track.id] = track
    return [tracks[track_id] for track_id in ids if track_id in tracks]


def titles(session: Session, ids: Iterable[int]) -> dict[int, str]:
    """Return the titles of the tracks of these ids, without unknown ids."""
    by_id: dict[int, str] = {}
    for batch in batches(ids, IDS_PER_QUERY):
        rows = session.execute(_TITLES, {"ids": batch})
        by_id.update((track_id, title) for track_id, title in rows)
    return by_id


def available_after(session: Session, track_id: int, limit: int) -> list[Track]:
    """Return the next `limit` available tracks by id."""
    query = _TRACKS.where(is_available, TrackRow.id > track_id).order_by(TrackRow.id)
    return [Track(**row._mapping) for row in session.execute(query.limit(limit))]


def undescribed(session: Session, methods: Collection[str]) -> list[int]:
    """Return the ids of analysed tracks without descriptors by `methods`; of copies the first."""
    rows = exists().where(_described, DescriptorRow.method.in_(methods))
    query = select(func.min(TrackRow.id)).where(
        is_available, TrackRow.status == "ready", TrackRow.audio_hash.is_not(None), ~rows
    )
    return sorted(session.scalars(query.group_by(TrackRow.audio_hash)))


def by_artist(session: Session, name: str) -> list[int]:
    """Return the ids of the available tracks of an artist with exactly this name, ascending."""
    begins = _ARTIST_BEGINS.in_([clean_text(name)[:_INDEXED]])
    query = select(TrackRow.id).where(is_available, begins, TrackRow.artist == name)
    return sorted(session.scalars(query))


def summaries(session: Session) -> Iterator[TrackSummary]:
    """Yield the summary of each available track, by id."""
    query = select(*_columns(TrackSummary._fields)).outerjoin(DescriptorRow, _described)
    query = query.where(is_available).order_by(TrackRow.id)
    for row in session.execute(query.execution_options(yield_per=_ROWS_READ)):
        yield TrackSummary(*row)


def names(session: Session) -> list[TrackNames]:
    """Return the names of each available track, by id; quick for a million tracks."""

    @cache  # few lists of genres differ
    def listed(genres: str | None) -> tuple[str, ...]:
        return tuple(json.loads(genres)) if genres else ()

    columns = TrackRow.id, TrackRow.artist, TrackRow.album, TrackRow.album_artist
    query = select(*columns, cast(TrackRow.genres, Text)).where(is_available).order_by(TrackRow.id)
    return [
        TrackNames(track_id, artist, album, album_artist, listed(genres))
        for track_id, artist, album, album_artist, genres in session.connection().execute(query)
    ]


def with_undeclared_tags(session: Session) -> list[Track]:
    """Return the available tracks whose files do not say the encoding of their tags, by path."""
    query = _TRACKS.where(is_available, TrackRow.tag_encoding.is_not(None))
    rows = session.execute(query.order_by(TrackRow.path))
    return [Track(**row._mapping) for row in rows]


def album_tracks(session: Session) -> list[AlbumTrack]:
    """Return what albums are made of, of each available track, by id."""
    columns = [getattr(TrackRow, name) for name in AlbumTrack._fields]
    query = select(*columns).where(is_available).order_by(TrackRow.id)
    return [AlbumTrack(*row) for row in session.execute(query)]


def failures(session: Session, after: int, limit: int | None) -> list[Track]:
    """Return the next `limit` available tracks that cannot be analysed, by id."""
    query = _TRACKS.where(is_available, TrackRow.status == "failed", TrackRow.id > after)
    rows = session.execute(query.order_by(TrackRow.id).limit(limit))
    return [Track(**row._mapping) for row in rows]


def counts(session: Session) -> Counts:
    """Count the available tracks by status, and the removed ones."""
    query = select(TrackRow.status, func.count()).where(is_available).group_by(TrackRow.status)
    present = {status: count for status, count in session.execute(query)}  # noqa: C416 - rows
    removed = select(func.count()).where(TrackRow.removed_at.is_not(None))
    return Counts(
        present.get("ready", 0),
        present.get("pending", 0),
        present.get("failed", 0),
        session.scalars(removed).one(),
    )


def words(session: Session, ids: Sequence[int]) -> list[Words]:
    """Return what is searched for of the available tracks of at most IDS_PER_QUERY ids."""
    query = select(
        TrackRow.id,
        TrackRow.title,
        TrackRow.artist,
        TrackRow.album_artist,
        TrackRow.album,
        TrackRow.genres,
    ).where(is_available, TrackRow.id.in_(ids))
    return [
        Words(i, title, artist, " ".join((album_artist or "", album or "", *genres)))
        for i, title, artist, album_artist, album, genres in session.execute(query)
    ]


def recording_groups(session: Session) -> dict[int, int]:
    """Return the lowest id of a recording's available tracks, for the tracks of those of several.

    The same recording: the same audio, or audios that were compared and found to be copies.
    """
    has_audio = TrackRow.audio_hash.is_not(None)
    copied = select(TrackRow.audio_hash).where(is_available, has_audio)
    copied = copied.group_by(TrackRow.audio_hash).having(func.count() > 1)
    verdicts = comparisons.verdicts(session)
    compared = {audio for pair, same in verdicts.items() if same for audio in pair}
    first_of_audio: dict[str, int] = {}
    first: dict[int, int] = {}  # track of its audio, by id
    query = select(TrackRow.id, TrackRow.audio_hash).where(is_available).order_by(TrackRow.id)
    among = [TrackRow.audio_hash.in_(copied)]
    among += [TrackRow.audio_hash.in_(some) for some in batches(compared, IDS_PER_QUERY)]
    for condition in among:
        for track_id, audio in session.execute(query.where(condition)):
            first[track_id] = first_of_audio.setdefault(audio or "", track_id)
    lowest = comparisons.joined(verdicts, first_of_audio)
    groups = {track_id: lowest.get(one, one) for track_id, one in first.items()}
    sizes = Counter(groups.values())
    return {track_id: group for track_id, group in groups.items() if sizes[group] > 1}
