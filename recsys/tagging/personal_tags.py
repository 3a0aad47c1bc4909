"""Tags for one listener's eyes: those they taught, before those of the taggers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from index.arrays import Float16Array, Float32Array
from index.vector_index import VectorIndex
from recsys.catalog import Catalog, TagExamples
from recsys.catalog.search import fold
from recsys.home.tag_table import TagTable
from recsys.home.track_table import TrackTable

N_REMEMBERED = 50  # columns, of all listeners
_BLOCK = 20_000  # rows that are multiplied at once


@dataclass(frozen=True, eq=False)
class ListenersTags:
    """The tags that a listener can name.

    table  reads those of the taggers, asked for when one is not the listener's own
    own    reads the listener's by the name folded, standardised over the library: float16 (n,)
    names  how the listener's own are written, by the name folded
    """

    table: Callable[[], TagTable]
    own: Callable[[str], Float16Array]
    own_names: Mapping[str, str]

    def column(self, tag: str) -> Float32Array | None:
        """Return how much each track stands out in a tag, (n,); None for one nobody knows."""
        if fold(tag) in self.own_names:
            return self.own(fold(tag)).astype(np.float32)
        return self.table().column(tag)

    @property
    def names(self) -> Mapping[str, str]:
        """How each tag is written, by the name folded."""
        return {**self.table().names, **self.own_names}


class PersonalTags:
    """Learns listeners' tags from their examples when asked for. Safe to share between threads."""

    def __init__(self, catalog: Catalog, index: VectorIndex) -> None:
        self._catalog = catalog
        self._index = index
        self._lock = threading.Lock()
        self._columns: dict[tuple[int, str, TagExamples], Float16Array] = {}

    def of(
        self, listener: int | None, revision: int, shelf: TrackTable, table: Callable[[], TagTable]
    ) -> ListenersTags:
        """Return what a listener can name, with the tags of the taggers.

        `shelf` is that of a revision of the tracks. A tag whose fitting tracks have all gone is
        not known until one is back.
        """
        taught = self._catalog.examples(listener) if listener is not None else []
        by_key = {fold(one.tag): one for one in taught if len(shelf.rows(one.fitting))}

        def own(key: str) -> Float16Array:
            examples = by_key[key]
            kept = revision, key, examples
            with self._lock:
                if kept not in self._columns:
                    if len(self._columns) >= N_REMEMBERED:
                        self._columns.clear()
                    self._columns[kept] = self._learn(examples, shelf)
                return self._columns[kept]

        return ListenersTags(table, own, {key: one.tag for key, one in by_key.items()})

    def _learn(self, examples: TagExamples, shelf: TrackTable) -> Float16Array:
        # It imports scikit-learn, which takes long: not before somebody asks for a tag they taught.
        from recsys.tagging.few_shot import learn, lesson_of  # noqa: PLC0415

        direction = learn(lesson_of(examples, shelf, self._index))
        values = np.empty(len(shelf), np.float32)
        for start in range(0, len(shelf), _BLOCK):
            rows = slice(start, start + _BLOCK)
            values[rows] = self._index.vectors(shelf.ids[rows]) @ direction
        values -= values[shelf.available].mean()
        values /= max(float(values[shelf.available].std()), 1e-6)
        return values.astype(np.float16)
