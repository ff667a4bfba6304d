"""Start a lesson: its own database and its own project folder, at a known beginning."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

from sqlalchemy import URL, Engine

from tutorial_lib import ci, databases, freshness, migrations, servers, workspace
from tutorial_lib.config import Settings, read_settings
from tutorial_lib.course import lesson_path
from tutorial_lib.db import make_engine
from tutorial_lib.display import Card
from tutorial_lib.errors import LessonError
from tutorial_lib.migrations import run_alembic
from tutorial_lib.needs import unmet
from tutorial_lib.project import write_note
from tutorial_lib.servers.server import Server, admin
from tutorial_lib.starts import Start, has_only, lay, start_of

# For every session in a lesson's database, whoever opens it: time reads the same everywhere,
# and a statement that waits for a lock gives up, rather than let the notebook hang.
DEFAULTS = {"timezone": "UTC", "lock_timeout": "2s"}

_started: dict[str, Lesson] = {}


@dataclass(frozen=True, repr=False)
class Lesson(Card):
    """A started lesson, or exercise.

    number   `01`, or `01.1` for an exercise
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
        """An engine for the lesson's database, with no parameters in its errors."""
        return make_engine(self.url)

    @property
    def rows(self) -> dict[str, str]:
        """What is shown of it, label and value."""
        state = "continued where you left it" if self.resumed else "at its beginning"
        return {
            "exercise" if "." in self.number else "lesson": f"{self.number}, {state}",
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
    kernel has the lesson open, when there is nothing to resume, when the server is not fit for
    the lesson, or when the database or folder cannot be made; SettingsError and ServerError
    when there is no server.
    """
    key = lesson_path(number).name[:2]
    return open_place(Place(key, key, start_of(key).files), resume=resume)


@dataclass(frozen=True)
class Place:
    """Where somebody works: a database and a project folder, and how both begin.

    key    `06` for a lesson, `06-1` for an exercise of it
    base   the lesson whose database is taken at its beginning
    files  what lies in the project, path to text
    sql    statements that are run in the database then
    """

    key: str
    base: str
    files: Mapping[str, str]
    sql: str = ""

    @property
    def number(self) -> str:
        """As one writes it: `06` or `06.1`."""
        return self.key.replace("-", ".")

    @property
    def words(self) -> str:
        """What it is: `lesson 06`."""
        return f"{'exercise' if '.' in self.number else 'lesson'} {self.number}"

    @property
    def command(self) -> str:
        """What one types to begin it."""
        return f'{"begin" if "." in self.number else "start"}("{self.number}")'


def open_place(place: Place, *, resume: bool = False) -> Lesson:
    """Begin a place, or go on in it; see `start`."""
    settings = read_settings()
    _consent(settings)
    server = servers.find(settings)
    if problem := unmet(place.key[:2], server):
        raise problem
    workspace.claim(settings.workspace, place.key[:2])
    if place.key in _started:
        _started.pop(place.key).engine.dispose()
    lesson = (_attach if resume else _begin)(settings, server, place)
    os.chdir(lesson.project)
    _prepare_kernel(lesson)
    _started[place.key] = lesson
    return lesson


def look_at(place: Place) -> Lesson:
    """A place that another process has begun, to look at it; nothing is changed.

    Raises LessonError when nobody has.
    """
    settings = read_settings()
    return _attach(settings, servers.find(settings), place)


def opened(key: str) -> Lesson | None:
    """The place that was opened last under this key in this process; None when none was."""
    return _started.get(key)


class _CutConnections(logging.Filter):
    """Keep quiet about connections that a reset has cut.

    A connection that a learner left open is noticed later, when Python clears it away;
    the pool then writes a long traceback into whatever cell runs at that moment.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        return "Exception during reset" not in record.getMessage()


logging.getLogger("sqlalchemy.pool.impl.QueuePool").addFilter(_CutConnections())


def _begin(settings: Settings, server: Server, place: Place) -> Lesson:
    name = database_name(settings, server, place.key)
    # The folder first: if it cannot be moved, nothing has been lost. And no system should
    # have to move the folder that this process stands in.
    os.chdir(settings.workspace)
    untouched = partial(has_only, place.files)
    project = workspace.fresh_project(settings.workspace, place.key, untouched)
    clone_beginning(settings, server, place.base, name, place.sql)
    lay(place.files, project)
    write_note(settings, server, name, project)
    return Lesson(place.number, server, server.url.set(database=name), project)


def clone_beginning(
    settings: Settings, server: Server, base: str, name: str, sql: str = ""
) -> None:
    """Make the database `name` anew, as lesson `base` begins; then run `sql` in it."""
    label = f"lesson {base} of workspace {workspace.identity(settings.workspace)}"
    begin = start_of(base)
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


def _attach(settings: Settings, server: Server, place: Place) -> Lesson:
    name = database_name(settings, server, place.key)
    project = workspace.project_folder(settings.workspace, place.key)
    with admin(server.url) as connection:
        exists = databases.mark_of(connection, name) is not None
    if not exists or not project.is_dir():
        raise LessonError(
            f"There is nothing of {place.words} to resume.",
            f"Its {'project folder' if exists else 'database'} does not exist.",
            f"Run {place.command} to begin it.",
        )
    write_note(settings, server, name, project)
    return Lesson(place.number, server, server.url.set(database=name), project, resumed=True)


def database_name(settings: Settings, server: Server, key: str) -> str:
    """What the database of a lesson or exercise is called."""
    return f"{databases.PREFIX}lesson_{key.replace('-', '_')}{_suffix(settings, server)}"


def _suffix(settings: Settings, server: Server) -> str:
    """Nothing for a learner on the clone's own server; elsewhere what tells us apart."""
    alone = server.origin == "embedded" and settings.alone
    return "" if alone else f"_{workspace.identity(settings.workspace)}"


def _build(settings: Settings, server: Server, begin: Start, url: URL) -> None:
    """Bring an empty database to the beginning of a lesson, with the project's own Alembic."""
    if not begin.commands:
        return
    with tempfile.TemporaryDirectory() as folder:
        begin.lay(Path(folder))
        write_note(settings, server, str(url.database), Path(folder))
        for command in begin.commands:
            run_alembic(command, Path(folder))


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


def _prepare_kernel(lesson: Lesson | None) -> None:
    """In a notebook: the magics, and imports that see a project's files as they are now."""
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is not None:
        for magics in (migrations, ci):
            magics.register(shell, lesson.project if lesson else None)
        if lesson:
            freshness.watch(shell, lesson.project.parent)


if "IPython" in sys.modules:
    _prepare_kernel(None)  # until a lesson is started, %alembic says that none is
