"""nbval, made to fail closed: what it would let pass is refused here.

Its classes are wrapped: subclasses would be collected in addition, and run every notebook
twice. Importing this module wraps them.
"""

from __future__ import annotations

import difflib
import json
import math
import os
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from queue import Empty
from textwrap import shorten
from typing import Any

import pytest
from nbval.plugin import IPyNbCell, IPyNbFile, NbCellError

from coursekit.ansi import strip_ansi
from coursekit.errors import NotebookError
from coursekit.instructor import gates
from coursekit.instructor.isolated_run import use_workspace
from coursekit.instructor.nbval_kernel import KernelDied, Recording, execute, wrap
from coursekit.instructor.source_edition import FIX, canonical_outputs

PICTURES = {"image/png", "image/jpeg"}
NUMBER = re.compile(r"\bIn ?\[\d+\]")
# What the first line of a cell's report says; `findings` recognizes it.
DIFFERS = "Its output differs from the stored one"
TOOK_LONGER = "It took longer than"
NOT_STARTED = "didn't start"
IF_RIGHT = "If the new output is right, run"

# Without this, a word such as `ls` is a command even without its %, and the gates miss it.
AT_THE_START = "get_ipython().automagic = False"
# What threads still print belongs to the notebook.
AT_THE_END = (
    "[thread.join(0.5) for thread in [thread for thread in __import__('threading').enumerate() "
    "if not thread.daemon and thread is not __import__('threading').main_thread()][:4]]"
)


@wrap(IPyNbFile, "collect")
def _collect_only_readable(original: Callable[..., Any], self: Any) -> list[Any]:
    """Collect no cells of a malformed notebook; its gates report why."""
    return [] if gates.malformed(self.path) else list(original(self))


@wrap(IPyNbFile, "setup")
def _setup_in_own_workspace(original: Callable[..., None], self: Any) -> None:
    """Give each notebook its own kernel, and its own workspace and therefore databases.

    Sets `failed`, the first cell that failed, and `not_started`, why the kernel didn't start.
    """
    self.failed = self.not_started = None
    use_workspace(self.path.stem)
    # A kernel that inherits it doesn't capture what other programs write.
    os.environ.pop("PYTEST_CURRENT_TEST", None)
    try:
        original(self)
        execute(self.kernel, AT_THE_START)
    except Exception as error:
        self.not_started = f"{type(error).__name__}: {error}".rstrip(".")


@wrap(IPyNbFile, "teardown")
def _teardown_refusing_late_output(original: Callable[..., None], self: Any) -> None:
    """Refuse whatever is written after the last cell: no cell would compare it."""
    try:
        if not self.failed:
            _refuse_late_output(self)
    finally:
        original(self)


def _refuse_late_output(file: Any) -> None:
    """Wait for the notebook's threads, and fail if anything is written or the kernel dies."""
    file.kernel.recording = Recording()
    after = f"After the last cell of {file.path.name},"
    try:
        execute(file.kernel, AT_THE_END)
    except (KernelDied, Empty):
        raise pytest.fail.Exception(f"{after} the kernel died or hung.", pytrace=False) from None
    if late := file.kernel.recording.stray:
        fix = "Make the cell that starts it wait until it has finished."
        pytest.fail(f"{after} something wrote {late!r}. {fix}", pytrace=False)


@wrap(IPyNbCell, "__init__")
def _number_and_always_compare(original: Callable[..., None], self: Any, **kw: Any) -> None:
    """Count cells from 1, as JupyterLab shows them; run and compare every one."""
    kw["cell_num"] += 1
    kw["name"] = f"cell {kw['cell_num']}"
    kw["options"].update(skip=False, check=True)
    self.stored = deepcopy(kw["cell"].outputs)  # nbval joins streams in place
    original(self, **kw)


@wrap(IPyNbCell, "setup")
def _skip_after_failure(original: Callable[..., None], self: Any) -> None:
    """Skip the cells after a failed one, so that one cause is reported once."""
    if self.parent.failed:
        pytest.skip(f"not run because {self.parent.failed} failed")


@wrap(IPyNbCell, "runtest")
def _run_strictly(original: Callable[..., None], self: Any) -> None:
    """Run a cell, and refuse what nbval would let pass."""
    self.parent.failed = self.name
    if self.parent.not_started:
        self.parent.failed = "starting the kernel"
        raise NotebookError(
            f"The kernel of {self.path.name} {NOT_STARTED}.",
            f"The error was {self.parent.not_started}.",
            "Run: python3 start.py doctor",
        )
    _run_in_time(original, self)
    for problem, details in _hidden_failures(self, self.parent.kernel.recording):
        self.raise_cell_error(problem, details)
    self.parent.failed = None


def _run_in_time(original: Callable[..., None], cell: Any) -> None:
    """Run a cell with nbval, and report a timeout as such, whatever the cell did after it."""
    details = ""
    try:
        original(cell)
    except RuntimeError as error:  # the kernel died, or nbval waits for it in vain
        cell.raise_cell_error(str(error))
    except NbCellError as error:
        if cell.parent.kernel.recording.deadline_after_interrupt == math.inf:
            raise
        details = error.inner_traceback
    recording = cell.parent.kernel.recording
    if recording.deadline_after_interrupt < math.inf:
        seconds = cell.config.option.nbval_cell_timeout
        why = f": {recording.waited_for}" if recording.waited_for else ""
        cell.raise_cell_error(f"{TOOK_LONGER} {seconds:g} seconds{why}", details)


def _hidden_failures(cell: Any, recording: Recording) -> Iterator[tuple[str, str]]:
    """Find what went wrong in a cell although its outputs are the stored ones."""
    raised = any(output.output_type == "error" for output in recording.outputs)
    stderr = "".join(o.text for o in recording.outputs if o.get("name") == "stderr")
    if stderr:
        yield "It wrote to stderr, where a failure can hide", stderr
    if recording.reply.get("status") != "ok" and not raised:
        yield f"It failed without showing the error: {recording.reply.get('ename')}", ""
    if cell.options["check_exception"] and not raised:
        yield "It's tagged raises-exception, but raised nothing", ""
    for kind in recording.uncompared:
        yield f"It sent {kind}, which can't be compared", ""
    for payload in recording.reply.get("payload", []):
        yield f"It asked the front end to {payload['source']}, which can't be compared", ""
    if recording.stray:
        yield f"Code that an earlier cell left running wrote {recording.stray!r}", ""


@wrap(IPyNbCell, "compare_outputs")
def _compare_everything(original: Callable[..., bool], self: Any, *args: Any) -> bool:
    """Compare as nbval does, then compare what it leaves out.

    It leaves out stack traces, new pictures, and the order of outputs of different types.
    """
    same = original(self, *args)
    stored, fresh = _lines(self.stored), _lines(self.parent.kernel.recording.outputs)
    if stored != fresh:
        diff = difflib.unified_diff(stored, fresh, "stored", "run now", n=1, lineterm="")
        self.comparison_traceback = list(diff)
    return same and stored == fresh


def _lines(outputs: list[Any]) -> list[str]:
    """Return outputs as `refresh` would write them, without colors and execution counts.

    Only the format of a picture is kept: its bytes differ between machines.
    """
    kept = canonical_outputs(outputs, count=1)
    for output in kept:
        for picture in PICTURES & set(output.get("data", ())):
            output["data"][picture] = output["data"][picture][:8]
        if "traceback" in output:
            trace = strip_ansi("\n".join(output["traceback"]))
            output["traceback"] = NUMBER.sub("In [n]", trace).splitlines()
    return json.dumps(kept, indent=1, sort_keys=True, ensure_ascii=False).splitlines()


@wrap(IPyNbCell, "repr_failure")
def _report_problem_first(original: Callable[..., str], self: Any, excinfo: Any) -> str:
    """Report the problem and how to fix it in the first line, the cell and details below."""
    error = excinfo.value
    if isinstance(error, NotebookError):
        return str(error)
    if not isinstance(error, NbCellError):
        return original(self, excinfo)
    first = f"{self.name}: {_problem(self, str(error))}: python3 start.py refresh"
    parts = (f"{first} {self.path.name[:2]}", error.source, error.inner_traceback)
    return "\n\n".join(part.strip() for part in parts if part)


def _problem(cell: Any, message: str) -> str:
    """Return the problem and the advice for one of nbval's messages, or one of ours."""
    if message == "Cell outputs differ":
        return f"{DIFFERS}. {IF_RIGHT}"
    raised = [o for o in cell.parent.kernel.recording.outputs if o.output_type == "error"]
    if message == "Cell execution caused an exception":
        message = f"It raises {raised[0].ename}: {raised[0].evalue}"
        message = shorten(message, 100, placeholder=" …")
    return f"{message.rstrip('.: ')}. {FIX}"
