"""Hold an advisory lock while a block runs."""

from __future__ import annotations

import os
import reprlib
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, text

from ..arguments import checked, seconds, sendable
from ..connections import Bind, engine_of, separate_connection
from ..errors import AdvisoryLockError, AdvisoryLockLost
from ..poolers import shares_its_session
from .acquire import acquire, held
from .guard import stopping_work
from .keepalive import keep_alive
from .session import AdvisoryLock, pinged

DEFAULT_TIMEOUT = 60.0  # seconds

# Name the session for those who wait for it, and let no timeout end it.
SET_UP = text("""
SELECT set_config('application_name', :name, false), set_config('statement_timeout', '0', false),
       set_config('idle_session_timeout', '0', false)
""")


@checked(AdvisoryLockError)
@contextmanager
def advisory_lock(
    bind: Bind, name: str = "alembic", *, timeout: float = DEFAULT_TIMEOUT
) -> Iterator[AdvisoryLock]:
    """Acquire the advisory lock `name`, run the block, and release the lock.

    A wait of more than three seconds is logged as a warning, with the session that holds the
    lock. While the block runs, the session that holds the lock is checked every few seconds,
    and before each commit of this thread on the engine.

    Args:
        bind: The database, where the lock is acquired: an engine, a connection, a session, a
            sessionmaker or a database URL. Only its engine is used: its transaction isn't
            touched. With a URL, the block has no engine to check before commits: call `check()`.
        name: The lock's name. Blocks with the same name in the same database exclude each other.
        timeout: How many seconds to wait for the lock; 0 tries once, `math.inf` waits forever.

    Yields:
        The lock. Its `check()` raises AdvisoryLockLost if its session has ended; call it before
        each step of a block that works on something other than this engine.

    Raises:
        AdvisoryLockNotAcquired: Another session, which the message names, held the lock
            until the timeout. Or this thread holds it already.
        AdvisoryLockLost: The session that held the lock ended before the block did. Nothing
            has been committed on the engine since that was noticed. If the block fails with
            another error, that's raised, with a note.
        AdvisoryLockError: An argument can't work, or a pooler in transaction mode is between
            this process and the server.

    """
    _check_name(name)
    timeout = seconds("timeout", timeout, AdvisoryLockError)
    engine = engine_of(bind, AdvisoryLockError)
    with separate_connection(engine) as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        _prepare(engine, connection, name)
        lock = acquire(connection, name, timeout)
        held.append(lock)
        try:
            yield from _run(engine, lock)
        finally:
            held.remove(lock)


def _run(engine: Engine, lock: AdvisoryLock) -> Iterator[AdvisoryLock]:
    try:
        with pinged(lock), stopping_work(engine, lock):
            yield lock
    except AdvisoryLockLost:
        raise
    except BaseException as error:
        if loss := lock.release():
            error.add_note(f"{type(loss).__name__}: {loss}")
        raise
    if loss := lock.release():
        raise loss


def _prepare(engine: Engine, connection: Connection, name: str) -> None:
    """Make the session fit to hold a lock. The pooler comes first: it would share the rest."""
    if shares_its_session(engine, connection):
        raise AdvisoryLockError(
            f"The advisory lock {name!r} can't be held through this connection pooler.",
            "It's in transaction mode: it lends the session that holds the lock to others.",
            "Connect to the server directly, or through a pooler in session mode.",
        )
    try:
        connection.execute(SET_UP, {"name": _application_name(name)})
    except UnicodeEncodeError:
        why = "It has characters that the connection's client_encoding doesn't have."
        raise AdvisoryLockError(f"The name {name!r} can't be used.", why, "Use ASCII.") from None
    keep_alive(connection)


def _check_name(name: object) -> None:
    do = 'Pass a name such as "alembic"; it\'s shared by all that must not run at once.'
    if not isinstance(name, str):
        raise AdvisoryLockError(f"The name must be a string, not {reprlib.repr(name)}.", "", do)
    if not name.strip():
        raise AdvisoryLockError("The name of the advisory lock is empty.", "", do)
    sendable(f"The name {name!r}", name, AdvisoryLockError)


def _application_name(name: str) -> str:
    """Return `alembic, process 4321 on web-1`, cut to the 63 bytes PostgreSQL keeps."""
    return f"{name[:30]}, process {os.getpid()} on {socket.gethostname()}"[:63]
