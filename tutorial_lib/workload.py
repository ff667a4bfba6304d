"""A service in use: functions that run again and again while something else happens.

    def read(connection):
        connection.execute(text("SELECT count(*) FROM users"))

    with workload.run(engine, readers=read) as seen:
        ...  # a migration, a backfill, a deployment
    seen.errors, seen.longest("readers")

This module knows nothing of lessons; it can be lifted into an application as it is.
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

    begun    seconds since the load began
    seconds  it took, with the wait for a connection and the commit
    error    name and first line of what went wrong; nothing when all went well
    """

    worker: str
    started: float
    seconds: float
    error: str = ""


@dataclass
class WorkloadReport:
    """What the workers have met; grows while they run."""

    calls: list[Call] = field(default_factory=list)

    @property
    def errors(self) -> list[str]:
        """What went wrong, `worker: error`, each once, in the order in which it came."""
        return list(dict.fromkeys(f"{c.worker}: {c.error}" for c in self.calls if c.error))

    def longest(self, worker: str) -> float:
        """The seconds that this worker's longest call took; 0 when it has made none."""
        return max((call.seconds for call in self.calls if call.worker == worker), default=0.0)

    def count(self, worker: str) -> int:
        """How many calls of this worker went well."""
        return sum(call.worker == worker and not call.error for call in self.calls)

    def frame(self) -> pd.DataFrame:
        """A row for each call, in the order in which they began: worker, begun, seconds, error."""
        import pandas as pd

        rows = sorted(self.calls, key=lambda call: call.started)
        return pd.DataFrame(rows, columns=["worker", "begun", "seconds", "error"])

    def __repr__(self) -> str:
        workers = sorted({call.worker for call in self.calls})
        lines = [f"{name}: {self._errors_of(name)}" for name in workers]
        return "\n".join(lines) or "Nobody has called yet."

    def _errors_of(self, worker: str) -> str:
        mine = [error for error in self.errors if error.startswith(f"{worker}: ")]
        return "; ".join(text.removeprefix(f"{worker}: ") for text in mine) or "no error"


@contextmanager
def run(engine: Engine, /, **workers: Worker) -> Iterator[WorkloadReport]:
    """Run each worker in a thread of its own until the end of the block, over and over.

    A worker gets a connection with a transaction that is committed after it, as one request
    of a service would. Its errors are noted, and it goes on. The block begins after every
    worker has been called once, and ends after each has been called once more.
    """
    seen, stop = WorkloadReport(), threading.Event()
    called = threading.Semaphore(0)
    begin = time.monotonic()

    def serve(name: str, work: Worker) -> None:
        seen.calls.append(_called(engine, name, work, begin))
        called.release()
        while not stop.wait(PAUSE):
            seen.calls.append(_called(engine, name, work, begin))
        seen.calls.append(_called(engine, name, work, begin))  # meets what the block has left

    threads = [threading.Thread(target=serve, args=each, daemon=True) for each in workers.items()]
    for thread in threads:
        thread.start()
    try:
        for _ in threads:
            called.acquire()
        yield seen
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _called(engine: Engine, name: str, work: Worker, begin: float) -> Call:
    start, error = time.monotonic(), ""
    try:
        with engine.begin() as connection:
            work(connection)
    except Exception as problem:  # whatever it is, it belongs to the report
        error = f"{type(problem).__name__}: {str(problem).strip().partition(chr(10))[0]}"
    return Call(name, start - begin, time.monotonic() - start, error)
