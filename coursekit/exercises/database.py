"""The database that a check reads and writes; results are compared in Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from typing import Any

from sqlalchemy import URL, Connection, Engine, Executable, text
from sqlalchemy.exc import SQLAlchemyError

from coursekit.exercises.clean_session import (
    READ_ONLY,
    SETTINGS,
    USUAL_PATH,
    clean_engine,
)
from coursekit.exercises.items import ProbeResult, Unreadable
from coursekit.exercises.schema import Schema, read_schema
from coursekit.exercises.statements import SCHEMA, insert, select

Row = tuple[Any, ...]
KIND = """
SELECT relkind FROM pg_catalog.pg_class c
     JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
WHERE relname OPERATOR(pg_catalog.=) :name AND nspname OPERATOR(pg_catalog.=) :schema
"""


class Database:
    """A database, through clean sessions.

    Attributes:
        url: Its URL, for the learner's code.

    """

    def __init__(self, url: URL, *, read_only: bool = False) -> None:
        """Wrap a database; with `read_only`, its sequences can't change either."""
        self.url = url
        self._settings: Mapping[str, str] = READ_ONLY if read_only else SETTINGS

    @cached_property
    def engine(self) -> Engine:
        """Its engine, for queries whose names are all qualified."""
        return clean_engine(self.url, self._settings)

    def snapshot(self) -> Schema:
        """Return what's in the schema `public` now."""
        with self.engine.connect() as connection:
            return read_schema(connection)

    def column(self, name: str) -> str:
        """Return the description of a column, `users.email`; "no such column" if it's missing."""
        return self.snapshot().objects.get(("column", name), "no such column")

    def columns(self, table: str) -> list[str]:
        """Return a table's columns, sorted, without defaults: `title: text, not null`."""
        things = self.snapshot().objects.items()
        mine = {name: about for (kind, name), about in things if kind == "column"}
        return sorted(
            f"{name.removeprefix(f'{table}.')}: {about.partition(', default')[0]}"
            for name, about in mine.items()
            if name.startswith(f"{table}.")
        )

    def labels(self, enum: str) -> list[str]:
        """Return the labels of an enum type in their order; [] if it's missing."""
        found = self.query(
            "SELECT n.nspname, t.typname, e.enumsortorder, e.enumlabel FROM pg_catalog.pg_enum e "
            "JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) e.enumtypid "
            "JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) t.typnamespace"
        )
        mine = sorted((place, label) for *name, place, label in found if name == [SCHEMA, enum])
        return [label for _, label in mine]

    def has(self, table: str) -> bool:
        """Return whether there's a table of this name; a view isn't one."""
        with self.engine.connect() as connection:
            return _is_table(connection, table)

    def rows(self, table: str, *columns: str, by: str = "") -> list[Row]:
        """Return these columns of all rows of a table, ordered by the column `by`.

        Raises:
            Unreadable: It isn't a table: it's missing, or a view.

        """
        with self.engine.connect() as connection:
            if not _is_table(connection, table):
                raise Unreadable(f"there is no table {table}")
            return [tuple(row) for row in connection.execute(select(table, *columns, by=by))]

    def query(self, query: str, **parameters: Any) -> list[Row]:
        """Return the rows of a query whose tables, functions and operators are qualified."""
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query), parameters)]

    def fill(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows to a table, and commit."""
        self.commit(*(insert(table, **row) for row in rows))

    def commit(self, *statements: Executable) -> ProbeResult:
        """Run statements in one transaction and commit it; return the last one's rows."""
        return self._run(statements, keep=True)

    def attempt(self, *statements: Executable) -> ProbeResult:
        """Run statements in one transaction and roll it back; return the last one's rows."""
        return self._run(statements, keep=False)

    @contextmanager
    def session(self, *, keep: bool = False) -> Iterator[Callable[[Executable], ProbeResult]]:
        """Yield what runs statements in one transaction; it's rolled back, or kept, at the end."""
        with self.engine.connect() as connection:
            _use_usual_path(connection)
            yield partial(_result, connection)
            if keep:
                connection.commit()

    def outside(self, sent: Executable) -> ProbeResult:
        """Run a statement that can't run in a transaction."""
        with self.engine.connect() as connection:
            return _result(connection.execution_options(isolation_level="AUTOCOMMIT"), sent)

    def _run(self, statements: Sequence[Executable], *, keep: bool) -> ProbeResult:
        result = ProbeResult([])
        with self.engine.connect() as connection:
            _use_usual_path(connection)
            for each in statements:
                result = _result(connection, each)
                if result.error:
                    return result
            return _committed(connection, result) if keep else result


def _result(connection: Connection, sent: Executable) -> ProbeResult:
    """Run a statement; return its rows, or its error."""
    try:
        done = connection.execute(sent)
        return ProbeResult([tuple(row) for row in done] if done.returns_rows else [])
    except SQLAlchemyError as error:
        return ProbeResult(error=_cause(error))


def _committed(connection: Connection, result: ProbeResult) -> ProbeResult:
    """Commit; return the result, or the error of a deferred constraint."""
    try:
        connection.commit()
    except SQLAlchemyError as error:
        return ProbeResult(error=_cause(error))
    return result


def _cause(error: SQLAlchemyError) -> str:
    cause = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
    return f"{type(error).__name__}: {cause}"


def _is_table(connection: Connection, name: str) -> bool:
    found = connection.execute(text(KIND), {"name": name, "schema": SCHEMA})
    return found.scalar() in ("r", "p")


def _use_usual_path(connection: Connection) -> None:
    """Set the search path that the authors of triggers expect."""
    connection.exec_driver_sql(f"SET LOCAL search_path = {USUAL_PATH}")
