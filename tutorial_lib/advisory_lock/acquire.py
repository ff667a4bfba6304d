"""Wait for an advisory lock, and say for whom."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

from ..errors import AdvisoryLockNotAcquired
from .session import AdvisoryLock, ServerSession

POLL_INTERVAL = 0.1  # seconds between two attempts
NOTICE_AFTER, NOTICE_EVERY = 3.0, 60.0  # seconds

TRY_LOCK = text("SELECT pg_try_advisory_lock(hashtextextended(:name, 0))")
# pg_locks shows the number in two halves; objsubid 1 marks a lock on one 64-bit number. Only a
# prepared transaction has no session.
HOLDERS = text("""
SELECT l.pid, extract(epoch FROM a.backend_start)::float8 AS started, a.application_name
FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (l.classid::bigint << 32) | l.objid::bigint = hashtextextended(:name, 0)
ORDER BY l.pid
""")
log = logging.getLogger(__name__)
held: list[AdvisoryLock] = []  # by this process


def acquire(connection: Connection, name: str, timeout: float) -> AdvisoryLock:
    """Poll for the lock: `lock_timeout` would cancel a wait inside PostgreSQL.

    Raises:
        AdvisoryLockNotAcquired: It wasn't free until the timeout, or this thread has it.

    """
    started = time.monotonic()
    next_notice = started + NOTICE_AFTER
    nested = True  # until it's known that it isn't
    while not connection.scalar(TRY_LOCK, {"name": name}):
        now = time.monotonic()
        over = now >= started + timeout
        if over or nested or now >= next_notice:
            holders = connection.execute(HOLDERS, {"name": name}).all()
            if nested := any(_is_ours(one, this_thread=True) for one in holders):
                raise _nested(name)
            if over:
                raise _not_acquired(name, timeout, holders)
            if now >= next_notice:
                log.warning("waiting for the advisory lock %r. %s", name, _who(holders))
                next_notice = now + NOTICE_EVERY
        time.sleep(min(POLL_INTERVAL, max(started + timeout - now, 0)))
    if next_notice > started + NOTICE_AFTER:
        log.warning("got the advisory lock %r after %.0f s", name, time.monotonic() - started)
    return AdvisoryLock(connection, name)


def _is_ours(holder: Row[Any], *, this_thread: bool) -> bool:
    owner = (os.getpid(), threading.get_ident())
    session = ServerSession(holder.pid, holder.started)
    return any(
        lock.session == session
        and (lock.owner == owner if this_thread else lock.owner[0] == owner[0])
        for lock in held
    )


def _nested(name: str) -> AdvisoryLockNotAcquired:
    return AdvisoryLockNotAcquired(
        f"This thread already holds the advisory lock {name!r}.",
        "A block inside another one with the same name would wait for itself.",
        "Remove the inner one: the outer block has the lock. Or give it another name.",
    )


def _not_acquired(
    name: str, timeout: float, holders: Sequence[Row[Any]]
) -> AdvisoryLockNotAcquired:
    return AdvisoryLockNotAcquired(
        f"The advisory lock {name!r} wasn't free within {timeout:g} seconds.",
        _who(holders),
        "Wait until it's released, then run this again. Ending that process releases it too.",
    )


def _who(holders: Sequence[Row[Any]]) -> str:
    if not holders:
        return "The session that held it has just ended."
    return f"It's held by {' and '.join(map(_describe, holders))}."


def _describe(holder: Row[Any]) -> str:
    if holder.pid is None:
        return "a prepared transaction"
    ours = ", in another thread of this process" if _is_ours(holder, this_thread=False) else ""
    return f"{holder.application_name or 'an unnamed session'} (pid {holder.pid}){ours}"
