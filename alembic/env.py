"""Connect Alembic to the database and to the models."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from logging.config import fileConfig
from typing import Any

from alembic import context
from alembic.util import CommandError
from sqlalchemy import URL, Engine, TypeDecorator, pool

from coursekit import servers
from coursekit.settings import read_settings
from tutorial_lib import models, orders
from tutorial_lib.advisory_lock import advisory_lock
from tutorial_lib.config import DRIVER
from tutorial_lib.db import Base, make_engine
from tutorial_lib.errors import AdvisoryLockError, Problem

config = context.config

if config.config_file_name is not None:
    # Keep the loggers that exist already enabled.
    fileConfig(config.config_file_name, disable_existing_loggers=False)

# Importing the models registers their tables here. Otherwise autogenerate finds none.
target_metadata = Base.metadata
assert {models.User.__tablename__, orders.Order.__tablename__} <= set(target_metadata.tables)

# A migration that can't get its lock fails, instead of blocking every later query.
LOCK_TIMEOUT = 5.0  # seconds
# Deployments run one at a time: the second finds nothing left to do.
ADVISORY_LOCK_TIMEOUT = 60.0  # seconds


def get_url() -> URL:
    """Return the URL that DATABASE_* describes, or that of the embedded server.

    It's a URL object, not a string, so characters such as % and @ in a password need no
    escaping. Offline mode doesn't connect, so it doesn't start a server either.
    """
    try:
        if context.is_offline_mode():
            return read_settings().url or URL.create(DRIVER)
        return servers.find().url
    except Problem as error:
        raise CommandError(str(error)) from None  # Alembic prints it on one line


def render_item(kind: str, item: Any, autogen_context: Any) -> str | bool:
    """Render a custom type in a revision as the database type it's stored as.

    Revisions stay for years, so they mustn't import classes that may be gone by then.
    """
    if kind == "type" and isinstance(item, TypeDecorator):
        return f"sa.{item.impl_instance!r}"
    return False  # Alembic renders everything else


def run_migrations_offline() -> None:
    """Print the migrations as an SQL script, with literal values, without a connection."""
    context.configure(
        url=get_url(),
        target_metadata=target_metadata,
        literal_binds=True,
        compare_type=True,
        dialect_opts={"paramstyle": "named"},
    )
    with context.begin_transaction():
        context.run_migrations()


def run_migrations_online() -> None:
    """Run the migrations on a separate connection."""
    connectable = make_engine(get_url(), lock_timeout=LOCK_TIMEOUT, poolclass=pool.NullPool)
    with _one_deployment_at_a_time(connectable), connectable.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=target_metadata,
            render_item=render_item,
            compare_type=True,
            compare_server_default=True,
        )
        with context.begin_transaction():
            context.run_migrations()


@contextmanager
def _one_deployment_at_a_time(connectable: Engine) -> Iterator[None]:
    try:
        with advisory_lock(connectable, "alembic", timeout=ADVISORY_LOCK_TIMEOUT):
            yield
    except AdvisoryLockError as error:
        raise CommandError(str(error)) from None  # Alembic prints it on one line


if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
