"""Try an answer to an exercise without a notebook: the given cells, the answer, the verdict."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from coursekit.course import autoreload
from coursekit.course.alembic_command import run_alembic
from coursekit.course.catalog import lesson_path
from coursekit.course.cell_names import grade_id
from coursekit.course.notebooks import load
from coursekit.course.tool_commands import run_pytest, run_squawk
from coursekit.exercises.cells import answer_cells, clear_solutions, show_solutions, source_of
from coursekit.exercises.check import verdict_on
from coursekit.exercises.exercise import Exercise
from coursekit.exercises.verdict import Verdict
from coursekit.settings import read_settings

COMMANDS = {"alembic": run_alembic, "pytest": run_pytest, "squawk": run_squawk}
BETWEEN = "# %%\n"  # stands between the cells of an answer


class Shell:
    """The part of a notebook's shell that answers use."""

    def run_line_magic(self, name: str, line: str, *_: object) -> None:
        """Run a command in the working directory; ignore others, such as `%xmode`."""
        if name in COMMANDS:
            COMMANDS[name](line, Path.cwd(), echo=False)

    def run_cell_magic(self, name: str, line: str, body: str) -> None:
        """Write a file, as `%%writefile` does."""
        assert name == "writefile", name
        words = line.split()
        with Path(words[-1]).open("a" if "-a" in words else "w", encoding="utf-8") as file:
            file.write(body)


def given(exercise: Exercise) -> str:
    """Return what runs before an answer: the imports, `begin-SLUG` and `starter-SLUG`."""
    wanted = {f"exercises-{exercise.lesson}-tools"}
    wanted |= {f"{name}-{exercise.slug}" for name in ("begin", "starter")}
    cells = load(lesson_path(exercise.lesson))["cells"]
    return BETWEEN.join(source_of(cell) + "\n" for cell in cells if grade_id(cell) in wanted)


def reference(exercise: Exercise, marked: bool = False) -> str:
    """Return the source edition's solution, cell by cell; `marked` keeps the markers."""
    cells = answer_cells(load(lesson_path(exercise.lesson)), exercise)
    shown = str if marked else show_solutions
    return BETWEEN.join(shown(source_of(cell)) + "\n" for cell in cells)


def blank(exercise: Exercise) -> str:
    """Return what the learner's copy has in place of the solution."""
    cells = answer_cells(load(lesson_path(exercise.lesson)), exercise)
    return BETWEEN.join(clear_solutions(source_of(cell)) + "\n" for cell in cells)


def tried(exercise: Exercise, code: str) -> Verdict:
    """Return the verdict on an answer, even if the answer raises."""
    with names_after(exercise, code) as names:
        return verdict_on(exercise, names)


@contextmanager
def names_after(exercise: Exercise, code: str) -> Iterator[dict[str, Any]]:
    """Run an answer and yield the notebook's names, while its project is open."""
    names: dict[str, Any] = {"__name__": "__main__", "get_ipython": Shell}
    with _own_place():
        _run(given(exercise), names)
        with suppress(Exception, SystemExit):
            _run(code, names)
        yield names


def _run(code: str, names: dict[str, Any]) -> None:
    from IPython.core.inputtransformer2 import TransformerManager

    for cell in code.split(BETWEEN):
        autoreload.unload(read_settings().workspace)
        source = TransformerManager().transform_cell(cell)
        # This module's annotations are texts, a notebook's are not: it inherits nothing.
        exec(compile(source, "<cell>", "exec", dont_inherit=True), names)


@contextmanager
def _own_place() -> Iterator[None]:
    """Import from the working directory, as a notebook does; undo it at the end."""
    folder, compiled = Path.cwd(), sys.dont_write_bytecode
    sys.path.insert(0, "")
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        autoreload.unload(read_settings().workspace)
        sys.path.remove("")
        sys.dont_write_bytecode = compiled
        os.chdir(folder)
