"""Which audio was compared with which, and whether both are one recording."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import TypeAlias

from sqlalchemy import Boolean, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from recsys.catalog.base import Base, locked_state

# Verdicts by two audio hashes, the lower one first.
Verdicts: TypeAlias = dict[tuple[str, str], bool]


class ComparisonRow(Base):
    """The table of comparisons, by audio hashes: it survives moves and new tags."""

    __tablename__ = "comparisons"

    one: Mapped[str] = mapped_column(primary_key=True)
    other: Mapped[str] = mapped_column(primary_key=True)
    same: Mapped[bool] = mapped_column(Boolean)


def pair(one: str, other: str) -> tuple[str, str]:
    """Return two audio hashes as a key of verdicts."""
    return (one, other) if one < other else (other, one)


def verdicts(session: Session) -> Verdicts:
    """Return all verdicts."""
    rows = select(ComparisonRow.one, ComparisonRow.other, ComparisonRow.same)
    return {(one, other): same for one, other, same in session.execute(rows)}


def record(session: Session, new: Mapping[tuple[str, str], bool]) -> None:
    """Write verdicts. Where two are the same, an index has to be built anew."""
    state = locked_state(session)
    for (one, other), same in new.items():
        session.merge(ComparisonRow(one=one, other=other, same=same))
    if any(new.values()):
        state.revision += 1
        state.track_revision += 1


def joined(known: Mapping[tuple[str, str], bool], first_ids: Mapping[str, int]) -> dict[int, int]:
    """Return the lowest id of each recording with several audios, by the first id of an audio.

    Every two audios of a recording were found to be the same. `first_ids` has the lowest id of each
    audio that is there.
    """
    same = {
        (first_ids[one], first_ids[other])
        for (one, other), verdict in known.items()
        if verdict and one in first_ids and other in first_ids
    }
    same |= {(other, one) for one, other in same}
    candidates: defaultdict[int, set[int]] = defaultdict(set)
    for one, other in same:
        candidates[one].add(other)
    groups = group_alike(candidates, lambda one, other: (one, other) in same)
    return {track_id: min(group) for group in groups for track_id in group}


def group_alike(
    candidates: Mapping[int, set[int]],
    same: Callable[[int, int], bool],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[list[int]]:
    """Group ids by complete linkage: every two of a group are the `same`.

    Each id, in order, joins the first group that contains one of its `candidates` and only members
    that are the `same`, or begins a group.
    """
    groups: dict[int, list[int]] = {}
    for done, newcomer in enumerate(sorted(candidates)):
        progress(done, len(candidates))
        groups[newcomer] = [newcomer]
        for candidate in sorted(candidates[newcomer] & groups.keys() - {newcomer}):
            if all(same(member, newcomer) for member in groups[candidate]):
                groups[candidate].append(newcomer)
                groups[newcomer] = groups[candidate]
                break
    return [group for first, group in groups.items() if group[0] == first]
