"""Run a query through COPY: first read its columns, then stream its rows as text."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import Any, Self

from sqlalchemy import Connection, CursorResult, Engine, Executable, event
from sqlalchemy.exc import DBAPIError

from ..arguments import sendable
from ..errors import FrameError
from .drivers import Driver, driver_of
from .interrupts import cancel_until, interruptible, waited
from .query import prints_text
from .readonly import AT_ONCE, ReadOnlyConnection
from .sql_text import trimmed
from .workers import start

BLOCK = 1 << 20  # bytes; larger blocks don't make the parser faster
AHEAD = 3  # blocks that may wait to be parsed
OPEN = "DECLARE query refcursor := '_frames'; BEGIN OPEN query FOR EXECUTE %s; END"
NONE = "FETCH 0 FROM _frames"
# Another cursor fetches rows from that one if the planner expects few of them, and soon: it
# finds a cost below 1000 and fewer than 100 rows. COPY would run the query again.
OPEN_AND_FETCH = f"""DECLARE
    query refcursor := '_frames'; few refcursor := '_few'; sql text := %s; plan text;
BEGIN
    OPEN query FOR EXECUTE sql;
    EXECUTE pg_catalog.concat('EXPLAIN ', sql) INTO plan;
    OPEN few FOR EXECUTE CASE
        WHEN pg_catalog.textregexeq(plan, '[.][.][0-9]{{1,3}}[.][0-9]+ rows=[0-9]{{1,2}} width')
        THEN 'FETCH %d FROM _frames' ELSE '{NONE}' END;
END"""


@dataclass(frozen=True)
class Shape:
    """A query that's ready for COPY.

    Attributes:
        sql: The SQL that SQLAlchemy compiled.
        bound: The same, with the values of its parameters.
        names: The names of its columns.
        described: The driver's description of its columns.
        rows: All of its rows if they were few, or nothing.

    """

    sql: str
    bound: bytes
    names: Sequence[str]
    described: Sequence[Any]
    rows: Sequence[Any] = ()


def shape_of(
    reader: ReadOnlyConnection, statement: Executable, params: Mapping[str, Any], few: int
) -> Shape:
    """Read a query's columns, and its rows if there are at most `few` and that's expected.

    SQLAlchemy executes it, so values are bound as usual. The server gets the query as a value
    and opens a cursor for it: PL/pgSQL refuses that for anything but one query, whatever the
    comments and quotes in its text.
    """
    connection, opening = reader.connection, reader.take_opening()
    driver = driver_of(connection)
    sent: list[tuple[str, bytes]] = []
    given: dict[str, Any] = {}

    def wrap(_: Any, __: Any, sql: str, values: Any, *___: Any) -> tuple[str, Any]:
        short = trimmed(sendable("The query", sql, FrameError))
        given.update(values)
        sent.append((short, _bound(driver, short, values)))
        whole = driver.bound("%s", [driver.bound(sql, values).decode(driver.encoding)])
        opened = {"open": body.replace("%s", whole.decode(driver.encoding))}
        return f"{opening}DO %(open)s;{fetch}", opened

    def execute() -> CursorResult[Any]:
        return connection.execute(statement, params, execution_options=AT_ONCE)

    body, fetch = OPEN, f"\n{NONE}"
    if prints_text(statement):
        fetch = ""  # a FETCH, even of no row, would run an EXPLAIN ANALYZE
    elif few:
        body, fetch = OPEN_AND_FETCH.replace("%d", f"{few + 1}"), "\nFETCH ALL FROM _few"
    event.listen(connection, "before_cursor_execute", wrap, retval=True)
    try:
        with driver.simple(), interruptible(driver, execute) as result:
            if not result.returns_rows:
                return Shape(*sent[0], (), ())
            names, described = list(result.keys()), result.cursor.description
            rows = [tuple(row) for row in result.fetchall()]
            return Shape(*sent[0], names, described, rows if len(rows) <= few else [])
    except DBAPIError as error:
        if sent:  # the caller gave these, not the DO
            error.statement, error.params = sent[0][0], given
        raise
    finally:
        event.remove(connection, "before_cursor_execute", wrap)


def _bound(driver: Driver, sql: str, values: Any) -> bytes:
    try:
        return driver.bound(sql, values)
    except (TypeError, ValueError, ArithmeticError) as error:  # its message may have the value
        kind = type(error).__name__
    what = "The value of a parameter can't be converted to SQL."
    raise FrameError(what, f"The type raises {kind}.", "Pass a value of another Python type.")


class Copy:
    """The rows of a query, fetched by a thread while the caller parses earlier ones."""

    def __init__(self, connection: Connection, shape: Shape) -> None:
        self.engine, self.shape, self.driver = connection.engine, shape, driver_of(connection)
        self._blocks: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._room = threading.Semaphore(AHEAD)
        self._ended = self._over = False
        self._rest = b""
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        start(self._run)
        return self

    def __exit__(self, *_: object) -> None:
        """Cancel the query if it's still running, and wait until the connection is free."""
        if self._ended:
            return
        self._over = True
        self._room.release()
        cancel_until(self.driver, self._drain)

    def blocks(self) -> Iterator[bytes]:
        """Yield blocks of complete rows; raise SQLAlchemy's error if the query fails."""
        while (block := self._next()) is not None:
            yield block
            self._room.release()
        if self._error:
            with sqlalchemy_errors(self.engine, self.shape.sql):
                raise self._error

    def _put(self, block: bytes) -> None:
        """Queue the complete rows of a block, and wait until there's room for another."""
        if self._over:
            return
        if self._rest:
            block = self._rest + block
        end = block.rfind(b"\n") + 1  # COPY escapes a newline within a value
        self._rest = block[end:]
        if end:  # a slice of all of it is no copy
            self._blocks.put(block[:end])
            self._room.acquire()

    def _run(self) -> None:
        try:
            options = b"" if self.driver.in_utf8 else b"(ENCODING 'UTF8')"
            command = b"COPY (\n" + self.shape.bound + b"\n) TO STDOUT" + options
            self.driver.copy_out(command, self._put, BLOCK)
        except BaseException as error:  # raised where the blocks are read
            self._over, self._error = True, error
        finally:
            self._blocks.put(None)

    def _next(self) -> bytes | None:
        block = waited(self._blocks)
        self._ended = block is None
        return block

    def _drain(self) -> None:
        while not self._ended:
            self._next()


@contextmanager
def sqlalchemy_errors(engine: Engine, sql: str) -> Iterator[None]:
    """Raise the driver's errors as SQLAlchemy's."""
    base = engine.dialect.loaded_dbapi.Error
    try:
        yield
    except base as error:
        hide, dialect = engine.hide_parameters, engine.dialect
        raise DBAPIError.instance(sql, None, error, base, hide, dialect=dialect) from error


def buffered(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Save all blocks to a temporary file, then yield them from there."""
    with SpooledTemporaryFile(AHEAD * BLOCK) as file:
        sizes = [file.write(block) for block in blocks]
        file.seek(0)
        yield from map(file.read, sizes)
