"""Open a read-only transaction, or a savepoint, that leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, CursorResult, Engine

from .drivers import driver_of
from .leftovers import Leftovers, is_shared

ALONE = ("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "ROLLBACK")
# Rolling back to a savepoint also releases the locks acquired since.
INSIDE = (
    "SAVEPOINT frames; SET LOCAL transaction_read_only = on",
    "ROLLBACK TO SAVEPOINT frames; RELEASE SAVEPOINT frames",
)
# A server-side cursor, which the caller may have configured, has no types before its first row.
AT_ONCE = {"stream_results": False, "yield_per": None}


@dataclass
class ReadOnlyConnection:
    """A connection in a read-only transaction.

    Attributes:
        connection: The connection.
        lent: Whether it's the caller's, to be used again afterwards.
        opening: The BEGIN that's still to be sent, together with the first statement: that
            saves a round trip.

    """

    connection: Connection
    lent: bool
    opening: str = ""

    def take_opening(self) -> str:
        """Return the opening and clear it: the caller has to send it."""
        opening, self.opening = self.opening, ""
        return opening

    def run(self, sql: str) -> CursorResult[Any]:
        """Run a statement, after the opening if that's still to be sent."""
        sql = self.take_opening() + sql
        with driver_of(self.connection).simple():
            return self.connection.exec_driver_sql(sql, execution_options=AT_ONCE)


@contextmanager
def reading(source: Engine | Connection) -> Iterator[ReadOnlyConnection]:
    """Yield a read-only connection; no lock and no transaction remains afterwards.

    Of an engine, it's a new connection. A caller's connection is used as it is and remains in
    its transaction, if any. Outside of a transaction, it reads a snapshot of the committed rows.
    """
    if isinstance(source, Engine):
        with source.connect() as fresh, _read_only(fresh, False) as reader:
            yield reader
        return
    began = not source.in_transaction()
    try:
        with _read_only(source, True) as reader:
            yield reader
    finally:
        if began:
            source.rollback()


@contextmanager
def _read_only(connection: Connection, lent: bool) -> Iterator[ReadOnlyConnection]:
    driver = driver_of(connection)
    alone = driver.idle
    begin, end = ALONE if alone else INSIDE
    with _without_begin(connection) if alone else nullcontext():
        shared = not alone or is_shared(connection, lent)
        reader = ReadOnlyConnection(connection, lent, "" if shared else f"{begin};\n")
        leftovers = Leftovers(connection, reader.run, begin, shared)
        try:
            yield reader
        finally:
            reader.opening = ""
            if not driver.closed:
                leftovers.end(end)
            elif not connection.invalidated:  # or else SQLAlchemy would try to roll back
                connection.invalidate()


@contextmanager
def _without_begin(connection: Connection) -> Iterator[None]:
    """Stop the driver from sending its own BEGIN, which would cost another round trip."""
    driver = driver_of(connection)
    before = driver.autocommit
    driver.set_autocommit(True)
    try:
        yield
    finally:
        if not driver.closed and driver.idle:
            driver.set_autocommit(before)
        elif not connection.invalidated:  # lost, or interrupted before the ROLLBACK
            connection.invalidate()
