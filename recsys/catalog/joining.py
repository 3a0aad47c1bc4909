"""One listener's history given to another: both are one person."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Table, and_, case, delete, select, update
from sqlalchemy.orm import Session, aliased

from recsys.catalog.base import Base
from recsys.catalog.feedback import FeedbackRow
from recsys.catalog.listens import ListenerRow, PlayCountRow
from recsys.catalog.recordings import listening_state


def join(session: Session, listener_id: int, into: int) -> None:
    """Give all that is stored under a listener to another one, and delete the first.

    Of two counts of a recording the greater stays: both may come from one history. Of two feedbacks
    the one that `feedback.outweighs`. Of all else that both have, what `into` has.
    """
    if listener_id == into:
        return
    _merge_counts(session, listener_id, into)
    _merge_feedback(session, listener_id, into)
    for table in Base.metadata.sorted_tables:
        owner = _owner(table)
        if owner is not None:
            _give(session, table, owner, listener_id, into)
    session.execute(delete(ListenerRow).where(ListenerRow.id == listener_id))
    listening_state(session, lock=True).revision += 1


def _owner(table: Table) -> Column[Any] | None:
    """Return the column that holds the listener of a table's rows."""
    listeners = ListenerRow.__table__
    owners = (key.parent for key in table.foreign_keys if key.column.table is listeners)
    return next(owners, None)


def _give(session: Session, table: Table, owner: Column[Any], listener_id: int, into: int) -> None:
    """Give rows to another listener, but for those whose like it has."""
    rest = [column for column in table.primary_key if column is not owner]
    rows = update(table).where(owner == listener_id).values({owner: into})
    if owner.primary_key:
        other = table.alias()
        alike = (other.c[column.name] == column for column in rest)
        rows = rows.where(~select(1).where(other.c[owner.name] == into, *alike).exists())
    session.execute(rows.execution_options(synchronize_session=False))
    session.execute(delete(table).where(owner == listener_id))


def _merge_counts(session: Session, listener_id: int, into: int) -> None:
    """Let `into` have the greater of two counts, and the later of two last times."""
    given = aliased(PlayCountRow)
    same = and_(given.listener_id == listener_id, given.recording_id == PlayCountRow.recording_id)

    def greater(name: str) -> object:
        ours, theirs = getattr(PlayCountRow, name), getattr(given, name)
        return select(case((theirs > ours, theirs), else_=ours)).where(same).scalar_subquery()

    session.execute(
        update(PlayCountRow)
        .where(PlayCountRow.listener_id == into, select(given).where(same).exists())
        .values(count=greater("count"), last_at=greater("last_at"))
        .execution_options(synchronize_session=False)
    )


def _merge_feedback(session: Session, listener_id: int, into: int) -> None:
    """Delete of two feedbacks on a recording the one that does not count."""
    given = aliased(FeedbackRow)
    theirs = select(given).where(
        given.listener_id == listener_id, given.recording_id == FeedbackRow.recording_id
    )
    said = ("like", "dislike")
    ours_is_less = theirs.where(
        case(
            (and_(given.kind == "skip", FeedbackRow.kind.in_(said)), False),
            (and_(FeedbackRow.kind == "skip", given.kind.in_(said)), True),
            else_=given.at >= FeedbackRow.at,
        )
    ).exists()
    session.execute(
        delete(FeedbackRow)
        .where(FeedbackRow.listener_id == into, ours_is_less)
        .execution_options(synchronize_session=False)
    )
