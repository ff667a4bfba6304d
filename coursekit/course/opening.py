"""Start a lesson or exercise, or attach to one that has been started.

From top to bottom, this is the way `start("06")` takes:

    settings, servers, requirements   a server that the lesson may use
    workspace                         this kernel has the lesson, an earlier project is kept
    lesson_database                   the database, cloned at the lesson's starting state
    starting_state, project           the project's files, and the note that names its database
    kernel_setup                      magics and imports follow the project
"""

from __future__ import annotations

import os
from functools import partial

from coursekit import servers
from coursekit.course import databases, open_lessons, requirements, workspace
from coursekit.course.catalog import lesson_path, slug_of
from coursekit.course.kernel_setup import prepare_kernel, silence_cut_connections
from coursekit.course.lesson import Lesson, LessonSpec
from coursekit.course.lesson_database import clone_starting_state, database_name, former_name
from coursekit.course.project import note_database, noted_seed
from coursekit.course.session_defaults import remove_defaults
from coursekit.course.starting_state import has_only, starting_state, write_files
from coursekit.course.this_notebook import meaning_of
from coursekit.errors import LessonError
from coursekit.files import sync
from coursekit.servers.server import Server, admin
from coursekit.settings import Settings, read_settings


def start(number: str | int, *, resume: bool = False) -> Lesson:
    """Start a lesson at its starting state, or continue with it.

    The lesson's database is replaced by a fresh one, and a project folder with your work in it
    moves to `workspace/kept/`. The working directory becomes the project folder.

    Args:
        number: The lesson, such as `"06"`; or its slug, `"the-first-revision"`.
        resume: Keep the database and the project as you left them.

    Returns:
        The lesson: its engine, URL and project folder.

    Raises:
        LessonError: Another kernel has the lesson open, there's nothing to resume, the server
            isn't one the lesson can use, or the database or folder can't be created.
        SettingsError: The settings are incomplete or contradict each other.
        ServerError: There's no server, or it doesn't respond.

    """
    path = lesson_path(meaning_of(str(number)) or number)
    slug = slug_of(path)
    files = starting_state(slug).files
    return open_lesson(LessonSpec(slug, path.name[:2], slug, slug, files), resume=resume)


def open_lesson(spec: LessonSpec, *, resume: bool = False) -> Lesson:
    """Start a lesson or exercise, or continue with it; see `start`."""
    settings = read_settings()
    requirements.require_consent(settings)
    server = servers.find(settings)
    requirements.require_server(spec.lesson, server)
    workspace.acquire_lesson(settings.workspace, spec.lesson)
    silence_cut_connections()
    open_lessons.close(spec.slug)
    lesson = (_attach if resume else _reset)(settings, server, spec)
    os.chdir(lesson.project)
    prepare_kernel(lesson.project)
    open_lessons.remember(spec.slug, lesson)
    return lesson


def attach(spec: LessonSpec) -> Lesson:
    """Return a lesson or exercise that another process has started, without changing it.

    Raises:
        LessonError: It hasn't been started.

    """
    settings = read_settings()
    return _attach(settings, servers.find(settings), spec)


def _reset(settings: Settings, server: Server, spec: LessonSpec) -> Lesson:
    """Create the database and the project at the starting state."""
    name = database_name(settings, server, spec.kind, spec.slug)
    if server.origin != "external":  # there, they may be an administrator's
        with admin(server.url) as connection:
            remove_defaults(connection)
    # Leave the project's folder: Windows can't move the working directory of a process.
    os.chdir(settings.workspace)
    # The project before the database: if it can't be moved, nothing is lost.
    untouched = partial(has_only, spec.files)
    project = workspace.fresh_project(settings.workspace, spec.slug, untouched)
    clone_starting_state(settings, server, spec.base, name, spec.sql)
    with workspace.usable(project):
        write_files(spec.files, project)
        note_database(project, settings, server, name, spec.seed)
        sync((project, *project.rglob("*")))
    _drop_former(settings, server, spec)
    return Lesson(spec.number, server, server.url.set(database=name), project, seed=spec.seed)


def _attach(settings: Settings, server: Server, spec: LessonSpec) -> Lesson:
    """Find the database and the project as they are."""
    name = _existing(settings, server, spec)
    project = workspace.project_folder(settings.workspace, spec.slug)
    if not name or not project.is_dir():
        raise LessonError(
            f"There is nothing of {spec.label} to resume.",
            f"Its {'project folder' if name else 'database'} does not exist.",
            f"Run {spec.command} to begin it.",
        )
    seed = noted_seed(project)
    note_database(project, settings, server, name, seed)
    url = server.url.set(database=name)
    return Lesson(spec.number, server, url, project, resumed=True, seed=seed)


def _drop_former(settings: Settings, server: Server, spec: LessonSpec) -> None:
    """Drop the database that an earlier edition created: the new one replaces it."""
    name = former_name(settings, server, spec.slug)
    with admin(server.url) as connection:
        if name in databases.made_by_the_kit(connection):
            databases.drop(connection, name)


def _existing(settings: Settings, server: Server, spec: LessonSpec) -> str:
    """Return the name of the database as it is; "" if there's none."""
    names = (
        database_name(settings, server, spec.kind, spec.slug),
        former_name(settings, server, spec.slug),
    )
    with admin(server.url) as connection:
        found = (name for name in names if databases.mark_of(connection, name) is not None)
        return next(found, "")
