"""Broken notebooks, run for real: each must fail in the right cell, for the right reason.

Three runs of pytest with the kit's own options, side by side: the notebooks that fail at once, on
two workers; some of them again, on one worker and in nbval's lax mode; and those that hang.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from coursekit import limits
from coursekit.servers.server import Server
from coursekit.settings import ROOT

Output = Cell = dict[str, Any]
LIMIT = 3  # seconds for a cell in notebooks that hang
PYTEST = [sys.executable, "-m", "pytest", "-c", "pyproject.toml", "-p", "no:cacheprovider"]
PASSED = ""  # the report of a cell that passed
SHORT = ["-n", "0", f"--nbval-cell-timeout={LIMIT}"]
KERNEL = {"name": "python3", "display_name": "Python 3 (ipykernel)"}

DIFFERS = "Its output differs from the stored one"
DIED = "The kernel died while running this cell"
LATE = f"It took longer than {LIMIT} seconds"
STDERR = "It wrote to stderr, where a failure can hide"
MODE = "Exception reporting mode: Minimal\n"
NUMBERED = """\
class Numbered(Exception):
    def _render_traceback_(self):
        return [f"In [{get_ipython().execution_count}], line 1"]
"""
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)
PICTURE = f"display({{'image/png': '{PIXEL}', 'text/plain': 'a dot'}}, raw=True)"


def printed(text: str, name: str = "stdout") -> Output:
    return {"output_type": "stream", "name": name, "text": text}


def shown(text: str, kind: str = "display_data", **mimes: str) -> Output:
    count = {"execution_count": 1} if kind == "execute_result" else {}
    return {"output_type": kind, "metadata": {}, "data": {"text/plain": text, **mimes}, **count}


def failed(ename: str, evalue: str, *traceback: str) -> Output:
    parts = {"ename": ename, "evalue": evalue, "traceback": list(traceback)}
    return {"output_type": "error", **parts}


def code(source: str, *outputs: Output, tag: str = "") -> Cell:
    return {"source": source, "outputs": outputs, "metadata": {"tags": [tag]} if tag else {}}


def raising(source: str, *outputs: Output) -> Cell:
    return code(source, *outputs, tag="raises-exception")


@dataclass
class Broken:
    """A notebook, the cell that must fail, and the message it must fail with."""

    cell: int
    problem: str
    cells: tuple[Cell, ...]

    def verdict(self, name: str) -> dict[str, str]:
        """Return the report of each cell when only the right one fails."""
        fix = (
            "If the new output is right, run"
            if self.problem == DIFFERS
            else "Fix the cell, then run"
        )
        said = f"cell {self.cell}: {self.problem}. {fix}: python3 start.py refresh {name[:2]}"
        before = {f"cell {number}": PASSED for number in range(1, self.cell)}
        rest = range(self.cell + 1, len(self.cells) + 1)
        not_run = {f"cell {n}": f"not run because cell {self.cell} failed" for n in rest}
        return {**before, f"cell {self.cell}": said, **not_run}


def broken(cell: int, problem: str, *cells: Cell) -> Broken:
    return Broken(cell, problem, (*cells, TAIL))


FIRST = code("x = 2")
TAIL = code("print('tail')", printed("tail\n"))
MINIMAL = code("%xmode Minimal", printed(MODE))
NO_ORDERS = failed("OSError", "no orders", "OSError: no orders")
GOOD = (
    MINIMAL,
    FIRST,
    code("print(1)\ndisplay(2)\nprint(3)", printed("1\n"), shown("2"), printed("3\n")),
    code(NUMBERED),
    raising("raise Numbered('one')", failed("Numbered", "one", "In [7], line 1")),
    code("print(x)\nx", printed("2\n"), shown("2", "execute_result")),
    raising("raise OSError('no orders')", NO_ORDERS),
    code(PICTURE, shown("a dot", **{"image/png": "iVBORw0K, as another machine drew it"})),
    TAIL,
)

DIFFERENT = {
    "differs": broken(2, DIFFERS, FIRST, code("print(x)", printed("3\n"))),
    "missing": broken(2, DIFFERS, FIRST, code("y = x", printed("2\n"))),
    "surplus": broken(1, DIFFERS, code("print(2)")),
    "another_error": broken(1, DIFFERS, raising("1 / 0", NO_ORDERS)),
    "skipped": broken(1, DIFFERS, code("# NBVAL_SKIP\nprint(2)")),
    "task": broken(
        2,
        "Code that an earlier cell left running wrote 'late'",
        code(
            "import asyncio\nasync def speak():\n    await asyncio.sleep(0.2)\n    print('late')\n"
            "task = asyncio.create_task(speak())"
        ),
        code("await task"),
    ),
    "afterwards": broken(
        2,
        DIFFERS,
        code(
            "import threading\ngo = threading.Event()\n"
            "late = threading.Thread(target=lambda: (go.wait(), print('late')))\nlate.start()"
        ),
        code("go.set()\nlate.join()"),
    ),
}
# On Windows a kernel can't capture other programs' output.
FROM_OUTSIDE = {
    "from_outside": broken(
        1, DIFFERS, code("import os, time\ncount = os.write(1, b'2\\n')\ntime.sleep(0.5)")
    ),
}
UNCOMPARED = {
    "order": broken(1, DIFFERS, code("print(2)\ndisplay(3)", shown("3"), printed("2\n"))),
    "kind": broken(1, DIFFERS, code("display(3)", shown("3", "execute_result"))),
    "no_picture": broken(1, DIFFERS, code("display(3)", shown("3", **{"image/png": PIXEL}))),
    "new_picture": broken(1, DIFFERS, code(PICTURE, shown("a dot"))),
    "metadata": broken(1, DIFFERS, code("display(3, metadata={'width': 9})", shown("3"))),
    "trace": broken(
        2, DIFFERS, MINIMAL, raising("raise OSError('no orders')", failed("OSError", "no orders"))
    ),
    "update": broken(
        1,
        "It sent update_display_data, which can't be compared",
        code("display(2, display_id='n').update(3)", shown("2")),
    ),
    "clear": broken(
        1,
        "It sent clear_output, which can't be compared",
        code("from IPython import display\nprint(2)\ndisplay.clear_output()", printed("2\n")),
    ),
    "widget": broken(
        1,
        "It sent comm_open, which can't be compared",
        code("from comm import create_comm\nopened = create_comm(target_name='slider')"),
    ),
}
QUIET = {
    "no_error": broken(1, "It's tagged raises-exception, but raised nothing", raising("x = 2")),
    "warning": broken(
        1, STDERR, code("import sys\nprint('odd', file=sys.stderr)", printed("odd\n", "stderr"))
    ),
    "magic": broken(1, DIFFERS, code("%notmagic")),
    "doctored": broken(
        1,
        STDERR,
        code(
            "%notmagic",
            printed("UsageError: Line magic function `%notmagic` not found.\n", "stderr"),
        ),
    ),
    "handled": broken(
        2,
        "It failed without showing the error: ZeroDivisionError",
        code(
            "def quiet(shell, kind, error, trace, tb_offset=None):\n    return []\n"
            "get_ipython().set_custom_exc((ZeroDivisionError,), quiet)"
        ),
        code("1 / 0"),
    ),
}
RAISING = {
    "middle": broken(
        2,
        "It raises ZeroDivisionError: division by zero",
        FIRST,
        code("x / 0"),
        code("print(x)", printed("2\n")),
    ),
    "import": broken(
        1,
        "It raises ModuleNotFoundError: No module named 'no_such_module'",
        code("import no_such_module"),
    ),
    "bare_word": broken(1, "It raises NameError: name 'pwd' is not defined", code("pwd")),
    "alembic": broken(
        2,
        "It raises AlembicError: alembic nonsense ended with exit code 2. "
        "It reports: alembic: error: …",
        code("from coursekit import start\nlesson = start('00')"),
        code("%alembic nonsense"),
    ),
}
DYING = {
    "killed": broken(2, DIED, FIRST, code("import os\nos.kill(os.getpid(), 9)")),
    "exits": broken(2, DIED, FIRST, code("import os\nos._exit(0)")),
    "quits": broken(
        1, "It asked the front end to ask_exit, which can't be compared", code("quit()")
    ),
}
HANGING = {
    "sleeps": broken(1, LATE, code("import time\ntime.sleep(600)")),
    "announced": broken(
        1, LATE, raising("import time\ntime.sleep(60)", failed("KeyboardInterrupt", ""))
    ),
    "swallows": broken(
        1,
        LATE,
        code(
            "import time\ntry:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    print('ok')",
            printed("ok\n"),
        ),
    ),
    "goes_on": broken(
        1,
        LATE,
        code(
            "import time\nwhile True:\n    try:\n        print(2)\n        time.sleep(0.5)\n"
            "    except KeyboardInterrupt:\n        pass"
        ),
    ),
    "locked": broken(
        1,
        LATE,
        code(
            "import os, psycopg2\n"
            "both = [psycopg2.connect(os.environ['TEST_DSN']).cursor() for _ in range(2)]\n"
            "for each in both:\n    each.execute('SELECT pg_advisory_lock(1)')"
        ),
    ),
}
AT_ONCE = DIFFERENT | UNCOMPARED | QUIET | RAISING | DYING
if sys.platform != "win32":
    AT_ONCE |= FROM_OUTSIDE
ON_ONE_WORKER = {name: AT_ONCE[name] for name in ("middle", "killed")}
IN_LAX_MODE = {name: AT_ONCE[name] for name in ("differs", "skipped")}

# Only the gates refuse these: their cells pass, or can't be run.
REFUSED = {
    "shell": "cell 1: The shell command 'exit 3' may fail unnoticed. Use %alembic or Python, "
    "which raise an error.",
    "swallowed": "cell 2: A failure of %alembic may be caught here and go unnoticed. "
    "Move it out of the try, suppress or function.",
    "no_outputs": "It isn't a valid notebook: at cells.0, 'outputs' is a required property. "
    "Get it back with: git checkout notebooks/no_outputs.ipynb",
    "no_cells": "It has no code cell, so a run proves nothing. Add one.",
    "other_kernel": "Its kernel is 'nowhere', not 'python3'. Run: python3 start.py refresh ot",
}
SWALLOWED = code(
    "import contextlib, io\n"
    "with contextlib.suppress(Exception), contextlib.redirect_stdout(io.StringIO()):\n"
    "    %alembic nonsense"
)
UNREADABLE = {"no_json": "print(2)", "empty": ""}


def save(folder: Path, name: str, cells: Any, kernel: str = "python3") -> None:
    numbered = enumerate(cells, start=1)
    whole = [
        {"cell_type": "code", "id": f"cell-{number}", "execution_count": number, **cell}
        for number, cell in numbered
    ]
    metadata = {"kernelspec": {"name": kernel, "display_name": kernel}}
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": whole}
    (folder / f"{name}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")


def save_all(folder: Path, notebooks: dict[str, Broken]) -> Path:
    folder.mkdir()
    for name, notebook in notebooks.items():
        save(folder, name, notebook.cells)
    return folder


def save_the_rest(folder: Path) -> None:
    """Notebooks that don't fail in one cell and leave the rest not run."""
    save(folder, "shell", [code("!exit 3"), TAIL])
    save(folder, "swallowed", [AT_ONCE["alembic"].cells[0], SWALLOWED, TAIL])
    save(folder, "no_outputs", [{"source": "x = 2", "metadata": {}}])
    save(folder, "no_cells", [])
    save(folder, "other_kernel", [FIRST, TAIL], kernel="nowhere")
    # They wait for what the runner executes after the last cell.
    late = "threading.Thread(target=lambda: event.wait() and print('late')).start()"
    for name, then in ("late_at_the_end", late), ("dies_at_the_end", ""):
        call = "event.set" if then else "lambda: os._exit(1)"
        waits = f"get_ipython().events.register('pre_execute', {call})"
        lines = "import os, threading", "event = threading.Event()", then, waits
        save(folder, name, [TAIL, code("\n".join(filter(None, lines)))])


class Run:
    """A pytest run over a folder of notebooks, and its report."""

    def __init__(self, folder: Path, *options: str, **environment: str) -> None:
        self.report, self.log = folder / "report.xml", folder / "log"
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*PYTEST, f"--rootdir={folder}", f"--junit-xml={self.report}", *options, folder],
                cwd=ROOT,
                env={**inherited, **environment},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def wait(self) -> Run:
        self.code = self.process.wait(timeout=900)
        self.cases = list(ElementTree.parse(self.report).iter("testcase"))
        return self

    def verdict(self, name: str, *, gates: bool = False) -> dict[str, str]:
        """Return the first line of the report on each cell, or on this notebook's gates."""
        cases = [case for case in self.cases if case.get("classname") == f"{name}.ipynb"]
        return {
            str(case.get("name")): _said(case)
            for case in cases
            if (case.get("name") == "gates") is gates
        }


def _said(case: ElementTree.Element) -> str:
    for result in case:
        text = str(result.get("message") if result.tag == "skipped" else result.text)
        return text.splitlines()[0]
    return PASSED


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Iterator[dict[str, Run]]:
    """All three runs, at the same time."""
    folder = tmp_path_factory.mktemp("broken")
    many, serial = (
        save_all(folder / "many", AT_ONCE),
        save_all(folder / "serial", ON_ONE_WORKER | IN_LAX_MODE),
    )
    save_the_rest(many)
    save(many, "good", GOOD)
    save(serial, "good", GOOD)
    for name, text in UNREADABLE.items():
        (serial / f"{name}.ipynb").write_text(text, encoding="utf-8")
    hanging = save_all(folder / "hanging", HANGING)
    address = server.url.render_as_string(hide_password=False)
    started = {
        "hanging": Run(hanging, *SHORT, TEST_DSN=address.replace("+psycopg2", "")),
        "many": Run(many, "-n", "2", DATABASE_URL=address, TUTORIAL_POSTGRES="external"),
        "serial": Run(serial, "-n", "0", "--nbval-lax"),
    }
    try:
        yield {name: run.wait() for name, run in started.items()}
    finally:
        for run in started.values():
            run.process.kill()


@pytest.fixture
def run(runs: dict[str, Run]) -> Run:
    return runs["many"]


def test_a_run_with_a_broken_notebook_ends_with_1(runs: dict[str, Run]) -> None:
    assert {name: run.code for name, run in runs.items()} == dict.fromkeys(runs, 1)


def test_a_good_notebook_is_green_and_its_cells_count_from_1(run: Run) -> None:
    cells = {f"cell {number}": PASSED for number in range(1, len(GOOD) + 1)}
    assert run.verdict("good") == cells
    assert run.verdict("good", gates=True) == {"gates": PASSED}


def test_the_gates_come_before_the_cells(runs: dict[str, Run]) -> None:
    cases = [case for case in runs["serial"].cases if case.get("classname") == "good.ipynb"]
    assert [case.get("name") for case in cases][:2] == ["gates", "cell 1"]


def test_no_cell_is_collected_twice(run: Run) -> None:
    names = [(case.get("classname"), case.get("name")) for case in run.cases]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", AT_ONCE)
def test_fails_in_the_right_cell_and_runs_nothing_after_it(name: str, run: Run) -> None:
    assert run.verdict(name) == AT_ONCE[name].verdict(name)


@pytest.mark.parametrize("name", HANGING)
def test_ends_what_hangs(name: str, runs: dict[str, Run]) -> None:
    assert runs["hanging"].verdict(name) == HANGING[name].verdict(name)


@pytest.mark.parametrize("name", ["good", *ON_ONE_WORKER])
def test_one_worker_gives_the_same_verdict_as_two(name: str, runs: dict[str, Run]) -> None:
    for gates in True, False:
        verdict = runs["serial"].verdict(name, gates=gates)
        assert verdict == runs["many"].verdict(name, gates=gates)


@pytest.mark.parametrize("name", IN_LAX_MODE)
def test_nbvals_lax_mode_is_as_strict(name: str, runs: dict[str, Run]) -> None:
    for gates in True, False:
        verdict = runs["serial"].verdict(name, gates=gates)
        assert verdict == runs["many"].verdict(name, gates=gates)


@pytest.mark.parametrize("name", REFUSED)
def test_the_gates_refuse_what_a_run_does_not_see(name: str, run: Run) -> None:
    assert run.verdict(name, gates=True) == {"gates": f"{name}.ipynb was refused: {REFUSED[name]}"}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_file_that_is_no_notebook_fails_once(name: str, runs: dict[str, Run]) -> None:
    back = f"Get it back with: git checkout notebooks/{name}.ipynb"
    said = f"{name}.ipynb is not a notebook. It cannot be read, or it is not JSON with cells in it."
    assert runs["serial"].verdict(name, gates=True) == {"gates": f"{said} {back}"}
    assert runs["serial"].verdict(name) == {}


def test_a_kernel_that_does_not_start_is_reported_once(run: Run) -> None:
    assert run.verdict("other_kernel") == {
        "cell 1": "The kernel of other_kernel.ipynb didn't start. The error was NoSuchKernel: "
        "No such kernel named nowhere. Run: python3 start.py doctor",
        "cell 2": "not run because starting the kernel failed",
    }


@pytest.mark.parametrize("name", ["killed", "exits"])
def test_a_dead_kernel_is_reported_before_the_cell_times_out(name: str, run: Run) -> None:
    cases = [case for case in run.cases if case.get("classname") == f"{name}.ipynb"]
    (dies,) = [case for case in cases if case.get("name") == "cell 2"]
    assert float(dies.get("time", "inf")) < limits.CELL_TIMEOUT


def test_what_is_written_after_the_last_cell_fails_it(run: Run) -> None:
    assert run.verdict("late_at_the_end") == {
        "cell 1": PASSED,
        "cell 2": "After the last cell of late_at_the_end.ipynb, something wrote 'late'. "
        "Make the cell that starts it wait until it has finished.",
    }


def test_a_kernel_that_dies_after_the_last_cell_fails_it(run: Run) -> None:
    assert run.verdict("dies_at_the_end") == {
        "cell 1": PASSED,
        "cell 2": "After the last cell of dies_at_the_end.ipynb, the kernel died or hung.",
    }


def test_the_summary_names_the_cause_and_what_was_not_run(run: Run) -> None:
    lines = run.log.read_text("utf-8").splitlines()
    reported = (line.partition(".ipynb: ") for line in lines if " not run because " in line)
    reports = {name: report for name, _, report in reported}
    assert reports["middle"] == "2 cells not run because cell 2 failed"
    assert reports["killed"] == "1 cell not run because cell 2 failed"
    assert reports["other_kernel"] == "1 cell not run because starting the kernel failed"
    assert set(reports) == {*AT_ONCE, "other_kernel"}


def test_the_report_shows_the_cell_and_how_its_output_differs(run: Run) -> None:
    reports = [case for case in run.cases if case.get("classname") == "differs.ipynb"]
    assert str(reports[2][0].text).splitlines()[2:] == [
        "print(x)",
        "",
        "--- stored",
        "+++ run now",
        "@@ -5,3 +5,3 @@",
        '   "text": [',
        '-   "3\\n"',
        '+   "2\\n"',
        "   ]",
    ]


def test_no_notebook_at_all_is_no_success(tmp_path: Path) -> None:
    assert (
        Run(tmp_path, TUTORIAL_KERNEL="default").wait().code == pytest.ExitCode.NO_TESTS_COLLECTED
    )
