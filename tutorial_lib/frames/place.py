"""Where one reads: a connection on which nothing can be changed, and of which nothing stays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Executable
from sqlalchemy.exc import UnboundExecutionError
from sqlalchemy.orm import Session, scoped_session

from tutorial_lib.errors import FrameError

Bind = Engine | Connection | Session | scoped_session[Session]

SNAPSHOT = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
# A savepoint that is rolled back gives back the locks, too, that were taken since.
INSIDE = (
    "SAVEPOINT frames; SET LOCAL transaction_read_only = on",
    "ROLLBACK TO SAVEPOINT frames; RELEASE SAVEPOINT frames",
)
ALONE = ("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "ROLLBACK")


@contextmanager
def reading(place: Engine | Connection) -> Iterator[Connection]:
    """A connection on which one can only read, and of which nothing lasts, no lock either.

    An engine's is a fresh one, with a snapshot of what is committed. A caller's is the same
    one; it goes on in the transaction that it was in.
    """
    if isinstance(place, Engine):
        with place.connect() as fresh:
            driver_of(fresh)
            yield fresh.execution_options(**SNAPSHOT)
    else:
        with _within(place):
            yield place


def driver_of(connection: Connection) -> Any:
    """psycopg2's connection below SQLAlchemy's; raises FrameError when it is another's."""
    if connection.dialect.driver != "psycopg2":
        raise FrameError(
            f"The engine speaks {connection.dialect.name}, through {connection.dialect.driver}.",
            "frames reads from PostgreSQL, through psycopg2.",
            "Make it with postgresql+psycopg2://, or use pandas.read_sql.",
        )
    return connection.connection.dbapi_connection


def place_of(bind: Bind, statement: Executable) -> Engine | Connection:
    """Where to read: on a session's own connection, after a flush, if it is in a transaction."""
    if isinstance(bind, Engine | Connection):
        return bind
    if isinstance(bind, scoped_session):
        bind = bind()
    if bind.in_transaction():
        bind.flush()
        return bind.connection(bind_arguments={"clause": statement})
    try:  # it has nothing of its own that could be seen
        return bind.get_bind(clause=statement)  # type: ignore[arg-type]
    except UnboundExecutionError:
        raise FrameError(
            "There is no database to read from.",
            "No engine was handed over, and the session is bound to none.",
            "Hand one over: frames.read(what, engine); or call db.connect(url) before.",
        ) from None


@contextmanager
def _within(connection: Connection) -> Iterator[None]:
    """Leave a caller's connection as it was, and its transaction where it was."""
    driver, began = driver_of(connection), not connection.in_transaction()
    # 0 is libpq's word for: no transaction is open on the server.
    alone = driver.autocommit and driver.info.transaction_status == 0
    begin, end = ALONE if alone else INSIDE
    connection.exec_driver_sql(begin)
    try:
        yield
    finally:
        if not driver.closed:
            connection.exec_driver_sql(end)
        if began:
            connection.rollback()
