"""A lesson's own database, cloned from a template at the lesson's starting state."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from sqlalchemy import URL

from coursekit.course import databases, workspace
from coursekit.course.alembic_magic import run_alembic
from coursekit.course.project import write_note
from coursekit.course.starting_state import StartingState, starting_state
from coursekit.servers.server import Server, admin
from coursekit.settings import Settings

# For every session in a lesson's database: times look the same everywhere, and a statement
# that waits for a lock gives up instead of letting the notebook hang.
DEFAULTS = {"timezone": "UTC", "lock_timeout": "2s"}


def clone_starting_state(
    settings: Settings, server: Server, base: str, name: str, sql: str = ""
) -> None:
    """Make the database `name` anew, as lesson `base` begins; then run `sql` in it."""
    label = f"lesson {base} of workspace {workspace.identity(settings.workspace)}"
    begin = starting_state(base)
    template = f"{databases.PREFIX}start_{base}_{begin.fingerprint}{_suffix(settings, server)}"
    with databases.building(server) as connection:
        databases.ensure_template(
            connection,
            server,
            template,
            f"start of {label}",
            partial(_build, settings, server, begin),
        )
        databases.clone(connection, template, name, label)
        databases.configure(connection, name, DEFAULTS)
    if sql:
        with admin(server.url.set(database=name)) as connection, connection.cursor() as cursor:
            cursor.execute(sql)


def database_name(settings: Settings, server: Server, key: str) -> str:
    """What the database of a lesson or exercise is called."""
    return f"{databases.PREFIX}lesson_{key.replace('-', '_')}{_suffix(settings, server)}"


def _suffix(settings: Settings, server: Server) -> str:
    """Nothing for a learner on the clone's own server; elsewhere what tells us apart."""
    alone = server.origin == "embedded" and settings.alone
    return "" if alone else f"_{workspace.identity(settings.workspace)}"


def _build(settings: Settings, server: Server, begin: StartingState, url: URL) -> None:
    """Bring an empty database to the beginning of a lesson, with the project's own Alembic."""
    if not begin.commands:
        return
    with tempfile.TemporaryDirectory() as folder:
        begin.write_files(Path(folder))
        write_note(settings, server, str(url.database), Path(folder))
        for command in begin.commands:
            run_alembic(command, Path(folder))
