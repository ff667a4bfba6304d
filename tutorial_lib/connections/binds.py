"""Find the database: from an engine, a connection, a session, a sessionmaker or a URL.

No message contains a URL, nor what SQLAlchemy says of it: there may be a password in it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, make_url
from sqlalchemy.engine.mock import MockConnection
from sqlalchemy.exc import (
    ArgumentError,
    InvalidRequestError,
    PendingRollbackError,
    ResourceClosedError,
    UnboundExecutionError,
)
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from ..errors import Problem

Bind = Engine | Connection | Session | scoped_session[Session] | sessionmaker[Session] | URL | str
BINDS = Engine, Connection, Session, scoped_session, sessionmaker, URL
DRIVERS = ("psycopg2", "psycopg")  # SQLAlchemy's names; psycopg is psycopg 3

KINDS = "Pass an engine, a connection, a session, a sessionmaker or a database URL."
OFFLINE = (
    "In Alembic's offline mode (--sql), there's no connection.",
    f"In a revision, check first: if not op.get_context().as_sql. Elsewhere: {KINDS}",
)
BLOCKING = (
    "The call blocks, and would block the event loop.",
    "Pass an engine from sqlalchemy.create_engine, and make the call in a thread: "
    "await asyncio.to_thread(function, ...).",
)
FAILED = (
    "The connection's transaction has failed.",
    "Nothing runs in it until it's rolled back.",
    "Call rollback() on the connection or the session first.",
)
CLOSED = (
    "The connection is closed.",
    "It was returned to the pool, or the server has ended it.",
    "Pass the engine, or a connection inside of its `with` block.",
)
IN_ERROR = 3  # libpq's PQTRANS_INERROR; both drivers use its numbers
_URL = re.compile(r"\s*[\w+.:-]+://")


def is_bind(value: object) -> bool:
    """Return whether a value names a database, even in a way that isn't supported."""
    if isinstance(value, str):
        return bool(_URL.match(value))
    return isinstance(value, BINDS) or _is_async(value)


def engine_of(bind: object, error: type[Problem], name: str = "bind") -> Engine:
    """Return the engine of what the caller passed; nothing is sent, and no transaction touched.

    A URL gets an engine of its own without a pool: each connection is closed when it's returned,
    so nothing remains that would have to be disposed.

    Args:
        bind: What the caller passed.
        error: The error to raise.
        name: The argument's name, for messages.

    Raises:
        Problem: `error`: it's nothing of the kind, it's asynchronous, or it isn't PostgreSQL's.

    """
    found = _resolved(bind, error, name)
    if isinstance(found, Session):
        with usable(error, name):
            found = _expected(found.get_bind(), error, f"What {name} is bound to")
    check_driver(found, error, ())
    return found.engine


def source_of(
    bind: object,
    error: type[Problem],
    name: str = "bind",
    *,
    clause: Any = None,
    begin: bool = False,
) -> Engine | Connection:
    """Return where to send statements: of a session in a transaction, its connection.

    The session is flushed. Outside of a transaction, it has no rows of its own.

    Args:
        bind: What the caller passed; see `engine_of`.
        error: The error to raise.
        name: The argument's name, for messages.
        clause: The statement or table it's for. A session can have an engine for each table.
        begin: Whether to begin a session's transaction if it isn't in one. Not for a
            sessionmaker: no one could commit the session that it makes.

    Raises:
        Problem: `error`: `bind` can't be used, is closed or has failed, or has another driver.

    """
    found = _resolved(bind, error, name)
    if isinstance(found, Session):
        begin = found.in_transaction() or (begin and not isinstance(bind, sessionmaker))
        with usable(error, name):
            return _of_session(found, error, name, clause, begin)
    return check_usable(found, error)


def check_usable(source: Engine | Connection, error: type[Problem]) -> Engine | Connection:
    """Return an engine or a connection that psycopg2 or psycopg 3 can send a statement on.

    Raises:
        Problem: `error`: the connection is closed, its transaction has failed, or it's another
            database's or driver's.

    """
    check_driver(source, error)
    if isinstance(source, Connection):
        with usable(error):
            driver: Any = source.connection.dbapi_connection
        if driver.closed:
            raise error(*CLOSED)
        if driver.info.transaction_status == IN_ERROR:
            raise error(*FAILED)
        if getattr(driver.info, "pipeline_status", False):  # of psycopg 3
            raise error("The connection is in pipeline mode.", "", "Use it after the pipeline.")
    return source


def check_driver(source: Any, error: type[Problem], drivers: Collection[str] = DRIVERS) -> None:
    """Raise `error` unless it's PostgreSQL, with one of the drivers; without any, with each."""
    dialect = source.dialect
    if dialect.is_async:
        raise error("The engine is asynchronous.", *BLOCKING)
    if dialect.name != "postgresql" or (drivers and dialect.driver not in drivers):
        urls = " or ".join(f"postgresql+{driver}://" for driver in drivers or DRIVERS)
        raise error(
            f"The engine connects to {dialect.name} with {dialect.driver}.",
            f"This works only with PostgreSQL, with {' or '.join(drivers or DRIVERS)}.",
            f"Create it with a {urls} URL.",
        )


@contextmanager
def usable(error: type[Problem], name: str = "The connection") -> Iterator[None]:
    """Raise `error` instead of SQLAlchemy's errors about the state of a connection or a session."""
    try:
        yield
    except UnboundExecutionError:
        do = "Pass an engine, or bind the session to one: sessionmaker(engine)."
        raise error(f"There is no database: {name} isn't bound to an engine.", "", do) from None
    except PendingRollbackError:
        raise error(*FAILED) from None
    except ResourceClosedError:
        raise error(*CLOSED) from None
    except InvalidRequestError as problem:
        why = f"SQLAlchemy says: {str(problem).partition(' (Background')[0]}"
        raise error(f"{name} can't be used now.", why, "Pass the engine.") from None


def _of_session(
    session: Session, error: type[Problem], name: str, clause: Any, begin: bool
) -> Engine | Connection:
    options: dict[str, Any] = {} if clause is None else {"clause": clause}
    found = _expected(session.get_bind(**options), error, f"What {name} is bound to")
    if not begin:
        return check_usable(found, error)
    check_driver(found, error)
    connection = session.connection(bind_arguments=options)
    check_usable(connection, error)
    session.flush()
    return connection


def _resolved(bind: object, error: type[Problem], name: str) -> Engine | Connection | Session:
    """Return the engine, connection or session that `bind` stands for."""
    if isinstance(bind, scoped_session | sessionmaker):
        bind = bind()
    if isinstance(bind, str | URL):
        return _engine_for(bind, error, name)
    if isinstance(bind, Session):
        return bind
    if not isinstance(bind, type) and not _is_async(bind):
        get_bind = getattr(bind, "get_bind", None)  # Alembic's op has one, too
        bind = get_bind() if callable(get_bind) else bind
    return _expected(bind, error, name)


def _expected(found: object, error: type[Problem], name: str) -> Engine | Connection:
    """Return an engine or a connection; raise `error` for anything else."""
    if isinstance(found, Engine | Connection):
        return found
    if found is None or isinstance(found, MockConnection):
        raise error(f"{name} is {_kind(found)}.", *OFFLINE)
    if _is_async(found):
        raise error(f"{name} is {_kind(found)}, which is asynchronous.", *BLOCKING)
    raise error(f"{name} is {_kind(found)}.", "The database is reached through SQLAlchemy.", KINDS)


def _engine_for(url: URL | str, error: type[Problem], name: str) -> Engine:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        why = "It can't be parsed. An @, : or / in a password must be escaped; URL.create does it."
        if isinstance(url, str) and not _URL.match(url):
            why = "It doesn't start with postgresql+psycopg2://, for example."
        raise error(f"{name} is a string that isn't a database URL.", why, KINDS) from None
    backend, _, driver = parsed.drivername.partition("+")
    if backend != "postgresql":
        why = "This works only with PostgreSQL, and its URLs start with postgresql."
        raise error(f"{name} is a URL that starts with {parsed.drivername}://.", why)
    try:
        return create_engine(parsed, hide_parameters=True, poolclass=NullPool)
    except ImportError as problem:
        what = f"The driver of the URL in {name}, {driver or 'psycopg'}, isn't installed."
        do = "Install it, or name another one: postgresql+psycopg2://..."
        raise error(what, f"Python says: {problem}.", do) from None
    except (ArgumentError, TypeError, ValueError):
        what = f"No engine can be created for the URL in {name}."
        why = f"Its driver or its options aren't known to SQLAlchemy: {parsed.drivername}."
        raise error(what, why, "Try it with sqlalchemy.create_engine.") from None


def _is_async(value: object) -> bool:
    return any(base.__module__.startswith("sqlalchemy.ext.asyncio") for base in type(value).__mro__)


def _kind(value: object) -> str:
    """Describe what was passed, without its contents."""
    if value is None:
        return "None"
    if isinstance(value, type):
        return f"the class {value.__name__}, not an instance"
    module, name = type(value).__module__, type(value).__name__
    return f"of type {name}" if module == "builtins" else f"of type {module}.{name}"
