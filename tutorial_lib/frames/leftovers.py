"""Undo what a query does to its session, and what the end of its transaction doesn't undo.

Those are advisory locks of the session and prepared statements. Rolling back undoes everything
else: settings, cursors, LISTEN, and the locks of the transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from time import monotonic
from typing import Any

from sqlalchemy import Connection, SingletonThreadPool, StaticPool
from sqlalchemy.exc import DBAPIError

from .drivers import driver_of

# The statements that would undo all of it. These are the functions behind the views pg_locks and
# pg_prepared_statements: views would be locked until the caller's transaction ends.
_UNDO = """SELECT ARRAY(
    SELECT 'SELECT pg_advisory_unlock' || CASE mode WHEN 'ShareLock' THEN '_shared(' ELSE '(' END
        || CASE objsubid WHEN 1 THEN (classid::bigint << 32 | objid::bigint)::text
        ELSE classid::int4 || ', ' || objid::int4 END || ')'
    FROM pg_lock_status() WHERE locktype = 'advisory' AND pid = pg_backend_pid()
    UNION ALL
    SELECT 'DEALLOCATE ' || quote_ident(name) FROM pg_prepared_statement() WHERE from_sql)"""
# Releases all locks, and returns how many seconds ago each statement was prepared. Behind a
# pooler, the process is another one: its locks may be someone else's. As one statement, the two
# would take the server twice as long.
_UNLOCK_ALL = """SELECT pg_advisory_unlock_all() WHERE pg_backend_pid() = {};
SELECT extract(epoch FROM statement_timestamp() - prepare_time)::float8
FROM pg_prepared_statement() WHERE from_sql"""


def is_shared(connection: Connection, lent: bool) -> bool:
    """Return whether others use the same session, and what they did to it must stay."""
    return lent or isinstance(connection.engine.pool, StaticPool | SingletonThreadPool)


class Leftovers:
    """What a query may leave in its session, from the time this is created.

    Args:
        connection: The connection.
        run: Runs SQL; of several statements, it returns the result of the last one.
        begin: The SQL that begins the transaction. It's run at once in a shared session.
        shared: Whether others use the session, too.

    """

    def __init__(
        self, connection: Connection, run: Callable[[str], Any], begin: str, shared: bool
    ) -> None:
        self._connection, self._run, self._started = connection, run, monotonic()
        self._before: set[str] | None = None
        if shared:
            try:
                self._before = set(run(f"{begin};\n{_UNDO}").scalar())
            except DBAPIError as error:  # the connection is lost, for example
                error.statement = begin
                raise

    def end(self, sql: str) -> None:
        """End the transaction, and undo what remains: nothing, usually, in one round trip.

        A lock that the session held before, and that the query takes once more, is held once
        more afterwards: PostgreSQL doesn't show how many times.
        """
        if self._before is None:
            unlock = _UNLOCK_ALL.format(driver_of(self._connection).raw.info.backend_pid)
            ages = self._run(f"{sql};\n{unlock}").scalars()
            if min(ages, default=inf) <= monotonic() - self._started:
                self._connection.invalidate()  # the next one is as new
            return
        found = self._run(f"{sql};\n{_UNDO}").scalar()
        while new := set(found) - self._before:  # a lock may be held several times
            done = [self._run(statement) for statement in new]
            if not all(result.scalar() for result in done if result.returns_rows):
                return  # behind a pooler, that was another session
            found = self._run(_UNDO).scalar()
