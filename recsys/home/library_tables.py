"""The columns that answers take what they say of tracks from, for one index."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from index.arrays import Float16Array, Float32Array, IndexArray
from index.vector_index import VectorIndex
from recsys.catalog import Catalog
from recsys.catalog.track_features import read_features
from recsys.home import audio_embeddings, index_arrays, tag_means
from recsys.home.tag_means import TagColumns
from recsys.home.tag_table import TagTable
from recsys.home.track_table import TrackTable
from recsys.renewed import Made, Renewed


class LibraryTables:
    """Columns with a row for each track of an index. Safe to share between threads.

    The catalogue's columns follow its revision (`Renewed`: in a large library after a while). Those
    of sound are the index's own, and read once.
    """

    def __init__(
        self,
        catalog: Catalog,
        index: VectorIndex,
        columns: Callable[[], TagColumns],
        home: Path | None = None,
        copies: Path | None = None,
    ) -> None:
        """`columns` may raise ProjectionError or StaleIndex; `home` has the file of tag means.

        `copies` are those of `recsys.shared_tensors`.
        """
        self.catalog = catalog
        self.index = index
        self._columns = columns
        self._home = home
        self._copies = copies
        self._tracks = Renewed[int, TrackTable](lambda _: TrackTable.read(catalog, index))
        self._groups = Renewed[int, Mapping[int, int]](lambda _: catalog.recording_groups())
        self._lock = threading.Lock()
        self._means: Float32Array | None = None
        self._has_looked = False
        self._tags: TagTable | None = None
        self._embeddings: tuple[str, Float16Array] | None = None

    def tracks(self) -> TrackTable:
        """Return the columns of what files say of the tracks."""
        return self.tracks_at_revision().value

    def tracks_at_revision(self) -> Made[int, TrackTable]:
        """Return the same with the catalogue's track revision that it was read at."""
        return self._tracks.of(self.catalog.track_revision)

    def recording_groups(self) -> Mapping[int, int]:
        """Return the lowest id of a recording's available tracks, for those of several tracks."""
        return self._groups.of(self.catalog.track_revision).value

    def tags(self) -> TagTable:
        """Return how much each track stands out in each tag. Raises ProjectionError, StaleIndex."""
        with self._lock:
            if self._tags is None:
                self._tags = TagTable.of(self._all_means(), self._columns().tags)
            return self._tags

    def audio_embeddings(self, extractor: str) -> Float16Array:
        """Return each track's embedding by one encoder, as `audio_embeddings.compute` has it."""
        with self._lock:
            if self._embeddings is None or self._embeddings[0] != extractor:
                values = audio_embeddings.load_or_compute(
                    self._home,
                    self.catalog,
                    extractor,
                    self.index.ids,
                    self.index.manifest,
                    self._copies,
                )
                self._embeddings = extractor, values
            return self._embeddings[1]

    def log_odds(self, rows: IndexArray) -> Float32Array:
        """Return the mean log-odds of all tags of some tracks, (len(rows), n_tags).

        NaN for a track without features. Raises ProjectionError, StaleIndex.
        """
        means = self._means_at_hand()
        if means is not None:
            return means[rows]
        columns = self._columns()
        values = np.full((len(rows), len(columns.tags)), np.nan, np.float32)
        ids = self.index.ids[rows].tolist()
        for track_id, features in read_features(self.catalog, columns.names, sorted(set(ids))):
            values[[one == track_id for one in ids]] = tag_means.of_features(features)
        return values

    def _means_at_hand(self) -> Float32Array | None:
        """Return all tracks' means where they are read or lie in the home's file."""
        with self._lock:
            manifest = self.index.manifest
            if self._means is None and not self._has_looked and self._home and manifest:
                made_of = index_arrays.made_of(
                    manifest.model, manifest.catalogue_revision, self.index.ids
                )
                self._means, self._has_looked = (
                    tag_means.load(self._home, made_of, self._copies),
                    True,
                )
            return self._means

    def _all_means(self) -> Float32Array:
        """Return all tracks' means, made where they lie nowhere; with the lock."""
        if self._means is None:
            columns, index = self._columns(), self.index
            self._means = tag_means.load_or_compute(
                self._home, self.catalog, columns, index.ids, index.manifest, self._copies
            )
        return self._means
