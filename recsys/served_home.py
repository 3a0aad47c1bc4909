"""A home that a server keeps open, and opens again when a build replaces its index."""

from __future__ import annotations

import logging
import threading
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

from encoders.projection import ProjectionError
from index.vector_index import DamagedIndex, StaleIndex
from recsys.autocomplete import Completer
from recsys.catalog import Catalog, CatalogError
from recsys.home.discography import Discographies
from recsys.home.files import INDEX_NAME, PROJECTION_NAME
from recsys.home.home import Home, NotIndexed, open_home, stamp
from recsys.home.settings import Settings
from recsys.recommendation.query import Query
from recsys.recommendation.recommender import Recommender
from recsys.similarity.artists import Artists
from recsys.similarity.similar_moments import SimilarMoments
from recsys.similarity.similar_tracks import SimilarTracks
from recsys.tagging.moods import known_moods
from recsys.track_map.track_map import MapReader
from recsys.words.search import WordSearch
from recsys.words.text_audio import text_audio_of

# A server's threads answer others meanwhile: few of them wait, and not for long.
WRITE_PATIENCE = 1.0  # s
MOST_WAITING = 2

_log = logging.getLogger(__name__)
_Stamp = tuple[tuple[int, int, int] | None, ...]


class Unavailable(Exception):
    """The home cannot be opened now; the message says why and what to do."""


@dataclass(frozen=True)
class Served:
    """One opened home with its searches, recommender and map."""

    catalog: Catalog
    n_indexed: int
    projection_id: str
    similar: SimilarTracks
    moments: SimilarMoments
    recommender: Recommender
    completer: Completer
    artists: Artists
    discographies: Discographies
    map: MapReader
    words: WordSearch

    @classmethod
    def of(cls, home: Home) -> Served:
        """Make them for an opened home. Raises ProjectionError, StaleIndex."""
        similar = SimilarTracks.of(home)
        recommender = Recommender(home)
        moods = [mood.name for mood in known_moods(similar.tags)]
        return cls(
            home.catalog,
            len(home.index),
            home.projection.id,
            similar,
            SimilarMoments(similar, home.settings.home),
            recommender,
            Completer(home.catalog, [*moods, *similar.tags]),
            Artists(home.catalog, home.index, home.settings.hubs, recommender.track_table),
            Discographies(home.catalog),
            MapReader(home.settings.home, recommender.track_table, recommender.tag_table),
            WordSearch(recommender, text_audio=text_audio_of(home)),
        )

    def warm(self) -> None:
        """Load what the first request of each kind would wait for.

        Raises CatalogError, ProjectionError.
        """
        self.similar.index.prepare()
        self.recommender.recommend(Query(), 1)
        self.completer.complete("a")
        self.recommender.tag_table()
        self.artists.similar("")
        self.words.warm()
        self.discographies.current()


def open_catalog(settings: Settings) -> Catalog:
    """Open a home's catalogue for the threads of a server. Raises CatalogError."""
    return Catalog(
        settings.home, settings.database, patience=WRITE_PATIENCE, most_waiting=MOST_WAITING
    )


class ServedHome:
    """A home kept open for many threads.

    The first request after a build opens the new index; while a build is between writing the
    projection and the index, and where a new index is damaged, the last good one is served.

    copies  a folder by which several processes share an index's vectors: `index.shared_copy`
    """

    def __init__(self, settings: Settings) -> None:
        self.copies: Path | None = None
        self._settings = settings
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._served: Served | None = None
        self._catalog: Catalog | None = None  # opened before there is an index
        self._stamp: _Stamp | None = None

    def current(self) -> Served:
        """Return the home with its newest usable index; it stays usable when replaced.

        Raises Unavailable where there never was a usable index.
        """
        with self._lock:
            current = self._read_stamp()
            if self._served is None or current != self._stamp:
                self._reopen()
                self._stamp = current
            if self._served is None:
                raise Unavailable("Nothing can be served yet.")
            return self._served

    def catalog(self) -> Catalog:
        """Return the catalogue, also while there is no usable index. Raises CatalogError."""
        with self._lock:
            if self._served is not None:
                return self._served.catalog
            if self._catalog is None:
                self._catalog = open_catalog(self._settings)
            return self._catalog

    def close(self) -> None:
        """Close the catalogue."""
        with self._lock:
            self._stack.close()
            if self._catalog is not None:
                self._catalog.close()
                self._catalog = None
            self._served = None

    def _reopen(self) -> None:
        """Open the home again; keep the old one where that fails."""
        with ExitStack() as opened:
            try:
                served = Served.of(opened.enter_context(self._open()))
            except (
                CatalogError,
                DamagedIndex,
                NotIndexed,
                ProjectionError,
                StaleIndex,
            ) as error:
                if self._served is None:
                    raise Unavailable(str(error)) from error
                _log.warning("The last good index is still served: %s", error)
                return
            old, self._stack, self._served = self._stack, opened.pop_all(), served
            old.close()  # requests still answering from it reconnect as they need

    def _open(self) -> AbstractContextManager[Home]:
        return open_home(
            self._settings,
            patience=WRITE_PATIENCE,
            most_waiting=MOST_WAITING,
            copies=self.copies,
        )

    def _read_stamp(self) -> _Stamp:
        """Return a value that changes when a file of the index is replaced."""
        home = self._settings.home
        return tuple(stamp(home / name) for name in (INDEX_NAME, PROJECTION_NAME))
