"""The outcome of this kernel's cells: the last run of each, and its error.

A check must not grade results that an earlier run of a failed cell left behind. JupyterLab sends a
cell's id with each run; runners such as nbclient send none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from coursekit.errors import ExerciseError


@dataclass(frozen=True)
class CellRun:
    """The last run of a cell.

    Attributes:
        cell_id: The cell's id, "" if the runner sent none.
        source: The cell's text.
        error: The exception's class and message; "" if the cell ran to its end.

    """

    cell_id: str
    source: str
    error: str = ""


_last_runs: dict[str, CellRun] = {}  # by id, or else by text; in the order of these runs
_since_mark: list[CellRun] = []


def watch() -> None:
    """Record every cell that ends from now on. Outside IPython, do nothing."""
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is not None:
        # Registering the same function twice registers it once.
        shell.events.register("pre_run_cell", note_start)
        shell.events.register("post_run_cell", note_end)


def note_start(info: Any) -> None:
    """Record that a cell is running, from IPython's ExecutionInfo; it counts as not failed."""
    _note(_run_of(info))


def note_end(result: Any) -> None:
    """Note how a cell ended, from IPython's ExecutionResult."""
    failure = result.error_before_exec or result.error_in_exec
    if failure is None or isinstance(failure, ExerciseError):  # the cell reached its check
        run = _run_of(result.info)
    else:
        run = _run_of(result.info, f"{type(failure).__name__}: {failure}")
    _note(run)
    _since_mark.append(run)


def _run_of(info: Any, error: str = "") -> CellRun:
    return CellRun(str(info.cell_id or ""), str(info.raw_cell), error)


def _note(run: CellRun) -> None:
    key = run.cell_id or run.source
    _last_runs.pop(key, None)
    _last_runs[key] = run


def last_runs() -> tuple[CellRun, ...]:
    """Return the last run of every cell, the most recent one at the end."""
    return tuple(_last_runs.values())


def any_failed() -> bool:
    """Return whether any cell that's still of interest has failed."""
    return any(run.error for run in (*_last_runs.values(), *_since_mark))


def runs_since_mark() -> tuple[CellRun, ...]:
    """Return the runs since an exercise was begun or checked, the most recent one at the end."""
    return tuple(_since_mark)


def mark() -> None:
    """Note that an exercise was begun or checked."""
    _since_mark.clear()
