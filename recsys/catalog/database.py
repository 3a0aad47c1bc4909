"""Open the database: connections, schema migrations, and errors as sentences."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from recsys.catalog.base import Base, shown

VERSION_TABLE = "earshot_schema"
SCHEMA = "0017"  # the newest of the migrations
FILE_NAME = "catalogue.db"

# Any number will do that other programs in the same PostgreSQL server do not use.
_POSTGRESQL_LOCK = 0x45415253484F54
# PostgreSQL's states: of a connection; of a server that shuts down, has crashed, or starts.
_OF_CONNECTION = ("08", "57P")


# What the system says where a disk or a quota is full, and where nothing may be written.
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
NO_RIGHT = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


class CatalogError(Exception):
    """The catalogue cannot be used; the message says what, where, and what to do."""


class CatalogBusy(CatalogError):
    """Others write: nothing was changed, and it may be tried again."""


class CatalogFull(CatalogError):
    """There is no room on the disk; nothing was changed."""


class CatalogReadOnly(CatalogError):
    """The catalogue may only be read; nothing was changed."""


def unwritable(error: OSError, sentence: str) -> CatalogError:
    """Return the error of the kind that the system's one is, with a sentence."""
    if error.errno in NO_ROOM:
        return CatalogFull(sentence)
    return CatalogReadOnly(sentence) if error.errno in NO_RIGHT else CatalogError(sentence)


def database_url(home: Path, database: str | None) -> URL:
    """Return the catalogue's URL, by default of an SQLite file in `home`.

    Raises CatalogError for what is no URL.
    """
    if database is None:
        return URL.create("sqlite", database=str(home / FILE_NAME))
    try:
        return make_url(database)
    except (ArgumentError, ValueError):
        raise CatalogError("The database setting is not a database URL.") from None


def place(url: URL) -> str:
    """Return where the catalogue is, without user and password."""
    if url.get_backend_name() == "sqlite":
        return shown(Path(url.database or ":memory:"))
    port = f":{url.port}" if url.port else ""
    hosts = [f"{url.host}{port}"] if url.host else url.normalized_query.get("host", ())
    return f"{url.get_backend_name()}://{','.join(hosts)}/{url.database or ''}"


def open_engine(
    url: URL, patience: float, *, for_reading: bool = False, is_full: bool = False
) -> Engine:
    """Return an engine that waits at most `patience` seconds for another writer.

    `for_reading` is for an SQLite file that is `only_readable`, `is_full` for one on a full disk:
    it is only read until there is room.

    Transactions of `writing(engine)` take the write lock at their beginning, so that what they
    read stays true. Raises CatalogError where the database's driver is not installed.
    """
    sqlite = url.get_backend_name() == "sqlite"
    # A server may have been started again since a connection was made: each is tried before use.
    options: dict[str, Any] = {"pool_pre_ping": True}
    if sqlite:
        options = {"connect_args": {"timeout": patience}}
    if for_reading or is_full:
        opening = partial(_open_for_reading, url)
        if is_full:
            opening = partial(_open_where_full, url, patience)
        # Anew each time: what somebody else writes is seen, and that there is room.
        options = {"creator": opening, "poolclass": NullPool}
    try:
        engine = create_engine(
            url,
            json_serializer=partial(json.dumps, ensure_ascii=False),  # readable for a search
            **options,
        )
    except (ModuleNotFoundError, SQLAlchemyError) as error:
        raise CatalogError(
            f"The catalogue {place(url)} needs a database driver that is not installed; "
            "for PostgreSQL: pip install 'earshot[postgresql]'."
        ) from error
    if sqlite:
        event.listen(engine, "begin", _without_foreign_keys)
        if not (for_reading or is_full):
            event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    elif url.get_backend_name() == "postgresql":
        milliseconds = round(patience * 1000)

        @event.listens_for(engine, "begin")
        def limit_waiting(connection: Connection) -> None:
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {milliseconds}")

    return engine


def file_of(url: URL) -> Path | None:
    """Return the SQLite file that a URL names, where it is there."""
    if url.get_backend_name() != "sqlite" or not url.database or url.query:
        return None
    path = Path(url.database)
    return path if path.is_file() else None


def only_readable(url: URL) -> bool:
    """Say whether an SQLite file is there and may only be read: it, or the folder it lies in."""
    path = file_of(url)
    return path is not None and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))


def _open_for_reading(url: URL) -> sqlite3.Connection:
    """Open an SQLite file that may only be read.

    SQLite reads its write-ahead log only beside an index of it, the -shm file, which it cannot make
    here. Without a log nobody writes: then the file is read as one that does not change.
    """
    path = Path(url.database or "").absolute()
    log = path.with_name(f"{path.name}-wal")
    has_log = log.exists() and log.stat().st_size > 0
    mode = "mode=ro" if has_log else "mode=ro&immutable=1"
    connection = sqlite3.connect(
        f"{path.as_uri()}?{mode}", uri=True, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1")
    except sqlite3.OperationalError as error:
        connection.close()
        if has_log and error.sqlite_errorcode == sqlite3.SQLITE_CANTOPEN:
            raise CatalogReadOnly(
                f"{shown(log)} holds changes that can only be taken up where {shown(path.parent)} "
                "may be written: open the home there once, or copy it whole."
            ) from error
        raise
    return connection


def _open_where_full(url: URL, patience: float) -> sqlite3.Connection:
    """Open an SQLite file for writing where its disk has room for that, or else for reading."""
    connection = sqlite3.connect(
        url.database or "", timeout=patience, isolation_level=None, check_same_thread=False
    )
    try:
        _prepare_sqlite(connection)
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1")
    except sqlite3.OperationalError as error:
        connection.close()
        # The index of the log has no place: an error of the disk, for SQLite.
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            raise
        return _open_for_reading(url)
    return connection


def writing(engine: Engine) -> Engine:
    """Return the engine for transactions that write."""
    return engine.execution_options(writing=True)


def reading_once(engine: Engine) -> Engine:
    """Return the engine for transactions that are one statement, which reads."""
    return engine.execution_options(once=True)


def _prepare_sqlite(
    connection: DBAPIConnection | sqlite3.Connection, _: ConnectionPoolEntry | None = None
) -> None:
    """Leave transactions to `_begin_sqlite`; WAL lets readers read while one process writes."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """Begin a transaction, a writing one with its lock; one statement is one by itself."""
    options = connection.get_execution_options()
    if not options.get("once", False):
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writing", False) else "BEGIN")


def _without_foreign_keys(connection: Connection) -> None:
    """Let a migration make a table anew that others refer to."""
    if connection.get_execution_options().get("migrating", False):
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")


_migration_lock = threading.Lock()  # Alembic's context is one per process


def migrate(engine: Engine) -> None:
    """Bring the schema to this version's, in one transaction; does nothing where it is already.

    Raises CatalogError for a schema of a newer version and for another program's tables.
    """
    with engine.connect() as connection:
        if schema_version(connection) == SCHEMA:
            return
    # Alembic takes long to import, and a schema needs it once.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    folder = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", folder.replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    with _migration_lock, _migrating(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_POSTGRESQL_LOCK})"))
        _check_schema(connection, {script.revision for script in scripts.walk_revisions()})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def _migrating(engine: Engine) -> Iterator[Connection]:
    """Begin the transaction of a migration; its connection is not used again."""
    with writing(engine).execution_options(migrating=True).connect() as connection:
        with connection.begin():
            yield connection
        connection.invalidate()


def schema_version(connection: Connection) -> str | None:
    """Return the revision of the schema, None for a database without one."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    version: str | None = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))
    return version


def _check_schema(connection: Connection, known_versions: set[str]) -> None:
    """Raise CatalogError for a schema this version does not know."""
    where = place(connection.engine.url)
    version = schema_version(connection)
    if version is None and set(inspect(connection).get_table_names()) & set(Base.metadata.tables):
        raise CatalogError(
            f"{where} holds tables of another program; nothing was changed. "
            "Choose another database or another home."
        )
    if version is not None and version not in known_versions:
        raise CatalogError(
            f"The catalogue {where} was written by a newer version of Earshot "
            f"(its schema is {version}); nothing was changed. "
            "Update Earshot, or choose another home."
        )


@contextmanager
def explained(url: URL, patience: float) -> Iterator[None]:
    """Turn the database's errors into CatalogErrors with a sentence."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise _explanation(error, url, patience) from error


def busy(url: URL, patience: float) -> CatalogBusy:
    """Say that others went on writing."""
    return CatalogBusy(
        f"The catalogue {place(url)} is being written by another program and was not free "
        f"within {patience:g} s. Try again when that program has finished."
    )


def read_only(url: URL) -> CatalogReadOnly:
    """Say that nothing can be written."""
    return CatalogReadOnly(
        f"The catalogue {place(url)} cannot be opened for writing: nothing was changed. "
        "Choose another home, or let this one be written to."
    )


def full(url: URL) -> CatalogFull:
    """Say that there is no room."""
    return CatalogFull(
        f"The catalogue {place(url)} cannot be written: its disk is full or failing. "
        "What was stored before is safe; make room and try again."
    )


def _explanation(error: Exception, url: URL, patience: float) -> CatalogError:
    """Say what went wrong and what to do."""
    cause = str(getattr(error, "orig", None) or error)
    where = place(url)
    if "locked" in cause or "lock timeout" in cause:
        return busy(url, patience)
    if "not a database" in cause or "malformed" in cause:
        return CatalogError(
            f"{where} is damaged or is not a catalogue; nothing was changed. "
            "Move the file away or put a sound copy in its place."
        )
    if "is full" in cause or "disk I/O" in cause or "No space left" in cause:
        return full(url)
    if "unable to open" in cause or "readonly" in cause or "read-only transaction" in cause:
        return read_only(url)
    first_line = cause.strip().partition("\n")[0].rstrip(".")
    if url.password:
        first_line = first_line.replace(str(url.password), "***")
    if _is_of_connection(error, url):
        return CatalogError(
            f"The database {where} cannot be reached: {first_line}. What was stored before is "
            "safe. Try again when its server runs; if it does, look at the database setting."
        )
    return CatalogError(f"The catalogue {where} cannot be used: {first_line}.")


def _is_of_connection(error: Exception, url: URL) -> bool:
    """Say whether a server could not be reached, or went away."""
    if not isinstance(error, OperationalError) or url.get_backend_name() == "sqlite":
        return False
    state = getattr(error.orig, "sqlstate", None)  # None: no answer, or none to a login
    return state is None or state.startswith(_OF_CONNECTION)
