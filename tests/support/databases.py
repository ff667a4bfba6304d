"""Databases of the tests' server."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL

from coursekit.servers.server import Server, admin

# Other tests run at the same time, in other databases of the same server.
ADVISORY_LOCKS = (
    "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database"
    " WHERE locktype = 'advisory' AND datname = current_database()"
)


@contextmanager
def fresh_database(server: Server) -> Iterator[URL]:
    """The address of a new, empty database, which is gone afterwards."""
    name = f"test_{secrets.token_hex(4)}"
    with admin(server.url) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    yield server.url.set(database=name)
    with admin(server.url) as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
