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
from contextlib import ExitStack, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, NullPool, text

from tutorial_lib import databases
from tutorial_lib.ci import run_pytest
from tutorial_lib.config import read_settings
from tutorial_lib.db import make_engine
from tutorial_lib.errors import AlembicError, CommandError
from tutorial_lib.exercises.exercise import Exercise, NotStarted, Outcome, shorten
from tutorial_lib.lesson import Lesson, clone_beginning, database_name
from tutorial_lib.migrations import run_alembic
from tutorial_lib.project import write_note
from tutorial_lib.servers.server import Server, admin
from tutorial_lib.starts import lay, read_project, start_of

SECONDS = 5  # that one question to the learner's code may take
LIMITS = "-c lock_timeout=1s -c statement_timeout=4s"
# A check that may only read leaves everything as it was, sequences too.
READ_ONLY = f"{LIMITS} -c default_transaction_read_only=on"
Probe = Callable[..., Any]


class Answer(ABC):
    """What a check may ask. Close it, or use it in `with`.

    exercise  the exercise
    place     its database and project, begun; None when it has none
    """

    def __init__(self, exercise: Exercise, place: Lesson | None) -> None:
        self.exercise = exercise
        self._place = place
        self._closing = ExitStack()

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    @abstractmethod
    def ask(self, probe: Probe, *arguments: Any) -> Outcome:
        """What `probe(names, *arguments)` returns, run where the learner's code is.

        probe      a function at the top of a lesson's module; it gets the learner's names as a
                   dictionary, uses them, and returns plain data: numbers, texts, lists, ...
        arguments  plain data, or an Engine from `scratch()`

        An error of the learner's code, or no end within SECONDS, is the Outcome's `error`.
        """

    @property
    def place(self) -> Lesson:
        """Where the exercise was begun; raises NotStarted when it was not."""
        if self._place is None:
            raise NotStarted
        return self._place

    @property
    def project(self) -> Path:
        """The exercise's project, as the learner has left it."""
        return self.place.project

    @cached_property
    def files(self) -> dict[str, str]:
        """The files of the project, path to text."""
        return read_project(self.project)

    @cached_property
    def engine(self) -> Engine:
        """An engine for the exercise's database that can only read, and waits for nobody."""
        return self._opened(self.place.url, READ_ONLY)

    @property
    def begun(self) -> dict[str, str]:
        """The files of the project with which the exercise began, path to text."""
        begin = self.exercise.begin
        assert begin is not None, "an exercise with a project has a beginning"
        return {**start_of(begin.lesson).files, **begin.files}

    def fills(self, function: str) -> bool:
        """Whether a new file of the project has this function, with more in it than a TODO."""
        new = set(self.files) - set(self.begun)
        return any(_fills(self.files[name], function) for name in new)

    def rows(self, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """The rows of a query in the exercise's database, as tuples."""
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query), parameters)]

    @cached_property
    def revisions(self) -> dict[str, Any]:
        """The revisions of the project, read without running them: id to what it follows."""
        found = (_assigned(source) for name, source in self.files.items() if _is_revision(name))
        return {str(names.get("revision")): names.get("down_revision") for names in found}

    def scratch(self, key: str = "") -> Engine:
        """An engine for a new database at the exercise's beginning, which may be changed.

        It is gone when the answer is closed. One at a time, unless they are told apart by
        `key`: the next replaces it.
        """
        settings, server = read_settings(), self.place.server
        name = database_name(settings, server, key or f"{self.exercise.slug}-check")
        begin = self.exercise.begin
        assert begin is not None, "an exercise that needs a database has a beginning"
        clone_beginning(settings, server, begin.lesson, name, begin.sql)
        self._closing.callback(_dropped, server, name)
        return self._opened(server.url.set(database=name), LIMITS)

    def alembic(
        self, *lines: str, go_on: bool = False, files: Mapping[str, str] | None = None
    ) -> Outcome:
        """Run Alembic's commands on a copy of the project and a scratch database.

        The Outcome's value is what the last one printed; its error, what failed. The scratch
        database is at the exercise's beginning, or, with `go_on`, where the last call left it;
        `scratch_engine` shows it afterwards. `files`, path to text, are added to the copy.
        """
        if not go_on:
            self.scratch_engine, self._copy = self._lay_copy()
        lay(files or {}, self._copy)
        try:
            said = [run_alembic(line, self._copy, echo=False) for line in lines]
        except AlembicError as error:
            return Outcome(error=shorten(f"{error.what} {error.why}"))
        return Outcome(said[-1])

    def pytest(self, *variants: Mapping[str, str]) -> list[Outcome]:
        """Run pytest on copies of the project, two at a time: an Outcome for each.

        variants  files, path to text, that are replaced in a copy; each copy has a scratch
                  database of its own

        The Outcome's value is what it printed; its error says how many tests failed.
        """
        with ThreadPoolExecutor(2) as threads:  # as many as most machines have processors
            return list(threads.map(self._tested, variants, range(len(variants))))

    def _tested(self, files: Mapping[str, str], number: int) -> Outcome:
        _, copy = self._lay_copy(f"-{number}")
        lay(files, copy)
        try:
            return Outcome(run_pytest("", copy, echo=False))
        except CommandError as error:
            return Outcome(error=shorten(f"{error.what} {error.why}"))

    def _lay_copy(self, mark: str = "") -> tuple[Engine, Path]:
        """A copy of the project and its scratch database; one that was there is replaced.

        It lies beside the project, and so counts as one.
        """
        key = f"{self.exercise.slug}-check{mark}"
        engine, copy = self.scratch(key), self.project.with_name(key)
        self._closing.callback(shutil.rmtree, copy, ignore_errors=True)
        lay(self.files, copy)
        settings = read_settings()
        write_note(settings, self.place.server, str(engine.url.database), copy)
        return engine, copy

    def _opened(self, url: Any, options: str) -> Engine:
        engine = make_engine(url, connect_args={"options": options}, poolclass=NullPool)
        self._closing.callback(engine.dispose)
        return engine


def answered(probe: Probe, names: dict[str, Any], arguments: tuple[Any, ...]) -> Outcome:
    """What a probe says, as plain data; whatever goes wrong in it is the learner's error."""
    try:
        value = probe(names, *arguments)
    except BaseException as error:  # SystemExit too: an answer must not end the check
        return Outcome(error=_told(error))
    try:
        return Outcome(ast.literal_eval(repr(value)))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return Outcome(error=f"a value of type {type(value).__name__}")


def _told(error: BaseException) -> str:
    first = str(error).strip().splitlines()[:1]
    return ": ".join([type(error).__name__, *first])


def _is_revision(name: str) -> bool:
    return name.startswith("alembic/versions/") and name.endswith(".py")


def _assigned(source: str) -> dict[str, Any]:
    """The plain values that a file gives to names at its top; nothing when it is no Python."""
    found: dict[str, Any] = {}
    with suppress(SyntaxError):
        for node in ast.parse(source).body:
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                with suppress(ValueError):
                    value = ast.literal_eval(node.value)
                    found |= {each.id: value for each in targets if isinstance(each, ast.Name)}
    return found


def _fills(source: str, function: str) -> bool:
    """Whether a file gives this function a body; one that is no Python is an attempt."""
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return True
    found = [one for one in body if isinstance(one, ast.FunctionDef) and one.name == function]
    return any([ast.unparse(line) for line in one.body] != ["..."] for one in found)


def _dropped(server: Server, name: str) -> None:
    with admin(server.url) as connection:
        databases.drop(connection, name)
