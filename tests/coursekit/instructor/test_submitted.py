"""A learner's notebook is read as it comes; what isn't a notebook is one clear error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coursekit.course.cell_names import grade_id
from coursekit.errors import NotebookError
from coursekit.instructor.submitted import read_submission

CELL = {"cell_type": "code", "source": ["1\n", "2"], "id": "answer-who-answered"}


def read(tmp_path: Path, content: bytes) -> object:
    path = tmp_path / "01_connect.ipynb"
    path.write_bytes(content)
    return read_submission(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_notebook_is_read(encoding: str, tmp_path: Path) -> None:
    notebook = read(tmp_path, json.dumps({"nbformat": 4, "cells": [CELL]}).encode(encoding))
    (cell,) = notebook["cells"]  # type: ignore[index]
    assert cell == {**CELL, "metadata": {}}
    assert grade_id(cell) == "answer-who-answered"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "It isn't JSON in UTF-8"),
        (b"\xff\xfe{\x00}\x00", "It isn't JSON in UTF-8"),
        (b'{"cells": [', "It isn't JSON in UTF-8"),
        (b"[1, 2]", "It's JSON, but not an object."),
        (b'{"cells": {}}', "It has no list of cells."),
        (b'{"nbformat": 3, "worksheets": []}', "Its nbformat is 3, not 4."),
        (b"[" * 200_000, "It's nested too deeply."),
        (b'{"cells": [1]}', "Its cell 1 has a type, source or metadata that can't be read."),
        (b'{"cells": [{"cell_type": "code", "source": null}]}', "Its cell 1 has a type"),
        (b'{"cells": [{"cell_type": "code", "source": "", "metadata": 1}]}', "Its cell 1"),
        (
            b'{"cells": [{"cell_type": "code", "source": "", "metadata": {"nbgrader": []}}]}',
            "Its cell 1",
        ),
    ],
)
def test_anything_else_is_refused(content: bytes, why: str, tmp_path: Path) -> None:
    with pytest.raises(NotebookError) as caught:
        read(tmp_path, content)
    assert caught.value.what == "01_connect.ipynb can't be graded."
    assert caught.value.why.startswith(why)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotebookError, match="No such file"):
        read_submission(tmp_path / "none.ipynb")
