"""Run a schema change with a short lock timeout, and retry it if it doesn't get its locks."""

from __future__ import annotations

import logging
import time
from contextlib import closing, suppress
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from ..arguments import checked, count, seconds
from ..connections import Bind, engine_of
from ..errors import LockError
from ..poolers import pid_of
from .advice import gave_up
from .change import Change
from .outcome import Blocked
from .watch import Watch
from .work import Statement, check_statement, name_of

SHORTEST_LIMIT = 0.001  # seconds; PostgreSQL counts milliseconds, and 0 means no limit
LONGEST_LIMIT = 2_147_483.0  # seconds; a setting of PostgreSQL's is a 32-bit number
LONGEST_PAUSE = 10.0  # seconds between two attempts, unless a longer one is asked for
A_DAY = 86_400.0
log = logging.getLogger(__name__)


@checked(LockError)
def with_lock_retries(
    bind: Bind,
    statement: Statement,
    *,
    lock_timeout: float = 0.5,
    attempts: int = 10,
    pause: float = 0.5,
) -> int:
    """Run a schema change that waits at most `lock_timeout` for its locks, with retries.

    Every attempt has its own connection, outside the engine's pool, and starts from scratch
    after a lock timeout, a deadlock or a serialization failure. Other errors are raised at once.

    A statement that can't run in a transaction, such as CREATE INDEX CONCURRENTLY, runs in
    autocommit mode. If it leaves an invalid index, that's dropped before the next attempt.

    Args:
        bind: The database: an engine, a connection, a session, a sessionmaker or a database
            URL. Only its engine is used, so the change isn't part of a transaction that's open
            on it.
        statement: SQL, a SQLAlchemy statement, or a function that's called with a connection.
            SQL is sent unchanged: `:name` isn't a parameter, and `%` isn't doubled. A
            function's connection isn't in a transaction yet; one that the function leaves
            open is committed. The function must be safe to repeat: what it committed before
            it failed isn't rolled back.
        lock_timeout: How many seconds in total a transaction may wait for locks; at least
            0.001. Requests that queue behind it wait no longer than that, plus the time of
            the change itself. If a function sets its own lock_timeout, that one applies.
        attempts: The number of attempts, at least 1.
        pause: Seconds to pause after the first attempt; doubles each time, up to 10 seconds.

    Returns:
        The number of attempts it took.

    Raises:
        LockError: An argument can't work; nothing has been sent. Or no attempt got its lock:
            the message names the sessions that blocked it, and says how to end them.
        sqlalchemy.exc.DBAPIError: The change failed for another reason, or the server can't be
            reached.

    """
    limit = seconds(
        "lock_timeout", lock_timeout, LockError, least=SHORTEST_LIMIT, most=LONGEST_LIMIT
    )
    attempts = count("attempts", attempts, LockError, least=1)
    pause = seconds("pause", pause, LockError, most=A_DAY)
    check_statement(statement)
    engine = engine_of(bind, LockError)
    outcomes: list[str] = []
    with closing(Watch(limit)) as watch:
        change = Change(engine, statement, limit, watch)
        while True:
            try:
                change.attempt()
                return len(outcomes) + 1
            except Blocked as blocked:
                outcomes.append(blocked.outcome)
                log.info("attempt %s of %s: %s", len(outcomes), attempts, blocked.outcome)
                if len(outcomes) == attempts:
                    left = change.clean_up()
                    error = gave_up(
                        name_of(statement), outcomes, watch.blockers, _pid_of(bind), left
                    )
                    raise error from blocked.error
            time.sleep(_pause(pause, len(outcomes)))


def _pause(first: float, attempts: int) -> float:
    """Return how many seconds to pause after that many attempts."""
    return float(min(first * 2 ** min(attempts - 1, 60), max(first, LONGEST_PAUSE)))


def _pid_of(bind: Any) -> int:
    """Return the server process of the caller's own open transaction, 0 if there's none."""
    with suppress(SQLAlchemyError, AttributeError):
        if not bind.in_transaction():  # an Engine has no such method
            return 0
        connection = bind if isinstance(bind, Connection) else bind.connection()
        return pid_of(connection)
    return 0
