"""Connections that no pool hands out: for locks, limits and threads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError, SQLAlchemyError, UnboundExecutionError

from .errors import Problem

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    Bind = Engine | Connection | Session

POOLER = (
    "A connection pooler, such as PgBouncer, refuses the parameter `options`: connect to the "
    "server directly, or remove `options` from connect_args and from the URL."
)


def engine_of(bind: object, error: type[Problem]) -> Engine:
    """Return the engine of an Engine, a Connection or a Session.

    Args:
        bind: What the caller passed.
        error: The error to raise.

    Raises:
        Problem: `error`: it's none of these, it's asynchronous, or it isn't PostgreSQL's.

    """
    found = bind
    if not isinstance(bind, type) and callable(get_bind := getattr(bind, "get_bind", None)):
        with suppress(UnboundExecutionError):
            found = get_bind()
    if not isinstance(found, Engine | Connection):
        why = "In Alembic's offline mode (--sql) there's no connection." if found is None else ""
        kind = "None" if found is None else f"of type {type(bind).__name__}"
        do = "Pass an Engine, a Connection or a Session that's bound to one: create_engine(url)."
        raise error(f"The database is missing: the first argument is {kind}.", why, do)
    if found.dialect.name != "postgresql":
        raise error(f"This works with PostgreSQL only, not with {found.dialect.name}.")
    if found.dialect.is_async:
        do = "Create an engine with the driver psycopg or psycopg2."
        raise error("An asynchronous engine can't be used here.", "This code blocks.", do)
    return found.engine


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
