"""Run a schema change with a short lock timeout, and retry it until it gets its lock."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, Engine, Executable, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ..errors import LockError
from ..sqlstates import RETRYABLE, sqlstate_of
from .inspect import QueuedSession, queue, statement_prefix

LONGEST_PAUSE = 10.0  # seconds between two attempts
Statement = str | Executable | Callable[[Connection], object]
log = logging.getLogger(__name__)


def with_lock_retries(
    bind: Engine | Connection,
    statement: Statement,
    *,
    lock_timeout: float = 0.5,
    attempts: int = 10,
    pause: float = 0.5,
) -> int:
    """Run a schema change that waits at most `lock_timeout` for its lock, with retries.

    Every attempt has its own connection and starts from scratch after a lock timeout, a
    deadlock or a serialization failure. Other errors are raised at once.

    Args:
        bind: The database. Of a connection, only the engine is used.
        statement: SQL, a SQLAlchemy statement, or a function that's called with a connection.
            The connection is in no transaction yet; whatever the function leaves open is
            committed. The function must be safe to repeat: what it committed before it
            failed isn't rolled back.
        lock_timeout: How many seconds an attempt waits for a lock. Requests that queue behind
            it wait no longer than that.
        attempts: The number of attempts.
        pause: Seconds after the first attempt; it doubles each time, up to 10 seconds.

    Returns:
        The number of attempts it took.

    Raises:
        LockError: No attempt got its lock. The message names the sessions that blocked it.
        ValueError: `attempts` is less than 1.

    """
    blockers: tuple[QueuedSession, ...] = ()
    for attempt in range(1, attempts + 1):
        try:
            _try(bind.engine, statement, lock_timeout)
            return attempt
        except _Blocked as failed:
            blockers = failed.blockers or blockers
            if attempt == attempts:
                raise _gave_up(statement, attempts, blockers) from failed.error
            log.info("attempt %s of %s: no lock within %s s", attempt, attempts, lock_timeout)
        time.sleep(min(pause * 2 ** (attempt - 1), LONGEST_PAUSE))
    raise ValueError(f"attempts is {attempts}, and must be at least 1")


class _Blocked(Exception):
    """An attempt didn't get its lock; `blockers` are the sessions last seen to block it."""

    def __init__(self, error: DBAPIError, blockers: tuple[QueuedSession, ...]) -> None:
        self.error, self.blockers = error, blockers


def _try(engine: Engine, statement: Statement, lock_timeout: float) -> None:
    with _limited(engine, lock_timeout) as connection:
        pid = connection.scalar(text("SELECT pg_backend_pid()"))
        connection.commit()
        with _watched(engine, int(pid or 0), lock_timeout / 4) as blockers:
            try:
                _run(connection, statement)
                connection.commit()
            except DBAPIError as error:
                if sqlstate_of(error) not in RETRYABLE:
                    raise
                raise _Blocked(error, tuple(blockers)) from error


@contextmanager
def _limited(engine: Engine, lock_timeout: float) -> Iterator[Connection]:
    """Yield a connection with this lock_timeout, and close it instead of pooling it."""
    with engine.connect() as connection:
        try:
            connection.execute(text(f"SET lock_timeout = {round(lock_timeout * 1000)}"))
            connection.commit()
            yield connection
        finally:
            with suppress(SQLAlchemyError):
                connection.rollback()
            connection.invalidate()  # the next user of the pool must not inherit the limit


def _run(connection: Connection, statement: Statement) -> None:
    if isinstance(statement, str):
        statement = text(statement)
    if isinstance(statement, Executable):
        connection.execute(statement)
    else:
        statement(connection)


@contextmanager
def _watched(engine: Engine, pid: int, interval: float) -> Iterator[list[QueuedSession]]:
    """Poll, in a thread, for the sessions that block `pid`; the list holds the latest ones."""
    blockers: list[QueuedSession] = []
    done = threading.Event()

    def poll() -> None:
        while not done.wait(interval):
            with suppress(SQLAlchemyError):  # only an error message needs it
                blockers[:] = queue(engine).root_blockers(pid) or blockers

    thread = threading.Thread(target=poll, daemon=True)
    thread.start()
    try:
        yield blockers
    finally:
        done.set()
        thread.join()


def _gave_up(statement: Statement, attempts: int, blockers: tuple[QueuedSession, ...]) -> LockError:
    name = getattr(statement, "__name__", "") or statement_prefix(str(statement))
    found = [f"session {one.pid} ({one.state}), {one.activity!r}" for one in blockers]
    ending = " or ".join(f"SELECT pg_terminate_backend({one.pid})" for one in blockers)
    return LockError(
        f"{name!r} didn't get its lock in {attempts} attempts, and was rolled back.",
        f"Blocked by: {'; '.join(found) or 'a session that was gone before it could be named'}.",
        "Try again when that has ended" + (f"; or end it with: {ending}." if ending else "."),
    )
