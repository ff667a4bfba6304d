"""The lessons run in other ways than nbval's; slow, so run with `-m slow`."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from coursekit.course.catalog import lessons
from coursekit.course.notebooks import load, quick_nbformat
from coursekit.instructor.isolated_run import use_workspace
from coursekit.instructor.source_edition import canonical, canonical_outputs

pytestmark = pytest.mark.slow
each_lesson = pytest.mark.parametrize("path", lessons().values(), ids=lambda path: path.stem)
# What these do is done by nbclient, with which `refresh` runs every lesson: two will do.
two_lessons = pytest.mark.parametrize(
    "path", [lessons()["connect"], lessons()["upgrade"]], ids=lambda path: path.stem
)
PROGRAM = [sys.executable, "-W", "ignore", "-m"]


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace of this test's own, and a folder for what a runner writes."""
    monkeypatch.setenv("TUTORIAL_WORKSPACE", os.environ["TUTORIAL_WORKSPACE"])
    use_workspace(tmp_path.name)
    return tmp_path


def outputs(cells: list[dict[str, Any]]) -> list[str]:
    """The outputs of all code cells as they are stored; a picture's bytes left out."""
    code = [cell["outputs"] for cell in cells if cell["cell_type"] == "code"]
    kept = [canonical_outputs(copy.deepcopy(one), count=1) for one in code]
    for output in (output for one in kept for output in one):
        output.get("data", {}).pop("image/png", None)
    return [json.dumps(one, sort_keys=True) for one in kept]


@pytest.mark.samples(2)
@each_lesson
def test_run_all_twice_in_one_kernel_gives_the_same_outputs(path: Path, elsewhere: Path) -> None:
    quick_nbformat()
    import nbclient
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    size = len(notebook.cells)
    notebook.cells += copy.deepcopy(notebook.cells)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
    nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
    run = canonical(json.loads(nbformat.writes(notebook)))["cells"]
    stored = outputs(load(path)["cells"])
    assert outputs(run[:size]) == stored
    assert outputs(run[size:]) == stored


@pytest.mark.samples(1)
@two_lessons
def test_jupyter_execute_runs_it(path: Path, elsewhere: Path) -> None:
    command = [*PROGRAM, "jupyter", "execute", f"--output={elsewhere / 'out'}", str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.samples(1)
@two_lessons
def test_nbconvert_makes_a_page_of_it(path: Path, elsewhere: Path) -> None:
    command = [*PROGRAM, "nbconvert", "--execute", "--to", "html", f"--output-dir={elsewhere}"]
    done = subprocess.run([*command, str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (elsewhere / f"{path.stem}.html").stat().st_size > 100_000


@pytest.mark.samples(1)
@two_lessons
def test_papermill_runs_every_cell(path: Path, elsewhere: Path) -> None:
    """Papermill knows no error that is meant: it runs all cells, then names the first one."""
    out = elsewhere / "out.ipynb"
    command = [*PROGRAM, "papermill", str(path), str(out), "--cwd", str(elsewhere)]
    subprocess.run(command, capture_output=True)
    sources = {"".join(cell["source"]) for cell in load(path)["cells"]}
    ran = [cell for cell in load(out)["cells"] if "".join(cell["source"]) in sources]
    assert outputs(ran) == outputs(load(path)["cells"])
