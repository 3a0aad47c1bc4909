"""Metadata of the indexed tracks as arrays, row by row as in the index, for filtering lists."""

from __future__ import annotations

import json
from array import array
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from rapidfuzz import process

from index.arrays import BoolArray, Float32Array, IndexArray, Int64Array
from index.rows import rows_of
from index.vector_index import VectorIndex
from recsys.catalog import Catalog, TrackSummary
from recsys.catalog.base import batches
from recsys.catalog.search import fold as fold_anew
from recsys.home.packed_texts import PackedTexts
from recsys.musical_key import KEYS

N_SAMPLE = 1000  # tracks by which score terms are standardised
SHOWN = ("id", "title", "artist", "album", "duration", "status")  # of a track in every answer
Measure = Literal["tempo", "key", "loudness"]
_AT_ONCE = 10_000  # tracks whose rows are looked up
UNKNOWN = -1  # code of an unknown artist, album or recording


class Groups:
    """Groups of rows with equal codes; UNKNOWN rows form no group.

    codes  int64 (n,)
    """

    def __init__(self, codes: Int64Array) -> None:
        self.codes = codes
        self._order = np.argsort(codes, kind="stable")
        self._sorted = codes[self._order]

    def mates(self, rows: Sequence[int] | IndexArray) -> IndexArray:
        """Return these rows and all rows of their groups, ascending."""
        rows = np.asarray(rows, np.intp)
        codes = np.setdiff1d(self.codes[rows], [UNKNOWN])
        starts = np.searchsorted(self._sorted, codes)
        ends = np.searchsorted(self._sorted, codes, side="right")
        groups = [self._order[start:end] for start, end in zip(starts, ends, strict=True)]
        return np.unique(np.concatenate([rows, *groups]))


@dataclass(frozen=True, eq=False)
class TrackTable:
    """Metadata of the indexed tracks; every array has one row per row of the index.

    ids         int64 (n,), ascending
    available   whether its file is there, bool (n,)
    sample      rows of at most N_SAMPLE available tracks, evenly spread, and their vectors (n, dim)
    artists     code of its artist, UNKNOWN without one and where it is a guess; albums likewise:
                int64 (n,)
    recordings  groups of files of one recording
    durations   seconds, NaN where unknown, float32 (n,); likewise years, tempos in beats a minute
                and loudness in LUFS
    keys        numbers in `recsys.musical_key.KEYS`, UNKNOWN where unknown, int64 (n,)
    artist_rows the available rows of each artist, by the folded name, guesses included, as a person
                sees them; genre_rows likewise
    names       the spelling of each folded artist and genre
    shown       what is shown of each available track: a JSON object of SHOWN, as UTF-8
    """

    ids: Int64Array
    available: BoolArray
    sample: IndexArray
    sample_vectors: Float32Array
    artists: Int64Array
    albums: Int64Array
    recordings: Groups
    durations: Float32Array
    years: Float32Array
    tempos: Float32Array
    loudness: Float32Array
    keys: Int64Array
    artist_rows: Mapping[str, IndexArray]
    genre_rows: Mapping[str, IndexArray]
    names: Mapping[str, str]
    shown: PackedTexts

    @classmethod
    def read(cls, catalog: Catalog, index: VectorIndex) -> TrackTable:
        """Read the columns of the index's tracks, one after another."""
        fold = cache(fold_anew)  # artists and albums have many tracks
        groups = catalog.recording_groups()
        n = len(index.ids)
        available, keys = np.zeros(n, np.bool_), np.full(n, UNKNOWN, np.int64)
        durations, years, tempos, loudness = (np.full(n, np.nan, np.float32) for _ in range(4))
        artists, albums, recordings = _Codes(n), _Codes(n), _Codes(n)
        artist_rows, genre_rows = _Rows(), _Rows()
        names: dict[str, str] = {}
        shown = PackedTexts()
        for row, track in _in_rows(catalog.track_summaries(), index.ids):
            while len(shown) < row:  # of removed tracks
                shown.append(b"")
            shown.append(_shown(track))
            available[row] = True
            artists.put(row, fold(track.known_artist))
            albums.put(row, _album(track, fold))
            recordings.put(row, groups.get(track.id, track.id))
            artist_rows.put(fold(track.artist), row)
            for name in {fold(name) for name in track.genres}:
                genre_rows.put(name, row)
            names.update((fold(name), name) for name in (track.artist, *track.genres))
            if track.key is not None:
                keys[row] = KEYS.index(track.key)
            for column, number in (
                (durations, track.duration),
                (years, track.year),
                (tempos, track.tempo),
                (loudness, track.loudness),
            ):
                if number is not None:
                    column[row] = number
        while len(shown) < n:
            shown.append(b"")
        rows = np.flatnonzero(available)
        spread = np.linspace(0, len(rows) - 1, min(len(rows), N_SAMPLE)).astype(np.intp)
        return cls(
            ids=index.ids,
            available=available,
            sample=rows[spread],
            sample_vectors=index.vectors_at(rows[spread]),
            artists=artists.codes,
            albums=albums.codes,
            recordings=Groups(recordings.codes),
            durations=durations,
            years=years,
            tempos=tempos,
            loudness=loudness,
            keys=keys,
            artist_rows=artist_rows.arrays(),
            genre_rows=genre_rows.arrays(),
            names=names,
            shown=shown,
        )

    def __len__(self) -> int:
        return len(self.ids)

    def ordered_by(self, measure: Measure, rows: IndexArray) -> IndexArray:
        """Return those of the rows of which a measure is known, ascending; keys as in KEYS."""
        values = {
            "tempo": self.tempos,
            "key": np.where(self.keys == UNKNOWN, np.nan, self.keys),
            "loudness": self.loudness,
        }[measure]
        known = rows[~np.isnan(values[rows])]
        ordered: IndexArray = known[np.argsort(values[known], kind="stable")]
        return ordered

    def n_hidden(self, rows: Sequence[int] | IndexArray) -> int:
        """Return how many other copies of these available rows' recordings are available."""
        codes = np.unique(self.recordings.codes[np.asarray(rows, np.intp)])
        return int(self._n_copies[codes].sum()) - len(rows)

    @cached_property
    def _n_copies(self) -> IndexArray:
        """How many available files there are of each recording, by its code."""
        return np.bincount(self.recordings.codes[self.available])

    @cached_property
    def artist_names(self) -> dict[int, str]:
        """The spelling of the artist of each code."""
        return {
            code: self.names[name]
            for name, rows in self.artist_rows.items()
            for code in np.setdiff1d(self.artists[rows], [UNKNOWN]).tolist()
        }

    @cached_property
    def gone(self) -> Int64Array:
        """The ids of the indexed tracks whose files are not there."""
        return self.ids[~self.available]

    def has(self, track_id: int) -> bool:
        """Say whether a track is indexed and its file is there."""
        row = int(np.searchsorted(self.ids, track_id))
        return row < len(self) and self.ids[row] == track_id and bool(self.available[row])

    def rows(self, ids: ArrayLike) -> IndexArray:
        """Return the rows of those of `ids` that are indexed, in their order."""
        rows, is_indexed = self.find(ids)
        return rows[is_indexed]

    def find(self, ids: ArrayLike) -> tuple[IndexArray, BoolArray]:
        """Return the row of each of `ids` and whether it is indexed, see `rows_of`."""
        return rows_of(self.ids, ids)


def nearest_name(name: str, known: Mapping[str, str]) -> str:
    """Return a sentence that suggests the known name most similar to `name`, or an empty text.

    >>> nearest_name("jaz", {"jazz": "Jazz", "rock": "Rock"})
    ' Did you mean "Jazz"?'
    """
    match = process.extractOne(fold_anew(name), list(known), score_cutoff=60)
    return f' Did you mean "{known[match[0]]}"?' if match else ""


def _in_rows(tracks: Iterable[TrackSummary], ids: Int64Array) -> Iterator[tuple[int, TrackSummary]]:
    """Give the indexed ones of the tracks with their rows; both are ascending by id."""
    for some in batches(tracks, _AT_ONCE):
        rows, is_indexed = rows_of(ids, [track.id for track in some])
        for row, track, has_row in zip(rows.tolist(), some, is_indexed.tolist(), strict=True):
            if has_row:
                yield row, track


class _Codes:
    """Numbers of keys, by row; UNKNOWN for those without one and for empty keys."""

    def __init__(self, n: int) -> None:
        self.codes: Int64Array = np.full(n, UNKNOWN, np.int64)
        self._numbers: dict[Hashable, int] = {}

    def put(self, row: int, key: Hashable) -> None:
        """Number the key of a row."""
        if key:
            self.codes[row] = self._numbers.setdefault(key, len(self._numbers))


class _Rows:
    """The rows of each name."""

    def __init__(self) -> None:
        self._rows: defaultdict[str, array[int]] = defaultdict(partial(array, "q"))

    def put(self, name: str, row: int) -> None:
        """Add a row to those of a name, unless that is empty."""
        if name:
            self._rows[name].append(row)

    def arrays(self) -> dict[str, IndexArray]:
        """Return the rows of each name as an array."""
        return {name: np.array(rows, np.intp) for name, rows in self._rows.items()}


def _shown(track: TrackSummary) -> bytes:
    values = {name: getattr(track, name) for name in SHOWN}
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()


def _album(track: TrackSummary, fold: Callable[[str], str]) -> tuple[str, str] | None:
    album = "" if "album" in track.guessed else fold(track.album or "")
    return (fold(track.album_artist or track.known_artist), album) if album else None
