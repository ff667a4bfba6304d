"""The backfill's session: each statement is a transaction, and is retried if it's worth it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from ..connections import check_usable, engine_of, usable
from ..errors import BackfillError
from ..sqlstates import RETRYABLE, sqlstate_of

FIRST_WAIT, LONGEST_WAIT = 0.1, 2.0  # seconds between two attempts; each wait doubles
CANCELED = "57014"  # by statement_timeout, or by another session
SETTINGS = sa.text("SELECT current_setting(:name), set_config(:name, :value, false)")
LIMIT = sa.text(
    "SELECT setting::float8 / 1000, pg_backend_pid() FROM pg_settings "
    "WHERE name = 'statement_timeout'"
)


@dataclass
class Session:
    """An autocommitting connection that retries.

    Attributes:
        connection: The connection.
        attempts: How many times a statement is tried.
        statement_timeout: The session's limit in seconds; 0 for none.
        pid: Its process id on the server.
        retries: How many times a statement was retried because of a lock.

    """

    connection: sa.Connection
    attempts: int
    statement_timeout: float
    pid: int
    retries: int = 0

    def read(self, statement: sa.Executable) -> sa.CursorResult[Any]:
        """Run a query of the backfill's own; no statement_timeout ends it.

        It can read the whole table to find that no row is left, and holds no lock that anyone
        waits for. The limit is meant for what blocks others: the updates.
        """
        started = time.monotonic()
        try:
            return self.execute(statement)
        except DBAPIError as error:
            if not self.timed_out(error, time.monotonic() - started):
                raise
        with changed_settings(self.connection, {"statement_timeout": "0"}):
            return self.execute(statement)

    def execute(self, statement: sa.Executable, but: str = "") -> sa.CursorResult[Any]:
        """Run a statement; retry it after a pause if other sessions made it fail.

        Args:
            statement: What to run.
            but: A SQLSTATE that isn't retried.

        """
        for attempt in range(1, self.attempts):
            try:
                return self._send(statement)
            except DBAPIError as error:
                if sqlstate_of(error) not in RETRYABLE - {but}:
                    raise
            self.retries += 1
            self.wait(attempt)
        return self._send(statement)

    def _send(self, statement: sa.Executable) -> sa.CursorResult[Any]:
        try:
            return self.connection.execute(statement)
        except (TypeError, ValueError) as error:  # the driver's, which SQLAlchemy lets through
            do = "Look at the values in set= and where=; what was committed stays."
            raise BackfillError("A value can't be sent to the server.", f"{error}.", do) from error

    def wait(self, attempt: int) -> None:
        """Wait before the next attempt, each time twice as long."""
        time.sleep(min(FIRST_WAIT * 2 ** (attempt - 1), LONGEST_WAIT))

    def timed_out(self, error: DBAPIError, seconds: float) -> bool:
        """Return whether the statement_timeout ended a statement, and no other session did."""
        return sqlstate_of(error) == CANCELED and 0 < self.statement_timeout <= seconds


@contextmanager
def opened(bind: object, lock_timeout: float, name: str, attempts: int) -> Iterator[Session]:
    """Yield a session with this lock_timeout and application_name.

    The settings of a given connection are as before afterwards.
    """
    settings = {
        "lock_timeout": f"{max(1, round(lock_timeout * 1000))}ms",
        "application_name": name.encode("ascii", "replace").decode().replace("\0", "?"),
    }
    with _connected(bind) as connection:
        with usable(BackfillError):
            limit, pid = connection.execute(LIMIT).one()
        with changed_settings(connection, settings):
            yield Session(connection, attempts, limit, pid)


@contextmanager
def _connected(bind: object) -> Iterator[sa.Connection]:
    if isinstance(bind, sa.Connection):
        check_usable(bind, BackfillError)
        driver: Any = bind.connection.dbapi_connection
        idle = driver.info.transaction_status == 0  # of libpq: in no transaction
        begun = bind.in_transaction() or not idle
        what = "connection is in a transaction" if begun else "connection isn't in autocommit mode"
        _check_free(idle and bind.dialect.detect_autocommit_setting(driver), what)
        yield bind
        return
    engine = engine_of(bind, BackfillError)
    if busy := getattr(bind, "in_transaction", None):
        _check_free(not busy(), "session is in a transaction")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection


def _check_free(free: bool, what: str) -> None:
    if not free:
        raise BackfillError(
            f"This {what}.",
            "Each batch has to be committed before the next one.",
            "In a revision, write: with op.get_context().autocommit_block(): "
            "backfill.run(op.get_bind(), ...). Elsewhere, pass the engine.",
        )


@contextmanager
def changed_settings(connection: sa.Connection, wanted: Mapping[str, str]) -> Iterator[None]:
    """Change a session's settings for the block and restore them afterwards."""

    def change(to: Mapping[str, str]) -> dict[str, str]:
        pairs = ({"name": name, "value": value} for name, value in to.items())
        return {pair["name"]: connection.execute(SETTINGS, pair).one()[0] for pair in pairs}

    before = change(wanted)
    try:
        yield
    finally:
        if not (connection.invalidated or connection.closed):
            with suppress(DBAPIError):  # the connection may have been lost meanwhile
                change(before)
