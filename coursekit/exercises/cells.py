"""The cells of an exercise in a notebook, with and without their solutions.

An exercise is a prompt, one or more cells for the solution, and a cell with the check. Their
ids are in `coursekit.course.cell_names`. nbgrader's markers enclose the solutions, and the cells
carry nbgrader's metadata.
"""

from __future__ import annotations

import re
from typing import Any

from coursekit.course.catalog import lesson_path
from coursekit.course.cell_names import Cell, slug_in
from coursekit.course.notebooks import load
from coursekit.exercises.exercise import Exercise
from coursekit.exercises.manifest import exercises_of

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
REGION = re.compile(rf"^( *){BEGIN}\n(.*?)^ *{END}$", re.M | re.S)
TODO = "# TODO: your answer"
STUB = f"...  {TODO}"
SCHEMA = 3  # of nbgrader's metadata


def clear_solutions(source: str) -> str:
    """Return a cell's source with a TODO in place of each solution.

    At the top of a cell, it's only a comment: IPython would display `...` as `Ellipsis`.
    """
    in_file = source.startswith("%%")
    return REGION.sub(lambda found: found[1] + (STUB if found[1] or in_file else TODO), source)


def show_solutions(source: str) -> str:
    """Return a cell's source with its solutions, without the markers."""
    return REGION.sub(lambda found: found[2].rstrip("\n"), source)


def answer_cells(notebook: dict[str, Any], exercise: Exercise) -> list[Cell]:
    """Return the cells of a notebook that hold an exercise's solution, in order."""
    return [cell for cell in notebook["cells"] if slug_in(cell, "answer") == exercise.slug]


def source_of(cell: Cell) -> str:
    """Return a cell's source as one string."""
    return "".join(cell["source"])


def solution_of(exercise: Exercise) -> str:
    """Return the solution from the source edition, the only place that holds it."""
    cells = answer_cells(load(lesson_path(exercise.lesson)), exercise)
    return "\n\n".join(show_solutions(source_of(cell)) for cell in cells)


def write_nbgrader_metadata(notebook: dict[str, Any], lesson: str) -> None:
    """Write nbgrader's metadata into the cells of the notebook's exercises."""
    wanted = {
        name: metadata
        for exercise in exercises_of(lesson)
        for name, metadata in _metadata(notebook, exercise).items()
    }
    for cell in notebook["cells"]:
        if cell.get("id") in wanted:
            cell["metadata"] = {**cell["metadata"], "nbgrader": wanted[cell["id"]]}


def _metadata(notebook: dict[str, Any], exercise: Exercise) -> dict[str, dict[str, Any]]:
    """Return the metadata of an exercise's cells by their ids: solutions, and one graded check."""
    names = [cell["id"] for cell in answer_cells(notebook, exercise)]
    common = {"schema_version": SCHEMA, "task": False}
    answer = {**common, "grade": False, "locked": False, "solution": True}
    check = {**common, "grade": True, "locked": True, "solution": False, "points": exercise.points}
    found = {name: {**answer, "grade_id": name} for name in names}
    name = f"check-{exercise.slug}"
    return {**found, name: {**check, "grade_id": name}}
