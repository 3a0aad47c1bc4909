"""Databases of media servers (SQLite), opened without changing anything."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from recsys.listens.sources import DamagedFile, Source

BEGINNING = b"SQLite format 3\0"
_ROWS_AT_ONCE = 5000


class Database:
    """A database with the columns of its real tables; views are not asked, they may be hostile."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Read the schema. Raises sqlite3.Error."""
        self._connection = connection
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        self.tables: Mapping[str, frozenset[str]] = {
            name: frozenset(
                row[0]
                for row in connection.execute("SELECT name FROM pragma_table_info(?)", (name,))
            )
            for (name,) in names.fetchall()
        }

    def has(self, table: str, *columns: str) -> bool:
        """Say whether there is a table with these columns."""
        return self.tables.get(table, frozenset()).issuperset(columns)

    def rows(
        self, table: str, columns: Sequence[str], rest: str = "", names: str = ""
    ) -> Iterator[dict[str, Any]]:
        """Give the rows of a query of a table: dictionaries by column, None for a missing column.

        `columns` are named "table.column"; `rest` follows the table's name.
        """
        parts = [column.partition(".") for column in columns]
        chosen = [f"{t}.{c}" if c in self.tables.get(t, ()) else "NULL" for t, _, c in parts]
        query = f"SELECT {', '.join(chosen)} FROM {table} {rest}"
        cursor = self._connection.execute(query)
        while part := cursor.fetchmany(_ROWS_AT_ONCE):
            for row in part:
                yield dict(zip(columns, row, strict=True))


@contextmanager
def opened(source: Source) -> Iterator[Database]:
    """Open a database read-only.

    A copy is read where it lies in a ZIP or has a write-ahead log, which SQLite would change.
    Raises DamagedFile.
    """
    log = source.path.with_name(source.path.name + "-wal")
    has_log = not source.member and log.is_file() and log.stat().st_size > 0
    try:
        if not source.member and not has_log and source.head(16) == BEGINNING:
            with _connected(source.path, "mode=ro&immutable=1") as database:
                yield database
            return
        with tempfile.TemporaryDirectory(prefix="earshot-") as folder:
            copy = Path(folder) / "copy.db"
            with source.open() as file, copy.open("wb") as target:
                shutil.copyfileobj(file, target)
            if has_log:
                shutil.copyfile(log, f"{copy}-wal")
            with _connected(copy, "mode=rw") as database:
                yield database
    except sqlite3.Error as error:
        raise DamagedFile(f"{source.name} is a damaged SQLite database: {error}.") from error


@contextmanager
def _connected(path: Path, mode: str) -> Iterator[Database]:
    uri = f"{path.absolute().as_uri()}?{mode}"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA query_only = ON")
        connection.text_factory = lambda data: data.decode("utf-8", "replace")
        yield Database(connection)
