"""Insert many rows at once: by COPY in PostgreSQL, by one prepared statement in SQLite."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, FromClause, Table, insert
from sqlalchemy.exc import DBAPIError

LEAST = 8  # rows; for fewer a COPY gains nothing
_BINARY = {"INTEGER": "int4", "BIGINT": "int8", "TEXT": "text", "BYTEA": "bytea"}


def insert_rows(
    connection: Connection, table: FromClause, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert rows of a table, all with the same columns in the same order.

    Columns that are left out have the database's defaults, not those of SQLAlchemy.
    """
    if not rows:
        return
    assert isinstance(table, Table)  # which `__table__` of a row's class is
    dialect = connection.dialect
    if (dialect.name, dialect.driver) != ("postgresql", "psycopg") or len(rows) < LEAST:
        connection.execute(insert(table), rows)
        return
    columns = [table.c[name] for name in rows[0]]
    types = [_BINARY.get(column.type.compile(dialect)) for column in columns]
    is_binary = None not in types  # half the bytes of what is not text
    processors = [column.type.dialect_impl(dialect).bind_processor(dialect) for column in columns]
    quote = dialect.identifier_preparer.quote
    listed = ", ".join(quote(column.name) for column in columns)
    form = " (FORMAT BINARY)" if is_binary else ""
    sql = f"COPY {quote(table.name)} ({listed}) FROM STDIN{form}"
    errors = dialect.loaded_dbapi.Error
    try:
        _copy(connection, sql, types if is_binary else None, rows, processors)
    except errors as error:  # as those of SQLAlchemy's own statements are raised
        raise DBAPIError.instance(sql, None, error, errors, dialect=dialect) from error


def _copy(
    connection: Connection,
    sql: str,
    types: Sequence[str | None] | None,
    rows: Sequence[Mapping[str, Any]],
    processors: Sequence[Callable[[Any], Any] | None],
) -> None:
    """Send rows, each column's values by its processor; with `types`, in binary."""
    cursor: Any = connection.connection.cursor()
    with cursor, cursor.copy(sql) as copy:
        if types:
            copy.set_types(types)
        for row in rows:
            copy.write_row(
                [
                    value if process is None else process(value)
                    for process, value in zip(processors, row.values(), strict=True)
                ]
            )
