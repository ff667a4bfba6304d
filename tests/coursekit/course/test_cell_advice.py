"""A cell run out of order, or twice, is followed by what to run next."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from coursekit.course import cell_advice
from coursekit.course.jupyter_environment import jupyter_environment
from coursekit.course.this_notebook import VARIABLE
from support.kernels import KINDS, Kernel

CELLS = {
    "start": 'from coursekit import start\n\nlesson = start("05")',
    "engine": "# One for all cells.\nwith open('f') as file:\n    engine = file.name",
    "tables": "import sqlalchemy as sa\n%alembic current\nprint(engine)",
    "own": "def total():\n    return missing",
    "exercises-toy": "## Exercises",
    "begin-toy": 'exercise = begin("05.1")',
    "answer-toy": "print(exercise)",
}
HAS_NOT_RUN = "is defined by another cell, which hasn't succeeded in this kernel: "
ABOVE = "Run that cell first, or choose Run, Run All Above Selected Cell."


@pytest.fixture
def page(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A notebook in the workspace, which this process counts as its own."""
    cells = [
        {
            "id": name, "source": source, "metadata": {},
            "cell_type": "markdown" if source.startswith("##") else "code",
        }
        for name, source in CELLS.items()
    ]  # fmt: skip
    workspace.mkdir(parents=True, exist_ok=True)
    (workspace / "page.ipynb").write_text(json.dumps({"cells": cells}))
    monkeypatch.setenv(VARIABLE, "page.ipynb")
    cell_advice._ran_to_end.clear()
    yield
    cell_advice._ran_to_end.clear()


@pytest.fixture
def shell(page: None) -> InteractiveShell:
    """A kernel's shell that advises, without a history on disk."""
    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    shell.user_ns["__name__"] = "__main__"
    cell_advice.load_ipython_extension(shell)
    return shell


@pytest.fixture
def said(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a cell by its id, perhaps with another text; return what follows the traceback."""

    def run(cell_id: str, text: str = "") -> str:
        capsys.readouterr()
        shell.showtraceback = shell.showsyntaxerror = lambda *a, **k: None  # type: ignore[method-assign]
        shell.run_cell(text or CELLS[cell_id], cell_id=cell_id)
        return capsys.readouterr().out

    return run


def test_a_name_from_a_cell_above_names_that_cell(said: Any) -> None:
    first = "`with open('f') as file:`"
    assert said("tables", "print(engine)") == f"engine {HAS_NOT_RUN}{first}\n{ABOVE}\n"


@pytest.mark.parametrize(("name", "cell"), [("start", "from coursekit"), ("lesson", "from")])
def test_imports_and_assignments_count(said: Any, name: str, cell: str) -> None:
    assert f"{name} {HAS_NOT_RUN}`{cell}" in said("tables", f"{name}.x")


def test_a_name_from_a_cell_below_is_found_too(said: Any) -> None:
    assert f"sa {HAS_NOT_RUN}`import sqlalchemy as sa`" in said("engine", "sa.text('SELECT 1')")


def test_a_magic_of_a_restarted_kernel_needs_the_start(said: Any) -> None:
    advice = said("tables", "%alembic current")
    assert f"%alembic {HAS_NOT_RUN}`from coursekit import start`" in advice


def test_a_magic_in_an_answer_needs_the_beginning_of_the_exercise(said: Any) -> None:
    advice = said("answer-toy", "%alembic upgrade head")
    assert f'%alembic {HAS_NOT_RUN}`exercise = begin("05.1")`' in advice


def test_an_answer_needs_cells_of_the_exercises_only(said: Any) -> None:
    assert said("answer-toy") == (
        f'exercise {HAS_NOT_RUN}`exercise = begin("05.1")`\nRun that cell, then this one again.\n'
    )
    assert said("answer-toy", "print(engine)") == ""


@pytest.mark.parametrize(
    "text", ["mispeled", "total = lambda: mispeled\ntotal()", "1 / 0", "raise NameError", "if"]
)
def test_other_errors_get_no_advice(said: Any, text: str) -> None:
    assert said("tables", text) == ""


def test_a_name_that_an_imported_file_lacks_gets_none(
    said: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lacks_engine.py").write_text("print(engine)")
    monkeypatch.syspath_prepend(tmp_path)
    assert said("tables", "import lacks_engine") == ""


def test_a_cell_that_fails_only_the_second_time_says_where_to_begin(said: Any) -> None:
    text = "created = 'created' in globals() and 1 / 0"
    assert said("own", text) == ""
    assert said("own", text) == (
        "This cell ran without an error before, and it depends on what the other cells have done "
        'to the database and the files.\nTo repeat it, run start("05") again, then the cells '
        "after it.\n"
    )
    assert said("own", text + " ") == ""  # another text hasn't run before
    assert said("answer-toy", text) == ""


def test_a_notebook_that_cannot_be_read_gets_none(said: Any, workspace: Path) -> None:
    (workspace / "page.ipynb").write_text("{")
    assert said("tables", "print(engine)") == ""


@pytest.mark.parametrize("kind", KINDS)
def test_a_kernel_that_has_run_no_cell_of_its_lesson_advises(
    kind: str, page: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in jupyter_environment(tmp_path / "jupyter").items():
        monkeypatch.setenv(name, value)
    with Kernel(kind) as kernel:
        _, shown = kernel.run_with_id("print(engine)", "tables")
    assert f"engine {HAS_NOT_RUN}" in shown
