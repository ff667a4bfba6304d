"""Compare a run of the whole course with other runners, and with its cells alone.

    python benchmarks/course.py [--rounds N] [01 06 ...]    the course, or some lessons
    python benchmarks/course.py --growth [--rounds N]       1, 10 and 50 small notebooks

Every run creates and removes its own server and workspaces. The other runners start kernels and
Alembic's commands without the fork server. nbmake and papermill are measured if they're installed.
Linux only.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from coursekit import servers
from coursekit.course.catalog import lesson_path, lessons
from coursekit.course.notebooks import dump, load
from coursekit.instructor.isolated_run import isolated_run
from coursekit.instructor.source_edition import METADATA
from coursekit.settings import ROOT
from measure import ROUNDS, show_usages, usage, usages

Run = Callable[[], None]

OURS, NBVAL, FLOOR = "ours", "pytest --nbval", "the cells alone, in one Python"
AIMS = "Target, against pytest --nbval: 0.35 of its wall time, 0.30 of its CPU."
REMARKS = """
nbmake, jupyter execute and papermill compare no output; pytest --nbval accepts what the kit's
gates refuse. papermill doesn't know intended errors: it runs every cell, but its exit code is 1
for notebooks with such an error."""
PYTHON = [sys.executable, "-W", "ignore", "-m"]
SETTINGS = str(ROOT / "pyproject.toml")
STRICT = [*PYTHON, "pytest", "-q", "-c", SETTINGS, "-n", "0"]
# Without the kit's plugins and settings.
PLAIN = [
    *(*PYTHON, "pytest", "-q", "-c", SETTINGS, "-o", "addopts=", "-o", "filterwarnings="),
    *("-p", "no:pytest_alembic"),
]
SANITIZED = ["--nbval", "--nbval-sanitize-with=notebooks/sanitize.cfg"]
SIZES = (1, 10, 50)
SMALL = (
    "import pandas as pd\nfrom sqlalchemy import create_engine, text\n\n"
    "from coursekit import servers",
    "engine = create_engine(servers.find().url)\n"
    'int(pd.read_sql(text("SELECT 40 + 2 AS answer"), engine).answer[0])',
)


def main() -> None:
    """Measure and print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lessons", nargs="*", help="lessons; default: all")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--growth", action="store_true", help="1, 10 and 50 small notebooks")
    parser.add_argument("--cells", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # it makes imports four times slower
    os.chdir(ROOT)
    if asked.cells:
        run_cells(map(Path, asked.lessons))
    elif asked.growth:
        measure_growth(asked.rounds)
    else:
        measure_course([*map(lesson_path, asked.lessons or lessons())], asked.rounds)


def measure_course(notebooks: Sequence[Path], rounds: int) -> None:
    """Measure all runners on the same notebooks."""
    runs = {name: partial(usage, run) for name, run in runners(notebooks).items()}
    rows = usages(runs, rounds)
    cells = sum(len(code_cells(path)) for path in notebooks)
    show_usages(f"{len(notebooks)} lessons with {cells} cells", rows, NBVAL)
    print(f"\n{AIMS}\n{REMARKS}")


def measure_growth(rounds: int) -> None:
    """Measure ours and plain nbval on a growing number of notebooks."""
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            runs = runners(small_notebooks(Path(folder), size))
            wanted = {name: partial(usage, runs[name]) for name in (OURS, NBVAL, FLOOR)}
            title = f"{size} x a notebook that imports pandas and runs one query"
            show_usages(title, usages(wanted, rounds), NBVAL)


def runners(notebooks: Sequence[Path]) -> dict[str, Run]:
    """Return the runners by name, without those that aren't installed."""
    paths = [str(path) for path in notebooks]
    runs = {
        OURS: partial(succeed, [*STRICT, *paths]),
        "ours, with default kernels": partial(
            succeed, [*STRICT, *paths], TUTORIAL_KERNEL="default"
        ),
        NBVAL: partial(in_a_run, partial(succeed, [*PLAIN, *SANITIZED, *paths])),
        "nbmake": partial(in_a_run, partial(succeed, [*PLAIN, "--nbmake", *paths])),
        "jupyter execute": partial(in_a_run, partial(execute, paths)),
        "papermill": partial(in_a_run, partial(papermill, notebooks)),
        FLOOR: partial(in_a_run, partial(alone, paths), kernels="forked"),
    }
    missing = [name for name in ("nbmake", "papermill") if not find_spec(name)]
    for name in missing:
        print(f"{name} is not installed, so it isn't measured.")
    return {name: run for name, run in runs.items() if name not in missing}


def in_a_run(run: Run, kernels: str = "default") -> None:
    """Run with a new server, and one workspace for all notebooks."""
    os.environ["TUTORIAL_KERNEL"] = kernels
    with isolated_run():
        servers.find()
        run()


def succeed(command: Sequence[str], **environ: str) -> None:
    """Run a program; raise with the end of its output if it fails."""
    done = subprocess.run(
        command,
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{command[3:6]} ended with {done.returncode}: {done.stdout[-4000:]}")


def execute(paths: Sequence[str]) -> None:
    """Run with Jupyter's own runner, which stops at the first error without the tag."""
    succeed([*PYTHON, "jupyter", "execute", *paths])


def papermill(notebooks: Iterable[Path]) -> None:
    """Run one process per notebook; check what it wrote rather than its exit code."""
    written = Path(os.environ["TUTORIAL_WORKSPACE"])  # removed with the run
    written.mkdir(parents=True)
    for path in notebooks:
        out = written / path.name
        command = [*PYTHON, "papermill", str(path), str(out), "--cwd", str(path.parent)]
        done = subprocess.run([*command, "--no-progress-bar"], capture_output=True, text=True)
        sources = {source_of(cell) for cell in code_cells(path)}
        ran = [cell for cell in code_cells(out) if source_of(cell) in sources]
        if len(ran) < len(code_cells(path)) or any(map(failed, ran)):
            raise RuntimeError(f"papermill did not run {path.name}: {done.stderr[-4000:]}")


def failed(cell: dict[str, Any]) -> bool:
    """Return whether a cell wasn't run, or raised an error exactly when it shouldn't have."""
    raised = any(output["output_type"] == "error" for output in cell["outputs"])
    return raised != is_to_raise(cell) or not cell["execution_count"]


def alone(paths: Sequence[str]) -> None:
    """Run the cells in one Python process; the fork server runs Alembic's commands."""
    succeed([sys.executable, "-W", "ignore", __file__, "--cells", *paths])


def run_cells(notebooks: Iterable[Path]) -> None:
    """Run all cells in this process, with IPython's shell and no kernel."""
    from IPython.core.interactiveshell import InteractiveShell

    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    sys.path[0] = ""  # a notebook imports from its working directory
    for path in notebooks:
        os.chdir(path.parent)
        InteractiveShell.clear_instance()
        shell = InteractiveShell.instance()
        for number, cell in enumerate(code_cells(path), start=1):
            said = io.StringIO()
            with contextlib.redirect_stdout(said):
                done = shell.run_cell(source_of(cell), store_history=True)
            if done.success == is_to_raise(cell):
                sys.exit(f"{path.name}, cell {number}: {said.getvalue()}")
    os.chdir(ROOT)  # a lesson changed to its project, which will be removed


def code_cells(path: Path) -> list[dict[str, Any]]:
    """Return a notebook's code cells."""
    return [cell for cell in load(path)["cells"] if cell["cell_type"] == "code"]


def source_of(cell: dict[str, Any]) -> str:
    """Return a cell's source."""
    return "".join(cell["source"])


def is_to_raise(cell: dict[str, Any]) -> bool:
    """Return whether a cell is tagged as raising an error."""
    return "raises-exception" in cell["metadata"].get("tags", [])


def small_notebooks(folder: Path, size: int) -> list[Path]:
    """Write `size` notebooks with the same two cells and their outputs."""
    cells = [
        {"cell_type": "code", "id": f"cell-{count}", "metadata": {}, "source": source}
        | {"execution_count": count, "outputs": []}
        for count, source in enumerate(SMALL, start=1)
    ]
    answer = {"output_type": "execute_result", "metadata": {}, "execution_count": len(SMALL)}
    cells[-1]["outputs"] = [{**answer, "data": {"text/plain": ["42"]}}]
    text = dump({"cells": cells, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5})
    paths = [folder / f"small_{number:02}.ipynb" for number in range(size)]
    for path in paths:
        path.write_text(text, encoding="utf-8")
    return paths


if __name__ == "__main__":
    main()
