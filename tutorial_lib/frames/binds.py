"""Find the database: from an engine, a connection, a session, a sessionmaker or a URL."""

from __future__ import annotations

import re
from collections.abc import Collection

from sqlalchemy import URL, Connection, Engine, Executable, NullPool, make_url
from sqlalchemy.exc import ArgumentError, UnboundExecutionError
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from ..db import SessionLocal, make_engine
from ..errors import FrameError
from .drivers import DRIVERS

Bind = Engine | Connection | Session | scoped_session[Session] | sessionmaker[Session] | URL | str
BINDS = Engine, Connection, Session, scoped_session, sessionmaker, URL

KINDS = "Pass an engine, a connection, a session, a sessionmaker or a database URL."
_URL = re.compile(r"\s*[\w+.:-]+://")


def is_bind(value: object) -> bool:
    """Return whether a value names a database, even in a way that frames doesn't support."""
    if isinstance(value, str):
        return bool(_URL.match(value))
    return isinstance(value, BINDS) or _is_async(value)


def resolve(bind: object, name: str = "con") -> Engine | Connection | Session:
    """Return the engine, connection or session that `bind` stands for.

    A sessionmaker creates a new session. A URL gets an engine of its own without a pool: each
    connection is closed when it's returned.

    Args:
        bind: What the caller passed.
        name: The argument's name, for messages.

    Raises:
        FrameError: It's nothing of the kind, or the URL can't be used. The message doesn't
            contain the URL, because that may contain a password.

    """
    if isinstance(bind, scoped_session | sessionmaker):
        bind = bind()
    if isinstance(bind, str | URL):
        return _engine_for(bind, name)
    if isinstance(bind, Engine | Connection | Session):
        return bind
    if _is_async(bind):
        raise FrameError(
            f"{name} is {_kind(bind)}, and frames works only with blocking connections.",
            "A read in the event loop would block it.",
            "Pass an engine from sqlalchemy.create_engine, and run the read in a thread: "
            "await asyncio.to_thread(frames.read, query, engine).",
        )
    why = "" if bind is None else "frames reaches the database through SQLAlchemy."
    raise FrameError(f"{name} is {_kind(bind)}.", why, KINDS)


def source_of(bind: object, statement: Executable, name: str = "con") -> Engine | Connection:
    """Return where to read: of a session in a transaction, its connection after a flush.

    Args:
        bind: What the caller passed; see `resolve`. None means SessionLocal.
        statement: What is read. A session can have an engine for each table.
        name: The argument's name, for messages.

    Raises:
        FrameError: `bind` can't be used, has no database, or has another driver.

    """
    source = resolve(SessionLocal if bind is None else bind, name)
    if isinstance(source, Session):
        why = f"{name}= is missing, and SessionLocal" if bind is None else "The session"
        source = _of_session(source, statement, f"{why} isn't bound to an engine.")
    check_driver(source)
    return source


def check_driver(source: Engine | Connection, drivers: Collection[str] = DRIVERS) -> None:
    """Raise FrameError unless it's PostgreSQL, with one of the drivers."""
    dialect = source.dialect
    if dialect.name != "postgresql" or dialect.driver not in drivers or dialect.is_async:
        known = " or ".join(f"postgresql+{driver}://" for driver in drivers)
        raise FrameError(
            f"The engine connects to {dialect.name} with {dialect.driver}.",
            f"frames works only with PostgreSQL, with {' or '.join(drivers)}.",
            f"Create it with a {known} URL, or use pandas.",
        )


def _of_session(session: Session, statement: Executable, why: str) -> Engine | Connection:
    try:
        if session.in_transaction():
            session.flush()
            return session.connection(bind_arguments={"clause": statement})
        return session.get_bind(clause=statement)  # type: ignore[arg-type]
    except UnboundExecutionError:
        do = "Pass an engine: frames.read(query, engine). Or call db.connect(url) first."
        raise FrameError("There is no database to read from.", why, do) from None


def _engine_for(url: URL | str, name: str) -> Engine:
    """Create an engine; no message contains the URL, nor what SQLAlchemy says of it."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        why = "It can't be parsed. An @, : or / in a password must be escaped; URL.create does it."
        if isinstance(url, str) and not _URL.match(url):
            why = "It doesn't start with postgresql+psycopg2://, for example."
        raise FrameError(f"{name} is a string that isn't a database URL.", why, KINDS) from None
    backend, _, driver = parsed.drivername.partition("+")
    if backend != "postgresql":
        why = "frames works only with PostgreSQL, and its URLs start with postgresql."
        raise FrameError(f"{name} is a URL that starts with {parsed.drivername}://.", why)
    try:
        return make_engine(parsed, poolclass=NullPool)
    except ImportError as error:
        what = f"The driver of the URL in {name}, {driver or 'psycopg'}, isn't installed"
        do = "Install it, or name another one: postgresql+psycopg2://..."
        raise FrameError(f"{what}.", f"Python says: {error}.", do) from None
    except (ArgumentError, TypeError, ValueError):
        what = f"No engine can be created for the URL in {name}."
        why = f"Its driver or its options aren't known to SQLAlchemy: {parsed.drivername}."
        raise FrameError(what, why, "Try it with sqlalchemy.create_engine.") from None


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
