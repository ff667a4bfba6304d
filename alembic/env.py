"""How Alembic reaches the database, and what it compares it with."""

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
from tutorial_lib.errors import AdvisoryLockNotAcquired, Problem

config = context.config

if config.config_file_name is not None:
    # Loggers that exist already are left as they are.
    fileConfig(config.config_file_name, disable_existing_loggers=False)

# Importing the models registers their tables here; without it, autogenerate sees none.
target_metadata = Base.metadata
assert {models.User.__tablename__, orders.Order.__tablename__} <= set(target_metadata.tables)

# A migration that cannot get its lock gives up, rather than make all others wait behind it.
LOCK_TIMEOUT = 5.0  # seconds
# Two deployments at once take turns: the second finds nothing left to do.
ADVISORY_LOCK_TIMEOUT = 60.0  # seconds


def get_url() -> URL:
    """The address that DATABASE_* gives, or that of the kit's own server.

    A URL object, never text: characters such as % and @ in a password stay what they are.
    Offline nothing is connected to, so nothing is started either.
    """
    try:
        if context.is_offline_mode():
            return read_settings().url or URL.create(DRIVER)
        return servers.find().url
    except Problem as error:
        raise CommandError(str(error)) from None  # alembic prints it in one line


def render_item(kind: str, item: Any, autogen_context: Any) -> str | bool:
    """Write a type of ours into revisions as the plain type it is in the database.

    A revision is read for years; it must not need the classes of today's code.
    """
    if kind == "type" and isinstance(item, TypeDecorator):
        return f"sa.{item.impl_instance!r}"
    return False  # everything else as Alembic writes it


def run_migrations_offline() -> None:
    """Write the migrations as SQL text, with the values in place, and connect to nothing."""
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
    """Run the migrations in a connection of their own, closed right after."""
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
    except AdvisoryLockNotAcquired as error:
        raise CommandError(str(error)) from None  # alembic prints it in one line


if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
