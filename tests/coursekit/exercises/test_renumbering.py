"""Two lessons and an exercise move: a learner who was there before loses nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from coursekit.course.catalog import lesson_path
from coursekit.course.cell_names import slug_in
from coursekit.course.former_ids import former_key
from coursekit.course.notebooks import dump, load
from coursekit.exercises.cells import answer_cells, show_solutions, source_of
from coursekit.exercises.copies import copy_for_learner
from coursekit.exercises.manifest import exercises_of
from coursekit.exercises.records import note_check
from coursekit.settings import ROOT, read_settings

pytestmark = pytest.mark.slow
BEFORE = """
from coursekit import begin, start
for lesson in (start("01"), begin("01.2")):
    (lesson.project / "mine.py").write_text("mine")
"""
MAIN = "from coursekit.cli import main; main()"


@pytest.fixture(scope="module")
def renumbered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the kit in which 01 and 02 have changed places, and so have 01.1 and 01.3."""
    clone = tmp_path_factory.mktemp("renumbered")
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("coursekit", "tutorial_lib", "notebooks", "docs"):
        shutil.copytree(ROOT / name, clone / name, ignore=ignore)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, clone / name)
    command = [sys.executable, ROOT / ".ci" / "renumber.py", "connect", "2", "--root", clone]
    subprocess.run(command, check=True, capture_output=True)
    content = clone / "coursekit" / "lessons" / "connect" / "__init__.py"
    content.write_text(content.read_text("utf-8") + "\nEXERCISES = EXERCISES[::-1]\n", "utf-8")
    return clone


@pytest.fixture
def learner(workspace: Path) -> Path:
    """A learner's workspace: progress, projects, a changed copy of 01, the others untouched."""
    copy_for_learner(read_settings())
    run(ROOT, BEFORE)  # another process, so that no lesson is open here
    note_check(workspace, "url-for-any-password", done=True)
    path = workspace / "notebooks" / "01_connect.ipynb"
    path.write_text(dump(solved(load(path))), encoding="utf-8")
    return workspace


def solved(copy: dict[str, Any]) -> dict[str, Any]:
    """Return a copy from its exercises on, solved, with the ids of before there were slugs."""
    for exercise in exercises_of("connect"):
        right = answer_cells(load(lesson_path("connect")), exercise)
        for cell, answer in zip(answer_cells(copy, exercise), right, strict=True):
            cell["source"] = show_solutions(source_of(answer))
    names = [cell["id"] for cell in copy["cells"]]
    cells = copy["cells"][names.index("exercises-connect") :]
    for cell in cells:
        kind = cell["id"].partition("-")[0]
        if slug := slug_in(cell, kind):
            cell["id"] = f"{kind}-{former_key(slug)}" if former_key(slug) else cell["id"]
        cell["metadata"].pop("nbgrader", None)
    return {**copy, "cells": cells}


def run(clone: Path, code: str, *words: str, **environ: str) -> str:
    """Run code on the renumbered kit, and return what it prints."""
    command = [sys.executable, "-W", "ignore", "-c", code, *words]
    path = {"PYTHONPATH": str(clone), "COLUMNS": "200"}
    done = subprocess.run(
        command, cwd=clone, env={**os.environ, **path, **environ}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_progress_and_projects_are_found_under_the_new_numbers(
    renumbered: Path, learner: Path
) -> None:
    code = (
        "from coursekit import begin, progress, start\n"
        "for one in (start('02', resume=True), begin('02.2', resume=True)):\n"
        "    print(one.number, (one.project / 'mine.py').read_text())\n"
        "print(progress())"
    )
    said = run(renumbered, code)
    assert said.startswith("02 mine\n02.2 mine\n")
    assert "02.1 open, 02.2 open, 02.3 done" in said


def test_an_untouched_copy_follows_and_a_changed_one_is_kept(
    renumbered: Path, learner: Path
) -> None:
    folder = learner / "notebooks"
    changed = (folder / "01_connect.ipynb").read_bytes()
    said = run(renumbered, MAIN, "copy")
    assert "01_connect.ipynb: there is a new edition, 02_connect.ipynb. Your copy was kept." in said
    assert "edition, 01_sessions.ipynb. Your copy was unchanged, so it was removed." in said
    assert (folder / "01_connect.ipynb").read_bytes() == changed
    assert not (folder / "02_sessions.ipynb").exists()
    assert '"# 02 · Connect' in (folder / "02_connect.ipynb").read_text("utf-8")
    assert "new edition" not in run(renumbered, MAIN, "copy")


def test_the_calls_in_a_changed_copy_keep_their_meaning(renumbered: Path, learner: Path) -> None:
    code = (
        "from coursekit import start\n"
        "from coursekit.exercises.manifest import find\n"
        "print(start('01', resume=True).project.name, find('01.1').slug, find('01.3').slug)"
    )
    copy = str(learner / "notebooks" / "01_connect.ipynb")
    assert run(renumbered, code, JPY_SESSION_NAME=copy) == (
        "connect url-for-any-password missing-setting\n"
    )
    code = "from coursekit.exercises.manifest import find; print(find('02.3').slug)"
    assert run(renumbered, code) == "url-for-any-password\n"


def test_a_changed_copy_with_old_ids_is_graded(renumbered: Path, learner: Path) -> None:
    run(renumbered, MAIN, "copy")
    said = run(renumbered, MAIN, "verify", "--learner", "--json", "02")
    verdicts = [json.loads(line) for line in said.splitlines()]
    assert {(one["number"], one["exercise"], one["state"]) for one in verdicts} == {
        ("02.1", "missing-setting", "done"),
        ("02.2", "who-answered", "done"),
        ("02.3", "url-for-any-password", "done"),
    }


def test_texts_have_the_new_numbers(renumbered: Path) -> None:
    text = (renumbered / "notebooks" / "02_connect.ipynb").read_text("utf-8")
    assert 'start(\\"02\\")' in text
    assert "### Exercise 02.1 · " in text
    assert "[02 · Connect](02_connect.ipynb)" in (
        renumbered / "notebooks" / "01_sessions.ipynb"
    ).read_text("utf-8")
