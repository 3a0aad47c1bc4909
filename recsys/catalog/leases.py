"""Leases: what one process of several does at a time, on any machine that has the database.

A lease ends by itself, so that a process that was killed holds nobody up. What is written under
one is written only where it is still held: see `held`.
"""

from __future__ import annotations

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, Session, mapped_column

from recsys.catalog.base import Base


class LeaseLost(Exception):
    """The lease has ended, and somebody else may hold it: nothing was written."""


class LeaseRow(Base):
    """The table of leases; `until` is Unix seconds."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    until: Mapped[int] = mapped_column(BigInteger)


def take(session: Session, name: str, holder: str, now: int, seconds: int) -> bool:
    """Take a lease for so long, or go on holding it; return whether it was free.

    One that ends later than any can end was taken when the clock was ahead, and is free.
    """
    row = session.get(LeaseRow, name, with_for_update=True)
    if row is None:
        session.add(LeaseRow(name=name, holder=holder, until=now + seconds))
        return True
    if row.holder != holder and now < row.until <= now + seconds:
        return False
    row.holder, row.until = holder, now + seconds
    return True


def give_back(session: Session, name: str, holder: str) -> None:
    """End a lease where this holder has it."""
    row = session.get(LeaseRow, name, with_for_update=True)
    if row is not None and row.holder == holder:
        session.delete(row)


def held(session: Session, name: str, holder: str) -> None:
    """Keep the lease as it is until this transaction ends. Raises LeaseLost."""
    row = session.get(LeaseRow, name, with_for_update=True)
    if row is None or row.holder != holder:
        raise LeaseLost(name)
