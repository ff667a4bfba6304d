"""Connections that no pool hands out: for locks, limits and threads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError, SQLAlchemyError

POOLER = (
    "A connection pooler, such as PgBouncer, refuses the parameter `options`: connect to the "
    "server directly, or remove `options` from connect_args and from the URL."
)


@contextmanager
def separate_connection(engine: Engine) -> Iterator[Connection]:
    """Yield a new connection of the engine's that isn't in its pool, and close it afterwards.

    The pool may have no connection to spare. And what's left on this session, a setting or a
    lock, can't reach the next user of the pool. Events and options of the engine apply.

    Raises:
        sqlalchemy.exc.OperationalError: The server refuses the connection.

    """
    process = os.getpid()
    pool = engine.pool.recreate()  # the same way to connect, and the same events
    try:
        connection = Connection(engine, pool.connect())
    except engine.dialect.loaded_dbapi.Error as error:
        raise _refused(error) from error
    driver: Any = connection.connection.driver_connection
    if hasattr(driver, "prepare_threshold"):  # psycopg 3
        driver.prepare_threshold = None  # a pooler may not know prepared statements
    try:
        yield connection
    finally:
        if os.getpid() == process:  # a forked child would end its parent's session
            with suppress(SQLAlchemyError):  # it may be closed already
                connection.invalidate()  # unlike close(), sends nothing on a broken connection
            connection.close()
            pool.dispose()


def _refused(error: Exception) -> OperationalError:
    """Return the error of Engine.connect(), with a note on what poolers refuse."""
    refused = OperationalError(None, None, error)
    if "unsupported startup parameter" in str(error):
        refused.add_note(POOLER)
    return refused


def autocommits(connection: Connection) -> bool:
    """Whether each statement on this connection is its own transaction."""
    driver: Any = connection.connection.dbapi_connection
    return bool(driver.autocommit)
