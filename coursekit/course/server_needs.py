"""What lessons need of an external server, apart from its response."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import quote_ident

from coursekit.servers.server import Server, admin
from tutorial_lib.db import make_engine
from tutorial_lib.poolers import shares_its_session

CONNECTIONS = 15  # that lessons open at the same time: sessions, workloads, checks
MAY_CREATE = "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
# Those that are left on the server, and those that are left to this role (-1: no limit).
LEFT = """
SELECT current_setting('max_connections')::int
     - current_setting('superuser_reserved_connections')::int - count(*),
       min(r.rolconnlimit) - count(*) FILTER (WHERE a.usename = current_user),
       min(r.rolconnlimit) >= 0
FROM pg_stat_activity AS a, pg_roles AS r
WHERE r.rolname = current_user AND a.backend_type = 'client backend'
"""


class Shortcoming(NamedTuple):
    """What a server lacks, and what to do about it."""

    topic: str
    found: str
    fix: str


def shortcomings(server: Server) -> Iterator[Shortcoming]:
    """Yield what lessons need and this server, or its user, doesn't offer.

    Raises:
        psycopg2.OperationalError: The server refuses a connection or doesn't respond in time.

    """
    with admin(server.url) as connection:
        yield from _rights(connection)
        yield from _connections(connection)
    yield from _pooler(server)


def _rights(connection: Connection) -> Iterator[Shortcoming]:
    (may_create,) = _row(connection, MAY_CREATE)
    if not may_create:
        user = quote_ident(connection.info.user, connection)
        yield Shortcoming(
            "right to create databases",
            f"The user {user} may not create databases; each lesson has its own.",
            f"Let an administrator run: ALTER ROLE {user} CREATEDB;",
        )


def _connections(connection: Connection) -> Iterator[Shortcoming]:
    on_server, of_role, limited = _row(connection, LEFT)
    left = min(on_server, of_role) if limited else on_server
    if left < CONNECTIONS:
        yield Shortcoming(
            "connections",
            f"{left} are left on this server; a lesson uses up to {CONNECTIONS} at a time.",
            "Close other programs' connections, or let an administrator raise max_connections or "
            "the role's CONNECTION LIMIT.",
        )


def _pooler(server: Server) -> Iterator[Shortcoming]:
    engine = make_engine(server.url)
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            shared = shares_its_session(engine, connection)
    finally:
        engine.dispose()
    if shared:
        yield Shortcoming(
            "sessions",
            "A connection pooler gives each transaction another session of the server.",
            "Set DATABASE_* to PostgreSQL's own port, or let the pooler use session mode: lessons "
            "need locks and settings that last as long as a session.",
        )


def _row(connection: Connection, query: str) -> tuple[int, ...]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        row = cursor.fetchone()
    assert row is not None
    return tuple(row)
