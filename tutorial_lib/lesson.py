"""Start a lesson: its own database and its own project folder, at a known beginning."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from sqlalchemy import URL, Engine

from tutorial_lib import databases, servers, workspace
from tutorial_lib.config import Settings, read_settings, short_hash
from tutorial_lib.course import lesson_path
from tutorial_lib.db import make_engine
from tutorial_lib.display import Card
from tutorial_lib.errors import LessonError
from tutorial_lib.servers.server import Server, admin

# What a template is made from; a change of it makes the old templates stale.
EMPTY = "an empty database"

_started: dict[str, Lesson] = {}


@dataclass(frozen=True, repr=False)
class Lesson(Card):
    """A started lesson.

    number   two digits: `01`
    server   the PostgreSQL it is on
    url      the address of the lesson's own database; repr and str hide the password
    project  the lesson's own folder, which is the working directory now
    """

    number: str
    server: Server
    url: URL
    project: Path
    resumed: bool = field(default=False)

    @cached_property
    def engine(self) -> Engine:
        """An engine for the lesson's database: time in UTC, no parameters in its errors."""
        return make_engine(self.url, connect_args={"options": "-c timezone=UTC"})

    @property
    def rows(self) -> dict[str, str]:
        """What is shown of it, label and value."""
        state = "continued where you left it" if self.resumed else "at its beginning"
        return {
            "lesson": f"{self.number}, {state}",
            "database": str(self.url.database),
            "server": f"PostgreSQL {self.server.release}, {self.server.origin}, "
            f"at {self.server.place}",
            "why this server": self.server.why,
        }


def start(number: str | int, *, resume: bool = False) -> Lesson:
    """Begin a lesson, or go on with it.

    Without `resume` the lesson's database is made anew from its template, and a project
    folder with work in it moves to `workspace/kept/`. With it, both stay as they are.

    The working directory becomes the project folder. Raises LessonError when another
    kernel has the lesson open, when there is nothing to resume, or when the database or
    folder cannot be made; SettingsError and ServerError when there is no server.
    """
    settings = read_settings()
    key = lesson_path(number).name[:2]
    _consent(settings)
    server = servers.find(settings)
    workspace.claim(settings.workspace, key)
    if key in _started:
        _started.pop(key).engine.dispose()
    lesson = (_attach if resume else _begin)(settings, server, key)
    os.chdir(lesson.project)
    _load_magic(lesson)
    _started[key] = lesson
    return lesson


def project_url(folder: Path | None = None) -> URL:
    """The address of the database that belongs to the project of this folder.

    Raises LessonError outside a project, or when the server found now is not the one on
    which the lesson was started.
    """
    address = workspace.read_address((folder or Path.cwd()).resolve())
    settings = read_settings({**os.environ, **address["settings"]})
    server = servers.find(settings)
    same = [server.origin, server.place] == [address["origin"], address["place"]]
    # The kit's own servers may come back on another port.
    if same or server.origin == address["origin"] != "own":
        return server.url.set(database=address["database"])
    raise LessonError(
        f"This project belongs to the {address['origin']} server at {address['place']}.",
        f"Found instead: the {server.origin} server at {server.place}.",
        "Set DATABASE_* and TUTORIAL_POSTGRES as they were when the lesson was started.",
    )


class _CutConnections(logging.Filter):
    """Keep quiet about connections that a reset has cut.

    A connection that a learner left open is noticed later, when Python clears it away;
    the pool then writes a long traceback into whatever cell runs at that moment.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        return "Exception during reset" not in record.getMessage()


logging.getLogger("sqlalchemy.pool.impl.QueuePool").addFilter(_CutConnections())


def _begin(settings: Settings, server: Server, key: str) -> Lesson:
    name = database_name(settings, server, key)
    label = f"lesson {key} of workspace {settings.key}"
    template = f"{databases.PREFIX}start_{key}_{_fingerprint(server)}{_suffix(settings, server)}"
    with databases.building(server) as connection:
        start_label = f"start of {label}"
        databases.ensure_template(connection, server, template, start_label, _build_empty)
        databases.clone(connection, template, name, label)
    project = workspace.fresh_project(settings.workspace, key)
    _note(settings, server, name, project)
    return Lesson(key, server, server.url.set(database=name), project)


def _attach(settings: Settings, server: Server, key: str) -> Lesson:
    name = database_name(settings, server, key)
    project = workspace.project_folder(settings.workspace, key)
    with admin(server.url) as connection:
        exists = databases.mark_of(connection, name) is not None
    if not exists or not project.is_dir():
        raise LessonError(
            f"There is nothing of lesson {key} to resume.",
            f"Its {'project folder' if exists else 'database'} does not exist.",
            f'Run start("{key}") to begin it.',
        )
    _note(settings, server, name, project)
    return Lesson(key, server, server.url.set(database=name), project, resumed=True)


def database_name(settings: Settings, server: Server, key: str) -> str:
    """What the database of a lesson is called."""
    return f"{databases.PREFIX}lesson_{key}{_suffix(settings, server)}"


def _suffix(settings: Settings, server: Server) -> str:
    """Nothing for a learner on the clone's own server; elsewhere what tells us apart."""
    return settings.suffix if server.origin == "embedded" else f"_{settings.key}"


def _fingerprint(server: Server) -> str:
    return short_hash(f"{EMPTY} {server.version // 10000}")


def _build_empty(url: URL) -> None:
    """The lessons before the first migration begin with an empty database."""


def _note(settings: Settings, server: Server, name: str, project: Path) -> None:
    address = {
        "database": name,
        "origin": server.origin,
        "place": server.place,
        "settings": {
            "TUTORIAL_WORKSPACE": str(settings.workspace),
            "TUTORIAL_SERVER_HOME": str(settings.server_home),
            "TUTORIAL_POSTGRES": server.origin,
        },
    }
    workspace.write_address(project, address)


def _consent(settings: Settings) -> None:
    """Lessons make and drop databases: not on a server named for something else."""
    if settings.url is None or settings.postgres:
        return
    raise LessonError(
        "DATABASE_* names a server of your own.",
        "A lesson makes and drops databases on its server, and DATABASE_* may have been "
        "set for another purpose.",
        "Set TUTORIAL_POSTGRES=own to use that server, or TUTORIAL_POSTGRES=embedded to "
        "use the kit's.",
    )


def _load_magic(lesson: Lesson) -> None:
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is not None:
        from tutorial_lib.migrations import register

        register(shell, lesson.project)
