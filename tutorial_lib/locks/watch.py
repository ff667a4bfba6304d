"""Watch a session from another one: how long it waits for locks, and who blocks it.

PostgreSQL's lock_timeout limits each single wait. A statement that needs three locks may wait
three times as long, and all that queue behind it wait with it. Only another session can see
how long all waits together take, and cancel the statement.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from ..connections import separate_connection
from .inspect import QueuedSession
from .read import read_queue

SHORTEST_INTERVAL, LONGEST_INTERVAL = 0.01, 0.05  # seconds between two looks
LOOKS_PER_LIMIT = 20
LONGEST_JOIN = 5.0  # seconds that the end waits for a look, if the network hangs
QUEUES_PER_LIMIT = 4  # the queue is a bigger query
WAITS = text("SELECT 1 FROM pg_stat_activity WHERE pid = :pid AND wait_event_type = 'Lock'")
# Only while it waits: it may have its lock by now, and be at work.
CANCEL = text(
    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity "
    "WHERE pid = :pid AND wait_event_type = 'Lock'"
)
log = logging.getLogger(__name__)


@dataclass
class Waits:
    """How long one transaction has waited for locks so far.

    Attributes:
        pid: The server process it runs in.
        limit: How many seconds it may wait, all its waits together.
        waited: How many seconds it has waited, to within a look or two.
        waiting: Whether it waited when it was last looked at.
        cancelled: Whether it was cancelled because it had waited too long.

    """

    pid: int
    limit: float
    waited: float = 0.0
    waiting: bool = False
    cancelled: bool = False


class Watch:
    """Looks at one transaction after the other; each sets `current` when it begins.

    Attributes:
        current: The transaction that's watched; None between two.
        blockers: The sessions last seen to block it.
        own_session: Whether it's known that no pooler shares the session with others.

    """

    def __init__(self, limit: float) -> None:
        self.current: Waits | None = None
        self.blockers: tuple[QueuedSession, ...] = ()
        self.own_session = False
        self.interval = min(max(limit / LOOKS_PER_LIMIT, SHORTEST_INTERVAL), LONGEST_INTERVAL)
        self._between_queues = limit / QUEUES_PER_LIMIT
        self._next_queue = 0.0
        self._started = False
        self._at_the_end = ExitStack()

    def start(self, engine: Engine) -> None:
        """Start to look, in a thread, on a connection outside the pool; once.

        The first attempt has its connection by then. If the server allows no more, nothing is
        seen, and only PostgreSQL's lock_timeout limits each single wait.
        """
        if self._started:
            return
        self._started = True
        try:
            connection = self._at_the_end.enter_context(separate_connection(engine))
            connection.execution_options(isolation_level="AUTOCOMMIT")
        except SQLAlchemyError:
            log.warning("no connection to watch with: lock_timeout limits each wait, not their sum")
            return
        ended = threading.Event()
        thread = threading.Thread(target=self._run, args=[connection, ended], daemon=True)
        thread.start()
        self._at_the_end.callback(thread.join, LONGEST_JOIN)
        self._at_the_end.callback(ended.set)

    def close(self) -> None:
        """Look no more."""
        self._at_the_end.close()

    def _run(self, connection: Connection, ended: threading.Event) -> None:
        looked = time.monotonic()
        while not ended.wait(self.interval):
            now = time.monotonic()
            try:
                if current := self.current:
                    self._look(connection, current, now - looked)
            except SQLAlchemyError:  # a timeout, perhaps
                if connection.invalidated:
                    log.warning("the connection that watched for lock waits is lost")
                    return
            looked = now

    def _look(self, connection: Connection, current: Waits, elapsed: float) -> None:
        current.waiting = connection.scalar(WAITS, {"pid": current.pid}) is not None
        if not current.waiting:
            return
        current.waited += elapsed
        # One look later than the server, whose own message is the better one.
        too_long = current.waited > current.limit + self.interval
        if too_long or time.monotonic() >= self._next_queue:
            self.blockers = read_queue(connection).root_blockers(current.pid) or self.blockers
            self._next_queue = time.monotonic() + self._between_queues
        if too_long and not current.cancelled:
            current.cancelled = True  # before the error of the cancelled statement arrives
            current.cancelled = bool(connection.scalar(CANCEL, {"pid": current.pid}))
