"""The indexed tracks as columns, row for row as in the index: what lists are filtered by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from rapidfuzz import process

from index.arrays import BoolArray, Float32Array, IndexArray, Int64Array
from index.vector_index import VectorIndex
from recsys.catalog import Catalog, Label
from recsys.catalog.search import fold

N_SAMPLE = 1000  # tracks that stand for the library where a term is standardised
UNKNOWN = -1  # the code of a track whose artist, album or recording is not known


class Groups:
    """Which rows have the same code; UNKNOWN ones are alone.

    codes  int64 (n,)
    """

    def __init__(self, codes: Int64Array) -> None:
        self.codes = codes
        self._order = np.argsort(codes, kind="stable")
        self._sorted = codes[self._order]

    def mates(self, rows: Sequence[int] | IndexArray) -> IndexArray:
        """Return these rows and those of the same codes, ascending."""
        rows = np.asarray(rows, np.intp)
        codes = np.setdiff1d(self.codes[rows], [UNKNOWN])
        starts = np.searchsorted(self._sorted, codes)
        ends = np.searchsorted(self._sorted, codes, side="right")
        found = [self._order[start:end] for start, end in zip(starts, ends, strict=True)]
        return np.unique(np.concatenate([rows, *found]))


@dataclass(frozen=True, eq=False)
class TrackTable:
    """What is known of each indexed track; every array has one row per row of the index.

    ids         int64 (n,), ascending
    living      whether its file is there, bool (n,)
    sample      rows of at most N_SAMPLE living tracks, evenly spread, and their vectors (n, dim)
    artists     code of its artist, UNKNOWN without one; albums likewise: int64 (n,)
    recordings  by audio or MBID; songs by artist and title
    durations   seconds, NaN where unknown, float32 (n,)
    artist_rows the living rows of each artist, by the name folded; genre_rows likewise
    names       how each folded artist and genre is written
    """

    ids: Int64Array
    living: BoolArray
    sample: IndexArray
    sample_vectors: Float32Array
    artists: Int64Array
    albums: Int64Array
    recordings: Groups
    songs: Groups
    durations: Float32Array
    artist_rows: Mapping[str, IndexArray]
    genre_rows: Mapping[str, IndexArray]
    names: Mapping[str, str]

    @classmethod
    def read(cls, catalog: Catalog, index: VectorIndex) -> TrackTable:
        """Read the columns of the index's tracks."""
        found = {label.id: label for label in catalog.labels()}
        groups = catalog.recording_groups()
        labels = [found.get(track_id) for track_id in index.ids.tolist()]
        living = np.array([label is not None for label in labels], np.bool_)
        there = np.flatnonzero(living)
        spread = np.linspace(0, len(there) - 1, min(len(there), N_SAMPLE)).astype(np.intp)
        artist_rows = _rows_by(labels, lambda label: [label.artist])
        genre_rows = _rows_by(labels, lambda label: label.genres)
        written = (
            name for label in labels if label is not None for name in (label.artist, *label.genres)
        )
        return cls(
            ids=index.ids,
            living=living,
            sample=there[spread],
            sample_vectors=index.vectors_at(there[spread]),
            artists=_codes(labels, lambda label: fold(label.artist)),
            albums=_codes(labels, _album),
            recordings=Groups(_codes(labels, lambda label: groups.get(label.id, label.id))),
            songs=Groups(_codes(labels, _song)),
            durations=np.array([_duration(label) for label in labels], np.float32),
            artist_rows=artist_rows,
            genre_rows=genre_rows,
            names={fold(name): name for name in written},
        )

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, ids: ArrayLike) -> IndexArray:
        """Return the rows of those of `ids` that are indexed, in their order."""
        rows, known = self.find(ids)
        return rows[known]

    def find(self, ids: ArrayLike) -> tuple[IndexArray, BoolArray]:
        """Return the row of each of `ids`, and whether it is indexed: a row means nothing else."""
        wanted = np.asarray(ids, np.int64)
        rows = np.searchsorted(self.ids, wanted)
        known = rows < len(self)
        known[known] = self.ids[rows[known]] == wanted[known]
        return rows, known


def nearest_name(name: str, known: Mapping[str, str]) -> str:
    """Return how a sentence proposes the known name that is spelt most like `name`, or nothing.

    >>> nearest_name("jaz", {"jazz": "Jazz", "rock": "Rock"})
    ' Did you mean "Jazz"?'
    """
    found = process.extractOne(fold(name), list(known), score_cutoff=60)
    return f' Did you mean "{known[found[0]]}"?' if found else ""


def _rows_by(
    labels: Sequence[Label | None], names: Callable[[Label], Iterable[str]]
) -> dict[str, IndexArray]:
    rows: defaultdict[str, list[int]] = defaultdict(list)
    for row, label in enumerate(labels):
        if label is not None:
            for name in {fold(name) for name in names(label)} - {""}:
                rows[name].append(row)
    return {name: np.array(found, np.intp) for name, found in rows.items()}


def _codes(labels: Sequence[Label | None], key: Callable[[Label], Hashable]) -> Int64Array:
    """Number the keys; tracks that have gone, and empty keys, are UNKNOWN."""
    numbers: dict[Hashable, int] = {}
    codes = np.full(len(labels), UNKNOWN, np.int64)
    for row, label in enumerate(labels):
        if label is not None and (found := key(label)):
            codes[row] = numbers.setdefault(found, len(numbers))
    return codes


def _album(label: Label) -> tuple[str, str] | None:
    album = fold(label.album or "")
    return (fold(label.album_artist or label.artist), album) if album else None


def _song(label: Label) -> tuple[str, str] | None:
    title = fold(label.title)
    return (fold(label.artist), title) if title else None


def _duration(label: Label | None) -> float:
    return float("nan") if label is None or label.duration is None else label.duration
