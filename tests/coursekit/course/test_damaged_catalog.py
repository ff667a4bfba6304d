"""A notebook in `notebooks/` that can't be read is one clear message, whatever reads it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coursekit import course_map, progress, solution
from coursekit.course import catalog
from coursekit.errors import NotebookError

CELL: dict[str, Any] = {"cell_type": "markdown", "metadata": {}, "source": ["# 01 · One\n"]}
DAMAGED = {
    "empty": b"",
    "not UTF-8": b"\xff\xfe",
    "truncated": b'{"cells": [{"cell_type": "mark',
    "null": b"null",
    "a list": b"[]",
    "no cells": b"{}",
    "cells in a string": b'{"cells": "none"}',
    "a cell that is a number": b'{"cells": [1]}',
    "a cell without a source": b'{"cells": [{"cell_type": "markdown", "metadata": {}}]}',
    "deep lists": b"[" * 200_000,
    "a conflict of Git": b"<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> other\n",
}
USES: dict[str, Callable[[], object]] = {
    "course_map": course_map,
    "progress": progress,
    "solution": lambda: solution("01.1", anyway=True),
}
NAME = catalog.lesson_path("01").name


@pytest.fixture
def notebook(workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Lesson 01 in a copy of `notebooks/`."""
    copies = tmp_path / "notebooks"
    copies.mkdir()
    for path in catalog.lessons().values():
        shutil.copy(path, copies)
    monkeypatch.setattr(catalog, "NOTEBOOKS", copies)
    return copies / NAME


def message(use: Callable[[], object]) -> str:
    with pytest.raises(NotebookError) as caught:
        use()
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


@pytest.mark.parametrize("use", USES.values(), ids=USES)
@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_notebook_is_named(
    notebook: Path, text: bytes, use: Callable[[], object]
) -> None:
    notebook.write_bytes(text)
    assert message(use) == (
        f"{NAME} is not a notebook. It cannot be read, or it is not JSON with cells in it. "
        f"Get it back with: git checkout notebooks/{NAME}"
    )


def test_a_folder_in_its_place_is_named(notebook: Path) -> None:
    notebook.unlink()
    notebook.mkdir()
    assert message(course_map).startswith(f"{NAME} is not a notebook. ")


@pytest.mark.parametrize("cells", [[], [CELL]], ids=["no cells", "no question"])
def test_a_notebook_without_a_question_is_named(notebook: Path, cells: list[Any]) -> None:
    notebook.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    assert message(course_map) == (
        f"{NAME} doesn't begin with its title and its question. The course map shows both. "
        f"Get it back with: git checkout notebooks/{NAME}"
    )
