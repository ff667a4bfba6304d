"""A pytest plugin: each lesson ends in the state in which the next one starts.

The test runs after the notebook's cells, and compares the state they left.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from nbval.plugin import IPyNbCell
from sqlalchemy import Engine

from coursekit import servers
from coursekit.course.catalog import lessons, number_of, slug_of
from coursekit.course.opening import start
from coursekit.course.project import project_url
from coursekit.course.requirements import unmet
from coursekit.course.starting_state import StartingState, starting_state
from coursekit.course.workspace import project_folder
from coursekit.errors import NotebookError
from coursekit.instructor.isolated_run import use_workspace
from coursekit.instructor.starting_states import capture, next_start
from coursekit.settings import read_settings
from tutorial_lib import explorer
from tutorial_lib.db import make_engine
from tutorial_lib.explorer.comparison import Changes


class ContinuityFile(pytest.File):
    """The end of one lesson, as one test after its cells."""

    def collect(self) -> Iterator[pytest.Item]:
        """Yield that test."""
        yield ContinuityItem.from_parent(self, name="leads to the next lesson")


class ContinuityItem(pytest.Item):
    """The test that compares a lesson's end with the next lesson's starting state."""

    def runtest(self) -> None:
        """Compare files, revision and schema.

        Raises:
            NotebookError: It names what differs.

        """
        self._skip_unless_all_ran()
        lesson = slug_of(self.path)
        if unmet(next_start(lesson), servers.find()):
            return  # the next lesson doesn't run on this server
        use_workspace(self.path.stem)
        project = project_folder(read_settings().workspace, lesson)
        with closing_pool(make_engine(project_url(project))) as engine:
            differ = _differences(capture(project, engine), starting_state(next_start(lesson)))
            changes = explorer.changes(_snapshot(engine), _first_snapshot(next_start(lesson)))
        if differ or changes:
            raise _not_continuous(lesson, differ, changes)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:
        """Return the message, without a stack trace."""
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return the test's place and name for the report."""
        return self.path, 0, f"{self.path.name}: leads to the next lesson"

    def _skip_unless_all_ran(self) -> None:
        cells = [
            item
            for item in self.session.items
            if isinstance(item, IPyNbCell) and item.path == self.path
        ]
        if not cells:
            pytest.skip("its cells weren't selected")
        if cells[0].parent.failed:
            pytest.skip(f"not run because {cells[0].parent.failed} failed")


@pytest.hookimpl(trylast=True)
def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> ContinuityFile | None:
    """Collect one test for every lesson that another one follows."""
    if (
        parent.config.option.nbval
        and file_path in lessons().values()
        and next_start(slug_of(file_path))
    ):
        collected: ContinuityFile = ContinuityFile.from_parent(parent, path=file_path)
        return collected
    return None


@contextmanager
def closing_pool(engine: Engine) -> Iterator[Engine]:
    """Close an engine's connections at the end, even after an error."""
    try:
        yield engine
    finally:
        engine.dispose()


def _differences(end: StartingState, start: StartingState) -> list[str]:
    """Name the files that differ, and the revision if it does."""
    files = {**end.files, **start.files}
    found = [name for name in files if end.files.get(name) != start.files.get(name)]
    return found + (["the database's revision"] if end.commands != start.commands else [])


def _snapshot(engine: Engine) -> explorer.Snapshot:
    """Return a snapshot without the order of columns, which a downgrade and an upgrade change.

    It's without rows, too: a lesson may leave some, and the next one starts without any.
    """
    return replace(explorer.snapshot(engine), column_order={})


def _first_snapshot(slug: str) -> explorer.Snapshot:
    """Return a snapshot of the database in which a lesson starts."""
    here = Path.cwd()
    try:
        lesson = start(slug)
        with closing_pool(lesson.engine) as engine:
            return _snapshot(engine)
    finally:
        os.chdir(here)


def _not_continuous(lesson: str, differ: list[str], changes: Changes) -> NotebookError:
    names = "; ".join([*differ, *(f"{c.sign} {c.kind} {c.name}" for c in changes.all)])
    number, after = number_of(lesson), number_of(next_start(lesson))
    return NotebookError(
        f"Lesson {number} doesn't end where lesson {after} starts.",
        f"They differ in: {names}.",
        f"If the lesson is right, run: python3 start.py refresh {number}",
    )
