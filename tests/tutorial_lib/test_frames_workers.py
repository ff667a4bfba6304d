"""The threads that wait for the server are used again, and end when they're idle."""

from __future__ import annotations

import _thread
import os
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import pytest

from tutorial_lib.frames import workers


@pytest.fixture(autouse=True)
def idle(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The idle threads, of which there are none at first."""
    found: list[Any] = []
    monkeypatch.setattr(workers, "_idle", found)
    return found


def thread_of_a_job() -> int:
    done: SimpleQueue[int] = SimpleQueue()
    workers.start(lambda: done.put(_thread.get_ident()))
    return done.get(timeout=60)


def wait_until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.01)


def test_an_idle_thread_gets_the_next_job(idle: list[Any]) -> None:
    first = thread_of_a_job()
    wait_until(lambda: len(idle) == 1)
    assert thread_of_a_job() == first
    wait_until(lambda: len(idle) == 1)


def test_two_jobs_run_at_once(idle: list[Any]) -> None:
    begin: SimpleQueue[None] = SimpleQueue()
    workers.start(begin.get)
    assert thread_of_a_job()
    begin.put(None)
    wait_until(lambda: len(idle) == 2)


def test_an_idle_thread_ends(idle: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "LINGER", 0.01)
    thread_of_a_job()
    wait_until(lambda: not idle)
    assert thread_of_a_job()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_fork_starts_its_own_threads(idle: list[Any]) -> None:
    thread_of_a_job()
    wait_until(lambda: len(idle) == 1)
    child = os.fork()
    if not child:
        try:
            thread_of_a_job()
        except BaseException:
            os._exit(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
