"""One at a time: run a block while holding an advisory lock of PostgreSQL's.

    with advisory_lock(engine, "alembic", timeout=60):
        ...  # migrate

The lock is held by a connection of its own. Commits in the block therefore don't release it,
and it's released as soon as its process ends, however that happens. A pooler in transaction
mode, such as PgBouncer's, breaks it: connect to the server directly.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from .errors import AdvisoryLockNotAcquired

DEFAULT_TIMEOUT = 60.0  # seconds
POLL_INTERVAL = 0.1  # seconds between two attempts

# PostgreSQL locks numbers, so the name is hashed to one.
TRY_LOCK = text("SELECT pg_try_advisory_lock(hashtextextended(:name, 0))")
UNLOCK = text("SELECT pg_advisory_unlock(hashtextextended(:name, 0))")
# pg_locks shows the number in two halves; objsubid 1 marks a lock on one 64-bit number.
HOLDER = text("""
SELECT pid, application_name FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND objsubid = 1
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (classid::bigint << 32) | objid::bigint = hashtextextended(:name, 0)
""")
# Name the session for those who wait for it, and never time out while it's idle.
SET_APPLICATION_NAME = text("SELECT set_config('application_name', :name, false)")
NO_IDLE_TIMEOUT = text("SET idle_session_timeout = 0")


@contextmanager
def advisory_lock(
    bind: Engine | Connection, name: str = "alembic", *, timeout: float = DEFAULT_TIMEOUT
) -> Iterator[None]:
    """Acquire the advisory lock `name`, run the block, and release the lock.

    Args:
        bind: Where the lock is acquired; locks are per database. Of a connection, only the
            engine is used: its transaction isn't touched.
        name: Two blocks with the same name in the same database never run at once.
        timeout: How many seconds to wait for the lock; 0 tries once.

    Raises:
        AdvisoryLockNotAcquired: Another session, which the message names, held the lock
            until the timeout.

    """
    with bind.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.detach()  # if anything fails, no pool keeps the connection and its lock
        connection.execute(SET_APPLICATION_NAME, {"name": _application_name(name)})
        connection.execute(NO_IDLE_TIMEOUT)
        _acquire(connection, name, timeout)
        try:
            yield
        finally:
            with suppress(DBAPIError):  # a lost connection has released the lock already
                connection.execute(UNLOCK, {"name": name})


def _acquire(connection: Connection, name: str, timeout: float) -> None:
    """Poll for the lock: `lock_timeout` would cancel a wait inside PostgreSQL."""
    deadline = time.monotonic() + timeout
    while not connection.scalar(TRY_LOCK, {"name": name}):
        if time.monotonic() >= deadline:
            raise _not_acquired(connection, name, timeout)
        time.sleep(POLL_INTERVAL)


def _not_acquired(connection: Connection, name: str, timeout: float) -> AdvisoryLockNotAcquired:
    holder = connection.execute(HOLDER, {"name": name}).first()
    why = f"It's held by {holder[1] or 'an unnamed session'} (pid {holder[0]})." if holder else ""
    return AdvisoryLockNotAcquired(
        f"The advisory lock {name!r} wasn't free within {timeout:g} seconds.",
        why or "The session that held it has just ended.",
        "Wait until it's released, then run this again. Ending that process releases it too.",
    )


def _application_name(name: str) -> str:
    """Return `alembic, process 4321 on web-1`, cut to the 63 bytes PostgreSQL keeps."""
    return f"{name[:30]}, process {os.getpid()} on {socket.gethostname()}"[:63]
