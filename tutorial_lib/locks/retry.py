"""Changes of the schema that wait a little for their lock, and try again."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, Engine, Executable, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ..errors import LockError
from .inspect import Session, queue, statement_prefix

LONGEST_PAUSE = 10.0  # seconds of the longest pause between two tries
RETRYABLE_SQLSTATES = {
    "55P03",
    "40P01",
}  # lock_not_available, deadlock_detected: another try may succeed
Work = Callable[[Connection], object]
log = logging.getLogger(__name__)


def with_lock_retries(
    engine: Engine,
    work: str | Executable | Work,
    *,
    lock_timeout: float = 0.5,
    attempts: int = 10,
    pause: float = 0.5,
) -> int:
    """Change the schema, and make nobody wait for long; give how many tries it took.

    work     a statement, as sqlalchemy.text takes it, or a function that gets a connection on
             which no transaction has begun yet; what it leaves open is committed
    timeout  seconds that a try waits for a lock; nobody waits longer behind it
    tries    how many there are, before LockError tells who is in the way
    pause    seconds after the first try; each pause is twice the last one, up to LONGEST

    Every try has a connection of its own. A function must be fit to run again: what it has
    committed before it failed is not taken back. Other errors are raised as they are.
    """
    behind: tuple[Session, ...] = ()
    for number in range(1, attempts + 1):
        try:
            _try(engine, work, lock_timeout)
            return number
        except _Waited as failed:
            behind = failed.behind or behind
            if number == attempts:
                raise _gave_up(work, attempts, behind) from failed.error
            log.info("try %s of %s: no lock within %s s", number, attempts, lock_timeout)
        time.sleep(min(pause * 2 ** (number - 1), LONGEST_PAUSE))
    raise ValueError(f"tries is {attempts}, and should be at least 1")


class _Waited(Exception):
    """A try did not get its lock; `behind` is who was in front of it, as last seen."""

    def __init__(self, error: DBAPIError, behind: tuple[Session, ...]) -> None:
        self.error, self.behind = error, behind


def _try(engine: Engine, work: str | Executable | Work, lock_timeout: float) -> None:
    with _limited(engine, lock_timeout) as connection:
        pid = connection.scalar(text("SELECT pg_backend_pid()"))
        connection.commit()
        with _watched(engine, int(pid or 0), lock_timeout / 4) as behind:
            try:
                _do(connection, work)
                connection.commit()
            except DBAPIError as error:
                if getattr(error.orig, "pgcode", None) not in RETRYABLE_SQLSTATES:
                    raise
                raise _Waited(error, tuple(behind)) from error


@contextmanager
def _limited(engine: Engine, lock_timeout: float) -> Iterator[Connection]:
    """A connection that waits for a lock so many seconds, and is thrown away afterwards."""
    with engine.connect() as connection:
        try:
            connection.execute(text(f"SET lock_timeout = {round(lock_timeout * 1000)}"))
            connection.commit()
            yield connection
        finally:
            with suppress(SQLAlchemyError):
                connection.rollback()
            connection.invalidate()  # nobody gets it with this limit from the pool


def _do(connection: Connection, work: str | Executable | Work) -> None:
    if isinstance(work, str):
        work = text(work)
    if isinstance(work, Executable):
        connection.execute(work)
    else:
        work(connection)


@contextmanager
def _watched(engine: Engine, pid: int, every: float) -> Iterator[list[Session]]:
    """Who is in front of a session that may wait, looked up from time to time."""
    seen: list[Session] = []
    done = threading.Event()

    def poll() -> None:
        while not done.wait(every):
            with suppress(SQLAlchemyError):  # it is for a message; the work goes on without it
                seen[:] = queue(engine).first(pid) or seen

    thread = threading.Thread(target=poll, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def _gave_up(
    work: str | Executable | Work, attempts: int, behind: tuple[Session, ...]
) -> LockError:
    name = getattr(work, "__name__", "") or statement_prefix(str(work))
    told = [f"session {one.pid} ({one.state}), {one.does!r}" for one in behind]
    ending = " or ".join(f"SELECT pg_terminate_backend({one.pid})" for one in behind)
    return LockError(
        f"{name!r} did not get its lock in {attempts} tries, and was rolled back.",
        f"In its way: {'; '.join(told) or 'a session that was not seen'}.",
        "Try again when that has ended" + (f"; or end it with: {ending}." if ending else "."),
    )
