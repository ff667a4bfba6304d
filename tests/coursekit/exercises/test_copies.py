"""The learner's copies: made from the source edition, never overwritten, reset on request."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from coursekit import limits
from coursekit.course import catalog
from coursekit.course.notebooks import dump, load
from coursekit.errors import NotebookError
from coursekit.exercises.cells import STUB, TODO, clear_solutions, source_of
from coursekit.exercises.copies import copy_for_learner, copy_of, reset
from coursekit.exercises.manifest import all_exercises
from coursekit.settings import Settings, read_settings
from support.locks import held

REAL = sorted(catalog.NOTEBOOKS.glob("*.ipynb"))
ANSWER = """\
def double(n):
    ### BEGIN SOLUTION
    result = 2 * n
    return result
    ### END SOLUTION
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings({"TUTORIAL_WORKSPACE": str(tmp_path / "workspace")})


@pytest.fixture
def lesson(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only lesson of a course."""
    folder = tmp_path / "reference"
    folder.mkdir()
    monkeypatch.setattr(catalog, "NOTEBOOKS", folder)
    write(folder / "01_small.ipynb", "1 + 1")
    return folder / "01_small.ipynb"


def write(path: Path, source: str) -> None:
    """Write a lesson of one cell, which was run."""
    title = {"cell_type": "markdown", "id": "a", "metadata": {}, "source": "# 01 · Small\n\n**?**"}
    code = {"cell_type": "code", "id": "b", "metadata": {"tags": ["kept"]}, "source": source}
    output = {"output_type": "stream", "name": "stdout", "text": "2\n"}
    cell = {**code, "execution_count": 7, "outputs": [output]}
    form: dict[str, Any] = {"metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(dump({**form, "cells": [title, cell]}), encoding="utf-8")


def names(settings: Settings) -> list[str]:
    return sorted(path.name for path in (settings.workspace / "notebooks").iterdir())


def test_copies_every_lesson(settings: Settings) -> None:
    copies = copy_for_learner(settings)
    assert (copies.folder, copies.told) == (settings.workspace / "notebooks", ())
    assert names(settings) == [path.name for path in REAL]


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
def test_a_copy_keeps_everything_but_answers_and_outputs(path: Path, settings: Settings) -> None:
    copy = load(copy_for_learner(settings).folder / path.name)
    for cell, kept in zip(load(path)["cells"], copy["cells"], strict=True):
        code = cell["cell_type"] == "code"
        assert source_of(kept) == (clear_solutions(source_of(cell)) if code else source_of(cell))
        changed = {"source": kept["source"]} | (
            {"outputs": [], "execution_count": None} if code else {}
        )
        assert kept == {**cell, **changed}


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
def test_no_copy_holds_a_solution(path: Path, settings: Settings) -> None:
    text = (copy_for_learner(settings).folder / path.name).read_text(encoding="utf-8")
    assert "SOLUTION" not in text
    exercises = [each for each in all_exercises() if each.lesson == catalog.slug_of(path)]
    assert text.count(TODO) >= len(exercises)


def test_a_todo_replaces_an_answer(lesson: Path, settings: Settings) -> None:
    write(lesson, ANSWER)
    cell = load(copy_for_learner(settings).folder / lesson.name)["cells"][1]
    assert source_of(cell) == f"def double(n):\n    {STUB}\n"
    assert (cell["outputs"], cell["execution_count"]) == ([], None)


def test_a_todo_at_the_top_of_a_cell_displays_nothing() -> None:
    answer = "### BEGIN SOLUTION\n1 + 1\n### END SOLUTION"
    assert clear_solutions(answer) == TODO
    assert clear_solutions(f"%%writefile a.py\n{answer}") == f"%%writefile a.py\n{STUB}"


def test_a_changed_copy_is_never_overwritten(lesson: Path, settings: Settings) -> None:
    copy = copy_for_learner(settings).folder / lesson.name
    copy.write_text("my own work", encoding="utf-8")
    assert copy_for_learner(settings).told == ()
    write(lesson, "2 + 2")
    assert copy_for_learner(settings).told == (
        "01_small.ipynb: there is a new edition, 01_small_new.ipynb. Your copy was kept.",
    )
    assert copy.read_text("utf-8") == "my own work"
    assert source_of(load(copy.with_name("01_small_new.ipynb"))["cells"][1]) == "2 + 2"


def test_a_new_edition_is_announced_once(lesson: Path, settings: Settings) -> None:
    copy_for_learner(settings).folder.joinpath(lesson.name).write_text("mine", encoding="utf-8")
    write(lesson, "2 + 2")
    copy_for_learner(settings)
    assert copy_for_learner(settings).told == ()
    assert names(settings) == ["01_small.ipynb", "01_small_new.ipynb"]


def test_an_edition_put_beside_is_not_overwritten_either(lesson: Path, settings: Settings) -> None:
    folder = copy_for_learner(settings).folder
    (folder / lesson.name).write_text("mine", encoding="utf-8")
    write(lesson, "2 + 2")
    copy_for_learner(settings)
    (folder / "01_small_new.ipynb").write_text("mine, too", encoding="utf-8")
    write(lesson, "3 + 3")
    copy_for_learner(settings)
    assert names(settings) == ["01_small.ipynb", "01_small_new.ipynb", "01_small_new2.ipynb"]
    assert (folder / "01_small_new.ipynb").read_text("utf-8") == "mine, too"


def test_an_untouched_copy_follows_the_kit(lesson: Path, settings: Settings) -> None:
    copy_for_learner(settings)
    write(lesson, "2 + 2")
    copies = copy_for_learner(settings)
    assert copies.told == (
        "01_small.ipynb: there is a new edition. Your copy was unchanged, so it was replaced.",
    )
    assert source_of(load(copies.folder / lesson.name)["cells"][1]) == "2 + 2"


@pytest.mark.parametrize("memory", ["", "[]", "{", '{"01_small.ipynb": 7}'])
def test_when_nothing_is_remembered_every_copy_is_the_learners(
    lesson: Path, settings: Settings, memory: str
) -> None:
    copy = copy_for_learner(settings).folder / lesson.name
    (settings.workspace / "copies.json").write_text(memory, encoding="utf-8")
    write(lesson, "2 + 2")
    copy_for_learner(settings)
    assert source_of(load(copy)["cells"][1]) == "1 + 1"


@pytest.mark.parametrize("memory", [None, "", "{"])
def test_when_nothing_is_remembered_copies_of_this_edition_are_recognized(
    lesson: Path, settings: Settings, memory: str | None
) -> None:
    copy_for_learner(settings)
    hashes = settings.workspace / "copies.json"
    before = hashes.read_text("utf-8")
    hashes.unlink() if memory is None else hashes.write_text(memory, encoding="utf-8")
    assert copy_for_learner(settings).told == ()
    assert (names(settings), hashes.read_text("utf-8")) == ([lesson.name], before)


def test_a_lock_that_stays_held_is_given_up_and_its_holder_named(
    lesson: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "COPIES_LOCK_TIMEOUT", 0.1)
    lock = settings.workspace / "copies.lock"
    with held(lock) as process, pytest.raises(NotebookError) as caught:
        copy_for_learner(settings)
    holder = f"; the file is open in process {process.pid}" if os.name == "posix" else ""
    assert str(caught.value) == (
        "Your copies of the notebooks can't be updated, because another process has held "
        f"{lock} for 0.1 seconds. It may be a command that was stopped{holder}. "
        "End that process, then try again."
    )
    copy_for_learner(settings)
    assert names(settings) == [lesson.name]


def test_a_reset_keeps_the_old_copy(lesson: Path, settings: Settings) -> None:
    copy = copy_for_learner(settings).folder / lesson.name
    copy.write_text("my own work", encoding="utf-8")
    kept = reset(settings, "01")
    assert kept is not None
    assert kept.read_text("utf-8") == "my own work"
    assert kept.parent == settings.workspace / "kept"
    assert re.fullmatch(r"01_small-\d{8}-\d{6}\.ipynb", kept.name)
    assert source_of(load(copy)["cells"][1]) == "1 + 1"


def test_two_resets_in_one_second_keep_both(lesson: Path, settings: Settings) -> None:
    copy = copy_for_learner(settings).folder / lesson.name
    for text in ("first", "second"):
        copy.write_text(text, encoding="utf-8")
        reset(settings, "01")
    texts = [path.read_text("utf-8") for path in (settings.workspace / "kept").iterdir()]
    assert sorted(texts) == ["first", "second"]


def test_a_reset_without_a_copy_makes_one(lesson: Path, settings: Settings) -> None:
    assert reset(settings, "1") is None
    assert names(settings) == ["01_small.ipynb"]


def test_a_lesson_without_a_copy_shows_the_command_that_makes_one(
    lesson: Path, settings: Settings
) -> None:
    with pytest.raises(NotebookError, match=r"Make the copies with: python3 start\.py copy"):
        copy_of(settings, "01")


def test_a_copy_that_was_cut_off_is_made_again(lesson: Path, settings: Settings) -> None:
    folder = settings.workspace / "notebooks"
    folder.mkdir(parents=True)
    (folder / "01_small.ipynb.part").write_text('{"cells": [', encoding="utf-8")
    copy_for_learner(settings)
    assert names(settings) == ["01_small.ipynb"]


def test_says_what_to_do_when_the_workspace_cannot_be_written(settings: Settings) -> None:
    settings.workspace.mkdir()
    folder = settings.workspace / "notebooks"
    folder.write_text("a file, where a folder should be", encoding="utf-8")
    with pytest.raises(FileExistsError) as because:
        folder.mkdir()
    with pytest.raises(NotebookError) as refused:
        copy_for_learner(settings)
    assert str(refused.value) == (
        f"The folder {folder} cannot be written: {because.value.strerror}. "
        "Your copies of the notebooks go there. "
        "Free some space, make it writable, or set TUTORIAL_WORKSPACE to another folder."
    )


def test_names_a_reference_notebook_that_is_none(lesson: Path, settings: Settings) -> None:
    lesson.write_text("<<<<<<< HEAD", encoding="utf-8")
    with pytest.raises(NotebookError) as refused:
        copy_for_learner(settings)
    assert str(refused.value) == (
        "01_small.ipynb is not a notebook. It cannot be read, or it is not JSON with cells in "
        "it. Get it back with: git checkout notebooks/01_small.ipynb"
    )


def test_what_was_written_is_remembered_as_plain_json(lesson: Path, settings: Settings) -> None:
    copy_for_learner(settings)
    remembered = json.loads((settings.workspace / "copies.json").read_text("utf-8"))
    assert list(remembered) == ["01_small.ipynb"]
