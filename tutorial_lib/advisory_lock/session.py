"""The session that holds an advisory lock, and whether it still does."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from ..errors import AdvisoryLockError, AdvisoryLockLost
from ..sqlstates import sqlstate_of

PING_INTERVAL = 5.0  # seconds
# PostgreSQL locks numbers, so the name is hashed to one.
UNLOCK = text("SELECT pg_advisory_unlock(hashtextextended(:name, 0))")
# A number, because psycopg 3 can't read a time in every DateStyle.
SESSION = text("""
SELECT pid, extract(epoch FROM backend_start)::float8 FROM pg_stat_activity
WHERE pid = pg_backend_pid()
""")
QUERY_CANCELED = "57014"
HOLDS_LOCK = "tutorial_lib.advisory_lock"  # a key of Connection.info
PID = text("SELECT pg_backend_pid()")
log = logging.getLogger(__name__)


class ServerSession(NamedTuple):
    """A server process. Another one may get its pid later, but not the time of its start."""

    pid: int
    started: float | None


class AdvisoryLock:
    """A lock that's held until its block ends, unless its session ends first.

    Attributes:
        name: Its name.
        session: The server session that holds it.
        owner: The process and the thread whose block holds it.

    """

    def __init__(self, connection: Connection, name: str) -> None:
        self.name = name
        self.session = ServerSession(*connection.execute(SESSION).one())
        self.owner = (os.getpid(), threading.get_ident())
        self._connection = connection
        connection.info[HOLDS_LOCK] = True
        self._one_at_a_time = threading.RLock()
        self._loss: AdvisoryLockLost | None = None
        self._released = False

    def __repr__(self) -> str:
        state = "lost" if self._loss else "released" if self._released else "held"
        return f"<the advisory lock {self.name!r}, {state} by session {self.session.pid}>"

    @property
    def lost(self) -> bool:
        """Whether the session is known to have ended; it's checked every few seconds."""
        return self._loss is not None

    def check(self) -> None:
        """Ask the server whether the session is still there.

        Raises:
            AdvisoryLockLost: It isn't: another process may hold the lock by now.
            AdvisoryLockError: The block has ended, and with it the lock.

        """
        with self._one_at_a_time:
            if self._released:
                raise AdvisoryLockError(f"The block that held {self.name!r} has ended.")
            if self._loss is None:
                self._ask(lambda: self._connection.scalar(PID) == self.session.pid)
            if self._loss is not None:
                raise self._loss

    def release(self) -> AdvisoryLockLost | None:
        """Release it; return the error if that was too late."""
        with self._one_at_a_time:
            if self._loss is None:
                self._ask(lambda: self._connection.scalar(UNLOCK, {"name": self.name}))
            self._released = self._loss is None
            return self._loss

    def _ask(self, held: Callable[[], object]) -> None:
        cause: Exception | None = None
        try:
            if os.getpid() != self.owner[0] or held():  # a forked child leaves it to its parent
                return
        except SQLAlchemyError as error:
            if sqlstate_of(error) == QUERY_CANCELED:
                return  # by a session that's there
            cause = error
        self._loss = _loss(self.name, self.session.pid)
        self._loss.__cause__ = cause
        log.error("%s", self._loss.what)


@contextmanager
def pinged(lock: AdvisoryLock) -> Iterator[None]:
    """Check the lock's session every few seconds, in a thread.

    A session that's used isn't taken for an idle one by a firewall, and `lost` is soon true.
    """
    ended = threading.Event()

    def ping() -> None:
        while not ended.wait(PING_INTERVAL):
            try:
                lock.check()
            except AdvisoryLockLost:
                return

    thread = threading.Thread(target=ping, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _loss(name: str, pid: int) -> AdvisoryLockLost:
    return AdvisoryLockLost(
        f"The advisory lock {name!r} was lost while its block ran: session {pid} has ended.",
        "From then on, another process could hold the lock and do the same work.",
        "Check what this run and others have done. Then find out who ended the session: an "
        "administrator, a restart, a failover or the network.",
    )
