"""A learner's submission as a check sees it: the code, the database and the project.

A check runs in two places: in the learner's kernel, and in a process of its own whose verdict
counts (`tutorial verify --learner`). It goes through a Submission, so it need not know which,
and in both it receives plain data from the learner's code.
"""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property, partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Engine, NullPool

from coursekit import limits
from coursekit.course.starting_state import read_project, write_files
from coursekit.exercises.initial_state import InitialState
from coursekit.exercises.items import NotStarted, ProbeResult, Unreadable

if TYPE_CHECKING:
    from coursekit.course.lesson import Lesson
    from coursekit.exercises.database import Database
    from coursekit.exercises.project_copy import ProjectCopies
    from coursekit.exercises.time_budget import TimeBudget

Probe = Callable[..., Any]


class Submission(ABC):
    """What a check can read, call and run. Use it in `with`.

    Its members, by what they look at:

    * the learner's code: `call`
    * the exercise's project: `project`, `files`, `initial_files`, `untouched`, `fills`,
      `revisions`, `heads`
    * the exercise's database, read-only, through clean sessions: `database`, `current_revisions`
    * test data: `random`, the generator for `draws`, and `seed`, which reproduces the data
    * the same database as `begin` left it: `initial_database`
    * scratch databases, which a check may change: `scratch`, `new_database`; `fill` adds rows
      to all that are made afterwards
    * a copy of the project with a scratch database: `alembic` runs commands in it, and
      `copied_database` is its database; `pytest` runs the tests in copies of their own

    Everything but `call` raises NotStarted if the exercise has no open lesson.
    """

    def __init__(
        self, slug: str, initial_state: InitialState | None, lesson: Lesson | None, seed: str = ""
    ) -> None:
        """Wrap a submission.

        Args:
            slug: The exercise's slug.
            initial_state: What the exercise starts from; None without a database.
            lesson: The exercise's database and project; None if `begin` hasn't run.
            seed: Repeats a check with the test data of that seed; by default, a new one.

        """
        self.seed = seed or secrets.token_hex(8)
        # Not cryptographic: a seed must repeat a run. Learners don't know it beforehand.
        self.random = Random(f"{self.seed} {slug}")  # noqa: S311
        self.slug = slug
        self._initial_state = initial_state
        self._lesson = lesson
        self._closing = ExitStack()
        self._rows: list[tuple[str, Sequence[Mapping[str, Any]]]] = []

    def __enter__(self) -> Submission:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def call(self, probe: Probe, *arguments: Any) -> ProbeResult:
        """Return what `probe(names, *arguments)` returns, run where the learner's code is.

        An exception in the learner's code, or a call that doesn't end in time, becomes the
        result's `error`.

        Args:
            probe: A function at the top of a lesson's module. It receives the learner's names
                as a dictionary, uses them, and returns plain data: numbers, strings, lists, ...
            *arguments: Plain data, or an Engine from `scratch()`.

        """
        return self._time.run(
            limits.CALL_TIMEOUT, lambda seconds: self._call(probe, arguments, seconds)
        )

    @abstractmethod
    def _call(self, probe: Probe, arguments: tuple[Any, ...], timeout: float) -> ProbeResult:
        """Call a probe, and give it up after `timeout` seconds."""

    @property
    def lesson(self) -> Lesson:
        """The exercise's database and project, as `begin` returned them."""
        if self._lesson is None:
            raise NotStarted
        return self._lesson

    @cached_property
    def database(self) -> Database:
        """The exercise's database, read-only, through clean sessions."""
        return _open(self.lesson.url, read_only=True)

    @cached_property
    def initial_database(self) -> Database:
        """A copy of the exercise's database as `begin` left it, with the rows that it drew."""
        if not self.lesson.seed:
            raise Unreadable("this exercise was begun in an earlier edition of the course")
        return _open(self._copies.new_database("begun", filled=False))

    @property
    def current_revisions(self) -> list[str]:
        """The ids in the exercise's version table, sorted; [] without such a table."""
        table, column = "alembic_version", "version_num"
        found = self.database.rows(table, column, by=column) if self.database.has(table) else []
        return [number for (number,) in found]

    @property
    def project(self) -> Path:
        """The folder of the exercise's project."""
        return self.lesson.project

    @cached_property
    def files(self) -> dict[str, str]:
        """The project's files, path to content."""
        return read_project(self.project)

    @property
    def initial_files(self) -> dict[str, str]:
        """The project's files as the exercise started, path to content."""
        assert self._initial_state is not None, "an exercise with a project has an initial state"
        return self._initial_state.all_files

    @property
    def untouched(self) -> bool:
        """Whether the project's files are still the ones the exercise started with."""
        return self.files == self.initial_files

    def fills(self, function: str) -> bool:
        """Return whether a new file defines this function with more in it than a TODO."""
        from coursekit.exercises.project_source import defines

        new = set(self.files) - set(self.initial_files)
        return any(defines(self.files[name], function) for name in new)

    @cached_property
    def revisions(self) -> dict[str, Any]:
        """The project's revisions, read without running them: id to `down_revision`."""
        from coursekit.exercises.project_source import revisions

        return revisions(self.files)

    @cached_property
    def heads(self) -> list[str]:
        """The revisions that no other one follows, sorted."""
        from coursekit.exercises.project_source import heads

        return heads(self.revisions)

    def scratch(self, key: str = "") -> Engine:
        """Return an engine for a new database at the exercise's initial state.

        The database is dropped when the submission is closed.

        Args:
            key: A name for it. Each call replaces the previous database of the same key.

        """
        return self._connect_scratch(self._copies.new_database(key))

    def new_database(self, key: str = "") -> Database:
        """Return a new scratch database; see `scratch`."""
        return _open(self._copies.new_database(key))

    def fill(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows to a table of every scratch database that is made from now on."""
        self._rows.append((table, rows))

    def alembic(
        self, *lines: str, go_on: bool = False, files: Mapping[str, str] | None = None
    ) -> ProbeResult:
        """Run Alembic commands on a copy of the project, with a scratch database.

        Args:
            *lines: The commands, as after `%alembic`.
            go_on: Use the copy of the last call as that call left it. Otherwise start with a
                new copy, and the database at the exercise's initial state.
            files: Files to add to the copy, path to content.

        Returns:
            The output of the last command, or the error of the first one that failed.

        """
        if not go_on:
            self._copies.renew(self.files)
        copy = self._copies.current
        write_files(files or {}, copy.folder)
        for line in lines:
            result = self._time.run(limits.COMMAND_TIMEOUT, partial(copy.alembic, line))
            if result.error:
                break
        return result

    @property
    def scratch_engine(self) -> Engine:
        """An engine for the database that `alembic` uses; without a copy yet, it makes one."""
        if not self._copies.exists:
            self._copies.renew(self.files)
        return self._copies.current.engine

    @property
    def copied_database(self) -> Database:
        """The database that `alembic` uses, through clean sessions."""
        return _open(self.scratch_engine.url)

    @property
    def copied_files(self) -> dict[str, str]:
        """The files of the copy that `alembic` uses, path to content."""
        return read_project(self._copies.current.folder)

    def pytest(self, *variants: Mapping[str, str]) -> list[ProbeResult]:
        """Run pytest on copies of the project, two at a time.

        Args:
            *variants: For each run, the files to replace in its copy, path to content. Each
                copy has a scratch database of its own.

        Returns:
            For each variant pytest's output, or an error with the number of failed tests.

        """
        return self._copies.pytest(self.files, variants, self._time)

    @cached_property
    def _time(self) -> TimeBudget:
        # Most checks find nothing yet, and run nothing.
        from coursekit.exercises.time_budget import TimeBudget

        return TimeBudget()

    @cached_property
    def _copies(self) -> ProjectCopies:
        # Running commands takes half of the kit, and most checks only look.
        from coursekit.exercises.eager_imports import import_all
        from coursekit.exercises.project_copy import ProjectCopies

        import_all()
        assert self._initial_state is not None, "an exercise with a database has an initial state"
        copies = ProjectCopies(
            self.slug, self._initial_state, self.lesson, self._connect_scratch, self._fill
        )
        self._closing.callback(copies.close)
        return copies

    def _fill(self, url: URL) -> None:
        for table, rows in self._rows:
            _open(url).fill(table, rows)

    def _connect_scratch(self, url: URL) -> Engine:
        from tutorial_lib.db import make_engine

        options = {"options": limits.statement_options()}
        engine = make_engine(url, connect_args=options, poolclass=NullPool)
        self._closing.callback(engine.dispose)
        return engine


def _open(url: URL, *, read_only: bool = False) -> Database:
    # Many exercises have no database, or none that has been begun.
    from coursekit.exercises.database import Database

    return Database(url, read_only=read_only)
