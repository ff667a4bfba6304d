"""What with_lock_retries runs: SQL, a SQLAlchemy statement, or a function."""

from __future__ import annotations

import inspect
import reprlib
from collections.abc import Callable

from sqlalchemy import Connection, Engine, Executable
from sqlalchemy.exc import SQLAlchemyError

from ..arguments import sendable
from ..errors import LockError
from .read import statement_prefix

Statement = str | Executable | Callable[[Connection], object]
KINDS = "Pass SQL, a SQLAlchemy statement, or a function that takes a connection."


def check_statement(statement: object) -> None:
    """Refuse what can't be run, before anything is sent to the server.

    Raises:
        LockError: It isn't one of the three kinds, or a function that wouldn't do its work.

    """
    if isinstance(statement, str):
        if not statement.strip():
            raise LockError("The statement is empty.", "", KINDS)
        sendable("The statement", statement, LockError)
    elif not isinstance(statement, Executable):
        if not callable(statement):
            what = f"The statement is of type {type(statement).__name__}: {reprlib.repr(statement)}"
            raise LockError(f"{what}.", "", f"{KINDS} Several statements fit into one function.")
        _check_function(statement)


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
