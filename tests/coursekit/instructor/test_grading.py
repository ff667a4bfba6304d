"""The verdict that counts comes from a process that a notebook can't reach."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from coursekit import limits
from coursekit.course.catalog import lesson_path
from coursekit.course.notebooks import load
from coursekit.exercises.cells import grade_id
from coursekit.exercises.manifest import exercises_of
from coursekit.exercises.verdict import DONE, NOT_STARTED, NOT_YET, Verdict
from coursekit.instructor.grading import grade
from coursekit.instructor.isolated_run import use_workspace

EXERCISES = exercises_of("01")
FIRST = EXERCISES[0]
CHEATS = {
    "replaces the check": "import coursekit\ncoursekit.check = lambda number: None\n",
    "replaces the judge": (
        "from coursekit.exercises import check, verdict\n"
        "verdict.judge = check.judge = lambda exercise, answer: "
        "verdict.Verdict(exercise, 'done')\n"
    ),
    "makes all things equal": (
        "from coursekit.exercises import items\n"
        "items._same = lambda got, expected: True\n"
        "items.CheckItem.good = True\n"
    ),
    "replaces the manifest": (
        "from coursekit.exercises import manifest\n"
        "manifest.find = manifest.exercises_of = lambda *a: ()\n"
    ),
    "answers for the probes": (
        "from coursekit.exercises import probe_reply\n"
        'probe_reply.reply = lambda request, names: \'["True", ""]\'\n'
    ),
    "notes it as done": (
        "from coursekit.settings import read_settings\n"
        "from coursekit.exercises import records\n"
        f"records.note_check(read_settings().workspace, {FIRST.number!r}, True)\n"
    ),
    "ends the process with success": "import os\nos._exit(0)\n",
}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This test's own workspace."""
    monkeypatch.setenv("TUTORIAL_WORKSPACE", os.environ["TUTORIAL_WORKSPACE"])
    use_workspace(tmp_path.name)


def exercises_only() -> Iterator[dict[str, Any]]:
    """Return lesson 01 from its exercises on; the cells before only take time."""
    cells = load(lesson_path("01"))["cells"]
    started = False
    for cell in cells:
        started = started or grade_id(cell) == "exercises-01-tools"
        if started and cell["cell_type"] == "code":
            yield cell


def notebook(answer: str | None = None) -> dict[str, Any]:
    """Return lesson 01 with its solutions, or with this in place of the first."""
    cells = list(exercises_only())
    for cell in cells:
        if answer is not None and grade_id(cell) == f"answer-{FIRST.slug}":
            cell["source"] = answer
    return {"cells": cells}


def first(answer: str) -> Verdict:
    return next(iter(grade(notebook(answer), "01")))


def test_solutions_are_done(run: None) -> None:
    assert [(v.exercise, v.state) for v in grade(notebook(), "01")] == [
        (exercise, DONE) for exercise in EXERCISES
    ]


@pytest.mark.samples(3)  # each starts a kernel
@pytest.mark.parametrize("cheat", CHEATS)
def test_a_notebook_cannot_reach_the_check(run: None, cheat: str) -> None:
    verdict = first(CHEATS[cheat] + "".join(f"{name} = 42\n" for name in FIRST.names))
    assert verdict.state != DONE


def test_an_exercise_that_was_not_answered_is_not_started(run: None) -> None:
    assert first("...").state == NOT_STARTED


def test_how_a_cell_failed_is_reported(run: None) -> None:
    verdict = first("sunny + cloudy")
    assert verdict.state == NOT_YET
    assert verdict.items[0].got == "NameError: name 'sunny' is not defined"


def test_a_cell_that_hangs_is_interrupted(run: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CELL_TIMEOUT", 1)
    verdict = first("while True:\n    pass")
    assert verdict.items[0].got == "it did not end within 1 second"


def test_an_exercise_whose_check_was_deleted_is_judged_at_the_end(run: None) -> None:
    cells = [cell for cell in exercises_only() if not grade_id(cell).startswith("check-")]
    assert {v.state for v in grade({"cells": cells}, "01")} == {DONE}


def test_an_exercise_whose_cells_were_deleted_is_not_started(run: None) -> None:
    cells = [cell for cell in exercises_only() if "-01-1" not in grade_id(cell)]
    states = {v.exercise.number: v.state for v in grade({"cells": cells}, "01")}
    assert states["01.1"] == NOT_STARTED
    assert states["01.2"] == DONE
