"""Features of tracks: one row of packed arrays for each track and extractor."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    ForeignKey,
    and_,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from encoders.errors import AudioError
from encoders.features import MUSICNN_SECONDS, TrackFeatures
from recsys.catalog.base import Base, batches
from recsys.catalog.bulk import insert_rows
from recsys.catalog.tracks import IDS_PER_QUERY, TrackRow, is_available


class FeatureRow(Base):
    """The table of features; `extractor` names model, weights and settings."""

    __tablename__ = "features"

    track_id: Mapped[int] = mapped_column(ForeignKey("tracks.id"), primary_key=True)
    extractor: Mapped[str] = mapped_column(primary_key=True)
    blob: Mapped[bytes]
    checksum: Mapped[int] = mapped_column(BigInteger)  # CRC-32 of the blob


def pack(features: TrackFeatures) -> bytes:
    """Serialize features as safetensors, in the dtypes of `TrackFeatures`."""
    return safetensors.numpy.save(
        {
            "starts": np.ascontiguousarray(features.starts, np.float32),
            "tags": np.ascontiguousarray(features.tags, np.float16),
            "penultimate": np.ascontiguousarray(features.penultimate, np.float16),
            "pooled": np.ascontiguousarray(features.pooled, np.float16),
            "segment_seconds": np.array([features.segment_seconds], np.float64),
        }
    )


def unpack(blob: bytes, checksum: int) -> TrackFeatures | None:
    """Deserialize features; None for a damaged blob."""
    if zlib.crc32(blob) != checksum:
        return None
    try:
        arrays = safetensors.numpy.load(blob)
        seconds = arrays.pop("segment_seconds", np.array([MUSICNN_SECONDS]))  # absent before 0.2
        return TrackFeatures(**arrays, segment_seconds=float(seconds[0]))
    except (SafetensorError, TypeError, IndexError):  # not safetensors, or not these arrays
        return None


def has_features(track: type[TrackRow], extractor: str | None = None) -> ColumnElement[bool]:
    """Whether a track of the query has features, of any extractor where none is named."""
    rows = exists().where(FeatureRow.track_id == track.id)
    return rows if extractor is None else rows.where(FeatureRow.extractor == extractor)


def pending(session: Session, extractor: str) -> list[tuple[int, Path]]:
    """Return id and path of what is to be analysed, by id: of each audio the first track alone."""
    first = aliased(TrackRow)
    waiting = [
        and_(track.removed_at.is_(None), track.status != "failed", ~has_features(track, extractor))
        for track in (TrackRow, first)
    ]
    same_audio_before = exists().where(
        first.audio_hash == TrackRow.audio_hash, first.id < TrackRow.id, waiting[1]
    )
    query = select(TrackRow.id, TrackRow.path).where(waiting[0], ~same_audio_before)
    return [(row.id, row.path) for row in session.execute(query.order_by(TrackRow.id))]


def ready_ids(session: Session, extractor: str) -> list[int]:
    """Return the ids of the available tracks that have features of this extractor, in order."""
    query = select(TrackRow.id).where(
        is_available, TrackRow.status == "ready", has_features(TrackRow, extractor)
    )
    return list(session.scalars(query.order_by(TrackRow.id)))


def extractors(session: Session) -> list[str]:
    """Return the names of all extractors with stored features, sorted."""
    query = select(FeatureRow.extractor).distinct().order_by(FeatureRow.extractor)
    return list(session.scalars(query))


def ids(session: Session, extractor: str) -> list[int]:
    """Return the ids of all tracks that have features of this extractor, removed ones too."""
    query = select(FeatureRow.track_id).where(FeatureRow.extractor == extractor)
    return list(session.scalars(query.order_by(FeatureRow.track_id)))


def packed(session: Session, extractor: str, ids: Sequence[int]) -> list[tuple[int, bytes, int]]:
    """Return (id, blob, checksum) of those of `ids` that have features, by id."""
    query = select(FeatureRow.track_id, FeatureRow.blob, FeatureRow.checksum).where(
        FeatureRow.extractor == extractor, FeatureRow.track_id.in_(ids)
    )
    rows = session.execute(query.order_by(FeatureRow.track_id))
    return [(row.track_id, row.blob, row.checksum) for row in rows]


def store(session: Session, extractor: str, by_track: Mapping[int, TrackFeatures]) -> None:
    """Write features, replacing older ones, and copy them to tracks of the same audio."""
    ids = sorted(by_track)
    drop(session, ids, extractor)
    blobs = {track_id: pack(by_track[track_id]) for track_id in ids}
    rows = [
        {"track_id": i, "extractor": extractor, "blob": blob, "checksum": zlib.crc32(blob)}
        for i, blob in blobs.items()
    ]
    insert_rows(session.connection(), FeatureRow.__table__, rows)
    twin = aliased(TrackRow)
    for batch in batches(ids, IDS_PER_QUERY):
        twins = (
            select(twin.id)
            .join(TrackRow, TrackRow.audio_hash == twin.audio_hash)
            .where(TrackRow.id.in_(batch), twin.id.not_in(batch))
        )
        adopt(session, list(session.scalars(twins)))
    refresh_status(session, ids)


def fail(session: Session, errors: Iterable[tuple[int, AudioError]]) -> None:
    """Mark tracks as failed, each with its sentence."""
    for track_id, error in errors:
        row = update(TrackRow).where(TrackRow.id == track_id)
        session.execute(row.values(status="failed", error=str(error)))


def adopt(session: Session, ids: Sequence[int]) -> None:
    """Copy to these tracks the features they lack from tracks of the same audio."""
    track, donor, given = aliased(TrackRow), aliased(TrackRow), aliased(FeatureRow)
    lacking = ~exists().where(
        FeatureRow.track_id == track.id, FeatureRow.extractor == given.extractor
    )
    for batch in batches(ids, IDS_PER_QUERY):
        source = (
            select(track.id, given.extractor, func.min(given.track_id).label("donor_id"))
            .join(donor, donor.audio_hash == track.audio_hash)
            .join(given, given.track_id == donor.id)
            .where(track.id.in_(batch), lacking)
            .group_by(track.id, given.extractor)
            .subquery()
        )
        copies = select(source.c.id, given.extractor, given.blob, given.checksum).join(
            given,
            and_(given.track_id == source.c.donor_id, given.extractor == source.c.extractor),
        )
        columns = ["track_id", "extractor", "blob", "checksum"]
        session.execute(insert(FeatureRow).from_select(columns, copies))
    refresh_status(session, ids)


def drop(session: Session, ids: Sequence[int], extractor: str | None = None) -> None:
    """Delete the features of these tracks, of all extractors where none is named."""
    for batch in batches(ids, IDS_PER_QUERY):
        rows = delete(FeatureRow).where(FeatureRow.track_id.in_(batch))
        if extractor is not None:
            rows = rows.where(FeatureRow.extractor == extractor)
        session.execute(rows)


def refresh_status(session: Session, ids: Sequence[int]) -> None:
    """Call those of these tracks ready that have features, and those pending that have none.

    A failed track stays failed.
    """
    has = has_features(TrackRow)
    for batch in batches(ids, IDS_PER_QUERY):
        rows = update(TrackRow).where(TrackRow.id.in_(batch), TrackRow.status != "failed")
        rows = rows.execution_options(synchronize_session=False)
        session.execute(rows.where(has).values(status="ready"))
        session.execute(rows.where(~has).values(status="pending"))
