"""An answer in this process: the names of a notebook, asked with a time-out."""

from __future__ import annotations

import ctypes
import threading
from contextvars import copy_context
from typing import Any

from tutorial_lib.exercises.answer import SECONDS, Answer, Probe, answered
from tutorial_lib.exercises.exercise import Exercise, Outcome
from tutorial_lib.lesson import Lesson

TOO_LONG = f"it did not end within {SECONDS} seconds"


class LocalAnswer(Answer):
    """An answer that was given in this process.

    names  the notebook's names, as `globals()` gives them
    """

    def __init__(self, exercise: Exercise, place: Lesson | None, names: dict[str, Any]) -> None:
        super().__init__(exercise, place)
        self.names = names

    def ask(self, probe: Probe, *arguments: Any) -> Outcome:  # noqa: D102  as in Answer
        return in_time(probe, self.names, arguments)


def in_time(probe: Probe, names: dict[str, Any], arguments: tuple[Any, ...]) -> Outcome:
    """Ask in a thread, which is given up after SECONDS.

    A thread, because it works on every system and in every kernel. One that waits inside C
    code cannot be stopped; it is left behind, and ends with the kernel.
    """
    said: list[Outcome] = []
    context = copy_context()  # so that what it prints goes to this cell
    thread = threading.Thread(
        target=lambda: said.append(context.run(answered, probe, names, arguments)), daemon=True
    )
    thread.start()
    thread.join(SECONDS)
    if said:
        return said[0]
    ident = ctypes.c_ulong(thread.ident or 0)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(SystemExit))
    return Outcome(error=TOO_LONG)
