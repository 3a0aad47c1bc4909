"""What a recommendation rests on: the shares of its reasons, for the bar of a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from recsys.recommendation.query import Reason, ReasonKind

Source = Literal["sound", "plays", "listeners"]
SOURCES: Mapping[Source, tuple[str, tuple[ReasonKind, ...]]] = {
    "sound": ("sound", ("seed", "artist", "tag", "typical")),
    "plays": (
        "your plays and likes",
        ("listens", "familiar", "dislike", "same_artist", "same_album", "sound", "habits"),
    ),
    "listeners": ("other listeners", ("listeners", "popular", "related_artists", "audience")),
}


_SOURCE_OF = {kind: source for source, (_, kinds) in SOURCES.items() for kind in kinds}


def source_of(reason: Reason) -> Source:
    """Return the source of a reason, which gives its bar the colour.

    >>> source_of(Reason("popular", None, 0.2))
    'listeners'
    """
    return _SOURCE_OF[reason.kind]


class ReasonShare(NamedTuple):
    """A part of a bar: the source of its reasons, in words, and where it lies, in percent."""

    source: Source
    words: str
    start: int
    percent: int


def reason_shares(reasons: Sequence[Reason]) -> list[ReasonShare]:
    """Return by source the share of the absolute amounts of reasons, in whole percent of 100.

    Sources of less than half a percent are missing.

    >>> reasons = [Reason("seed", 7, 1.5, "Blue"), Reason("listeners", 9, -0.5, "Red")]
    >>> [(share.source, share.percent) for share in reason_shares(reasons)]
    [('sound', 75), ('listeners', 25)]
    """
    amounts = {
        source: sum(abs(reason.amount) for reason in reasons if reason.kind in kinds)
        for source, (_, kinds) in SOURCES.items()
    }
    total = sum(amounts.values())
    shares: list[ReasonShare] = []
    start, so_far = 0, 0.0
    for source, (words, _) in SOURCES.items():
        so_far += amounts[source]
        end = round(100 * so_far / total) if total else 0
        if end > start:
            shares.append(ReasonShare(source, words, start, end - start))
        start = end
    return shares
