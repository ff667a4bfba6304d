"""A lesson's own database, cloned from a template at the lesson's starting state."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from sqlalchemy import URL

from coursekit.course import databases, workspace
from coursekit.course.alembic_command import run_alembic
from coursekit.course.former_ids import former_key
from coursekit.course.project import note_database
from coursekit.course.starting_state import StartingState, starting_state
from coursekit.servers.server import Server, admin
from coursekit.settings import Settings, short_hash

# For every session in a lesson's database: times look the same on every machine, and a
# statement that waits for a lock fails instead of letting the notebook hang.
DEFAULTS = {"timezone": "UTC", "lock_timeout": "2s"}
SUFFIX = 9  # bytes of the suffix that distinguishes workspaces


def clone_starting_state(
    settings: Settings, server: Server, base: str, name: str, sql: str = ""
) -> None:
    """Create a database at a lesson's starting state, replacing an older one.

    The first time, a template database is built, which takes seconds; cloning it takes
    milliseconds.

    Args:
        settings: The settings, for the workspace that the database belongs to.
        server: The server to create it on.
        base: The lesson's slug.
        name: The database's name.
        sql: Statements to run in it afterwards.

    Raises:
        LessonError: The user can't create databases, or there's a database of this name that
            the course didn't create.

    """
    own = f"of workspace {workspace.identity(settings.workspace)}"
    label, former = f"lesson {base} {own}", f"lesson {former_key(base)} {own}"
    state = starting_state(base)
    template = _name("start", base, f"_{state.fingerprint}{_suffix(settings, server)}")
    build = partial(_build, settings, server, state)
    with databases.building(server) as connection:
        databases.ensure_template(
            connection, server, template, f"start of {label}", build, former=f"start of {former}"
        )
        databases.clone(connection, template, name, label)
        databases.configure(connection, name, DEFAULTS)
    if sql:
        with admin(server.url.set(database=name)) as connection, connection.cursor() as cursor:
            cursor.execute("SET search_path = public")  # whatever the role's default is
            cursor.execute(sql)


def database_name(settings: Settings, server: Server, kind: str, slug: str) -> str:
    """Return the name of a database.

    Args:
        settings: The settings, for the workspace that the database belongs to.
        server: The server it's on.
        kind: What it's for: `lesson`, `exercise`, or a scratch database's `check`.
        slug: The lesson or exercise.

    """
    return _name(kind, slug, _suffix(settings, server))


def former_name(settings: Settings, server: Server, slug: str) -> str:
    """Return the name that a database had before there were slugs; "" if it had none."""
    former = former_key(slug).replace("-", "_")
    return f"{databases.PREFIX}lesson_{former}{_suffix(settings, server)}" if former else ""


def _name(kind: str, slug: str, suffix: str) -> str:
    """Return a database's name, with a long slug shortened: PostgreSQL would truncate it.

    A lesson shows its database's name, so it's the same with and without the workspace's suffix.
    """
    first, name = f"{databases.PREFIX}{kind}_", slug.replace("-", "_")
    room = databases.LONGEST_NAME - len(first) - max(len(suffix), SUFFIX)
    if len(name) > room:
        name = f"{name[: room - 9]}_{short_hash(slug)}"
    return f"{first}{name}{suffix}"


def _suffix(settings: Settings, server: Server) -> str:
    """Return what tells workspaces apart, or "" on a server that only this clone uses."""
    alone = server.origin == "embedded" and settings.alone
    return "" if alone else f"_{workspace.identity(settings.workspace)}"


def _build(settings: Settings, server: Server, state: StartingState, url: URL) -> None:
    """Bring an empty database to a starting state, with the project's own Alembic."""
    if not state.commands:
        return
    with tempfile.TemporaryDirectory() as folder:
        state.write_files(Path(folder))
        note_database(Path(folder), settings, server, str(url.database))
        for command in state.commands:
            run_alembic(command, Path(folder))
