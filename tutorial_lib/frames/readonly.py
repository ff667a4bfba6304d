"""Open a read-only transaction, or a savepoint, that leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, CursorResult, Engine

from ..connections import read_only, usable
from ..errors import FrameError
from .drivers import driver_of
from .leftovers import Leftovers, is_shared

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
    """Yield a read-only connection; no lock and no transaction remains afterwards."""
    with read_only(source) as found:
        connection, lent = found.connection, found.lent
        driver = driver_of(connection)
        shared = not found.alone or is_shared(connection, lent)
        reader = ReadOnlyConnection(connection, lent, "" if shared else f"{found.begin};\n")
        with usable(FrameError):
            leftovers = Leftovers(connection, reader.run, found.begin, shared)
        try:
            yield reader
        finally:
            reader.opening = ""
            if not driver.closed:
                leftovers.end(found.end)
