"""An opened home: its settings, catalogue, index and projection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from encoders.projection import Projection, ProjectionError
from index.vector_index import StaleIndex, VectorIndex
from recsys.catalog import PATIENCE, Catalog
from recsys.home.files import INDEX_NAME, PROJECTION_NAME
from recsys.home.library_tables import LibraryTables
from recsys.home.settings import Settings
from recsys.home.tag_means import TagColumns

RECOUNT_AFTER = 100  # times as long as counting listens takes, the counts are used unchanged


class NotIndexed(Exception):
    """A home has no index yet; the message says what to do."""


@dataclass(frozen=True)
class Home:
    """An opened home.

    `read_projection` is the projection, or the error of reading it: queries by track need only the
    index. Processes that give the same folder of `copies` share what it holds.
    """

    settings: Settings
    catalog: Catalog
    index: VectorIndex
    read_projection: Projection | ProjectionError
    copies: Path | None = None

    @cached_property
    def tables(self) -> LibraryTables:
        """The columns of its tracks, which are read when they are first asked for."""

        def columns() -> TagColumns:
            return TagColumns(self.projection.extractors, self.projection.tags)

        return LibraryTables(self.catalog, self.index, columns, self.settings.home, self.copies)

    @property
    def projection(self) -> Projection:
        """The projection that the index was made by. Raises ProjectionError, StaleIndex."""
        if isinstance(self.read_projection, ProjectionError):
            raise self.read_projection
        manifest = self.index.manifest
        if manifest and manifest.projection != self.read_projection.id:
            raise StaleIndex(
                f"The index in {self.settings.home} was built for projection "
                f"{manifest.projection}, "
                f"not for the one beside it, {self.read_projection.id}: run `earshot build` again."
            )
        return self.read_projection


def stamp(path: Path) -> tuple[int, int, int] | None:
    """Return a value that changes when a file is replaced, None for a missing file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


@contextmanager
def open_home(
    settings: Settings,
    *,
    patience: float = PATIENCE,
    most_waiting: int | None = None,
    copies: Path | None = None,
) -> Iterator[Home]:
    """Open a home for reading; `copies` is that of `VectorIndex.load`, the others `Catalog`'s.

    Raises NotIndexed, CatalogError, and DamagedIndex or StaleIndex for an index that cannot be
    used.
    """
    path = settings.home / INDEX_NAME
    if not path.exists():
        raise NotIndexed(f"Nothing is indexed in {settings.home} yet: run `earshot build` first.")
    with Catalog(
        settings.home, settings.database, patience=patience, most_waiting=most_waiting
    ) as catalog:
        index = VectorIndex.load(path, model=None, projection=None, dim=None, copies=copies)
        projection: Projection | ProjectionError
        try:
            projection = Projection.load(settings.home / PROJECTION_NAME)
        except ProjectionError as error:
            projection = error
        yield Home(settings, catalog, index, projection, copies)
