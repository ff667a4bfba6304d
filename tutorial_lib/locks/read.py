"""Read the lock queue of a database from PostgreSQL's views."""

from __future__ import annotations

import re
import reprlib
import time
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, text

from ..arguments import checked, count, seconds
from ..connections import Bind, engine_of, separate_connection
from ..errors import LockError
from .inspect import Queue, QueuedSession
from .modes import conflict

POLL_INTERVAL = 0.02  # seconds between two queries

# The sessions of this database that wait for a lock, and those that block them. A session that
# holds no lock blocks too if its request came first. pid 0 is a prepared transaction.
SESSIONS = text("""
WITH waits AS MATERIALIZED (
    SELECT l.*, pg_blocking_pids(l.pid) AS behind
    FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE NOT l.granted AND a.datname = current_database()
),
queue AS (
    SELECT pid FROM waits WHERE cardinality(behind) > 0
    UNION SELECT unnest(behind) FROM waits
)
SELECT q.pid, coalesce(a.state, '') AS state, coalesce(a.application_name, '') AS application,
       coalesce(a.query, '') AS query, coalesce(w.behind, '{}') AS behind,
       coalesce(a.backend_type, '') || CASE
           WHEN a.backend_type = 'autovacuum worker' AND a.query ~ 'to prevent wraparound'
           THEN ' (to prevent wraparound)' ELSE '' END AS kind,
       CASE WHEN a.datname <> current_database() THEN a.datname ELSE '' END AS database,
       w.locktype, w.mode, w.relation::regclass::text AS name,
       ARRAY (
           SELECT DISTINCT h.mode || ' on ' || h.relation::regclass
           FROM pg_locks h JOIN waits AS x ON q.pid = ANY (x.behind)
           WHERE h.pid = q.pid AND h.granted AND h.locktype = 'relation'
             AND x.locktype = 'relation' AND (h.database, h.relation) = (x.database, x.relation)
           ORDER BY 1
       ) AS holds
FROM queue q LEFT JOIN pg_stat_activity a USING (pid) LEFT JOIN waits w USING (pid)
ORDER BY w.pid IS NOT NULL, coalesce(w.waitstart, a.xact_start, clock_timestamp()), q.pid
""")
# Locks of prepared transactions on what sessions wait for. They have no pid; what ties them to
# their transaction is the virtual id of the session that prepared it.
PREPARED = text("""
SELECT p.gid, h.mode AS held, w.mode AS wanted, w.pid AS waiter, h.relation::regclass::text AS name
FROM pg_prepared_xacts p
JOIN pg_locks x ON x.locktype = 'transactionid' AND x.transactionid = p.transaction AND x.granted
JOIN pg_locks h ON h.pid IS NULL AND h.granted AND h.virtualtransaction = x.virtualtransaction
JOIN pg_locks w ON NOT w.granted AND w.locktype = h.locktype
 AND (w.database, w.relation, w.page, w.tuple, w.transactionid, w.classid, w.objid, w.objsubid)
 IS NOT DISTINCT FROM
     (h.database, h.relation, h.page, h.tuple, h.transactionid, h.classid, h.objid, h.objsubid)
WHERE p.database = current_database()
ORDER BY p.prepared, p.gid
""")


class _Prepared(NamedTuple):
    """A prepared transaction: which sessions it blocks, and the table locks they wait for."""

    waiters: set[int]
    holds: set[str]


@checked(LockError)
def queue(bind: Bind, *, at_least: int = 0, waiting: int = 0, timeout: float = 5.0) -> Queue:
    """Return the lock queue of a database: who is waiting for whom right now.

    Queries are cut off before their first literal value. Only a member of pg_monitor (or
    pg_read_all_stats) sees other users' queries.

    Args:
        bind: The database: an engine, a connection, a session, a sessionmaker or a database
            URL. Only its engine is used, for a separate connection.
        at_least: Poll until this many sessions are in the queue, blockers included.
        waiting: Poll until this many sessions are waiting; those that only block don't count.
        timeout: How many seconds to poll. After that, the queue is returned as it is.

    Raises:
        LockError: An argument is invalid.

    """
    at_least, waiting = (
        count(name, value, LockError)
        for name, value in {"at_least": at_least, "waiting": waiting}.items()
    )
    deadline = time.monotonic() + seconds("timeout", timeout, LockError)
    with separate_connection(engine_of(bind, LockError)) as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        while True:
            found = read_queue(connection)
            wait = sum(bool(one.waiting_for) for one in found.sessions)
            if (len(found) >= at_least and wait >= waiting) or time.monotonic() >= deadline:
                return found
            time.sleep(POLL_INTERVAL)


def read_queue(connection: Connection) -> Queue:
    """Return the lock queue of the connection's database."""
    rows = connection.execute(SESSIONS).all()
    prepared = _prepared(connection) if any(0 in row.behind for row in rows) else {}
    rows = [row for row in rows if row.pid or not prepared]
    keys = [*prepared, *(row.pid for row in rows)]  # they wait for nothing, so they come first
    positions = {key: position for position, key in enumerate(keys, start=1)}
    transactions = (
        QueuedSession(
            position=positions[gid],
            pid=0,
            activity=f"prepared transaction {gid!r}",
            state="prepared",
            waiting_for="",
            blocked_by=(),
            holds=tuple(sorted(one.holds)),
            prepared=gid,
        )
        for gid, one in prepared.items()
    )
    return Queue((*transactions, *(_session(row, positions, prepared) for row in rows)))


def _prepared(connection: Connection) -> dict[str, _Prepared]:
    found: dict[str, _Prepared] = {}
    for row in connection.execute(PREPARED):
        if conflict(row.held, row.wanted):
            one = found.setdefault(row.gid, _Prepared(set(), set()))
            one.waiters.add(row.waiter)
            one.holds.update([f"{row.held} on {row.name}"] if row.name else [])
    return found


def _session(
    row: Row[Any], positions: dict[str | int, int], prepared: dict[str, _Prepared]
) -> QueuedSession:
    behind = [positions[pid] for pid in row.behind if pid in positions]
    behind += [positions[gid] for gid, one in prepared.items() if row.pid in one.waiters]
    return QueuedSession(
        position=positions[row.pid],
        pid=row.pid,
        activity=_activity(row),
        state=row.state,
        waiting_for=_waiting_for(row.locktype, row.mode, row.name),
        blocked_by=tuple(sorted(set(behind))),
        holds=tuple(row.holds),
        kind=row.kind,
        database=row.database,
    )


def statement_prefix(statement: str, length: int = 60) -> str:
    """Return the start of a statement on one line, cut off before its first value for privacy.

    Args:
        statement: SQL.
        length: The number of characters to return at most.

    Raises:
        LockError: The statement isn't a string, or the length isn't a whole number.

    """
    if not isinstance(statement, str):
        raise LockError(f"The statement must be a string, not {reprlib.repr(statement)}.")
    length = count("length", length, LockError)
    line = " ".join(COMMENT.sub(" ", statement).split())
    return VALUE.split(line, maxsplit=1)[0][:length].strip()


COMMENT = re.compile(r"/\*.*?(?:\*/|$)|--[^\n]*", re.S)
VALUE = re.compile(r"\b[ebnxu]&?'|['$]|(?<![\w\".])[-+]?\.?\d", re.I)


def _activity(row: Row[Any]) -> str:
    if not row.pid:
        return "a prepared transaction"  # ended between two queries
    known = ": ".join(part for part in (row.application, statement_prefix(row.query)) if part)
    return known or ("unknown" if row.kind == "client backend" else row.kind or "unknown")


def _waiting_for(kind: str | None, mode: str | None, name: str | None) -> str:
    """Name the lock that a session waits for, or the end of a transaction."""
    if kind is None:
        return ""
    if kind in ("transactionid", "virtualxid", "spectoken"):
        return "the end of a transaction"
    return f"{mode} on {name or f'an object of kind {kind}'}"
