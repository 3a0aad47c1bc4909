"""What is known of each track's sound, for people to take along: tags, moods, tempo, key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from recsys.catalog import Track
from recsys.home.home import Home
from recsys.home.tag_table import join_tags
from recsys.tagging.moods import known_moods, mood_values

_AT_ONCE = 500  # tracks


@dataclass(frozen=True)
class DescribedTrack:
    """A track with its tags.

    probabilities  of every tag of the taggers, by its name
    standing_out   standard deviations of the library of each tag's log-odds, likewise
    moods          how well it suits each mood, in standard deviations
    """

    track: Track
    probabilities: Mapping[str, float]
    standing_out: Mapping[str, float]
    moods: Mapping[str, float]


def described_tracks(home: Home, ids: Sequence[int] | None = None) -> Iterator[DescribedTrack]:
    """Give the indexed tracks whose files are there, by id; `ids` for some of them alone.

    Raises ProjectionError, StaleIndex.
    """
    table, tag_table = home.tables.tracks(), home.tables.tags()
    names, joined = join_tags(home.projection.tags)
    moods = {
        mood.name: mood_values(mood, tag_table, table) for mood in known_moods(tag_table.names)
    }
    rows = np.flatnonzero(table.available)
    if ids is not None:
        rows = np.intersect1d(rows, table.rows(sorted(set(ids))))
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        tracks = {track.id: track for track in home.catalog.tracks(table.ids[some].tolist())}
        probabilities = expit(home.tables.log_odds(some) @ joined)
        for row, of_track in zip(some.tolist(), probabilities.tolist(), strict=True):
            track = tracks.get(int(table.ids[row]))
            if track is not None and not track.removed:
                yield DescribedTrack(
                    track,
                    {n: p for n, p in zip(names, of_track, strict=True) if np.isfinite(p)},
                    dict(zip(names, tag_table.values[row].tolist(), strict=True)),
                    {name: float(values[row]) for name, values in moods.items()},
                )
