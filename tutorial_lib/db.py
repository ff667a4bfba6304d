"""An application's database connection: engine, session, Base, get_db."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import URL, Engine, MetaData, create_engine, make_url
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker

# Predictable constraint names: a migration that drops a constraint needs its name.
NAMING_CONVENTION = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Base class of all models. Alembic compares its metadata with the database."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)


# connect() binds it to an engine; until then, a session raises UnboundExecutionError.
SessionLocal = sessionmaker(autoflush=False)


def make_engine(url: URL | str, *, lock_timeout: float | None = None, **options: Any) -> Engine:
    """Create an engine whose errors never show the parameters of a statement.

    Args:
        url: The database URL.
        lock_timeout: How many seconds a statement waits for a lock; 0 for no limit, None for
            the server's default.
        options: Passed to `sqlalchemy.create_engine`.

    """
    arguments = dict(options.pop("connect_args", {}))
    if lock_timeout is not None:
        # Part of the connection's options, so env.py needs no extra statement. connect_args
        # would replace the options in the URL, so they're copied here.
        given = arguments.get("options") or _options_of(url)
        arguments["options"] = f"{given} -c lock_timeout={round(lock_timeout * 1000)}".strip()
    return create_engine(url, hide_parameters=True, connect_args=arguments, **options)


def connect(url: URL | str, **options: Any) -> Engine:
    """Create an engine for `url` and bind SessionLocal to it.

    Args:
        url: The database URL.
        options: Passed to `make_engine`.

    """
    engine = make_engine(url, **options)
    SessionLocal.configure(bind=engine)
    return engine


def get_db() -> Iterator[Session]:
    """Yield a session and close it afterwards; use it in FastAPI as `Depends(get_db)`."""
    db = SessionLocal()
    try:
        yield db
    finally:
        db.close()


def _options_of(url: URL | str) -> str:
    value = make_url(url).query.get("options", "")
    return value if isinstance(value, str) else " ".join(value)
