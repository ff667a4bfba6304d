"""The cells of an exercise in a notebook, and what a learner gets of them.

An exercise is a prompt, one or more cells for the answer, and a cell with the check. Their
ids tell them apart: `exercise-06-1`, `answer-06-1`, `answer-06-1-b`, `check-06-1`. Answers stand
between nbgrader's markers, and the cells carry nbgrader's metadata.
"""

from __future__ import annotations

import json
import re
from typing import Any

from coursekit.course.catalog import lesson_path
from coursekit.exercises.exercise import Exercise
from coursekit.exercises.manifest import exercises_of

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
REGION = re.compile(rf"^( *){BEGIN}\n(.*?)^ *{END}$", re.M | re.S)
STUB = "...  # TODO: your answer"
SCHEMA = 3  # of nbgrader's metadata

Cell = dict[str, Any]


def clear_solutions(source: str) -> str:
    """The source of a cell with a TODO in place of each answer."""
    return REGION.sub(lambda found: found[1] + STUB, source)


def show_solutions(source: str) -> str:
    """The source of a cell with its answers, without the markers."""
    return REGION.sub(lambda found: found[2].rstrip("\n"), source)


def answer_cells(notebook: dict[str, Any], exercise: Exercise) -> list[Cell]:
    """The cells of a notebook in which an exercise is answered, in order."""
    name = re.compile(rf"answer-{exercise.slug}(-[a-z])?")
    return [cell for cell in notebook["cells"] if name.fullmatch(grade_id(cell))]


def grade_id(cell: Cell) -> str:
    """What an exercise's cell is called, also where an editor has given it another id."""
    given = cell["metadata"].get("nbgrader", {}).get("grade_id", cell.get("id", ""))
    return str(given)


def source_of(cell: Cell) -> str:
    """The text of a cell."""
    return "".join(cell["source"])


def solution_of(exercise: Exercise) -> str:
    """The answer in the reference notebook, which is the only place that holds it."""
    notebook = json.loads(lesson_path(exercise.lesson).read_text(encoding="utf-8"))
    cells = answer_cells(notebook, exercise)
    return "\n\n".join(show_solutions(source_of(cell)) for cell in cells)


def with_metadata(notebook: dict[str, Any], lesson: str) -> dict[str, Any]:
    """The same notebook, in which the cells of exercises carry nbgrader's metadata."""
    wanted = {
        name: metadata
        for exercise in exercises_of(lesson)
        for name, metadata in _metadata(notebook, exercise).items()
    }
    for cell in notebook["cells"]:
        if cell.get("id") in wanted:
            cell["metadata"] = {**cell["metadata"], "nbgrader": wanted[cell["id"]]}
    return notebook


def _metadata(notebook: dict[str, Any], exercise: Exercise) -> dict[str, dict[str, Any]]:
    """What nbgrader calls manually written and automatically graded cells."""
    names = [cell["id"] for cell in answer_cells(notebook, exercise)]
    common = {"schema_version": SCHEMA, "task": False}
    answer = {**common, "grade": False, "locked": False, "solution": True}
    check = {**common, "grade": True, "locked": True, "solution": False, "points": exercise.points}
    found = {name: {**answer, "grade_id": name} for name in names}
    name = f"check-{exercise.slug}"
    return {**found, name: {**check, "grade_id": name}}
