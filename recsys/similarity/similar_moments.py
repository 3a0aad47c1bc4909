"""Similarity of moments: which parts of other tracks sound like a part of a track."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from index.arrays import IndexArray
from recsys.catalog import Track
from recsys.durations import clock
from recsys.home.home import Home
from recsys.similarity.explanation import Moment, TrackSound
from recsys.similarity.segment_index import SegmentIndex
from recsys.similarity.similar_tracks import SimilarTracks


class NoSuchPart(ValueError):
    """A track has no such part; the message says why."""


@dataclass(frozen=True)
class SimilarMoment:
    """A part of a track that sounds like the query's.

    similarity  0 to 1: the share of random pairs of the library's segments that are less alike
    """

    track: Track
    similarity: float
    moment: Moment


@dataclass(frozen=True)
class MomentsAnswer:
    """What was compared, as analysed segments lie, and what is like it, best first."""

    compared: Moment
    moments: tuple[SimilarMoment, ...]


class SimilarMoments:
    """Searches the segments of one index. Safe to share between threads."""

    def __init__(self, similar: SimilarTracks, home: Path | None = None) -> None:
        """`home` is where the index of segments is kept."""
        self.similar = similar
        self._home = home
        self._lock = threading.Lock()
        self._segments: SegmentIndex | None = None

    @classmethod
    def of(cls, home: Home) -> SimilarMoments:
        """Return the search of an opened home. Raises ProjectionError, StaleIndex."""
        return cls(SimilarTracks.of(home), home.settings.home)

    def of_part(
        self,
        sound: TrackSound,
        part: tuple[float, float | None],
        k: int,
        *,
        seed: Track | None = None,
        artist_cap: int | None = None,
    ) -> MomentsAnswer:
        """Return up to `k` tracks, each with its part that is most like `part` of a track.

        `part` begins and ends at seconds, None for the track's end. The `seed`, which the sound is
        of, and its duplicates are left out, each recording appears once, and no artist more than
        `artist_cap` times. Raises NoSuchPart.
        """
        numbers, compared = segments_in(sound, *part)
        index, table = self._index(), self.similar.tables.tracks()
        seconds = compared.end - compared.start
        rows, windows = index.windows(index.query(tuple(sound.features), numbers), seconds)
        here = np.flatnonzero(table.available[rows])
        order = here[np.argsort([-windows[one].score for one in here], kind="stable")]
        seed_row = None if seed is None else int(table.rows([seed.id])[0])
        chosen = self.similar.distinct(rows[order], table, seed_row, artist_cap)[:k]
        by_row = dict(zip(rows.tolist(), windows, strict=True))
        tracks = self.similar.catalog.tracks(self.similar.index.ids[chosen].tolist())
        moments = []
        for track, row in zip(tracks, chosen, strict=True):
            window = by_row[row]
            end = float(index.ends[window.last])
            moment = Moment(
                float(index.starts[window.first]),
                end if track.duration is None else min(end, track.duration),
            )
            moments.append(SimilarMoment(track, index.similarity(window.score), moment))
        return MomentsAnswer(compared, tuple(moments))

    def _index(self) -> SegmentIndex:
        """Return the segments, read or made when they are first asked for."""
        with self._lock:
            if self._segments is None:
                similar = self.similar
                manifest = similar.index.manifest
                self._segments = SegmentIndex.load_or_build(
                    self._home if manifest else None,
                    similar.catalog,
                    similar.names,
                    similar.index.ids,
                    str(manifest.catalogue_revision) if manifest else "",
                )
            return self._segments


def segments_in(sound: TrackSound, start: float, end: float | None) -> tuple[IndexArray, Moment]:
    """Return the first model's segments that lie in a part of a track, and what they cover.

    A segment lies in the part if its middle does; where none does, that nearest to the part's
    middle stands for it. Raises NoSuchPart.
    """
    first = sound.features[0]
    ends = first.starts + first.segment_seconds
    length = float(ends[-1]) if sound.duration is None else sound.duration
    if start >= length:
        raise NoSuchPart(f"The track is {clock(length)} long: {clock(start)} is behind its end.")
    end = length if end is None else min(end, length)
    if end <= start:
        raise NoSuchPart(f"A part must end behind its beginning, {clock(start)}.")
    middles = (first.starts + ends) / 2
    numbers = np.flatnonzero((middles >= start) & (middles <= end))
    if not len(numbers):
        numbers = np.array([np.abs(middles - (start + end) / 2).argmin()])
    last = float(ends[numbers[-1]])
    return numbers, Moment(float(first.starts[numbers[0]]), min(last, length))
