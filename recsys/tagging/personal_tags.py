"""The tags that one listener can name: learned from their examples, the taggers', or moods."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from index.arrays import Float16Array, Float32Array
from index.vector_index import VectorIndex
from recsys.catalog import TagExamples
from recsys.catalog.search import fold
from recsys.home.tag_table import TagTable
from recsys.home.track_table import TrackTable
from recsys.tagging.moods import MOODS, Mood, known_moods, mood_values

N_CACHED = 50  # columns, of all listeners
_BLOCK = 20_000  # rows that are multiplied at once


@dataclass(frozen=True, eq=False)
class ListenersTags:
    """The tags that a listener can name.

    table      returns the tags of the taggers
    own        returns the values of the listener's own tag by its folded name, standardised over
               the library: float16 (n,)
    own_names  spelling of the listener's own tags, by folded name
    mood       returns the values of a mood, likewise standardised
    """

    table: Callable[[], TagTable]
    own: Callable[[str], Float16Array]
    own_names: Mapping[str, str]
    mood: Callable[[Mood], Float16Array]

    def column(self, tag: str) -> Float32Array | None:
        """Return how much each track stands out in a tag, (n,); None for an unknown tag."""
        name = fold(tag)
        if name in self.own_names:
            return self.own(name).astype(np.float32)
        column = self.table().column(tag)
        if column is None and name in MOODS and MOODS[name] in self.moods:
            column = self.mood(MOODS[name]).astype(np.float32)
        return column

    @property
    def moods(self) -> list[Mood]:
        """The moods of which the taggers know a tag."""
        return known_moods(self.table().names)

    @property
    def names(self) -> Mapping[str, str]:
        """Spelling of each tag and mood, by folded name."""
        moods = {mood.name: mood.name for mood in self.moods}
        return {**moods, **self.table().names, **self.own_names}


class PersonalTags:
    """Learns listeners' tags from their examples when asked for. Safe to share between threads."""

    def __init__(self, index: VectorIndex) -> None:
        self._index = index
        self._lock = threading.Lock()
        self._columns: dict[tuple[int, str, tuple[TagExamples, ...]], Float16Array] = {}

    def of(
        self,
        examples: Sequence[TagExamples],
        revision: int,
        tracks: TrackTable,
        tag_table: Callable[[], TagTable],
    ) -> ListenersTags:
        """Return the tags that a listener with these examples can name, the taggers' among them.

        `tracks` is the table of a revision of the tracks. A tag whose fitting tracks have all gone
        is unknown until one is back.
        """
        by_name = {fold(one.tag): one for one in examples if len(tracks.rows(one.fitting))}

        def kept(
            name: str, of: tuple[TagExamples, ...], make: Callable[[], Float16Array]
        ) -> Float16Array:
            key = revision, name, of
            with self._lock:
                column = self._columns.get(key)
            if column is None:
                column = make()
                with self._lock:
                    if len(self._columns) >= N_CACHED:
                        self._columns.clear()
                    self._columns[key] = column
            return column

        def own(name: str) -> Float16Array:
            return kept(name, (by_name[name],), lambda: self._learn(by_name[name], tracks))

        def mood(one: Mood) -> Float16Array:
            meant = [name for name in one.words if name in by_name]

            def make() -> Float16Array:
                values = [own(name).astype(np.float32) for name in meant]
                return mood_values(one, tag_table(), tracks, values).astype(np.float16)

            return kept(one.name, tuple(by_name[name] for name in meant), make)

        names = {name: one.tag for name, one in by_name.items()}
        return ListenersTags(tag_table, own, names, mood)

    def _learn(self, examples: TagExamples, tracks: TrackTable) -> Float16Array:
        # It imports scikit-learn, which takes long: not before somebody uses a tag of their own.
        from recsys.tagging.few_shot import learn, lesson_of  # noqa: PLC0415

        direction = learn(lesson_of(examples, tracks, self._index))
        values = np.empty(len(tracks), np.float32)
        for start in range(0, len(tracks), _BLOCK):
            rows = slice(start, start + _BLOCK)
            values[rows] = self._index.vectors(tracks.ids[rows]) @ direction
        values -= values[tracks.available].mean()
        values /= max(float(values[tracks.available].std()), 1e-6)
        return values.astype(np.float16)
