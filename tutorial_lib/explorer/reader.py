"""Read from a bind in a read-only transaction, or a savepoint, that leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, CursorResult, text
from sqlalchemy.exc import DBAPIError, InterfaceError

from ..connections import Bind, read_only, source_of, usable
from ..errors import ExplorerError
from ..sqlstates import LOCK_NOT_AVAILABLE, sqlstate_of

AS_IT_IS = {"no_parameters": True}  # % is an ordinary character
# Nothing here changes a table, so a lock is waited for only if someone else is changing one.
PATIENCE = """
SELECT pg_catalog.set_config('lock_timeout', '3s', true)
WHERE pg_catalog.current_setting('lock_timeout') = '0'
"""
# PostgreSQL qualifies the names of all other schemas, and pg_catalog comes before any of them. The
# other settings are what the text of a value or a definition depends on.
CANONICAL = """
SELECT pg_catalog.set_config(
           'search_path',
           pg_catalog.concat_ws(
               ', ', pg_catalog.quote_ident(pg_catalog.current_schema()), 'pg_temp'
           ),
           true
       ),
       pg_catalog.set_config('timezone', 'UTC', true),
       pg_catalog.set_config('datestyle', 'ISO', true),
       pg_catalog.set_config('intervalstyle', 'postgres', true),
       pg_catalog.set_config('extra_float_digits', '1', true),
       pg_catalog.set_config('bytea_output', 'hex', true),
       pg_catalog.set_config('lc_monetary', 'C', true),
       pg_catalog.set_config('quote_all_identifiers', 'off', true)
"""
PERMISSION_DENIED = "42501"
NOT_READABLE = {"55000", "0A000"}  # a view without data; on a standby, an unlogged table


@dataclass(frozen=True)
class Reader:
    """A connection in a read-only transaction.

    Attributes:
        connection: The connection.
        schema: The schema that an unqualified name is looked up in; empty if there's none.

    """

    connection: Connection
    schema: str

    def run(self, sql: str, **parameters: Any) -> CursorResult[Any]:
        """Run a statement; with parameters, they're written as `:name`."""
        if parameters:
            return self.connection.execute(text(sql), parameters)
        return _send(self.connection, sql)

    def narrow(self) -> None:
        """Set the search path to the schema alone, and text forms to one form.

        This holds until the end of the transaction or of its savepoint.
        """
        self.run(CANONICAL)


@contextmanager
def reading(bind: Bind) -> Iterator[Reader]:
    """Yield a reader; no lock and no transaction remains afterwards.

    Of an engine, it's a new connection, whose queries all see the database at one point in time.
    A caller's connection remains in its transaction, if any, and sees its uncommitted changes.

    Raises:
        ExplorerError: It isn't a bind, it's closed, its transaction has failed, it's no
            PostgreSQL, the role lacks a privilege, or another session holds a lock.

    """
    source = source_of(bind, ExplorerError)
    try:
        with read_only(source) as found:
            with usable(ExplorerError):
                _send_each(found.connection, found.begin)
            driver: Any = found.connection.connection.dbapi_connection
            try:
                yield _reader(found.connection)
            finally:
                if not driver.closed:
                    _send_each(found.connection, found.end)
    except DBAPIError as error:
        better = _explained(error)
        raise better from (None if better is error else error)


def _send(connection: Connection, sql: str) -> CursorResult[Any]:
    return connection.exec_driver_sql(sql, execution_options=AS_IT_IS)


def _send_each(connection: Connection, statements: str) -> None:
    """Run statements one by one: psycopg 3 can prepare only a single one."""
    for sql in statements.split("; "):
        _send(connection, sql)


def _reader(connection: Connection) -> Reader:
    _send(connection, PATIENCE)
    schema = _send(connection, "SELECT pg_catalog.current_schema()").scalar()
    return Reader(connection, schema or "")


def quoted(*names: str) -> str:
    """Return a qualified name for SQL that's sent without parameters.

    SQLAlchemy's own quoting doubles %, which it expects the driver to undo.
    """
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def _explained(error: DBAPIError) -> Exception:
    """Return an ExplorerError for what the caller can change, or else the error itself."""
    message = str(error.orig).strip().partition("\n")[0]
    if sqlstate_of(error) == LOCK_NOT_AVAILABLE:
        return ExplorerError(
            "Another session holds a lock on a table.",
            "It's changing the schema, and the wait has reached the lock_timeout.",
            "Try again when it has finished.",
        )
    if sqlstate_of(error) == PERMISSION_DENIED:
        return ExplorerError(
            f"The server refused: {message}.",
            "The role that you connect as lacks a privilege.",
            "Ask the owner for GRANT SELECT on it, and GRANT USAGE on its schema.",
        )
    if sqlstate_of(error) in NOT_READABLE:
        return ExplorerError(f"The server can't read it: {message}.")
    if isinstance(error, InterfaceError) and not sqlstate_of(error):
        return ExplorerError("The connection is closed.", message, "Pass the engine.")
    return error
