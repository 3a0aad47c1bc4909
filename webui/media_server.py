"""The media server whose songs are asked for by its own ids: its database, read as it changes."""

from __future__ import annotations

from pathlib import Path

from recsys.catalog import Catalog
from recsys.home.home import stamp
from recsys.listens.media_ids import MediaIds, match_items
from recsys.listens.server_items import read_items
from recsys.renewed import Renewed

_Stamp = tuple[int, int, int] | None
_Key = tuple[_Stamp, _Stamp, int]


class MediaServer:
    """Navidrome's or Jellyfin's ids for the library's tracks. Safe to share between threads."""

    def __init__(self, database: Path) -> None:
        """`database` is the server's own file, which is only read."""
        self._database = database
        self._catalog: Catalog | None = None
        self._renewed: Renewed[_Key, MediaIds] = Renewed(self._match)

    def ids(self, catalog: Catalog) -> MediaIds:
        """Return the ids as both libraries are now, or were some seconds ago.

        Raises FormatError for a file of no server that is known, OSError, CatalogError.
        """
        self._catalog = catalog
        log = self._database.with_name(f"{self._database.name}-wal")  # what was written last
        key = stamp(self._database), stamp(log), catalog.track_revision
        return self._renewed.of(key).value

    def _match(self, _: _Key) -> MediaIds:
        if self._catalog is None:
            raise RuntimeError("there is no catalogue to match with")
        return match_items(self._catalog, read_items(self._database))
