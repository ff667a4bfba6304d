"""Run commands on copies of a learner's project, each with a scratch database."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import URL, Engine

from coursekit import limits
from coursekit.course import databases
from coursekit.course.alembic_command import run_alembic
from coursekit.course.lesson import Lesson
from coursekit.course.lesson_database import clone_starting_state, database_name
from coursekit.course.project import note_database
from coursekit.course.starting_state import write_files
from coursekit.course.tool_commands import run_pytest
from coursekit.errors import CommandError, CommandTimeout
from coursekit.exercises.initial_state import InitialState
from coursekit.exercises.items import ProbeResult
from coursekit.exercises.time_budget import TimeBudget
from coursekit.servers.server import Server, admin
from coursekit.settings import read_settings

PARALLEL = 2  # test runs at a time: most machines have that many processors


@dataclass(frozen=True)
class ProjectCopy:
    """A copy of a project.

    Attributes:
        folder: The copy, beside the project, so that it counts as a project itself.
        engine: Connects to its scratch database.

    """

    folder: Path
    engine: Engine

    def alembic(self, line: str, timeout: float) -> ProbeResult:
        """Run an Alembic command: its output, or its error."""
        return _result(partial(run_alembic, line, self.folder, echo=False, timeout=timeout))

    def pytest(self, files: Mapping[str, str], timeout: float) -> ProbeResult:
        """Replace files, then run pytest: its output, or an error with its summary."""
        write_files(files, self.folder)
        return _result(partial(run_pytest, "", self.folder, echo=False, timeout=timeout))


class ProjectCopies:
    """The copies and scratch databases of one exercise; `close` removes them all."""

    def __init__(
        self,
        slug: str,
        initial_state: InitialState,
        lesson: Lesson,
        connect: Callable[[URL], Engine],
        fill: Callable[[URL], None],
    ) -> None:
        self._slug = slug
        self._initial_state = initial_state
        self._lesson = lesson
        self._connect = connect
        self._fill = fill
        self._closing = ExitStack()
        self._current: ProjectCopy | None = None

    def close(self) -> None:
        """Remove the copies and drop their databases."""
        self._closing.close()

    @property
    def exists(self) -> bool:
        """Whether `renew` has made a copy."""
        return self._current is not None

    @property
    def current(self) -> ProjectCopy:
        """The copy that `renew` made last."""
        assert self._current is not None, "renew() makes the copy"
        return self._current

    def renew(self, files: Mapping[str, str]) -> None:
        """Make the copy again: these files, and the database at its initial state."""
        self._current = self._copy(files)

    def pytest(
        self,
        files: Mapping[str, str],
        variants: Sequence[Mapping[str, str]],
        budget: TimeBudget,
    ) -> list[ProbeResult]:
        """Run pytest in one copy per variant, which replaces some of the files."""

        def run(copy: ProjectCopy, variant: Mapping[str, str]) -> ProbeResult:
            return budget.run(limits.COMMAND_TIMEOUT, partial(copy.pytest, variant))

        with ThreadPoolExecutor(PARALLEL) as threads:
            copies = threads.map(lambda n: self._copy(files, str(n)), range(len(variants)))
            return list(threads.map(run, list(copies), variants))

    def new_database(self, key: str = "", *, filled: bool = True) -> URL:
        """Create a database at the initial state, by default with more rows."""
        settings, server = read_settings(), self._lesson.server
        name = database_name(settings, server, f"check{key}", self._slug)
        clone_starting_state(
            settings,
            server,
            self._initial_state.lesson,
            name,
            self._initial_state.statements(self._lesson.seed),
        )
        self._closing.callback(_drop, server, name)
        url = server.url.set(database=name)
        if filled:
            self._fill(url)
        return url

    def _copy(self, files: Mapping[str, str], key: str = "") -> ProjectCopy:
        # A slug has no underscore, so this is no other exercise's project.
        folder = self._lesson.project.with_name(f"{self._slug}_check{key}")
        url = self.new_database(key)
        self._closing.callback(shutil.rmtree, folder, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)  # files that were added to the last copy
        write_files(files, folder)
        note_database(folder, read_settings(), self._lesson.server, str(url.database))
        return ProjectCopy(folder, self._connect(url))


def _drop(server: Server, name: str) -> None:
    with admin(server.url) as connection:
        databases.drop(connection, name)


def _result(run: Callable[[], str]) -> ProbeResult:
    """Run a command; return its output, or its error."""
    try:
        return ProbeResult(run())
    except CommandError as error:
        return ProbeResult(error=_reason(error), ended=not isinstance(error, CommandTimeout))


def _reason(error: CommandError) -> str:
    """Return the whole error on one line, its cause near the front: a cell shows a part."""
    command, ended, _ = error.what.partition(" ended with exit code ")
    reports, said, cause = error.why.partition("It reports: ")
    if ended and said and not reports:
        return " ".join(f"{command}: {cause}".split())
    return " ".join(f"{error.what} {error.why}".split())
