"""Explain errors of SQLAlchemy and PostgreSQL in the words of the call."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Executable
from sqlalchemy.exc import DBAPIError, StatementError

from ..errors import FrameError
from ..sqlstates import sqlstate_of
from .bound import not_a_list
from .query import BEGINS, ONLY_QUERIES, SHAPES
from .sql_text import blank, short, trimmed
from .suggestions import near, similar

_NAME = re.compile(r'(?:"(?:[^"]|"")+"|[\w$]+)(?:\.(?:"(?:[^"]|"")+"|[\w$]+))*')
_TABLES = """
SELECT CASE WHEN pg_table_is_visible(c.oid) THEN '' ELSE nspname || '.' END || relname
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind IN ('r', 'v', 'm', 'p', 'f') AND nspname !~ '^(pg_|information_schema)'"""
_COLUMNS = """
SELECT DISTINCT attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
JOIN pg_namespace n ON n.oid = relnamespace
WHERE attnum > 0 AND NOT attisdropped AND nspname !~ '^(pg_|information_schema)'"""
_READ_ONLY = "25006"
_NO_CURSOR = "42P11"  # not one query
_MISSING = {"42P01": _TABLES, "42703": _COLUMNS}
_SYNTAX = "42601"
_NO_VALUE = "cd3x"  # SQLAlchemy's code for a parameter without a value
# In the server's own language only. Other lines contain the query, with its values.
_FUNCTION = re.compile(
    r'^(?:SQL|PL/pgSQL) function "?(?!inline_code_block)([^\s"(]+)', re.MULTILINE
)
_CANNOT_ADAPT = re.compile(r"can(?:'t|not) adapt type '([\w.]+)'")


def explained(
    error: StatementError,
    statement: Executable,
    params: Mapping[str, Any],
    names: Callable[[str], list[str]],
) -> Exception:
    """Return a clearer error, or the same one if there's nothing to add.

    Args:
        error: SQLAlchemy's error.
        statement: What was to be read.
        params: Its parameters' values.
        names: Runs a catalog query and returns its first column.

    """
    if getattr(error.orig, "code", None) == _NO_VALUE:
        why = f"SQLAlchemy says: {str(error.orig).partition(' (Background')[0]}."
        do = "Pass it by name, or in params={...} if its name is an argument of read()."
        return FrameError("A parameter has no value.", why, do)
    if not isinstance(error, DBAPIError) and error.orig is not None:  # its message has the value
        what = "The value of a parameter can't be converted to its type in the model."
        why = f"The type raises {type(error.orig).__name__}."
        return FrameError(what, why, "Pass a value that the type accepts.")
    code = sqlstate_of(error) if isinstance(error, DBAPIError) else ""
    message = str(error.orig).partition("\n")[0]
    if not code and (found := _CANNOT_ADAPT.search(message)):
        why = f"The driver has no equivalent in SQL for the type {found[1]}."
        do = "Convert it to a number, a string, a date, or a list of these."
        return FrameError("The value of a parameter can't be sent to PostgreSQL.", why, do)
    if code == _NO_CURSOR and ";" in blank(trimmed(str(statement))):
        return FrameError("Only one query can be read.", "There's a ; in the middle of it.")
    if code == _READ_ONLY:
        return _writes(error.orig, message)
    if code == _NO_CURSOR:
        return FrameError(ONLY_QUERIES, f"PostgreSQL says: {message}.", SHAPES)
    if code in _MISSING:
        return _missing(error.orig, message, lambda: names(_MISSING[code]))
    if code == _SYNTAX and (name := not_a_list(statement, params)):
        what = f"The value of the parameter :{name} isn't a list."
        return FrameError(what, f"In the query, it comes after IN: IN :{name}.", "Pass a list.")
    return _in_short(error) if code else error


def _in_short(error: StatementError) -> StatementError:
    """Leave out of a message where the server ran the query, and the values of parameters.

    The values are in the text that the server got: it quotes the line of an error, and the query.
    """
    orig: Any = error.orig
    message, diag, context = str(orig), orig.diag, orig.diag.context or ""
    head, label = message, "CONTEXT:  "
    if context:
        head, _, label = message.rpartition(context)[0].rpartition("\n")
    if diag.internal_query:
        head = head.rpartition(diag.internal_query)[0].rpartition("\n")[0]
    if error.hide_parameters and error.params:
        head = diag.message_primary
        head += f"\nDETAIL:  {diag.message_detail}" if diag.message_detail else ""
        head += f"\nHINT:  {diag.message_hint}" if diag.message_hint else ""
    if head:
        functions = [f"{label}{line}" for line in context.splitlines() if _FUNCTION.match(line)]
        short_one = "\n".join([head, *functions])
        error.args = (error.args[0].replace(message, short_one), *error.args[1:])
    return error


def _writes(error: Any, message: str) -> FrameError:
    """Explain a refusal to change data, also of a function that a query or a view calls."""
    found = _FUNCTION.search(getattr(error.diag, "context", None) or "")
    where = f" It's in the function {found[1]}." if found else ""
    return FrameError(
        "frames.read changes nothing, and this would change data, or lock rows.",
        f"PostgreSQL says: {message}.{where}",
        "Nothing was changed. If that's what you want, run it with connection.execute().",
    )


def _missing(error: Any, message: str, names: Callable[[], list[str]]) -> FrameError:
    """Explain that a table or a column doesn't exist."""
    name, known = _name_at(error), sorted(names())
    if re.search(r"\s", name) and not near(name, known):
        why = f"{short(name)} isn't a query, because {BEGINS} No table has that name either."
        return FrameError(ONLY_QUERIES, why, SHAPES)
    if name in known and "." in name:
        do = f"""Quote the name, because it contains a dot: frames.read('"{name}"')."""
        return FrameError(f"PostgreSQL says: {message}.", f"There is a table {name!r}.", do)
    what, do = f"PostgreSQL says: {message}.", "Check the spelling and the case."
    return FrameError(what, similar(name, known), do)


def _name_at(error: Any) -> str:
    """Return the name the server didn't find, independent of its language; "" if it isn't given."""
    sql, position = error.diag.internal_query, error.diag.internal_position
    found = _NAME.match(sql, int(position) - 1) if position else None
    return re.sub(r'"((?:[^"]|"")+)"', lambda m: m[1].replace('""', '"'), found[0] if found else "")
