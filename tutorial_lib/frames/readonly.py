"""Where one reads: a connection on which nothing can be changed, and of which nothing stays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, CursorResult, Engine, Executable
from sqlalchemy.exc import UnboundExecutionError
from sqlalchemy.orm import Session, scoped_session

from ..errors import FrameError

Bind = Engine | Connection | Session | scoped_session[Session]

ALONE = ("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "ROLLBACK")
# A savepoint that is rolled back gives back the locks, too, that were taken since.
INSIDE = (
    "SAVEPOINT frames; SET LOCAL transaction_read_only = on",
    "ROLLBACK TO SAVEPOINT frames; RELEASE SAVEPOINT frames",
)
# A cursor on the server, which somebody may have asked for, tells no types before a row.
AT_ONCE = {"stream_results": False, "yield_per": None}
IDLE = 0  # libpq's word for: no transaction is open on the server


@dataclass
class ReadOnlyConnection:
    """A connection on which one can only read.

    lent     whether it is the caller's, who may want to go on with it
    opening  what still has to stand before the first statement, which saves a round trip
    """

    connection: Connection
    lent: bool
    opening: str = ""

    def take_opening(self) -> str:
        """The opening, which is in the caller's hands from now on."""
        opening, self.opening = self.opening, ""
        return opening

    def run(self, sql: str) -> CursorResult[Any]:
        """Run a statement of ours, behind the opening."""
        sql = self.take_opening() + sql
        return self.connection.exec_driver_sql(sql, execution_options=AT_ONCE)


@contextmanager
def reading(where: Engine | Connection) -> Iterator[ReadOnlyConnection]:
    """A place to read of which nothing lasts, no lock and no transaction.

    An engine's is a fresh connection. A caller's is the same one; it goes on in the transaction
    that it was in, if any. Outside of one there is a snapshot of what is committed.
    """
    if isinstance(where, Engine):
        with where.connect() as fresh, _read_only(fresh, False) as place:
            yield place
        return
    began = not where.in_transaction()
    try:
        with _read_only(where, True) as place:
            yield place
    finally:
        if began:
            where.rollback()


@contextmanager
def _read_only(connection: Connection, lent: bool) -> Iterator[ReadOnlyConnection]:
    driver = driver_of(connection)
    alone = driver.info.transaction_status == IDLE
    begin, end = ALONE if alone else INSIDE
    with _without_begin(connection) if alone else nullcontext():
        place = ReadOnlyConnection(connection, lent, f"{begin};\n" if alone else "")
        if not alone:
            place.run(begin)
        try:
            yield place
        finally:
            place.opening = ""
            if not driver.closed:
                place.run(end)


@contextmanager
def _without_begin(connection: Connection) -> Iterator[None]:
    """Keep psycopg2 from a BEGIN of its own, which would be one more round trip."""
    driver = driver_of(connection)
    before = driver.autocommit
    driver.autocommit = True
    try:
        yield
    finally:
        if not driver.closed and driver.info.transaction_status == IDLE:
            driver.autocommit = before
        elif not connection.invalidated:  # cut, or an interrupt has come before the end
            connection.invalidate()


def driver_of(connection: Connection) -> Any:
    """psycopg2's connection below SQLAlchemy's."""
    return connection.connection.dbapi_connection


def lesson_spec(bind: Bind, statement: Executable) -> Engine | Connection:
    """Where to read: on a session's own connection, after a flush, if it is in a transaction.

    Raises FrameError when there is no database, or when its driver is another one.
    """
    where = _place_of(bind, statement)
    if where.dialect.driver != "psycopg2":
        raise FrameError(
            f"The engine speaks {where.dialect.name}, through {where.dialect.driver}.",
            "frames reads from PostgreSQL, through psycopg2.",
            "Make it with postgresql+psycopg2://, or use pandas.read_sql.",
        )
    return where


def _place_of(bind: Bind, statement: Executable) -> Engine | Connection:
    if isinstance(bind, scoped_session):
        bind = bind()
    if isinstance(bind, Session) and bind.in_transaction():
        bind.flush()
        return bind.connection(bind_arguments={"clause": statement})
    try:  # it has nothing of its own that could be seen
        return bind.get_bind(clause=statement) if isinstance(bind, Session) else bind  # type: ignore[arg-type]
    except UnboundExecutionError:
        raise FrameError(
            "There is no database to read from.",
            "No engine was handed over, and the session is bound to none.",
            "Hand one over: frames.read(what, engine); or call db.connect(url) before.",
        ) from None
