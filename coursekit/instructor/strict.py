"""nbval, made to fail closed: what it would let pass is refused here.

Its classes are wrapped: a subclass would be collected beside them, and run every notebook
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

from coursekit.errors import NotebookError
from coursekit.instructor import gates
from coursekit.instructor.isolated_run import use_workspace
from coursekit.instructor.nbval_kernel import Heard, KernelDied, execute, wrap
from coursekit.instructor.source_edition import canonical_outputs

PICTURES = {"image/png", "image/jpeg"}
NUMBER = re.compile(r"\bIn ?\[\d+\]")
WAIT = "Let the cell that starts it wait until it has ended."

# A word such as `ls` is no command without its %, under whose name the gates would see it.
AT_THE_START = "get_ipython().automagic = False"
# What threads still print belongs to the notebook, too.
AT_THE_END = (
    "[thread.join(0.5) for thread in [thread for thread in __import__('threading').enumerate() "
    "if not thread.daemon and thread is not __import__('threading').main_thread()][:4]]"
)


@wrap(IPyNbFile, "collect")
def _only_what_can_be_read(original: Callable[..., Any], self: Any) -> list[Any]:
    """No cells of a notebook that is none; its gates tell why."""
    return [] if gates.malformed(self.path) else list(original(self))


@wrap(IPyNbFile, "setup")
def _own_workspace(original: Callable[..., None], self: Any) -> None:
    """Give each notebook a kernel, and a workspace, and so databases, of its own."""
    self.failed = self.not_started = None
    use_workspace(self.path.stem)
    # A kernel that finds it leaves out what other programs write into a cell.
    os.environ.pop("PYTEST_CURRENT_TEST", None)
    try:
        original(self)
        execute(self.kernel, AT_THE_START)
    except Exception as error:
        self.not_started = f"{type(error).__name__}: {error}".rstrip(".")


@wrap(IPyNbFile, "teardown")
def _nothing_left_over(original: Callable[..., None], self: Any) -> None:
    """Nobody reads what is written after the last cell; whatever it is, it is refused."""
    try:
        if not self.failed:
            _refuse_an_aftermath(self)
    finally:
        original(self)


def _refuse_an_aftermath(file: Any) -> None:
    file.kernel.heard = Heard()
    after = f"After the last cell of {file.path.name}"
    try:
        execute(file.kernel, AT_THE_END)
    except (KernelDied, Empty):
        raise pytest.fail.Exception(f"{after} the kernel died or hung.", pytrace=False) from None
    left = file.kernel.heard.stray
    if left:
        pytest.fail(f"{after} something wrote {left!r}. {WAIT}", pytrace=False)


@wrap(IPyNbCell, "__init__")
def _always_compared(original: Callable[..., None], self: Any, **kw: Any) -> None:
    """Count cells from 1, as JupyterLab shows them; run and compare every one."""
    kw["cell_num"] += 1
    kw["name"] = f"cell {kw['cell_num']}"
    kw["options"].update(skip=False, check=True)
    self.stored = deepcopy(kw["cell"].outputs)  # nbval joins streams in place
    original(self, **kw)


@wrap(IPyNbCell, "setup")
def _not_after_a_failure(original: Callable[..., None], self: Any) -> None:
    """One cause, one failure: what comes after it in the notebook is not run."""
    if self.parent.failed:
        pytest.skip(f"not run, because {self.parent.failed} failed")


@wrap(IPyNbCell, "runtest")
def _strictly(original: Callable[..., None], self: Any) -> None:
    """Run a cell, and refuse what nbval would let pass."""
    self.parent.failed = self.name
    if self.parent.not_started:
        self.parent.failed = "the start of the kernel"
        raise NotebookError(
            f"The kernel of {self.path.name} did not start.",
            f"It says: {self.parent.not_started}.",
            "Run: python3 start.py doctor",
        )
    _run(original, self)
    for problem, details in _quiet_failures(self, self.parent.kernel.heard):
        self.raise_cell_error(problem, details)
    self.parent.failed = None


def _run(original: Callable[..., None], cell: Any) -> None:
    details = ""
    try:
        original(cell)
    except RuntimeError as error:  # the kernel died, or nbval waits for it in vain
        cell.raise_cell_error(str(error))
    except NbCellError as error:
        if cell.parent.kernel.heard.deadline_after_interrupt == math.inf:
            raise
        details = error.inner_traceback
    if cell.parent.kernel.heard.deadline_after_interrupt < math.inf:
        seconds = cell.config.option.nbval_cell_timeout
        waited = cell.parent.kernel.heard.waited
        why = f": {waited}" if waited else ""
        cell.raise_cell_error(f"It took longer than {seconds:g} seconds{why}", details)


def _quiet_failures(cell: Any, heard: Heard) -> Iterator[tuple[str, str]]:
    """What is wrong although the outputs are as they should be."""
    raised = any(output.output_type == "error" for output in heard.outputs)
    stderr = "".join(o.text for o in heard.outputs if o.get("name") == "stderr")
    if stderr:
        yield "It wrote to stderr, where a failure hides", stderr
    if heard.reply.get("status") != "ok" and not raised:
        yield f"It failed and did not show it: {heard.reply.get('ename')}", ""
    if cell.options["check_exception"] and not raised:
        yield "It is tagged raises-exception, but raised none", ""
    for kind in heard.uncompared:
        yield f"It sent {kind}, which cannot be compared", ""
    for payload in heard.reply.get("payload", []):
        yield f"It asked the browser to {payload['source']}, which cannot be compared", ""
    if heard.stray:
        yield f"Something that an earlier cell left running wrote {heard.stray!r}", ""


@wrap(IPyNbCell, "compare_outputs")
def _compare_all(original: Callable[..., bool], self: Any, *args: Any) -> bool:
    """Compare as nbval does, and then what it leaves out.

    It leaves out stack traces, new pictures, and the order of outputs of different types.
    """
    same = original(self, *args)
    stored, fresh = _lines(self.stored), _lines(self.parent.kernel.heard.outputs)
    if stored != fresh:
        diff = difflib.unified_diff(stored, fresh, "stored", "run now", n=1, lineterm="")
        self.comparison_traceback = list(diff)
    return same and stored == fresh


def _lines(outputs: list[Any]) -> list[str]:
    """Outputs as `refresh` would write them, without the colours and numbers of a run.

    Of a picture only its format is kept: its bytes differ between machines.
    """
    kept = canonical_outputs(outputs, count=1)
    for output in kept:
        for picture in PICTURES & set(output.get("data", ())):
            output["data"][picture] = output["data"][picture][:8]
        if "traceback" in output:
            trace = gates.COLOUR.sub("", "\n".join(output["traceback"]))
            output["traceback"] = NUMBER.sub("In [n]", trace).splitlines()
    return json.dumps(kept, indent=1, sort_keys=True, ensure_ascii=False).splitlines()


@wrap(IPyNbCell, "repr_failure")
def _in_our_words(original: Callable[..., str], self: Any, excinfo: Any) -> str:
    """What is wrong and what mends it in the first line; the cell and details below."""
    error = excinfo.value
    if isinstance(error, NotebookError):
        return str(error)
    if not isinstance(error, NbCellError):
        return original(self, excinfo)
    first = f"{self.name}: {_problem(self, str(error))}: python3 start.py refresh"
    parts = (f"{first} {self.path.name[:2]}", error.source, error.inner_traceback)
    return "\n\n".join(part.strip() for part in parts if part)


def _problem(cell: Any, said: str) -> str:
    if said == "Cell outputs differ":
        return "Its output is not the stored one. If it is right now, run"
    raised = [o for o in cell.parent.kernel.heard.outputs if o.output_type == "error"]
    if said == "Cell execution caused an exception":
        said = shorten(f"It raises {raised[0].ename}: {raised[0].evalue}", 100, placeholder=" …")
    return f"{said.rstrip('.: ')}. Mend it, then run"
