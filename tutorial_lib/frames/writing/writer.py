"""Write a DataFrame: check everything that can be checked, then send the rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, scoped_session

from ...errors import FrameError, WriteError
from ...sqlstates import sqlstate_of
from ..query import check_schema
from .conflicts import Conflict, Key, check_arguments, conflict_of
from .failures import FK, Failure, described, failure_of, without_values
from .incoming import columns_of as incoming_of
from .matching import Pair, match
from .model import check_own_types, model_of, translated
from .rows import binary_blocks, blocks, can_be_binary
from .scalars import NotBinary
from .sending import copy_in
from .staging import Stage, copy_sql, duplicates, failing_row, row_without_parent, stage
from .target import Target, columns_of, describe, tables_behind
from .transaction import Scope, run, writing

TWICE, NO_KEY = "21000", "42P10"  # SQLSTATEs of ON CONFLICT


@dataclass(frozen=True)
class Request:
    """The arguments of `frames.write`."""

    df: Any
    table: Any
    con: Any
    schema: str | None
    on_conflict: str | None
    key: Key
    index: bool | None


def write_frame(request: Request, name: str) -> int:
    """Write the rows, and return how many were inserted or updated.

    Args:
        request: The arguments.
        name: What the caller calls `con`, for messages.

    """
    check_arguments(request.on_conflict, request.key)
    if not isinstance(request.index, bool | None):
        what = f"index is of type {type(request.index).__name__}."
        raise FrameError(what, "It must be True, False or None.")
    check_schema(request.schema)
    model = model_of(request.table, request.schema)
    incoming, count = incoming_of(request.df, request.index)
    with writing(request.con, name, model.clause) as scope:
        connection = scope.connection
        target = describe(connection, translated(model, connection))
        pairs = match(incoming, target, model, connection.dialect)
        given = [pair.column.name for pair in pairs]
        if isinstance(request.table, str):
            for schema, name in tables_behind(connection, target):
                check_own_types(given, schema, name, target.name)
        conflict = conflict_of(connection, target, model, request.on_conflict, request.key, given)
        binary = target.binary_safe and can_be_binary(pairs, count)
        written = _Write(scope, target, pairs, count, conflict, binary).run() if count else 0
    if request.on_conflict == "update" and isinstance(request.con, Session | scoped_session):
        request.con.expire_all()  # it may hold objects of the rows that were updated
    return written


@dataclass(frozen=True)
class _Write:
    """Rows to write to a table."""

    scope: Scope
    target: Target
    pairs: Sequence[Pair]
    count: int
    conflict: Conflict | None
    binary: bool

    @property
    def connection(self) -> Connection:
        return self.scope.connection

    @property
    def columns(self) -> list[str]:
        return [pair.column.name for pair in self.pairs]

    @property
    def as_text(self) -> _Write:
        return replace(self, binary=False)

    def run(self) -> int:
        """Write them; raise an error without values."""
        try:
            return self._run()
        except NotBinary:
            return self.as_text._run()

    def _run(self) -> int:
        staged = self.conflict is not None or self.target.by_insert
        try:
            with self.connection.begin_nested():
                written = self._through_a_stage() if staged else self._directly()
                self._check_deferred()
                return written
        except DBAPIError as error:
            problem = error
        # Raised here, so that PostgreSQL's message isn't in the new error's context.
        raise self._explained(problem)

    def _directly(self) -> int:
        sql = copy_sql(self.target.sql, self.columns, self.binary)
        written = copy_in(self.connection, sql, self._blocks(numbered=False))
        if self.binary:
            self._check_types()
        return written

    def _blocks(self, numbered: bool) -> Iterator[bytes]:
        return (binary_blocks if self.binary else blocks)(self.pairs, self.count, numbered)

    def _check_types(self) -> None:
        """Check that no session has changed a column's type before COPY locked the table.

        The server would take the bytes of a number for a timestamp.
        """
        target = self.target
        if columns_of(self.connection, target.oid, target.relkind) != target.columns:
            raise NotBinary

    def _through_a_stage(self) -> int:
        filled = self._fill()
        written = filled.insert(self.conflict)
        filled.drop()
        return written

    def _fill(self) -> Stage:
        """Copy the rows into a temporary table; a value that doesn't fit its type fails here."""
        filled = stage(self.connection, self.target, self.pairs)
        try:
            copy_in(self.connection, filled.copy_sql(self.binary), self._blocks(numbered=True))
        except DBAPIError as error:
            failure = failure_of(error, filled.name, self.columns)
            if failure is None:
                raise
            problem = described(failure, self.target, failure.row)
        else:
            return filled
        raise problem

    def _check_deferred(self) -> None:
        """Check deferred constraints while an error can still be explained."""
        if self.scope.own:
            run(self.connection, "SET CONSTRAINTS ALL IMMEDIATE")

    def _explained(self, error: DBAPIError) -> Exception:
        code = sqlstate_of(error)
        if self.conflict and code == NO_KEY:
            return FrameError(
                f"{self.target.name} has no key for this on_conflict.",
                "ON CONFLICT needs a unique constraint or index on exactly these columns.",
            )
        failure = failure_of(error, self.target.name, self.columns)
        if failure is None:
            return without_values(error)
        row = failure.row
        if row is None and not self.connection.invalidated:
            found = self._located(failure)
            if isinstance(found, WriteError):
                return found
            row = found
        return described(failure, self.target, row)

    def _located(self, failure: Failure) -> int | WriteError | None:
        """Find the row by writing again, through a temporary table."""
        constraint = getattr(failure.diag, "constraint_name", None) or ""
        try:
            filled = self.as_text._fill()
            if failure.sqlstate == TWICE and (same := self._twice(filled)):
                return same
            if failure.sqlstate == FK and (row := row_without_parent(filled, constraint)):
                return row[0]
            self._check_deferred()
            return failing_row(filled, self.count, self.conflict)
        except DBAPIError:  # such as no right to create temporary tables
            return None

    def _twice(self, filled: Stage) -> WriteError | None:
        positions = duplicates(filled, self.conflict) if self.conflict else []
        if not positions:
            return None
        listed = ", ".join(map(str, positions[:5]))
        return WriteError(
            f"Rows {listed} have the same key, so each would update the other.",
            "PostgreSQL updates a row only once in a statement. Nothing was written.",
            "Keep one of them: df.drop_duplicates([...], keep='last').",
            row=positions[1],
            sqlstate=TWICE,
        )
