"""The database connection of an application: engine, session, Base, get_db.

This module knows nothing of lessons and starts nothing when it is imported; it can be
lifted into a FastAPI application as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import URL, Engine, MetaData, create_engine, make_url
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker

# Constraints get names that can be told beforehand: a migration that drops one needs them.
NAMING_CONVENTION = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """What every model inherits; its metadata is what Alembic compares the database with."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)


# Bound to an engine later, by connect(); until then a session says that it has none.
SessionLocal = sessionmaker(autoflush=False)


def make_engine(url: URL | str, *, lock_timeout: str | None = None, **options: Any) -> Engine:
    """An engine for `url` whose errors never show the parameters of a statement.

    lock_timeout  how long a statement waits for a lock, as PostgreSQL writes it (`5s`);
                  None leaves it to the server
    options       go to `sqlalchemy.create_engine` as they are
    """
    arguments = dict(options.pop("connect_args", {}))
    if lock_timeout:
        # Sent with the connection, so that env.py needs no statement of its own; added to
        # what the address already asks for, which it would otherwise replace.
        asked = arguments.get("options") or _options_of(url)
        arguments["options"] = f"{asked} -c lock_timeout={lock_timeout}".strip()
    return create_engine(url, hide_parameters=True, connect_args=arguments, **options)


def connect(url: URL | str, **options: Any) -> Engine:
    """An engine for `url`, to which SessionLocal is bound from now on.

    `options` go to make_engine.
    """
    engine = make_engine(url, **options)
    SessionLocal.configure(bind=engine)
    return engine


def get_db() -> Iterator[Session]:
    """Give one session and close it in all cases; FastAPI calls it through Depends."""
    db = SessionLocal()
    try:
        yield db
    finally:
        db.close()


def _options_of(url: URL | str) -> str:
    value = make_url(url).query.get("options", "")
    return value if isinstance(value, str) else " ".join(value)
