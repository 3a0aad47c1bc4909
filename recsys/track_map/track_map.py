"""The map of an opened home with its colours, for pages and the API."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.arrays import IndexArray, Int64Array, UInt8Array
from recsys.catalog.search import fold
from recsys.home.files import LAYOUT_NAME
from recsys.home.home import stamp
from recsys.home.tag_table import TagTable
from recsys.home.track_table import TrackTable
from recsys.track_map.cluster_names import cluster_names
from recsys.track_map.layout_file import DamagedLayout, Layout

N_COLOURS = 9  # of groups; 0 is for the rest
_SPAN = 65_535  # of a coordinate
_FULL = 3.0  # standard deviations above the library's mean with the full colour of a tag


@dataclass(frozen=True, eq=False)
class TrackMap:
    """The available tracks of a map.

    ids       int64 (n,), ascending
    rows      of the track table, (n,)
    places    uint16 (n, 2), the longer side of the map being 0 to 65,535
    clusters  numbers from 1 on, uint8 (n,); 0 in maps of older builds
    key       changes with any of them
    """

    ids: Int64Array
    rows: IndexArray
    places: NDArray[np.uint16]
    clusters: UInt8Array
    key: str


class Colours(NamedTuple):
    """The colours of the tracks of a map.

    names   of the groups 1, 2, ...; with a single tag, the tag
    values  uint8 (n,): the number of the group, 0 for none; with a single tag its standardised
            activation, 0 to 255
    """

    names: tuple[str, ...]
    values: UInt8Array


class _Current(NamedTuple):
    tracks: TrackTable
    stamp: tuple[int, int, int] | None
    track_map: TrackMap | None


class MapReader:
    """Reads a home's map, and reloads it when it or the library changes. Thread-safe."""

    def __init__(
        self, home: Path, tracks: Callable[[], TrackTable], tags: Callable[[], TagTable]
    ) -> None:
        self._path = home / LAYOUT_NAME
        self._tracks = tracks
        self._tags = tags
        self._lock = threading.Lock()
        self._current: _Current | None = None

    def read(self) -> TrackMap | None:
        """Return the map of the available tracks, None where there is none."""
        tracks, file_stamp = self._tracks(), stamp(self._path)
        with self._lock:
            current = self._current
            if current is None or current.tracks is not tracks or current.stamp != file_stamp:
                current = self._current = _Current(tracks, file_stamp, self._read(tracks))
            return current.track_map

    def by_genre(self, track_map: TrackMap) -> Colours:
        """Colour by the most frequent genres; a track of several gets the most frequent one."""
        tracks = self._tracks()
        common = sorted(tracks.genre_rows.items(), key=lambda item: (-len(item[1]), item[0]))
        values = np.zeros(len(tracks), np.uint8)
        for number, (_, rows) in reversed(list(enumerate(common[:N_COLOURS], start=1))):
            values[rows] = number
        names = tuple(tracks.names[genre] for genre, _ in common[:N_COLOURS])
        return Colours(names, values[track_map.rows])

    def by_sound(self, track_map: TrackMap) -> Colours:
        """Colour by each track's strongest tag, of the tags that are strongest for most tracks."""
        tags = self._tags()
        values = tags.values[track_map.rows]
        names = {number: tags.names[folded] for folded, number in tags.columns.items()}
        first = Counter(values.argmax(axis=1).tolist())
        common = [number for number, _ in first.most_common(N_COLOURS)]
        return Colours(
            tuple(names[number] for number in common),
            (values[:, common].argmax(axis=1) + 1).astype(np.uint8),
        )

    def by_cluster(self, track_map: TrackMap) -> Colours:
        """Colour by the clusters of the last build, named by their distinctive tags."""
        tags = self._tags()
        by_column = {number: tags.names[folded] for folded, number in tags.columns.items()}
        names = cluster_names(tags.values[track_map.rows], track_map.clusters)
        return Colours(
            tuple(", ".join(by_column[column] for column in columns) for columns in names),
            track_map.clusters,
        )

    def by_tag(self, track_map: TrackMap, tag: str) -> Colours | None:
        """Colour by the activation of one of the taggers' tags; None for an unknown tag."""
        tags = self._tags()
        column = tags.column(tag)
        if column is None:
            return None
        values = (column[track_map.rows] / _FULL).clip(0, 1) * 255
        return Colours((tags.names[fold(tag)],), values.astype(np.uint8))

    def tags(self) -> list[str]:
        """Return the taggers' tags, by name."""
        return sorted(self._tags().names.values(), key=str.casefold)

    def _read(self, tracks: TrackTable) -> TrackMap | None:
        try:
            layout = Layout.load(self._path)
        except (FileNotFoundError, DamagedLayout):
            return None
        rows, available = tracks.find(layout.ids)
        available[available] = tracks.available[rows[available]]
        if not available.any():
            return None
        places = layout.positions[available]
        low, high = places.min(axis=0), places.max(axis=0)
        unit = max(float((high - low).max()), 1e-6)
        centred = (places - (low + high) / 2) / unit + 0.5
        ids = layout.ids[available]
        key = hashlib.blake2b(ids.tobytes(), key=layout.key.encode(), digest_size=16).hexdigest()
        pixels = np.rint(centred * _SPAN).astype(np.uint16)
        return TrackMap(ids, rows[available], pixels, layout.clusters[available], key)
