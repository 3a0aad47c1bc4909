"""The map of an opened home, in colours: what a page draws."""

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
_SURE = 3.0  # standard deviations above the library's mean that have the full colour of a tag


@dataclass(frozen=True, eq=False)
class Drawn:
    """The living tracks of a map.

    ids       int64 (n,), ascending
    rows      of the shelf, (n,)
    places    uint16 (n, 2), the longer side of the map being 0 to 65,535
    clusters  of what sounds alike, numbers from 1 on, uint8 (n,); 0 in maps of older builds
    key       changes with any of them
    """

    ids: Int64Array
    rows: IndexArray
    places: NDArray[np.uint16]
    clusters: UInt8Array
    key: str


class Colours(NamedTuple):
    """What each track of a map is drawn in.

    names   of the groups 1, 2, ...; with a single tag, the tag
    values  uint8 (n,): the number of the group, 0 for none; with a single tag how much a track
            stands out in it, 0 to 255
    """

    names: tuple[str, ...]
    values: UInt8Array


class _Current(NamedTuple):
    shelf: TrackTable
    stamp: tuple[int, int, int] | None
    drawn: Drawn | None


class LibraryMap:
    """Reads a home's map, again whenever it or the library changes. Safe to share by threads."""

    def __init__(
        self, home: Path, shelf: Callable[[], TrackTable], tags: Callable[[], TagTable]
    ) -> None:
        self._path = home / LAYOUT_NAME
        self._shelf = shelf
        self._tags = tags
        self._lock = threading.Lock()
        self._current: _Current | None = None

    def drawn(self) -> Drawn | None:
        """Return where the living tracks lie, None where no map has been drawn."""
        shelf, found = self._shelf(), stamp(self._path)
        with self._lock:
            kept = self._current
            if kept is None or kept.shelf is not shelf or kept.stamp != found:
                kept = self._current = _Current(shelf, found, self._read(shelf))
            return kept.drawn

    def by_genre(self, drawn: Drawn) -> Colours:
        """Colour by the commonest genres of the files; a track of several has the commonest."""
        shelf = self._shelf()
        common = sorted(shelf.genre_rows.items(), key=lambda item: (-len(item[1]), item[0]))
        values = np.zeros(len(shelf), np.uint8)
        for number, (_, rows) in reversed(list(enumerate(common[:N_COLOURS], start=1))):
            values[rows] = number
        names = tuple(shelf.names[genre] for genre, _ in common[:N_COLOURS])
        return Colours(names, values[drawn.rows])

    def by_sound(self, drawn: Drawn) -> Colours:
        """Colour by the tag that each track stands out in most, of those that most do."""
        tags = self._tags()
        values = tags.values[drawn.rows]
        names = {number: tags.names[folded] for folded, number in tags.columns.items()}
        first = Counter(values.argmax(axis=1).tolist())
        common = [number for number, _ in first.most_common(N_COLOURS)]
        return Colours(
            tuple(names[number] for number in common),
            (values[:, common].argmax(axis=1) + 1).astype(np.uint8),
        )

    def by_cluster(self, drawn: Drawn) -> Colours:
        """Colour by the clusters of the last build, named by the tags that set each apart."""
        tags = self._tags()
        written = {number: tags.names[folded] for folded, number in tags.columns.items()}
        names = cluster_names(tags.values[drawn.rows], drawn.clusters)
        return Colours(
            tuple(", ".join(written[column] for column in columns) for columns in names),
            drawn.clusters,
        )

    def by_tag(self, drawn: Drawn, tag: str) -> Colours | None:
        """Colour by how much tracks stand out in one of the taggers' tags, None for another."""
        tags = self._tags()
        column = tags.column(tag)
        if column is None:
            return None
        values = (column[drawn.rows] / _SURE).clip(0, 1) * 255
        return Colours((tags.names[fold(tag)],), values.astype(np.uint8))

    def tags(self) -> list[str]:
        """Return the taggers' tags, by name."""
        return sorted(self._tags().names.values(), key=str.casefold)

    def _read(self, shelf: TrackTable) -> Drawn | None:
        try:
            layout = Layout.load(self._path)
        except (FileNotFoundError, DamagedLayout):
            return None
        rows, known = shelf.find(layout.ids)
        known[known] = shelf.living[rows[known]]
        if not known.any():
            return None
        places = layout.positions[known]
        low, high = places.min(axis=0), places.max(axis=0)
        unit = max(float((high - low).max()), 1e-6)
        centred = (places - (low + high) / 2) / unit + 0.5
        ids = layout.ids[known]
        key = hashlib.blake2b(ids.tobytes(), key=layout.key.encode(), digest_size=16).hexdigest()
        pixels = np.rint(centred * _SPAN).astype(np.uint16)
        return Drawn(ids, rows[known], pixels, layout.clusters[known], key)
