"""One attempt: its own connection, whose transactions have a limit and are watched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import OperationalError

from ..connections import autocommits, separate_connection
from ..errors import LockError
from ..poolers import behind_pooler, shares_its_session
from .watch import Waits, Watch

# What sets the limit when a transaction begins, in one round trip. A statement_timeout that's
# shorter would end a wait first, with an error that doesn't tell a wait from work.
BEGIN = """
SELECT pg_backend_pid(), milliseconds, set_config('lock_timeout', milliseconds::text, {local})
FROM (SELECT (1000 * extract(epoch FROM current_setting('statement_timeout')::interval))::bigint
      AS work) AS statement_timeout,
LATERAL (SELECT CASE WHEN work BETWEEN 1 AND {limit} THEN greatest(1, work * 9 / 10)
         ELSE {limit} END AS milliseconds) AS lock_timeout
"""
NOW = "SELECT extract(epoch FROM current_setting('lock_timeout')::interval)::float8"
MAY_SET_IT = re.compile(r"lock_timeout|\bRESET\b|\bDISCARD\b", re.I)
NO_LIMIT = float("inf")


@contextmanager
def attempt_connection(engine: Engine, watch: Watch, lock_timeout: float) -> Iterator[Connection]:
    """Yield a connection in no transaction; each that begins on it gets the limit.

    In a transaction the limit is local to it, so it can't leak through a pooler. In autocommit
    mode it's a setting of the session.

    Args:
        engine: The database.
        watch: Is told of each transaction.
        lock_timeout: How many seconds a transaction waits for locks.

    """

    def begin(connection: Connection) -> None:
        if autocommits(connection) and not watch.own_session:
            _refuse_pooler(engine, connection)
            watch.own_session = True
        watch.current = _begin(connection, lock_timeout)

    def before(connection: Connection, *_: object) -> None:
        if watch.current and autocommits(connection):
            watch.current.waited = 0.0  # no lock is held between two statements

    def after(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        if watch.current and MAY_SET_IT.search(statement):
            watch.current.limit = _limit_now(connection)

    with separate_connection(engine) as connection:
        watch.start(engine)
        event.listen(connection, "begin", begin)
        event.listen(connection, "before_cursor_execute", before)
        event.listen(connection, "after_cursor_execute", after)
        try:
            yield connection
        finally:
            watch.current = None


def _begin(connection: Connection, lock_timeout: float) -> Waits:
    local = not autocommits(connection)
    sql = BEGIN.format(limit=round(lock_timeout * 1000), local=local)
    pid, milliseconds, _ = _query(connection, sql)
    return Waits(pid, milliseconds / 1000)


def _limit_now(connection: Connection) -> float:
    """Return the limit that the statements have set themselves."""
    (limit,) = _query(connection, NOW)
    return limit or NO_LIMIT


def _query(connection: Connection, sql: str) -> Any:
    """Return a row. SQLAlchemy's own methods would begin another transaction, inside `begin`."""
    cursor = connection.connection.cursor()
    try:
        cursor.execute(sql)
        return cursor.fetchone()
    except connection.dialect.loaded_dbapi.Error as error:
        raise OperationalError(sql, None, error) from error
    finally:
        cursor.close()


def _refuse_pooler(engine: Engine, connection: Connection) -> None:
    if behind_pooler(connection) and shares_its_session(engine, connection):
        raise LockError(
            "This can't run through a connection pooler in transaction mode.",
            "Outside a transaction, its lock_timeout would reach the pooler's other clients.",
            "Connect to the server directly, or through a pooler in session mode.",
        )
