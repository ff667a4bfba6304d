"""A learner's answer, as a check sees it: the code's own replies, the database, the files.

A check runs in two places: in the learner's kernel, and in a process of its own whose verdict
counts (`tutorial verify --learner`). It asks through an Answer, and so need not know which.
What it gets from the learner's code is plain data, in both.
"""

from __future__ import annotations

import ast
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, NullPool, text

from coursekit.course import databases
from coursekit.course.alembic_magic import run_alembic
from coursekit.course.lesson import Lesson
from coursekit.course.lesson_database import clone_starting_state, database_name
from coursekit.course.project import write_note
from coursekit.course.starting_state import read_project, starting_state, write_files
from coursekit.course.tool_magics import run_pytest
from coursekit.errors import AlembicError, CommandError
from coursekit.exercises import project_source
from coursekit.exercises.initial_state import InitialState
from coursekit.exercises.items import NotStarted, ProbeResult, shorten
from coursekit.servers.server import Server, admin
from coursekit.settings import read_settings
from tutorial_lib.db import make_engine

SECONDS = 5  # that one question to the learner's code may take
LIMITS = "-c lock_timeout=1s -c statement_timeout=4s"
# A check that may only read leaves everything as it was, sequences too.
READ_ONLY = f"{LIMITS} -c default_transaction_read_only=on"
Probe = Callable[..., Any]


class Submission(ABC):
    """What a check may ask. Close it, or use it in `with`.

    slug           the exercise's slug
    initial_state  what it starts from; None without a database
    place     its database and project, begun; None when it has none
    """

    def __init__(
        self, slug: str, initial_state: InitialState | None, lesson: Lesson | None
    ) -> None:
        self.slug = slug
        self._initial_state = initial_state
        self._lesson = lesson
        self._closing = ExitStack()

    def __enter__(self) -> Submission:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    @abstractmethod
    def call(self, probe: Probe, *arguments: Any) -> ProbeResult:
        """What `probe(names, *arguments)` returns, run where the learner's code is.

        probe      a function at the top of a lesson's module; it gets the learner's names as a
                   dictionary, uses them, and returns plain data: numbers, texts, lists, ...
        arguments  plain data, or an Engine from `scratch()`

        An error of the learner's code, or no end within SECONDS, is the Outcome's `error`.
        """

    @property
    def lesson(self) -> Lesson:
        """Where the exercise was begun; raises NotStarted when it was not."""
        if self._lesson is None:
            raise NotStarted
        return self._lesson

    @property
    def project(self) -> Path:
        """The exercise's project, as the learner has left it."""
        return self.lesson.project

    @cached_property
    def files(self) -> dict[str, str]:
        """The files of the project, path to text."""
        return read_project(self.project)

    @cached_property
    def engine(self) -> Engine:
        """An engine for the exercise's database that can only read, and waits for nobody."""
        return self._opened(self.lesson.url, READ_ONLY)

    @property
    def initial_files(self) -> dict[str, str]:
        """The files of the project with which the exercise began, path to text."""
        begin = self._initial_state
        assert begin is not None, "an exercise with a project has a beginning"
        return {**starting_state(begin.lesson).files, **begin.files}

    def fills(self, function: str) -> bool:
        """Whether a new file of the project has this function, with more in it than a TODO."""
        new = set(self.files) - set(self.initial_files)
        return any(project_source.defines(self.files[name], function) for name in new)

    def rows(self, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """The rows of a query in the exercise's database, as tuples."""
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query), parameters)]

    @cached_property
    def revisions(self) -> dict[str, Any]:
        """The revisions of the project, read without running them: id to what it follows."""
        return project_source.revisions(self.files)

    @cached_property
    def heads(self) -> list[str]:
        """The revisions of the project that no other one follows, sorted."""
        return project_source.heads(self.revisions)

    @property
    def current_revisions(self) -> list[str]:
        """The ids in the exercise's version table, sorted; [] without such a table."""
        if self.rows("SELECT to_regclass('alembic_version')") == [(None,)]:
            return []
        return [row[0] for row in self.rows("SELECT version_num FROM alembic_version ORDER BY 1")]

    @property
    def untouched(self) -> bool:
        """Whether the project's files are still the ones the exercise started with."""
        return self.files == self.initial_files

    def scratch(self, key: str = "") -> Engine:
        """An engine for a new database at the exercise's beginning, which may be changed.

        It is gone when the answer is closed. One at a time, unless they are told apart by
        `key`: the next replaces it.
        """
        settings, server = read_settings(), self.lesson.server
        name = database_name(settings, server, key or f"{self.slug}-check")
        begin = self._initial_state
        assert begin is not None, "an exercise that needs a database has a beginning"
        clone_starting_state(settings, server, begin.lesson, name, begin.sql)
        self._closing.callback(_dropped, server, name)
        return self._opened(server.url.set(database=name), LIMITS)

    def alembic(
        self, *lines: str, go_on: bool = False, files: Mapping[str, str] | None = None
    ) -> ProbeResult:
        """Run Alembic's commands on a copy of the project and a scratch database.

        The Outcome's value is what the last one printed; its error, what failed. The scratch
        database is at the exercise's beginning, or, with `go_on`, where the last call left it;
        `scratch_engine` shows it afterwards. `files`, path to text, are added to the copy.
        """
        if not go_on:
            self.scratch_engine, self._copy = self._lay_copy()
        write_files(files or {}, self._copy)
        try:
            said = [run_alembic(line, self._copy, echo=False) for line in lines]
        except AlembicError as error:
            return ProbeResult(error=shorten(f"{error.what} {error.why}"))
        return ProbeResult(said[-1])

    def pytest(self, *variants: Mapping[str, str]) -> list[ProbeResult]:
        """Run pytest on copies of the project, two at a time: an Outcome for each.

        variants  files, path to text, that are replaced in a copy; each copy has a scratch
                  database of its own

        The Outcome's value is what it printed; its error says how many tests failed.
        """
        with ThreadPoolExecutor(2) as threads:  # as many as most machines have processors
            return list(threads.map(self._tested, variants, range(len(variants))))

    def _tested(self, files: Mapping[str, str], number: int) -> ProbeResult:
        _, copy = self._lay_copy(f"-{number}")
        write_files(files, copy)
        try:
            return ProbeResult(run_pytest("", copy, echo=False))
        except CommandError as error:
            return ProbeResult(error=shorten(f"{error.what} {error.why}"))

    def _lay_copy(self, mark: str = "") -> tuple[Engine, Path]:
        """A copy of the project and its scratch database; one that was there is replaced.

        It lies beside the project, and so counts as one.
        """
        key = f"{self.slug}-check{mark}"
        engine, copy = self.scratch(key), self.project.with_name(key)
        self._closing.callback(shutil.rmtree, copy, ignore_errors=True)
        write_files(self.files, copy)
        settings = read_settings()
        write_note(settings, self.lesson.server, str(engine.url.database), copy)
        return engine, copy

    def _opened(self, url: Any, options: str) -> Engine:
        engine = make_engine(url, connect_args={"options": options}, poolclass=NullPool)
        self._closing.callback(engine.dispose)
        return engine


def run_probe(probe: Probe, names: dict[str, Any], arguments: tuple[Any, ...]) -> ProbeResult:
    """What a probe says, as plain data; whatever goes wrong in it is the learner's error."""
    try:
        value = probe(names, *arguments)
    except BaseException as error:  # SystemExit too: an answer must not end the check
        return ProbeResult(error=_describe(error))
    try:
        return ProbeResult(ast.literal_eval(repr(value)))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return ProbeResult(error=f"a value of type {type(value).__name__}")


def _describe(error: BaseException) -> str:
    first = str(error).strip().splitlines()[:1]
    return ": ".join([type(error).__name__, *first])


def _dropped(server: Server, name: str) -> None:
    with admin(server.url) as connection:
        databases.drop(connection, name)
