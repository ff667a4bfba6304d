"""Run functions in threads that are used again: starting one takes longer than a short query."""

from __future__ import annotations

import _thread
import os
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue

Job = Callable[[], object]

LINGER = 10.0  # seconds that a thread waits for another job

_idle: list[SimpleQueue[Job]] = []  # of the threads that wait
if hasattr(os, "register_at_fork"):  # threads don't survive a fork
    os.register_at_fork(after_in_child=lambda: _idle.clear())


def start(job: Job) -> None:
    """Run a job in another thread; it must not raise anything."""
    try:
        _idle.pop().put(job)
    except IndexError:
        # threading.Thread would wait until the new thread has started.
        _thread.start_new_thread(_work, (job,))


def _work(job: Job | None) -> None:
    waiting: SimpleQueue[Job] = SimpleQueue()
    while job is not None:
        job()
        job = None  # it refers to rows
        _idle.append(waiting)
        job = _next(waiting)


def _next(waiting: SimpleQueue[Job]) -> Job | None:
    """Return the next job, or None if none comes."""
    with suppress(Empty):
        return waiting.get(timeout=LINGER)
    try:
        _idle.remove(waiting)
    except ValueError:  # a job has just been given to it
        return waiting.get()
    return None
