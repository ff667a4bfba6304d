"""The pytest plugin: notebooks run strictly, on databases of their own, and fail closed.

It is loaded with `-p tutorial_lib.testing.plugin`, before nbval, whose classes it wraps:
a subclass would be collected beside them, and run every notebook twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from queue import Empty
from typing import Any

import pytest

from tutorial_lib.editions import quick_nbformat

quick_nbformat()  # before nbval imports nbformat

from nbval.kernel import RunningKernel  # noqa: E402
from nbval.plugin import IPyNbCell, IPyNbFile  # noqa: E402

from tutorial_lib.errors import NotebookError  # noqa: E402
from tutorial_lib.runs import reference_run, use_workspace  # noqa: E402
from tutorial_lib.testing import gates  # noqa: E402

RUN = pytest.StashKey[Path]()
LOOK = 1.0  # seconds between two looks at whether the kernel lives


class KernelDied(Exception):
    """The kernel's process ended in the middle of a cell."""


class GatesFile(pytest.File):
    """The gates of one notebook, as one test beside its cells."""

    def collect(self) -> Iterator[pytest.Item]:
        """Give the one test."""
        yield GatesItem.from_parent(self, name="gates")


class GatesItem(pytest.Item):
    """Refuse a notebook whose run would prove nothing."""

    def runtest(self) -> None:
        """Raise with all findings, or pass."""
        findings = gates.check(self.path)
        if findings:
            raise NotebookError(f"{self.path.name} is refused:", "\n  ".join(map(str, findings)))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:
        """The findings, without a stack trace."""
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it stands in the report."""
        return self.path, 0, f"{self.path.name}: gates"


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> GatesFile | None:
    """Every notebook that nbval runs goes through the gates."""
    if parent.config.option.nbval and file_path.suffix == ".ipynb":
        collected: GatesFile = GatesFile.from_parent(parent, path=file_path)
        return collected
    return None


def pytest_itemcollected(item: pytest.Item) -> None:
    """Count cells from 1, as JupyterLab shows them: cell 3 is In [3]."""
    if isinstance(item, IPyNbCell):
        item.cell_num += 1
        item.name = f"cell {item.cell_num}"
        item._nodeid = f"{item.parent.nodeid}::{item.name}"


def pytest_configure(config: pytest.Config) -> None:
    """Begin a reference run; workers of xdist take part in their controller's."""
    if not hasattr(config, "workerinput"):
        stack = ExitStack()
        config.stash[RUN] = stack.enter_context(reference_run())
        config.add_cleanup(stack.close)


def _wrap(owner: type, name: str) -> Callable[[Callable[..., Any]], None]:
    """Replace a method by a function that gets the original first."""
    original = getattr(owner, name)

    def replace(function: Callable[..., Any]) -> None:
        setattr(owner, name, lambda self, *args, **kw: function(original, self, *args, **kw))

    return replace


@_wrap(IPyNbFile, "setup")
def _own_workspace(original: Callable[..., None], self: Any) -> None:
    """Give each notebook a workspace, and with it databases, of its own."""
    self.failed_cell = None
    use_workspace(self.path.stem)
    original(self)


@_wrap(IPyNbCell, "setup")
def _not_after_a_failure(original: Callable[..., None], self: Any) -> None:
    """One cause, one failure: what comes after it in the notebook is not run."""
    if self.parent.failed_cell:
        pytest.skip(f"not run, because {self.parent.failed_cell} failed")


@_wrap(IPyNbCell, "runtest")
def _strictly(original: Callable[..., None], self: Any) -> None:
    """Run a cell, and refuse what nbval would let pass."""
    try:
        try:
            original(self)
        except KernelDied:
            self.raise_cell_error("The kernel died while it ran this cell.", "")
        _refuse_quiet_failures(self)
    except BaseException:
        self.parent.failed_cell = self.name
        raise


def _refuse_quiet_failures(cell: Any) -> None:
    outputs = cell.test_outputs or []
    stderr = "".join(o.text for o in outputs if o.get("name") == "stderr")
    if stderr:
        cell.raise_cell_error("It wrote to stderr, where a failure hides.", stderr)
    raised = any(o.output_type == "error" for o in outputs)
    if cell.options["check_exception"] and not raised:
        cell.raise_cell_error("It is tagged raises-exception, but raised none.", "")


@_wrap(RunningKernel, "await_reply")
def _while_alive(
    original: Callable[..., None], self: Any, msg_id: str, timeout: float | None = None
) -> None:
    """Wait for a reply as long as somebody can give one."""
    deadline = time.monotonic() + (timeout or float("inf"))
    while True:
        try:
            return original(self, msg_id, timeout=min(LOOK, deadline - time.monotonic()))
        except Empty:
            if not self.is_alive():
                raise KernelDied from None
            if time.monotonic() >= deadline:
                raise
