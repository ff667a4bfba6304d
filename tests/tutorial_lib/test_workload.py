"""Workers are called repeatedly while a block runs, and their errors are reported."""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.orm import Session

from support.drivers import both_drivers
from tutorial_lib import workload
from tutorial_lib.errors import WorkloadError
from tutorial_lib.workload import Call, WorkerSummary, WorkloadReport, runner

pytestmark = both_drivers


def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so; a test that waits for minutes has failed."""
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def read(connection: Connection) -> None:
    connection.execute(text("SELECT 1"))


def fail(connection: Connection) -> None:
    connection.execute(text("SELECT * FROM nothing"))


def test_a_worker_is_called_before_the_block_starts_and_during_it(shared: Engine) -> None:
    with workload.run(shared, readers=read) as seen:
        assert seen.count("readers") >= 1
        until(lambda: seen.count("readers") > 3)
    assert seen.errors == []


def test_no_worker_and_no_connection_is_left(shared: Engine) -> None:
    before = threading.active_count()
    with workload.run(shared, one=read, two=read):
        assert threading.active_count() == before + 2
    assert threading.active_count() == before
    assert shared.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_an_error_is_reported_once_and_the_worker_continues(shared: Engine) -> None:
    with workload.run(shared, readers=fail) as seen:
        until(lambda: len(seen.calls) > 3)
    assert len(seen.calls) > 1
    missing = 'relation "nothing" does not exist'
    driver = shared.dialect.driver
    error = f"readers: ProgrammingError: ({driver}.errors.UndefinedTable) {missing}"
    assert seen.errors == [error]
    assert seen.count("readers") == 0
    calls = len(seen.calls)
    assert seen.error_summary() == [
        workload.ErrorSummary("readers", "ProgrammingError", "42P01", calls, missing)
    ]
    assert repr(seen).splitlines()[-1] == (
        f"readers: ProgrammingError 42P01, {calls} calls: {missing}"
    )


def test_commits_after_each_call(shared: Engine) -> None:
    with shared.begin() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS seen (n int)"))

    def write(connection: Connection) -> None:
        connection.execute(text("INSERT INTO seen VALUES (1)"))

    with workload.run(shared, writers=write) as seen:
        pass
    with shared.connect() as connection:
        found = connection.scalar(text("SELECT count(*) FROM seen"))
    assert found == seen.count("writers")


def test_a_calls_seconds_include_its_wait_for_a_lock(shared: Engine) -> None:
    with shared.begin() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS busy (n int)"))

    def count(connection: Connection) -> None:
        connection.execute(text("SELECT count(*) FROM busy"))

    with workload.run(shared, readers=count) as seen, shared.begin() as connection:
        connection.execute(text("LOCK TABLE busy"))
        time.sleep(0.5)
    assert seen.longest("readers") > 0.4
    assert list(seen.frame().columns)[:4] == ["worker", "started", "seconds", "error"]
    assert seen.frame()["seconds"].max() == seen.longest("readers")


def test_the_workers_stop_when_the_block_fails(shared: Engine) -> None:
    before = threading.active_count()
    try:
        with workload.run(shared, readers=read):
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert threading.active_count() == before


def test_threads_call_a_worker_at_the_same_time(shared: Engine) -> None:
    together = threading.Barrier(3)

    def meet(connection: Connection) -> None:
        if not ended.is_set():
            together.wait(120)

    ended = threading.Event()
    with workload.run(shared, threads=3, people=meet) as seen:
        until(lambda: seen.count("people") >= 6)
        ended.set()
        together.abort()
    assert seen.count("people") >= 6


def test_a_rate_makes_calls_due_at_fixed_times(shared: Engine) -> None:
    with workload.run(shared, rate=200, readers=read) as seen:
        until(lambda: len(seen.calls) >= 20)
    due = sorted(call.started for call in seen.calls)[:20]
    assert due == pytest.approx([n / 200 for n in range(20)])


def test_calls_that_start_late_are_measured_from_when_they_were_due(shared: Engine) -> None:
    first = threading.Event()
    go = threading.Event()

    def slow(connection: Connection) -> None:
        if not first.is_set():
            first.set()  # the block can only start when this call has ended
            return
        go.wait(120)

    with workload.run(shared, rate=100, people=slow) as seen:
        time.sleep(0.5)  # the second call hangs, and the next fifty can't start
        go.set()
        until(lambda: len(seen.calls) >= 40)
    waits = [call.seconds for call in sorted(seen.calls, key=lambda call: call.started)][1:40]
    assert waits[0] > 0.4
    assert waits[20] > 0.2  # it took no time itself, but was due 0.2 seconds after the second
    assert seen.percentile("people", 50) > 0.1
    late = [call for call in seen.calls if call.delay]
    assert all(call.delay <= call.seconds for call in late)


@pytest.fixture
def hang(monkeypatch: pytest.MonkeyPatch) -> Callable[[Connection], None]:
    """A worker whose second call hangs until the block has ended."""
    numbers, ended = itertools.count(), threading.Event()
    end = runner._Service.end
    monkeypatch.setattr(runner._Service, "end", lambda service: (end(service), ended.set()))

    def call(connection: Connection) -> None:
        if next(numbers) == 1:
            ended.wait(120)

    return call


def test_calls_that_did_not_start_before_the_end_are_reported(
    shared: Engine, hang: Callable[[Connection], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "GRACE", 0)
    with workload.run(shared, rate=100, people=hang) as seen:
        time.sleep(0.3)
    missing = [call for call in seen.calls if call.error]
    assert seen.errors == ["people: NotStarted: no thread was free until the end"]
    assert len(missing) > 20
    assert max(call.seconds for call in missing) > 0.2
    assert seen.error_summary()[0].kind == "NotStarted"


def test_calls_that_were_due_at_the_end_are_still_made(
    shared: Engine, hang: Callable[[Connection], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "GRACE", 120)
    with workload.run(shared, rate=100, people=hang) as seen:
        time.sleep(0.3)
    assert seen.errors == []
    assert seen.count("people") > 20


def test_a_think_time_is_between_two_calls_of_a_thread(shared: Engine) -> None:
    with workload.run(shared, think_time={"slow": 600}, slow=read, quick=read) as seen:
        until(lambda: seen.count("quick") > 5)
        assert seen.count("slow") == 1
    assert seen.count("slow") == 2  # and once after the block


def test_a_worker_that_ends_its_thread_is_reported(shared: Engine) -> None:
    def leave(connection: Connection) -> None:
        raise SystemExit("enough")

    with workload.run(shared, people=leave) as seen:
        until(lambda: len(seen.calls) > 2)
    assert seen.errors == ["people: SystemExit: enough"]


def test_with_a_url_every_call_opens_a_connection(shared: Engine) -> None:
    pids: list[object] = []

    def pid(connection: Connection) -> None:
        pids.append(connection.scalar(text("SELECT pg_backend_pid()")))

    with workload.run(shared.url, readers=pid) as seen:
        until(lambda: len(pids) > 3)
    assert len(set(pids)) == len(pids)
    assert seen.errors == []


def test_a_session_and_a_dictionary_of_workers_are_taken(shared: Engine) -> None:
    with Session(shared) as session, workload.run(session, {"rate": read}, threads=2) as seen:
        pass
    assert seen.count("rate") >= 2


def report() -> WorkloadReport:
    """The calls of ten seconds: 100 of a reader, of 1 to 100 milliseconds, and 2 of a writer."""
    calls = [Call("reader", n / 10, (n + 1) / 1000) for n in range(100)]
    failed = "OperationalError: (psycopg.errors.LockNotAvailable) canceling <statement>"
    calls += [Call("writer", 1, 2.5, failed, "55P03"), Call("writer", 2, 0.1)]
    return WorkloadReport(calls, began=5.0, ended=15.0)


def test_a_percentile_is_the_time_of_a_call(shared: Engine) -> None:
    found = [report().percentile("reader", percent) for percent in (0, 50, 95, 99, 99.5, 100)]
    assert found == [0.001, 0.05, 0.095, 0.099, 0.1, 0.1]
    for wrong in (-1, 101, "50", True, float("nan")):
        with pytest.raises(WorkloadError, match="from 0 to 100"):
            report().percentile("reader", wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("ask", ["longest", "count", "percentile"])
def test_a_misspelt_worker_is_no_success(shared: Engine, ask: str) -> None:
    arguments = (50,) if ask == "percentile" else ()
    with pytest.raises(WorkloadError, match="no worker 'reders'"):
        getattr(replace(report(), workers=["idle"]), ask)("reders", *arguments)
    assert getattr(replace(report(), workers=["idle"]), ask)("idle", *arguments) == 0


def test_the_report_is_a_table(shared: Engine) -> None:
    assert report().summary() == [
        WorkerSummary("reader", 100, 0, 10.0, 0.05, 0.095, 0.099, 0.1),
        WorkerSummary("writer", 2, 1, 0.1, 0.1, 2.5, 2.5, 2.5),
    ]
    assert repr(report()) == TABLE.strip()
    page = report()._repr_html_()
    assert page.count("<tr>") == 3
    assert "canceling &lt;statement&gt;" in page


TABLE = """
worker  calls  errors  per second       p50      p95      p99       max
reader    100       0        10.0   50.0 ms  95.0 ms  99.0 ms  100.0 ms
writer      2       1         0.1  100.0 ms   2.50 s   2.50 s    2.50 s
writer: OperationalError 55P03, 1 call: canceling <statement>
"""


def test_a_report_without_calls_says_so(shared: Engine) -> None:
    assert repr(WorkloadReport()) == "No calls yet."
    assert WorkloadReport()._repr_html_() == "<p>No calls yet.</p>"


async def later(connection: Connection) -> None:
    """A coroutine, which isn't run when it's called."""


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no worker": ({}, "There's no function to call"),
    "no function": ({"readers": "SELECT 1"}, "readers can't be called: it's 'SELECT 1'"),
    "an option that isn't one": ({"readers": read, "pause": 5}, "no option pause; it has rate"),
    "no argument": ({"readers": lambda: None}, "can't be called with a connection"),
    "two arguments": ({"readers": lambda a, b: None}, "can't be called with a connection"),
    "a coroutine": ({"readers": later}, "readers is a coroutine or a generator"),
    "the name of an option": ({"rate": read}, "rate is an option of workload.run"),
    "rate 0": ({"readers": read, "rate": 0}, "rate must be more than 0"),
    "a negative rate": ({"readers": read, "rate": -5}, "rate must be more than 0"),
    "a rate without end": ({"readers": read, "rate": float("inf")}, "rate must be more than 0"),
    "a rate as a string": ({"readers": read, "rate": "50/s"}, "not '50/s'"),
    "a rate for nobody": ({"readers": read, "rate": {"reader": 5}}, "Did you mean readers?"),
    "no thread": ({"readers": read, "threads": 0}, "threads is 0"),
    "a rate that is no number": ({"readers": read, "rate": float("nan")}, "not nan"),
    "half a thread": ({"readers": read, "threads": 1.5}, "threads must be a whole number"),
    "an endless think time": ({"readers": read, "think_time": math.inf}, "think_time must be at"),
    "a negative think time": ({"readers": read, "think_time": -1}, "think_time must be at least"),
    "a rate and a think time": (
        {"readers": read, "rate": 5, "think_time": 1},
        "readers has both a rate and a think time",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_in_the_call_is_one_clear_error(shared: Engine, name: str) -> None:
    arguments, message = WRONG[name]
    before = threading.active_count()
    with pytest.raises(WorkloadError) as caught, workload.run(shared, **arguments):
        pass
    assert message in str(caught.value)
    assert threading.active_count() == before


def test_a_bind_or_a_second_argument_that_is_none_is_refused(shared: Engine) -> None:
    with pytest.raises(WorkloadError), workload.run(None, readers=read):  # type: ignore[arg-type]
        pass
    with pytest.raises(WorkloadError, match="readers=read"), workload.run(shared, read):  # type: ignore[arg-type]
        pass
    with pytest.raises(WorkloadError, match="two"), workload.run(shared, {"a": read}, a=read):
        pass
