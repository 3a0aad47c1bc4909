"""Tempo, key and loudness estimated from audio: a row for each audio, which its copies share."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Double, delete
from sqlalchemy.orm import Mapped, Session, mapped_column

from encoders.features import Descriptors
from recsys.catalog.base import Base, batches

_OCTAVES = (1.0, 2.0, 0.5, 3.0, 1 / 3)  # a pulse's multiples that count as the same
_TOLERANCE = 0.04
_AT_ONCE = 500


class DescriptorRow(Base):
    """The table of descriptors; `method` names the way they were estimated, see `Descriptors`."""

    __tablename__ = "descriptors"

    audio_hash: Mapped[str] = mapped_column(primary_key=True)
    method: Mapped[str]
    bpm: Mapped[float | None] = mapped_column(Double)
    key: Mapped[str | None]
    loudness: Mapped[float | None] = mapped_column(Double)


def store(session: Session, by_audio: Mapping[str, Descriptors]) -> None:
    """Write descriptors by audio hash, replacing earlier ones."""
    for batch in batches(by_audio, _AT_ONCE):
        session.execute(delete(DescriptorRow).where(DescriptorRow.audio_hash.in_(batch)))
    session.add_all(
        DescriptorRow(audio_hash=audio_hash, **vars(one)) for audio_hash, one in by_audio.items()
    )


def tempo_of(tagged: float | None, estimated: float | None) -> float | None:
    """Return the tempo that counts: the tags' where both agree within octaves or one is alone.

    >>> tempo_of(174.0, 87.2), tempo_of(None, 87.2), tempo_of(100.0, 87.2)
    (174.0, 87.2, 87.2)
    """
    if tagged is None or estimated is None:
        return tagged or estimated
    agree = any(abs(tagged / (estimated * octave) - 1) <= _TOLERANCE for octave in _OCTAVES)
    return tagged if agree else estimated
