"""`verify --learner` prints a verdict for each exercise, as text or as JSON."""

from __future__ import annotations

import json
import re
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from coursekit.course.catalog import lesson_path, slug_of
from coursekit.course.cell_names import grade_id
from coursekit.course.notebooks import load
from coursekit.exercises.manifest import exercises_of
from coursekit.exercises.verdict import DONE, NOT_STARTED
from coursekit.instructor import grading
from coursekit.settings import ROOT
from support.command import Tutorial

KEYS = [
    *("lesson", "exercise", "number", "title", "state"),
    *("points", "max_points", "items", "reasons", "seed"),
]


@pytest.fixture
def tutorial(
    workspace: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Tutorial:
    """The command, in this test's isolated run and workspace."""
    monkeypatch.setattr("coursekit.instructor.isolated_run.isolated_run", nullcontext)
    return Tutorial(capfd)


def hand_in(workspace: Path, lesson: str, notebook: object) -> None:
    """Write a learner's copy."""
    path = workspace / "notebooks" / lesson_path(lesson).name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook), encoding="utf-8")


def solved(lesson: str) -> dict[str, Any]:
    """Return a lesson from its exercises on, with the solutions."""
    cells = load(lesson_path(lesson))["cells"]
    names = [grade_id(cell) for cell in cells]
    first = names.index(f"exercises-{slug_of(lesson_path(lesson))}")
    return {"nbformat": 4, "cells": cells[first:]}


def test_json_is_one_object_for_each_exercise(workspace: Path, tutorial: Tutorial) -> None:
    hand_in(workspace, "01", solved("01"))
    said = tutorial("verify", "--learner", "--json", "01")
    verdicts = [json.loads(line) for line in said.stdout.splitlines()]
    assert [list(verdict) for verdict in verdicts] == [KEYS] * 3
    exercises = exercises_of("connect")
    assert [verdict["exercise"] for verdict in verdicts] == [one.slug for one in exercises]
    assert {verdict["state"] for verdict in verdicts} == {DONE}
    assert [verdict["points"] for verdict in verdicts] == [one.points for one in exercises]
    assert said.returncode == 0


def test_what_cannot_be_judged_is_an_object_with_a_reason(
    workspace: Path, tutorial: Tutorial
) -> None:
    hand_in(workspace, "01", [1, 2])
    hand_in(workspace, "03", {"cells": []})
    said = tutorial("verify", "--learner", "--json", "01", "02", "03")
    verdicts = [json.loads(line) for line in said.stdout.splitlines()]
    assert [list(verdict) for verdict in verdicts] == [KEYS] * 5
    states = ["error", "error", *[NOT_STARTED] * 3]
    assert [verdict["state"] for verdict in verdicts] == states
    assert verdicts[0]["reasons"] == [
        "01_connect.ipynb can't be graded. It's JSON, but not an object. "
        "Open the notebook in JupyterLab and save it, or use an earlier copy."
    ]
    assert verdicts[1]["reasons"][0].startswith("There is no learner's copy of lesson 02.")
    assert said.returncode == 1


def test_a_kernel_that_does_not_start_is_an_object_with_a_reason(
    workspace: Path, tutorial: Tutorial, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object) -> None:
        raise RuntimeError("Kernel died before replying to kernel_info")

    monkeypatch.setattr(grading, "Kernel", dies)
    hand_in(workspace, "01", {"cells": []})
    said = tutorial("verify", "--learner", "--json", "01")
    assert json.loads(said.stdout)["reasons"] == ["Kernel died before replying to kernel_info"]
    assert said.returncode == 1


def test_text_names_what_cannot_be_judged(workspace: Path, tutorial: Tutorial) -> None:
    hand_in(workspace, "01", [1, 2])
    said = tutorial("verify", "--learner", "01")
    assert said.stdout.startswith("Lesson 01: not graded. 01_connect.ipynb can't be graded. ")
    assert said.returncode == 1


def test_json_is_for_learners_copies_only(tutorial: Tutorial) -> None:
    assert tutorial("verify", "--json", "01").returncode == 2


def test_each_key_is_documented() -> None:
    page = (ROOT / "docs" / "instructors.md").read_text("utf-8")
    assert re.findall(r"^\| `(\w+)` \|", page, re.M) == KEYS
