"""One at a time: whoever asks for the same turn in the same database waits until it is free.

    with turns.one_at_a_time(engine, "alembic", patience=60):
        ...  # migrate

It is an advisory lock of PostgreSQL's, on a connection of its own. So no commit of what is done
meanwhile gives it away, and it is free as soon as its owner ends, however that happens. A
pooler that gives each transaction another connection breaks it: connect past the pooler.

This module knows nothing of lessons; with errors.py it can be lifted into an application.
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
POLL_INTERVAL = 0.1  # seconds between two tries

# Names become numbers, which is what PostgreSQL locks.
TRY = text("SELECT pg_try_advisory_lock(hashtextextended(:name, 0))")
FREE = text("SELECT pg_advisory_unlock(hashtextextended(:name, 0))")
# The number is shown in two halves; objsubid 1 says that it is one number and not two.
HOLDER = text("""
SELECT pid, application_name FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND objsubid = 1
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (classid::bigint << 32) | objid::bigint = hashtextextended(:name, 0)
""")
# It says who we are, to whoever waits for us; and it waits idly, however long we take.
INTRODUCE = text("SELECT set_config('application_name', :who, false)")
STAY = text("SET idle_session_timeout = 0")


@contextmanager
def advisory_lock(
    bind: Engine | Connection, name: str = "alembic", *, timeout: float = DEFAULT_TIMEOUT
) -> Iterator[None]:
    """Wait for the turn called `name`, run the block, and pass the turn on.

    place     an engine, whose database it is about; of a connection only the engine is used,
              and its transaction is left alone
    patience  how many seconds to wait for the turn; 0 tries once

    Raises TurnError, which says whose turn it is, when patience ends.
    """
    with bind.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.detach()  # no pool keeps it, and the lock with it, when something goes wrong
        connection.execute(INTRODUCE, {"who": _who(name)})
        connection.execute(STAY)
        _take(connection, name, timeout)
        try:
            yield
        finally:
            with suppress(DBAPIError):  # it was cut off: then the lock is gone anyway
                connection.execute(FREE, {"name": name})


def _take(connection: Connection, name: str, timeout: float) -> None:
    """Try again and again: a wait inside PostgreSQL would be ended by `lock_timeout`."""
    end = time.monotonic() + timeout
    while not connection.scalar(TRY, {"name": name}):
        if time.monotonic() >= end:
            raise _refused(connection, name, timeout)
        time.sleep(POLL_INTERVAL)


def _refused(connection: Connection, name: str, timeout: float) -> AdvisoryLockNotAcquired:
    holder = connection.execute(HOLDER, {"name": name}).first()
    told = f"It is the turn of {holder[1] or 'somebody'} (session {holder[0]})" if holder else ""
    return AdvisoryLockNotAcquired(
        f"The turn {name!r} did not come within {timeout:g} seconds.",
        f"{told or 'Whoever had it has ended at this moment'}.",
        "Wait for it and run this again; or end that process, and its turn ends with it.",
    )


def _who(name: str) -> str:
    """`alembic, process 4321 on web-1`, in the 63 bytes that PostgreSQL keeps."""
    return f"{name[:30]}, process {os.getpid()} on {socket.gethostname()}"[:63]
