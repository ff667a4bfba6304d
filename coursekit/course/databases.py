"""Create, clone and drop databases; only those that the kit created are ever dropped.

They carry a mark in the database's comment. A database is created under a temporary name, marked,
then renamed, so none of ours is ever without its mark under its final name.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.sql import SQL, Composed, Identifier, Literal
from sqlalchemy import URL

from coursekit.errors import LessonError
from coursekit.servers.server import Server, admin
from coursekit.settings import APP

PREFIX = "tutorial_"
FRESH = f"{PREFIX}new_"
LONGEST_NAME = 63  # bytes
# The key of the advisory lock that all processes of the kit share.
LOCK = 0x7475746F
LOCK_TIMEOUT = 300  # seconds; building a template takes a few
HOLDER = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = %s LIMIT 1"


@contextmanager
def building(server: Server) -> Iterator[Connection]:
    """Hold the kit's advisory lock, and yield the administrative connection that holds it.

    Raises:
        LessonError: Another session holds it for minutes.

    """
    with admin(server.url) as connection:
        _acquire(connection)
        yield connection  # closing the connection releases the lock


def _acquire(connection: Connection) -> None:
    _ask(connection, SQL("SET lock_timeout = {}").format(Literal(1000 * LOCK_TIMEOUT)))
    try:
        _ask(connection, SQL("SELECT pg_advisory_lock({})").format(Literal(LOCK)))
    except psycopg2.errors.LockNotAvailable:
        raise LessonError(
            f"Another session{_holder(connection)} holds the course's advisory lock.",
            f"It creates lesson databases, one at a time; {LOCK_TIMEOUT} seconds weren't enough.",
            "Wait until it has finished; if it hangs, end the notebook or program it belongs to.",
        ) from None
    _ask(connection, SQL("RESET lock_timeout"))


def _holder(connection: Connection) -> str:
    """Return which server process holds the lock, if it still does."""
    with connection.cursor() as cursor:
        cursor.execute(HOLDER, [LOCK])
        row = cursor.fetchone()
    return f" (server process {row[0]})" if row else ""


def ensure_template(
    connection: Connection,
    server: Server,
    name: str,
    label: str,
    build: Callable[[URL], None],
    *,
    former: str = "",
) -> None:
    """Create a template database, unless it exists.

    Other templates with the same label are stale and are dropped. Call it inside `building()`.

    Args:
        connection: The administrative connection.
        server: The server to create it on.
        name: The template's name.
        label: What it's for; part of its mark.
        build: Fills the empty database, which is called differently until it's complete.
        former: Its label in earlier editions; templates with that label are also stale.

    """
    if mark_of(connection, name) is not None:
        return
    _clear(connection, label, former)
    fresh = _create(connection, server, label)
    build(server.url.set(database=fresh))
    _run(connection, SQL("ALTER DATABASE {} RENAME TO {}").format(*map(Identifier, (fresh, name))))
    _allow_connections(connection, name, False)


def clone(connection: Connection, template: str, name: str, label: str) -> None:
    """Create the database `name` as a copy of a template, replacing one of ours."""
    drop(connection, name)
    fresh = FRESH + secrets.token_hex(4)
    _run(connection, SQL("CREATE DATABASE {} TEMPLATE {}").format(*_names(fresh, template)))
    _mark(connection, fresh, label)
    # A school's server has other users, and a template's privileges aren't copied.
    _run(connection, SQL("REVOKE CONNECT ON DATABASE {} FROM PUBLIC").format(Identifier(fresh)))
    _run(connection, SQL("ALTER DATABASE {} RENAME TO {}").format(*_names(fresh, name)))


def configure(connection: Connection, name: str, defaults: Mapping[str, str]) -> None:
    """Set the defaults of every new session in a database."""
    for setting, value in defaults.items():
        statement = SQL("ALTER DATABASE {} SET {} = {}")
        _run(connection, statement.format(*_names(name, setting), Literal(value)))


def drop(connection: Connection, name: str) -> bool:
    """Drop a database that the kit created, and end its connections.

    Returns:
        Whether there was a database of this name.

    Raises:
        LessonError: It doesn't carry the kit's mark, or this user can't drop it.

    """
    mark = mark_of(connection, name)
    if mark is None:
        return False
    if not mark.startswith(f"{APP}:"):
        raise LessonError(
            f"There is a database {name} that the kit did not make.",
            "It does not carry the kit's mark in its comment, so it is left alone.",
            "Rename or drop it yourself if it isn't needed, then start the lesson again.",
        )
    try:
        _ask(connection, SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))
    except psycopg2.errors.InsufficientPrivilege as error:
        _drop_without_force(connection, name, error)
    return True


def _drop_without_force(connection: Connection, name: str, error: Exception) -> None:
    """Drop a database in which a session runs that this user can't end, such as autovacuum.

    Without FORCE, PostgreSQL cancels autovacuum itself, and waits five seconds for others.
    """
    ours = SQL(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {} "
        "AND usename = current_user AND pid <> pg_backend_pid()"
    )
    try:
        _ask(connection, ours.format(Literal(name)))
        _ask(connection, SQL("DROP DATABASE {}").format(Identifier(name)))
    except (psycopg2.errors.InsufficientPrivilege, psycopg2.errors.ObjectInUse):
        raise _refused(connection, error) from None


def mark_of(connection: Connection, name: str) -> str | None:
    """Return a database's comment, "" if it has none, None if there's no such database."""
    query = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
    with connection.cursor() as cursor:
        cursor.execute(query, [name])
        row = cursor.fetchone()
    return None if row is None else row[0] or ""


def made_by_the_kit(connection: Connection) -> list[str]:
    """Return the databases that carry the kit's mark and that this user can drop."""
    query = (
        "SELECT datname FROM pg_database "
        "WHERE starts_with(shobj_description(oid, 'pg_database'), %s) "
        "AND pg_has_role(datdba, 'MEMBER') ORDER BY datname"
    )
    with connection.cursor() as cursor:
        cursor.execute(query, [f"{APP}: "])
        return [name for (name,) in cursor.fetchall()]


def of_workspace(connection: Connection, key: str) -> list[str]:
    """Return the databases that the kit has made for the workspace with this identity."""
    marks = {name: mark_of(connection, name) or "" for name in made_by_the_kit(connection)}
    return [name for name, mark in marks.items() if mark.endswith(f" workspace {key}")]


def _create(connection: Connection, server: Server, label: str) -> str:
    """Create an empty database under a temporary name, with the same collation everywhere."""
    fresh = FRESH + secrets.token_hex(4)
    builtin = " LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'"  # since PostgreSQL 17
    locale = SQL(builtin if server.version >= 170000 else " LOCALE_PROVIDER libc")
    statement = SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'{}")
    _run(connection, statement.format(Identifier(fresh), locale))
    _mark(connection, fresh, label)
    return fresh


def _clear(connection: Connection, *labels: str) -> None:
    """Drop stale templates with these labels, and databases left over from a killed build.

    Those of other workspaces stay: an advisory lock is local to a database, and another workspace
    may hold its own in another database of this server.
    """
    workspace = labels[0].rpartition(" of ")[2]
    for name in made_by_the_kit(connection):
        mark = mark_of(connection, name) or ""
        left = name.startswith(FRESH) and mark.endswith(workspace)
        if left or mark.removeprefix(f"{APP}: ") in labels:
            drop(connection, name)


def _mark(connection: Connection, name: str, label: str) -> None:
    statement = SQL("COMMENT ON DATABASE {} IS {}")
    _run(connection, statement.format(Identifier(name), Literal(f"{APP}: {label}")))


def _allow_connections(connection: Connection, name: str, allowed: bool) -> None:
    statement = SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    _run(connection, statement.format(Identifier(name), Literal(allowed)))


def _names(*names: str) -> list[Identifier]:
    return [Identifier(name) for name in names]


def _ask(connection: Connection, statement: Composed | SQL) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def _run(connection: Connection, statement: Composed | SQL) -> None:
    try:
        _ask(connection, statement)
    except psycopg2.errors.InsufficientPrivilege as error:
        raise _refused(connection, error) from None
    except psycopg2.errors.DiskFull as error:
        raise LessonError(
            f"The server's disk is full: {str(error).splitlines()[0]}.",
            "Each lesson has its own database.",
            "Free some disk space on the server's machine, then try again.",
        ) from None


def _refused(connection: Connection, error: Exception) -> LessonError:
    """Return the error for a missing privilege: CREATEDB, or another user owns the database."""
    user = connection.info.user
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user")
        (may_create,) = cursor.fetchone() or (False,)
    if may_create:
        return LessonError(
            f"The user {user} lacks a privilege: {str(error).splitlines()[0]}.",
            "Another user created the lesson's database, or is connected to it.",
            "Connect as that user (set DATABASE_*), or drop the database as that user.",
        )
    return LessonError(
        f"The user {user} may not create databases on this server.",
        "Each lesson has a database of its own.",
        f"Let an administrator run: ALTER ROLE {user} CREATEDB; "
        "or take DATABASE_* out, and the kit starts a server of its own.",
    )
