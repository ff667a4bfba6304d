"""Start a lesson, or attach to one: its own database and its own project folder."""

from __future__ import annotations

import os
import sys
from functools import partial

from coursekit import servers
from coursekit.course import databases, workspace
from coursekit.course.catalog import lesson_path
from coursekit.course.kernel_setup import prepare_kernel, silence_cut_connections
from coursekit.course.lesson import Lesson, LessonSpec
from coursekit.course.lesson_database import clone_starting_state, database_name
from coursekit.course.project import write_note
from coursekit.course.requirements import unmet
from coursekit.course.starting_state import has_only, starting_state, write_files
from coursekit.errors import LessonError
from coursekit.servers.server import Server, admin
from coursekit.settings import Settings, read_settings

_started: dict[str, Lesson] = {}
silence_cut_connections()
if "IPython" in sys.modules:
    prepare_kernel(None)


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
    return open_lesson(LessonSpec(key, key, starting_state(key).files), resume=resume)


def open_lesson(spec: LessonSpec, *, resume: bool = False) -> Lesson:
    """Begin a place, or go on in it; see `start`."""
    settings = read_settings()
    _consent(settings)
    server = servers.find(settings)
    if problem := unmet(spec.key[:2], server):
        raise problem
    workspace.acquire_lesson(settings.workspace, spec.key[:2])
    if spec.key in _started:
        _started.pop(spec.key).engine.dispose()
    lesson = (_attach if resume else _begin)(settings, server, spec)
    os.chdir(lesson.project)
    prepare_kernel(lesson.project)
    _started[spec.key] = lesson
    return lesson


def attach(spec: LessonSpec) -> Lesson:
    """A place that another process has begun, to look at it; nothing is changed.

    Raises LessonError when nobody has.
    """
    settings = read_settings()
    return _attach(settings, servers.find(settings), spec)


def opened(key: str) -> Lesson | None:
    """The place that was opened last under this key in this process; None when none was."""
    return _started.get(key)


def _begin(settings: Settings, server: Server, spec: LessonSpec) -> Lesson:
    name = database_name(settings, server, spec.key)
    # The folder first: if it cannot be moved, nothing has been lost. And no system should
    # have to move the folder that this process stands in.
    os.chdir(settings.workspace)
    untouched = partial(has_only, spec.files)
    project = workspace.fresh_project(settings.workspace, spec.key, untouched)
    clone_starting_state(settings, server, spec.base, name, spec.sql)
    write_files(spec.files, project)
    write_note(settings, server, name, project)
    return Lesson(spec.number, server, server.url.set(database=name), project)


def _attach(settings: Settings, server: Server, spec: LessonSpec) -> Lesson:
    name = database_name(settings, server, spec.key)
    project = workspace.project_folder(settings.workspace, spec.key)
    with admin(server.url) as connection:
        exists = databases.mark_of(connection, name) is not None
    if not exists or not project.is_dir():
        raise LessonError(
            f"There is nothing of {spec.words} to resume.",
            f"Its {'project folder' if exists else 'database'} does not exist.",
            f"Run {spec.command} to begin it.",
        )
    write_note(settings, server, name, project)
    return Lesson(spec.number, server, server.url.set(database=name), project, resumed=True)


def _consent(settings: Settings) -> None:
    """Lessons make and drop databases: not on a server named for something else."""
    if settings.url is None or settings.postgres:
        return
    raise LessonError(
        "DATABASE_* names a server of your own.",
        "A lesson makes and drops databases on its server, and DATABASE_* may have been "
        "set for another purpose.",
        "Set TUTORIAL_POSTGRES=external to use that server, or TUTORIAL_POSTGRES=embedded to "
        "use the kit's.",
    )
