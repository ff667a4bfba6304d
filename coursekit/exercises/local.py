"""An answer in this process: the names of a notebook, asked with a time-out."""

from __future__ import annotations

import ctypes
import threading
from contextvars import copy_context
from typing import Any

from coursekit.course.lesson import Lesson
from coursekit.exercises.initial_state import InitialState
from coursekit.exercises.items import ProbeResult
from coursekit.exercises.submission import SECONDS, Probe, Submission, run_probe

TOO_LONG = f"it did not end within {SECONDS} seconds"


class LocalSubmission(Submission):
    """An answer that was given in this process.

    names  the notebook's names, as `globals()` gives them
    """

    def __init__(
        self,
        slug: str,
        initial_state: InitialState | None,
        lesson: Lesson | None,
        names: dict[str, Any],
    ) -> None:
        super().__init__(slug, initial_state, lesson)
        self.names = names

    def call(self, probe: Probe, *arguments: Any) -> ProbeResult:  # noqa: D102  as in Answer
        return in_time(probe, self.names, arguments)


def in_time(probe: Probe, names: dict[str, Any], arguments: tuple[Any, ...]) -> ProbeResult:
    """Ask in a thread, which is given up after SECONDS.

    A thread, because it works on every system and in every kernel. One that waits inside C
    code cannot be stopped; it is left behind, and ends with the kernel.
    """
    said: list[ProbeResult] = []
    context = copy_context()  # so that what it prints goes to this cell
    thread = threading.Thread(
        target=lambda: said.append(context.run(run_probe, probe, names, arguments)), daemon=True
    )
    thread.start()
    thread.join(SECONDS)
    if said:
        return said[0]
    ident = ctypes.c_ulong(thread.ident or 0)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(SystemExit))
    return ProbeResult(error=TOO_LONG)
