"""Tell whether a pooler, such as PgBouncer, is between a connection and its server session."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine

from .connections import separate_connection

ROUNDS = 10  # how many times to probe: on a busy pooler, one may miss it


def pid_of(connection: Connection) -> int:
    """Return the pid that the driver was told when it connected; sends nothing."""
    driver: Any = connection.connection.driver_connection
    return int(driver.info.backend_pid)


def server_pid(connection: Connection) -> int:
    """Return the pid of the server process that this connection reaches now."""
    with _cursor(connection) as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def behind_pooler(connection: Connection) -> bool:
    """Whether the pid that the driver was told isn't the server's: a pooler makes one up."""
    return pid_of(connection) != server_pid(connection)


def shares_its_session(engine: Engine, connection: Connection) -> bool:
    """Whether a pooler lets other clients use the server session of an idle connection.

    That's the transaction mode of PgBouncer. In session mode, a connection keeps its server
    session, and this returns False, as it does without a pooler. The probe opens a transaction
    on another connection, and looks whether it's given the server session of `connection`, or
    `connection` another one; it tries that a few times.

    Args:
        engine: The engine to probe with.
        connection: A connection in autocommit mode that's in no transaction.

    """
    if not behind_pooler(connection):
        return False
    first = server_pid(connection)
    for _ in range(ROUNDS):  # one at a time: a pooler in session mode may allow no more
        with separate_connection(engine) as other:
            other.execution_options(isolation_level="READ COMMITTED")
            if server_pid(other) == first or server_pid(connection) != first:
                return True
            other.connection.rollback()  # and once more, when its session is the last one used
            if server_pid(connection) != first:
                return True
    return False


@contextmanager
def _cursor(connection: Connection) -> Iterator[Any]:
    cursor = connection.connection.cursor()
    try:
        yield cursor
    finally:
        cursor.close()
