"""Why a backfill stopped, and why rows are left: in words, without a row's values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ..sqlstates import sqlstate_of
from .session import Session
from .statements import Statements

# The sessions that hold a transaction id, a plain one or each member of a shared row lock, and
# prepared transactions, which have none.
HOLDERS = """
    SELECT l.pid, a.application_name AS name, a.state, p.gid
    FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)
    LEFT JOIN pg_prepared_xacts p ON l.pid IS NULL AND p.transaction = l.transactionid
    WHERE l.locktype = 'transactionid' AND l.granted AND l.transactionid IN ({})
    ORDER BY l.pid
"""
PLAIN = sa.text(HOLDERS.format("CAST(CAST(:xmax AS text) AS xid)"))
SHARED = sa.text(
    HOLDERS.format("SELECT xid FROM pg_get_multixact_members(CAST(CAST(:xmax AS text) AS xid))")
)
# The sessions whose lock on the table, held or requested, conflicts with an UPDATE.
TABLE = sa.text("""
    SELECT l.pid, a.application_name AS name, a.state, p.gid
    FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)
    LEFT JOIN pg_locks x ON l.pid IS NULL AND x.virtualtransaction = l.virtualtransaction
        AND x.locktype = 'transactionid'
    LEFT JOIN pg_prepared_xacts p ON p.transaction = x.transactionid
    WHERE l.relation = :oid AND l.pid IS DISTINCT FROM pg_backend_pid()
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
    ORDER BY l.granted DESC, l.pid
""")
# The sessions that have written to the table, or locked rows of it, and are still at it.
WRITERS = sa.text("""
    SELECT DISTINCT l.pid, a.application_name AS name, a.state, NULL AS gid
    FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.relation = :oid AND l.granted AND l.pid <> pg_backend_pid()
      AND a.datname = current_database() AND l.mode IN ('RowShareLock', 'RowExclusiveLock')
    ORDER BY l.pid
""")
TRIGGERS = sa.text("""
    SELECT tgname FROM pg_trigger
    WHERE tgrelid = :oid AND NOT tgisinternal AND tgenabled <> 'D' AND tgtype & 16 <> 0
    ORDER BY tgname
""")  # 16: of UPDATE
SECURE = sa.text("SELECT row_security_active(CAST(CAST(:oid AS bigint) AS oid))")


def reason_of(error: SQLAlchemyError) -> str:
    """Return the first line of an error, without its last full stop."""
    if not isinstance(error, DBAPIError):
        return _line(getattr(error, "orig", None) or error)
    if error.connection_invalidated:
        return "the connection to the server was lost"
    diagnosis = getattr(error.orig, "diag", None)
    line = getattr(diagnosis, "message_primary", None) or _line(error.orig)
    # The class of invalid values: invalid input syntax for type integer: "a value".
    return line.partition(': "')[0] if sqlstate_of(error).startswith("22") else line


def _line(error: object) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".")


def holders_of_table(session: Session, statements: Statements) -> str:
    """Return which sessions stand in the way of an update; "" if none is to be seen."""
    where = {"oid": statements.relation.oid}
    if holders := list(_described(session.connection, TABLE, where)):
        return f"the table is locked by {' and '.join(holders)}"
    writers = " or ".join(_described(session.connection, WRITERS, where))
    return f"a row is locked by {writers}" if writers else ""


def holders_of_row(session: Session, statements: Statements, xmax: str) -> str:
    """Return the sessions that have locked a row, by its xmax."""
    if holders := list(_described(session.connection, PLAIN, {"xmax": xmax})):
        return " and ".join(holders)
    try:
        holders = list(_described(session.connection, SHARED, {"xmax": xmax}))
    except DBAPIError:  # it's no shared lock
        holders = []
    if holders:
        return " and ".join(holders)
    # A savepoint's transaction id is nobody's; one of those who write to the table it is.
    writers = _described(session.connection, WRITERS, {"oid": statements.relation.oid})
    return " or ".join(writers) or "another session"


def _described(
    connection: sa.Connection, query: sa.TextClause, values: Mapping[str, object]
) -> Iterator[str]:
    for pid, name, state, transaction in connection.execute(query, values):
        if pid is None:
            yield f"the prepared transaction {transaction!r}; end it with ROLLBACK PREPARED"
            continue
        about = ", ".join(part for part in (name, state) if part)
        yield f"session {pid} ({about})" if about else f"session {pid}"


def triggers(session: Session, statements: Statements) -> list[str]:
    """Return the names of the triggers that an update of the table fires."""
    return list(session.read(TRIGGERS.bindparams(oid=statements.relation.oid)).scalars())


def hides_rows(session: Session, statements: Statements) -> bool:
    """Return whether row-level security applies to this session."""
    query = SECURE.bindparams(oid=statements.relation.oid)
    return bool(session.read(query).scalar_one())
