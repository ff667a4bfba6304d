"""Run a workload: threads that call their worker when its next call is due."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Engine

from ..arguments import checked
from ..connections import Bind, engine_of
from ..errors import WorkloadError
from ..sqlstates import sqlstate_of
from .plans import Plan, Worker, plans_of
from .report import Call, WorkloadReport

GRACE = 1.0  # seconds after the block in which calls that were due can still start


@checked(WorkloadError)
@contextmanager
def run(
    bind: Bind,
    workers: Mapping[str, Worker] | None = None,
    /,
    *,
    rate: float | Mapping[str, float] | None = None,
    think_time: float | Mapping[str, float] | None = None,
    threads: int | Mapping[str, int] = 1,
    **named: Worker,
) -> Iterator[WorkloadReport]:
    """Call each worker repeatedly, in its own threads, until the block ends.

    A worker is called with a connection whose transaction is committed afterwards, like one
    request to a service. Its errors are recorded, and it's called again. The block starts
    once every worker has been called; after the block, each is called one last time.

    With a rate, calls are due at fixed times, like users' requests, whether or not the database
    responds. A call that starts late, because all threads are busy, is measured from when it was
    due; one that hasn't started a second after the block is recorded as `NotStarted`.

    Args:
        bind: The database: an engine, a connection, a session, a sessionmaker or a database
            URL. Only its engine is used. A URL's has no pool: each call opens a connection, and
            that time counts.
        rate: Calls per second of each worker: one number for all, or a dictionary with numbers
            by name. Without a rate, a thread calls again after its think time.
        think_time: Seconds from the end of a thread's call to its next one, 0.01 by default; one
            number, or a dictionary.
        threads: The number of threads of each worker; one number, or a dictionary. They share
            the engine's pool.
        workers: A dictionary of the functions to call, for names that are also options.
        named: The functions to call, by name: `readers=read`.

    Raises:
        WorkloadError: An argument is wrong. No thread was started.

    """
    engine = engine_of(bind, WorkloadError)
    options = {"rate": rate, "think_time": think_time, "threads": threads}
    plans = plans_of(workers, named, options)
    report = WorkloadReport(workers=[plan.name for plan in plans])
    services = [_Service(engine, plan, report) for plan in plans]
    running = [
        threading.Thread(target=service.serve, name=service.plan.name, daemon=True)
        for service in services
        for _ in range(service.plan.threads)
    ]
    for thread in running:
        thread.start()
    try:
        for service in services:
            service.called.wait()
        yield report
    finally:
        for service in services:
            service.end()
        for thread in running:
            thread.join()
        report.ended = time.monotonic()


@dataclass
class _Service:
    """A worker and its threads.

    Attributes:
        engine: The database.
        plan: How the worker is called.
        report: Where its calls are recorded.
        called: Set after its first call.
        stop: Set when the block has ended.
        stopped: When that was.
        tickets: How many calls of a rate have been given to threads.
        ended: How many threads have made their calls.

    """

    engine: Engine
    plan: Plan
    report: WorkloadReport
    called: threading.Event = field(default_factory=threading.Event)
    stop: threading.Event = field(default_factory=threading.Event)
    stopped: float = 0.0
    tickets: int = 0
    ended: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def serve(self) -> None:
        """Call the worker whenever a call is due, until the block has ended."""
        for due in self._at_a_rate() if self.plan.rate else self._one_after_the_other():
            self.report.calls.append(self._call(due))
            self.called.set()
        with self.lock:
            self.ended += 1
            last = self.ended == self.plan.threads
        if last:
            self._finish()

    def end(self) -> None:
        """Let no more calls become due."""
        self.stopped = time.monotonic()
        self.stop.set()

    def _finish(self) -> None:
        """Record the calls that were due and didn't start, and call the worker one last time."""
        while self.plan.rate and (due := self._due(self.tickets)) <= self.stopped:
            self._not_started(due)
            self.tickets += 1
        self.report.calls.append(self._call(time.monotonic()))  # sees the state after the block

    def _one_after_the_other(self) -> Iterator[float]:
        yield time.monotonic()
        while not self.stop.wait(self.plan.think_time):
            yield time.monotonic()

    def _at_a_rate(self) -> Iterator[float]:
        while True:
            with self.lock:
                due = self._due(self.tickets)
                self.tickets += 1
            if self.stop.wait(max(0.0, due - time.monotonic())):
                if due > self.stopped:
                    return
                if time.monotonic() > self.stopped + GRACE:
                    self._not_started(due)
                    return
            yield due

    def _due(self, ticket: int) -> float:
        return self.report.began + ticket / (self.plan.rate or 1.0)

    def _not_started(self, due: float) -> None:
        waited = time.monotonic() - due
        error = "NotStarted: no thread was free until the end"
        started = due - self.report.began
        self.report.calls.append(Call(self.plan.name, started, waited, error, delay=waited))

    def _call(self, due: float) -> Call:
        """Call the worker, in a transaction of its own, and return how that went."""
        begun, error, sqlstate = time.monotonic(), "", ""
        try:
            with self.engine.begin() as connection:
                self.plan.worker(connection)
        except BaseException as problem:  # whatever it is, it belongs in the report
            line = str(problem).strip().partition("\n")[0]
            error = f"{type(problem).__name__}: {line}"
            sqlstate = sqlstate_of(problem) if isinstance(problem, Exception) else ""
        took, start = time.monotonic() - due, due - self.report.began
        return Call(self.plan.name, start, took, error, sqlstate, max(0.0, begun - due))
