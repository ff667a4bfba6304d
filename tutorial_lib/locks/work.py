"""What with_lock_retries runs: SQL, a SQLAlchemy statement, or a function."""

from __future__ import annotations

import inspect
import re
import reprlib
from collections.abc import Callable

from sqlalchemy import DDL, Connection, Engine, Executable, TextClause
from sqlalchemy.exc import SQLAlchemyError

from ..arguments import sendable
from ..errors import LockError
from .read import statement_prefix

Statement = str | Executable | Callable[[Connection], object]
NOTHING = re.compile(r"\A(?:[\s;]|--[^\n]*)*")
KINDS = "Pass SQL, a SQLAlchemy statement, or a function that takes a connection."


def check_statement(statement: object) -> None:
    """Refuse what can't be run, before anything is sent to the server.

    Raises:
        LockError: It isn't one of the three kinds, or a function that wouldn't do its work.

    """
    sql = _text_of(statement)
    if sql is not None:
        sendable("The statement", sql, LockError)
        if not _has_sql(sql):
            why = "Comments and semicolons aren't sent." if sql.strip() else ""
            raise LockError("The statement is empty.", why, KINDS)
    elif not isinstance(statement, Executable):
        if not callable(statement):
            what = f"The statement is of type {type(statement).__name__}: {reprlib.repr(statement)}"
            raise LockError(f"{what}.", "", f"{KINDS} Several statements fit into one function.")
        _check_function(statement)


def _text_of(statement: object) -> str | None:
    """Return the SQL that the caller wrote, or None if there's none."""
    if isinstance(statement, TextClause):
        return statement.text
    if isinstance(statement, DDL):
        return statement.statement
    return statement if isinstance(statement, str) else None


def _has_sql(text: str) -> bool:
    """Return whether there's more in it than comments, semicolons and spaces."""
    while (rest := NOTHING.sub("", text, count=1)).startswith("/*"):
        text = rest[_end_of_comment(rest) :]
    return bool(rest)


def _end_of_comment(text: str) -> int:
    """Return where a comment ends that the text starts with: PostgreSQL nests them."""
    depth = 0
    for found in re.finditer(r"/\*|\*/", text):
        depth += 1 if found[0] == "/*" else -1
        if not depth:
            return found.end()
    return len(text)


def _check_function(function: Callable[..., object]) -> None:
    name = name_of(function)
    lazy = inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function)
    if lazy or inspect.isasyncgenfunction(function):
        why = "Calling it runs nothing: it's a generator or asynchronous."
        raise LockError(f"{name!r} can't be used here.", why, KINDS)
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        why = "It's called with a connection, as its only argument."
        raise LockError(f"{name!r} doesn't take one argument.", why, KINDS) from None
    except ValueError:
        pass  # no signature is known, as of some functions in C


def name_of(statement: Statement) -> str:
    """Return a function's name, or the start of a statement."""
    if isinstance(statement, str | Executable):
        return statement_prefix(str(statement))
    return getattr(statement, "__name__", "") or type(statement).__name__


def sql_of(statement: Statement, engine: Engine) -> str:
    """Return the SQL of a statement; "" of a function."""
    if isinstance(statement, str):
        return statement
    compiler = getattr(statement, "compile", None)
    if not isinstance(statement, Executable) or compiler is None:
        return ""
    schemas = engine.get_execution_options().get("schema_translate_map")
    options = {"schema_translate_map": schemas, "render_schema_translate": True} if schemas else {}
    try:
        return str(compiler(dialect=engine.dialect, **options))
    except SQLAlchemyError:
        return ""  # running it will tell


def run(connection: Connection, statement: Statement) -> None:
    """Run it once, and leave the transaction open."""
    if isinstance(statement, str):
        # Without parameters, the driver takes the text as it is: %, :name and several statements.
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
    elif isinstance(statement, Executable):
        connection.execute(statement)
    else:
        statement(connection)
