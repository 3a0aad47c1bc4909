"""How loud tracks are over their length, by audio: one row of bytes for each."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session, mapped_column

from recsys.catalog.base import Base
from recsys.catalog.listens import insert_many


class LevelsRow(Base):
    """The table of levels, by audio hash: it survives moves and new tags.

    `blob` has those of `encoders.levels.read_levels`, none for audio that cannot be decoded.
    """

    __tablename__ = "levels"

    audio_hash: Mapped[str] = mapped_column(primary_key=True)
    blob: Mapped[bytes]


def read(session: Session, audio_hash: str) -> bytes | None:
    """Return the levels of an audio, None where they are not known."""
    return session.scalar(select(LevelsRow.blob).where(LevelsRow.audio_hash == audio_hash))


def store(session: Session, levels: Mapping[str, bytes]) -> None:
    """Write levels by audio hash; those that another program has written meanwhile stay."""
    insert_many(session, LevelsRow, sorted(levels.items()), "DO NOTHING")
