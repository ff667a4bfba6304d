"""Find the connection to write on, and make the write all or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, FromClause

from ...connections import source_of, usable
from ...errors import FrameError
from ..drivers import driver_of
from .target import ONCE


@dataclass(frozen=True)
class Scope:
    """A connection in a transaction or savepoint.

    Attributes:
        connection: The connection.
        own: Whether the transaction ends with the write, so that deferred constraints count.

    """

    connection: Connection
    own: bool


@contextmanager
def writing(con: object, name: str, clause: FromClause | None) -> Iterator[Scope]:
    """Yield a connection in a transaction; what's written on it is kept only without an error.

    A session's transaction, or a connection's if it's in one, goes on afterwards; an error rolls
    it back to a savepoint. Of an engine, and of a connection that isn't in a transaction, it's a
    transaction that's committed at the end.

    Args:
        con: What the caller passed; see `connections.engine_of`.
        name: What the caller calls it, for messages.
        clause: The table. A session can have an engine for each.

    """
    source = source_of(con, FrameError, name, clause=clause, begin=True)
    with ExitStack() as stack:
        with usable(FrameError):
            scope = _begun(source, stack)
        yield scope


def run(connection: Connection, sql: str) -> Any:
    """Run SQL that has no parameters, so a % in a name is a %."""
    return connection.exec_driver_sql(sql, execution_options={**ONCE, "no_parameters": True})


def _begun(source: Engine | Connection, stack: ExitStack) -> Scope:
    """Begin a transaction or a savepoint, which ends with the stack."""
    if isinstance(source, Engine):
        source = stack.enter_context(source.connect())
    elif source.in_transaction() and not driver_of(source).autocommit:
        stack.enter_context(source.begin_nested())
        return Scope(source, False)
    return stack.enter_context(_of_its_own(source))


@contextmanager
def _of_its_own(connection: Connection) -> Iterator[Scope]:
    if driver_of(connection).autocommit:  # SQLAlchemy's begin() does nothing then
        before, own = connection.in_transaction(), driver_of(connection).idle
        try:
            with _by_statements(connection, *_verbs(connection)):
                yield Scope(connection, own)
        finally:
            if not before:
                connection.rollback()  # nothing but SQLAlchemy's own state
    else:
        with connection.begin():
            yield Scope(connection, True)


def _verbs(connection: Connection) -> tuple[str, str, str]:
    if driver_of(connection).idle:
        return "BEGIN", "COMMIT", "ROLLBACK"
    # The caller has sent BEGIN as a statement.
    point = "SAVEPOINT frames_write"
    return point, f"RELEASE {point}", f"ROLLBACK TO {point}; RELEASE {point}"


@contextmanager
def _by_statements(connection: Connection, begin: str, end: str, undo: str) -> Iterator[None]:
    run(connection, begin)
    try:
        yield
        run(connection, end)
    except BaseException:
        if not connection.invalidated and not driver_of(connection).closed:
            for each in undo.split(";"):
                run(connection, each)
        raise
