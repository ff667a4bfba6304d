"""Turn the server's errors into ones that name the constraint and the row, and show no values.

PostgreSQL's messages contain values: those of rows in their DETAIL and CONTEXT, those that can't
be converted in the message itself.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import DBAPIError

from ...errors import WriteError
from ...sqlstates import sqlstate_of
from .target import Target

# Classes of SQLSTATE that aren't about a row: connections, transactions, missing objects and
# rights, resources, limits, an operator's intervention, the system. What isn't in them is.
ELSEWHERE = ("08", "0A", "25", "28", "34", "3D", "3F", "40", "42", "53", "54", "55", "57", "58")
CONSTRAINTS = {
    "23502": "a NOT NULL constraint",
    "23503": "the foreign key",
    "23505": "the unique constraint",
    "23514": "the check constraint",
    "23P01": "the exclusion constraint",
    "44000": "the CHECK OPTION of the view",
}
REASONS = {
    "22001": "is too long for",
    "22003": "is out of range for",
    "22P02": "isn't valid for",
    "22007": "isn't valid for",
    "22008": "is out of range for",
    "22P05": "can't be stored in",
}
FK = "23503"


@dataclass(frozen=True)
class Failure:
    """What the server reports about a row.

    Attributes:
        error: SQLAlchemy's error.
        sqlstate: Its code.
        row: The row's position, if it's known.
        column: The table's column, if it's known.

    """

    error: DBAPIError
    sqlstate: str
    row: int | None
    column: str | None

    @property
    def diag(self) -> Any:
        """Return the fields of the server's message; both drivers have them."""
        return getattr(self.error.orig, "diag", None)


def failure_of(error: DBAPIError, relation: str, columns: Collection[str]) -> Failure | None:
    """Return what an error reports about a row, or None if it's about something else.

    Args:
        error: SQLAlchemy's error.
        relation: The table that COPY has written to; the line in its CONTEXT is the row.
        columns: The columns it has written.

    """
    code, diag = sqlstate_of(error), getattr(error.orig, "diag", None)
    context = getattr(diag, "context", None) or ""
    # In PL/pgSQL, a RAISE can have any code. PostgreSQL doesn't translate the word.
    raised = re.search(r"PL/pgSQL .* RAISE$", context, re.MULTILINE)
    secured = getattr(diag, "source_function", None) == "ExecWithCheckOptions"
    if not code or (code.startswith(ELSEWHERE) and not raised and not secured):
        return None
    row, column = _place(context, relation, columns)
    return Failure(error, code, row, getattr(diag, "column_name", None) or column)


def _place(context: str, relation: str, columns: Collection[str]) -> tuple[int | None, str | None]:
    """Read `COPY users, line 3, column age: "..."` (without it, if binary), in any language."""
    name = re.escape(relation)  # Japanese puts it first
    found = re.search(rf"^(?:COPY {name}|{name}\w*COPY)\D*?(\d+)(.*)", context, re.M | re.S)
    if found is None:
        return None, None
    named = [
        name for name in columns if re.match(rf"\W*\w+\s*{re.escape(name)}\s*(\W|$)", found[2])
    ]
    return int(found[1]) - 1, max(named, key=len, default=None)


def described(failure: Failure, target: Target, row: int | None) -> WriteError:
    """Return the error to raise, with a row's position that may have been found since."""
    diag, code, column = failure.diag, failure.sqlstate, failure.column
    constraint = getattr(diag, "constraint_name", None)
    table = getattr(diag, "table_name", None) or target.name
    what = f"{'A row' if row is None else f'Row {row}'} {_verdict(failure, target, table)}"
    name = type(failure.error.orig).__name__
    where = "" if row is None else f"Look at df.iloc[{row}]; rows count from 0."
    return WriteError(
        what, f"PostgreSQL reports {name} ({code}). Nothing was written.", where,
        row=row, column=column, constraint=constraint, sqlstate=code,
    )  # fmt: skip


def _verdict(failure: Failure, target: Target, table: str) -> str:
    diag, code, column = failure.diag, failure.sqlstate, failure.column
    if name := getattr(diag, "constraint_name", None):
        return f"violates {CONSTRAINTS.get(code, 'the constraint')} {name} of {table}."
    if code == "23502":
        return f"has no value for the column {column} of {table}, which is NOT NULL."
    if code == "23514" and target.relkind == "p":
        return f"fits none of the partitions of {target.name}."
    if code in CONSTRAINTS:
        return f"violates {CONSTRAINTS[code]} {table}."
    if code == "42501":
        return f"violates the row-level security policy of {table}."
    if raised := re.search(r"^PL/pgSQL \w+ (.+?)\(.*?\D(\d+)\D", diag.context or "", re.MULTILINE):
        return f"is refused by the function {raised[1]}, line {raised[2]}, which a trigger runs."
    reason = REASONS.get(code, "PostgreSQL refuses for")
    found = target.columns.get(column or "")
    where = f"the column {found.name}, which is {found.declared}" if found else "its column"
    return f"has a value that {reason} {where}."


def without_values(error: DBAPIError) -> DBAPIError:
    """Return an error that isn't about a row, with the first line of its message only.

    COPY adds the row it has just read to every error.
    """
    diag = getattr(error.orig, "diag", None)
    message = getattr(diag, "message_primary", None)
    if message is None:  # the connection is lost; libpq's text can contain the server's
        message = str(error.orig).strip().partition("\n")[0]
    orig: Any = type(error.orig)(message)  # type: ignore[misc]
    if hasattr(orig, "pgcode"):  # psycopg2's can't be set, only restored
        orig.__setstate__({"pgcode": sqlstate_of(error), "pgerror": message})
    return type(error)(error.statement, None, orig, True, error.connection_invalidated)
