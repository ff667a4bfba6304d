"""An instructor's nbgrader reads the notebooks as they are, and reaches the same verdicts."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from answers import WRONG
from coursekit.course.catalog import lesson_path, lessons
from coursekit.course.cell_names import grade_id
from coursekit.course.notebooks import load
from coursekit.exercises.cells import answer_cells, source_of
from coursekit.exercises.exercise import Exercise
from coursekit.exercises.manifest import exercises_of
from coursekit.instructor.grading import grade
from coursekit.instructor.isolated_run import use_workspace
from support.attempts import BETWEEN, blank

pytestmark = pytest.mark.slow
# Empty folders in place of an account's, where nbgrader looks for its settings.
CONFIG = "c = get_config()\nc.CourseDirectory.course_id = 'setup'\n"
LESSONS = [number for number in lessons() if exercises_of(number)]


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an instructor's course."""
    monkeypatch.setenv("TUTORIAL_WORKSPACE", os.environ["TUTORIAL_WORKSPACE"])
    use_workspace(tmp_path.name)
    # nbgrader runs the `alembic` program on its own database.
    programs = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "nbgrader_config.py").write_text(CONFIG, encoding="utf-8")
    return tmp_path


def nbgrader(course: Path, *words: str) -> str:
    """Run nbgrader, which must succeed, and return its output."""
    command = [sys.executable, "-W", "ignore", "-m", "nbgrader", *words]
    done = subprocess.run(command, cwd=course, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def notebook_of(lesson: str) -> dict[str, Any]:
    """Return a lesson; all but the first start at their exercises, as the rest takes minutes."""
    whole = load(lesson_path(lesson))
    names = [grade_id(cell) for cell in whole["cells"]]
    first = 0 if lesson == "connect" else names.index(f"exercises-{lesson}")
    return {**whole, "cells": whole["cells"][first:]}


def hand_in(course: Path, learner: str, lesson: str, notebook: dict[str, Any]) -> None:
    """Put a learner's notebook where nbgrader collects them."""
    folder = course / "submitted" / learner / f"lesson{lesson}"
    folder.mkdir(parents=True)
    text = json.dumps(notebook)
    (folder / lesson_path(lesson).name).write_text(text, encoding="utf-8")


def answering(notebook: dict[str, Any], exercise: Exercise, code: str) -> dict[str, Any]:
    """Return the same notebook with this answer to one exercise."""
    cells = answer_cells(notebook, exercise)
    for cell, source in zip(cells, code.split(BETWEEN), strict=False):
        cell["source"] = source
    return notebook


def raising_afterwards(source: str) -> str:
    """Return a cell that fails once its work is done."""
    from IPython.core.inputtransformer2 import TransformerManager

    # A cell that begins with %%writefile takes no other code, but its Python does.
    return f"{TransformerManager().transform_cell(source)}\nraise ValueError('afterwards')\n"


def points(course: Path, learner: str, lesson: str) -> dict[str, float]:
    """Return the points nbgrader awarded, cell to points."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        submission = book.find_submission(f"lesson{lesson}", learner)
        return {grade.name: grade.score for grade in submission.notebooks[0].grades}


def ours(notebook: dict[str, Any], lesson: str) -> dict[str, float]:
    """Return the same by the course's own verdict."""
    return {f"check-{verdict.exercise.slug}": verdict.points for verdict in grade(notebook, lesson)}


@pytest.mark.samples(1)
@pytest.mark.parametrize("lesson", LESSONS)
def test_nbgrader_gives_the_points_that_we_would_give(course: Path, lesson: str) -> None:
    path, name = course / lesson_path(lesson).name, f"lesson{lesson}"
    path.write_text(json.dumps(notebook_of(lesson)), encoding="utf-8")
    (course / "source" / name).mkdir(parents=True)
    shutil.copy(path, course / "source" / name)
    nbgrader(course, "generate_assignment", name, "--create")
    released = load(course / "release" / name / path.name)
    text = json.dumps(released)
    assert "SOLUTION" not in text
    assert text.count("# YOUR CODE HERE") >= len(exercises_of(lesson))

    first, second, *others = exercises_of(lesson)
    mixed = answering(load(path), second, WRONG[second.slug][0].code)
    for exercise in others:
        mixed = answering(mixed, exercise, blank(exercise))
    raises = load(path)
    last = answer_cells(raises, first)[-1]
    last["source"] = raising_afterwards(source_of(last))
    hand_in(course, "ann", lesson, load(path))
    hand_in(course, "bea", lesson, raises)
    hand_in(course, "cleo", lesson, mixed)
    nbgrader(course, "autograde", name, "--create")
    full = {f"check-{one.slug}": one.points for one in exercises_of(lesson)}
    assert points(course, "ann", lesson) == full
    assert (
        points(course, "bea", lesson) == {**full, f"check-{first.slug}": 0} == ours(raises, lesson)
    )
    some = {name: points if name == f"check-{first.slug}" else 0 for name, points in full.items()}
    assert points(course, "cleo", lesson) == some == ours(mixed, lesson)


def test_nbgrader_validates_a_solved_notebook_and_refuses_an_open_one(course: Path) -> None:
    path = course / "01.ipynb"
    cells = load(lesson_path("01"))
    path.write_text(json.dumps(cells), encoding="utf-8")
    assert "Success! Your notebook passes all the tests." in nbgrader(course, "validate", str(path))
    for cell in cells["cells"]:
        if grade_id(cell).startswith("answer-"):
            cell["source"] = "..."
    path.write_text(json.dumps(cells), encoding="utf-8")
    said = nbgrader(course, "validate", str(path))
    assert "VALIDATION FAILED ON 3 CELL(S)" in said
    assert all(source_of(cell) in said for cell in cells["cells"] if "check-" in grade_id(cell))
