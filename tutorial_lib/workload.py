"""Simulate a service in use: functions called again and again while something else happens.

def read(connection):
    connection.execute(text("SELECT count(*) FROM users"))

with workload.run(engine, readers=read) as report:
    ...  # a migration, a backfill, a deployment
report.errors, report.longest("readers")
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine

if TYPE_CHECKING:
    import pandas as pd

PAUSE = 0.01  # seconds between two calls of a worker: a person's click, not a busy loop
Worker = Callable[[Connection], object]


@dataclass(frozen=True)
class Call:
    """One call of a worker.

    Attributes:
        worker: Its name.
        started: When it started, in seconds since the workload started.
        seconds: How long it took, including the wait for a connection and the commit.
        error: Name and first line of its exception; empty if it succeeded.

    """

    worker: str
    started: float
    seconds: float
    error: str = ""


@dataclass
class WorkloadReport:
    """The calls of all workers; it grows while they run."""

    calls: list[Call] = field(default_factory=list)

    @property
    def errors(self) -> list[str]:
        """Each distinct error as `worker: error`, in the order they first occurred."""
        return list(dict.fromkeys(f"{c.worker}: {c.error}" for c in self.calls if c.error))

    def longest(self, worker: str) -> float:
        """Return how many seconds a worker's longest call took, or 0 without any call."""
        return max((call.seconds for call in self.calls if call.worker == worker), default=0.0)

    def count(self, worker: str) -> int:
        """Return the number of a worker's successful calls."""
        return sum(call.worker == worker and not call.error for call in self.calls)

    def frame(self) -> pd.DataFrame:
        """Return a DataFrame with one row per call, ordered by start."""
        import pandas as pd

        rows = sorted(self.calls, key=lambda call: call.started)
        return pd.DataFrame(rows, columns=["worker", "started", "seconds", "error"])

    def __repr__(self) -> str:
        workers = sorted({call.worker for call in self.calls})
        lines = [f"{name}: {self._errors_of(name)}" for name in workers]
        return "\n".join(lines) or "No calls yet."

    def _errors_of(self, worker: str) -> str:
        mine = [error for error in self.errors if error.startswith(f"{worker}: ")]
        return "; ".join(text.removeprefix(f"{worker}: ") for text in mine) or "no error"


@contextmanager
def run(bind: Engine | Connection, /, **workers: Worker) -> Iterator[WorkloadReport]:
    """Call each worker repeatedly, in its own thread, until the block ends.

    A worker is called with a connection whose transaction is committed afterwards, like one
    request to a service. Its errors are recorded, and it's called again. The block starts
    once every worker has been called; after the block, each is called one last time.

    Args:
        bind: The database. Of a connection, only the engine is used.
        workers: The functions to call, by name.

    """
    engine = bind.engine
    report, stop = WorkloadReport(), threading.Event()
    called = threading.Semaphore(0)
    start = time.monotonic()

    def serve(name: str, worker: Worker) -> None:
        report.calls.append(_call(engine, name, worker, start))
        called.release()
        while not stop.wait(PAUSE):
            report.calls.append(_call(engine, name, worker, start))
        report.calls.append(_call(engine, name, worker, start))  # sees the state after the block

    threads = [threading.Thread(target=serve, args=each, daemon=True) for each in workers.items()]
    for thread in threads:
        thread.start()
    try:
        for _ in threads:
            called.acquire()
        yield report
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _call(engine: Engine, name: str, worker: Worker, start: float) -> Call:
    begun, error = time.monotonic(), ""
    try:
        with engine.begin() as connection:
            worker(connection)
    except Exception as problem:  # whatever it is, it belongs in the report
        error = f"{type(problem).__name__}: {str(problem).strip().partition(chr(10))[0]}"
    return Call(name, begun - start, time.monotonic() - begun, error)
