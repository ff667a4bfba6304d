"""Three learners take lesson 01 as in JupyterLab: each has a kernel and a copy."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from answers import WRONG
from coursekit.course.catalog import lesson_path
from coursekit.course.cell_names import grade_id
from coursekit.course.notebooks import load, quick_nbformat
from coursekit.exercises.cells import answer_cells, show_solutions, source_of
from coursekit.exercises.copies import copy_for_learner
from coursekit.exercises.manifest import exercises_of
from coursekit.exercises.progress import progress_of
from coursekit.exercises.records import Record, records
from coursekit.settings import read_settings

EXERCISES = exercises_of("connect")
FIRST = EXERCISES[0]


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return a learner's copy of lesson 01, in the learner's own workspace."""
    monkeypatch.setenv("TUTORIAL_WORKSPACE", str(tmp_path / "workspace"))
    return load(copy_for_learner(read_settings()).folder / lesson_path("01").name)


def noted() -> dict[str, Record]:
    return records(Path(os.environ["TUTORIAL_WORKSPACE"]))


def solve(notebook: dict[str, Any], number: str) -> None:
    """Write the solution into the answer cells of a copy."""
    exercise = next(one for one in EXERCISES if one.number == number)
    solved = answer_cells(load(lesson_path("01")), exercise)
    for cell, right in zip(answer_cells(notebook, exercise), solved, strict=True):
        cell["source"] = show_solutions(source_of(right))


def run_all(notebook: dict[str, Any], folder: Path) -> tuple[dict[str, Any], Any]:
    """Press "Run all": return the notebook with its outputs, and the error that stopped it."""
    quick_nbformat()
    import nbclient
    import nbformat

    node = nbformat.reads(json.dumps(notebook), as_version=4)
    client = nbclient.NotebookClient(node, resources={"metadata": {"path": str(folder)}})
    stopped = None
    try:
        client.execute()
    except nbclient.exceptions.CellExecutionError as error:
        stopped = error
    ran: dict[str, Any] = json.loads(nbformat.writes(node))
    return ran, stopped


def outputs(notebook: dict[str, Any], name: str) -> list[dict[str, Any]]:
    (cell,) = (cell for cell in notebook["cells"] if grade_id(cell) == name)
    found: list[dict[str, Any]] = cell["outputs"]
    return found


def with_cells_after(notebook: dict[str, Any], name: str, *sources: str) -> dict[str, Any]:
    """Return the same notebook with cells that the learner added, which may fail."""
    place = next(n for n, cell in enumerate(notebook["cells"]) if grade_id(cell) == name) + 1
    form = {"cell_type": "code", "outputs": [], "execution_count": None}
    metadata = {"tags": ["raises-exception"]}
    added = [
        {**form, "id": f"mine-{n}", "metadata": metadata, "source": source}
        for n, source in enumerate(sources)
    ]
    notebook["cells"][place:place] = added
    return notebook


@pytest.mark.slow
def test_one_solves_everything_in_order(copy: dict[str, Any], tmp_path: Path) -> None:
    for exercise in EXERCISES:
        solve(copy, exercise.number)
    ran, stopped = run_all(copy, tmp_path)
    assert stopped is None
    for exercise in EXERCISES:
        (output,) = outputs(ran, f"check-{exercise.slug}")
        assert f"{exercise.heading}: done." in "".join(output["data"]["text/plain"])
    assert noted() == {one.slug: Record(done=True, checks=1) for one in EXERCISES}
    assert progress_of(Path(os.environ["TUTORIAL_WORKSPACE"])).summary.startswith("3 done, 0 tried")


def test_one_solves_nothing_and_presses_run_all(copy: dict[str, Any], tmp_path: Path) -> None:
    ran, stopped = run_all(copy, tmp_path)
    assert stopped.ename == "ExerciseError"
    box, error = outputs(ran, f"check-{FIRST.slug}")
    assert f"{FIRST.heading}: not started." in "".join(box["data"]["text/plain"])
    assert "Write your answer above" in "".join(box["data"]["text/html"])
    assert error["traceback"] == [
        f"ExerciseError: {FIRST.heading}: not started.",
        "The output above says why.",
    ]
    for exercise in EXERCISES[1:]:
        assert outputs(ran, f"check-{exercise.slug}") == []
    assert noted() == {}


@pytest.mark.slow
def test_one_gives_wrong_answers_asks_for_hints_then_solves(
    copy: dict[str, Any], tmp_path: Path
) -> None:
    tries = [wrong.code + f'\ncheck("{FIRST.number}")' for wrong in WRONG[FIRST.slug][:2]]
    help_ = [f'hint("{FIRST.number}")', f'hint("{FIRST.number}")', f'solution("{FIRST.number}")']
    solve(copy, FIRST.number)
    right = source_of(answer_cells(copy, FIRST)[0])
    answer_cells(copy, FIRST)[0]["source"] = "..."
    more = (*tries, *help_, right)
    notebook = with_cells_after(copy, f"answer-{FIRST.slug}", *more)
    ran, stopped = run_all(notebook, tmp_path)
    assert stopped.ename == "ExerciseError"  # the second exercise isn't solved
    for place in range(2):
        *_, error = outputs(ran, f"mine-{place}")
        assert error["ename"] == "ExerciseError"
    (first_hint,) = outputs(ran, "mine-2")
    assert FIRST.hints[0] in "".join(first_hint["data"]["text/plain"])
    assert noted() == {FIRST.slug: Record(done=True, checks=3, hints=2, solution=True)}
