"""Read in a transaction, or a savepoint, that ends with the read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine

IDLE = 0  # libpq's PQTRANS_IDLE
ALONE = ("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "ROLLBACK")
# Rolling back to a savepoint also releases the locks acquired since.
INSIDE = (
    "SAVEPOINT reading; SET LOCAL transaction_read_only = on",
    "ROLLBACK TO SAVEPOINT reading; RELEASE SAVEPOINT reading",
)


class ReadOnly(NamedTuple):
    """A connection to read on.

    Attributes:
        connection: The connection.
        lent: Whether it's the caller's, to be used again afterwards.
        alone: Whether the read has a transaction to itself, not a savepoint in the caller's.
        begin: The SQL that begins it; several statements are separated by "; ".
        end: The SQL that ends it.

    """

    connection: Connection
    lent: bool
    alone: bool
    begin: str
    end: str


@contextmanager
def read_only(source: Engine | Connection) -> Iterator[ReadOnly]:
    """Yield a connection, and the SQL that begins and ends a read on it, which you have to send.

    Of an engine, it's a new connection. A caller's connection is used as it is and remains in
    its transaction, if any. Outside of a transaction, it reads a snapshot of the committed rows.
    """
    if isinstance(source, Engine):
        with source.connect() as fresh, _prepared(fresh, False) as found:
            yield found
        return
    began = not source.in_transaction()
    try:
        with _prepared(source, True) as found:
            yield found
    finally:
        if began:
            source.rollback()


@contextmanager
def _prepared(connection: Connection, lent: bool) -> Iterator[ReadOnly]:
    """Stop the driver from sending its own BEGIN, which would cost another round trip."""
    driver: Any = connection.connection.dbapi_connection
    alone, before = driver.info.transaction_status == IDLE, driver.autocommit
    if alone:
        driver.autocommit = True
    try:
        with _without_streaming(connection):
            yield ReadOnly(connection, lent, alone, *(ALONE if alone else INSIDE))
    finally:
        if driver.closed or (alone and driver.info.transaction_status != IDLE):
            if not connection.invalidated:  # lost, or interrupted before the ROLLBACK
                connection.invalidate()
        elif alone:
            driver.autocommit = before


@contextmanager
def _without_streaming(connection: Connection) -> Iterator[None]:
    """Switch server-side cursors off, for those who send several statements."""
    options = connection.get_execution_options()
    streaming = {name: options[name] for name in ("stream_results", "yield_per") if name in options}
    if streaming:
        connection.execution_options(**dict.fromkeys(streaming))
    try:
        yield
    finally:
        if streaming:
            connection.execution_options(**streaming)
