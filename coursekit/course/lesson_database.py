"""A lesson's own database, cloned from a template at the lesson's starting state."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from sqlalchemy import URL

from coursekit.course import databases, workspace
from coursekit.course.alembic_command import run_alembic
from coursekit.course.project import note_database
from coursekit.course.starting_state import StartingState, starting_state
from coursekit.servers.server import Server, admin
from coursekit.settings import Settings

# For every session in a lesson's database: times look the same on every machine, and a
# statement that waits for a lock fails instead of letting the notebook hang.
DEFAULTS = {"timezone": "UTC", "lock_timeout": "2s"}


def clone_starting_state(
    settings: Settings, server: Server, base: str, name: str, sql: str = ""
) -> None:
    """Create a database at a lesson's starting state, replacing an older one.

    The first time, a template database is built, which takes seconds; cloning it takes
    milliseconds.

    Args:
        settings: The settings, for the workspace that the database belongs to.
        server: The server to create it on.
        base: The lesson.
        name: The database's name.
        sql: Statements to run in it afterwards.

    Raises:
        LessonError: The user can't create databases, or there's a database of this name that
            the course didn't create.

    """
    label = f"lesson {base} of workspace {workspace.identity(settings.workspace)}"
    state = starting_state(base)
    template = f"{databases.PREFIX}start_{base}_{state.fingerprint}{_suffix(settings, server)}"
    build = partial(_build, settings, server, state)
    with databases.building(server) as connection:
        databases.ensure_template(connection, server, template, f"start of {label}", build)
        databases.clone(connection, template, name, label)
        databases.configure(connection, name, DEFAULTS)
    if sql:
        with admin(server.url.set(database=name)) as connection, connection.cursor() as cursor:
            cursor.execute(sql)


def database_name(settings: Settings, server: Server, key: str) -> str:
    """Return the name of the database of a lesson (`06`) or exercise (`06-1`)."""
    return f"{databases.PREFIX}lesson_{key.replace('-', '_')}{_suffix(settings, server)}"


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
