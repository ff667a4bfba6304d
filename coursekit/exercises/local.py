"""A submission in this process: probes run on the notebook's own names, with a time limit."""

from __future__ import annotations

import ast
import ctypes
import threading
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from coursekit import limits
from coursekit.exercises.initial_state import InitialState
from coursekit.exercises.items import ProbeResult
from coursekit.exercises.submission import Probe, Submission

if TYPE_CHECKING:
    from coursekit.course.lesson import Lesson


class LocalSubmission(Submission):
    """A submission in this process."""

    def __init__(
        self,
        slug: str,
        initial_state: InitialState | None,
        lesson: Lesson | None,
        names: dict[str, Any],
        seed: str = "",
    ) -> None:
        """Wrap a submission; `names` are the notebook's, as `globals()` returns them."""
        super().__init__(slug, initial_state, lesson, seed)
        self.names = names

    def _call(self, probe: Probe, arguments: tuple[Any, ...], timeout: float) -> ProbeResult:
        return in_time(probe, self.names, arguments, timeout)


def in_time(
    probe: Probe, names: dict[str, Any], arguments: tuple[Any, ...], timeout: float
) -> ProbeResult:
    """Run a probe in a thread and abandon it after `timeout` seconds.

    A thread works on every system and in every kernel. One that waits inside C code can't be
    stopped: it's left behind and ends with the kernel.
    """
    results: list[ProbeResult] = []
    context = copy_context()  # so that what it prints goes to this cell
    thread = threading.Thread(
        target=lambda: results.append(context.run(run_probe, probe, names, arguments)), daemon=True
    )
    thread.start()
    thread.join(timeout)
    if results:
        return results[0]
    from coursekit.exercises.time_budget import late  # rarely needed

    ident = ctypes.c_ulong(thread.ident or 0)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(SystemExit))
    return late(timeout)


def run_probe(probe: Probe, names: dict[str, Any], arguments: tuple[Any, ...]) -> ProbeResult:
    """Return what a probe returns, as plain data; any exception in it is the learner's."""
    try:
        value = probe(names, *arguments)
    except BaseException as error:  # SystemExit too: a submission must not end the check
        first_line = str(error).strip().splitlines()[:1]
        return ProbeResult(error=": ".join([type(error).__name__, *first_line]))
    try:
        text = repr(value)
        if len(text) > limits.VALUE_LIMIT:
            return ProbeResult(error=f"a value with {len(text):,} characters, which is too long")
        return ProbeResult(ast.literal_eval(text))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return ProbeResult(error=f"a value of type {type(value).__name__}")
