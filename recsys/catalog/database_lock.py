"""The lock by which one build at a time writes to a PostgreSQL database, from whatever machine."""

from __future__ import annotations

import threading

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from recsys.catalog.lock import BuildRunning

_BUILD_LOCK = 0x4541525348


class DatabaseLock:
    """An advisory lock, held by a session of the database and ended with it.

    It ends with the process, and where the database is started again: see `keep`. Safe to share
    between threads. Its methods raise SQLAlchemy's errors.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._guard = threading.Lock()

    def take(self) -> None:
        """Take the lock. Raises BuildRunning where another build holds it."""
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        self._connection = connection
        if not connection.scalar(select(func.pg_try_advisory_lock(_BUILD_LOCK))):
            self.release()
            raise BuildRunning(
                "Another build, from another home, is running on this database. Wait for it."
            )

    def keep(self, session: Session) -> None:
        """Take the lock again where it is held by a session of the database that has ended.

        The transaction of `session` begins before that is asked, so that it fails if the database
        is started again afterwards. Raises BuildRunning where another build has the lock now.
        """
        with self._guard:
            if self._connection is None:
                return
            session.connection()
            try:
                self._connection.scalar(select(1))
            except SQLAlchemyError:
                self.release()
                self.take()

    def release(self) -> None:
        """End the session, and with it the lock."""
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None
