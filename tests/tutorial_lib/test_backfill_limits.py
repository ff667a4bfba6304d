"""statement_timeout, Ctrl-C, a target time and replicas: a backfill between its batches."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine, text

from support.backfills import ORDERS, do, fill, rows
from support.drivers import both_drivers
from tutorial_lib import backfill
from tutorial_lib.backfill.pace import Pace
from tutorial_lib.backfill.replicas import Replicas
from tutorial_lib.errors import BackfillError


@pytest.fixture
def orders(shared: Engine) -> Engine:
    do(shared, ORDERS)
    return shared


@pytest.mark.slow
@both_drivers
def test_a_statement_timeout_of_the_final_count_does_not_fail_a_finished_backfill(
    orders: Engine,
) -> None:
    # Counting 1,000 rows takes seconds, an update of ten rows doesn't.
    do(
        orders,
        "CREATE FUNCTION slow(tax int) RETURNS bool LANGUAGE sql AS "
        "'SELECT pg_sleep(0.002) IS NOT NULL AND tax IS NULL'",
    )
    do(orders, "DELETE FROM orders WHERE id > 100")
    with orders.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = '150ms'"))
        done = fill(connection, where=text("slow(tax)"), size=10)
        shown = connection.scalar(text("SHOW statement_timeout"))
        connection.execute(text("RESET statement_timeout"))
    assert (done.rows, done.left, shown) == (100, 0, "150ms")


@pytest.mark.slow
@both_drivers
def test_a_batch_that_takes_longer_than_statement_timeout_is_halved(orders: Engine) -> None:
    do(orders, "DELETE FROM orders WHERE id > 40")
    with orders.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = '300ms'"))
        values = {"tax": text("length(pg_sleep(0.02)::text)")}
        done = fill(connection, set=values, size=40)
        connection.execute(text("RESET statement_timeout"))
    assert (done.rows, done.left) == (40, 0)
    assert done.batches >= 4


@both_drivers
def test_a_query_that_another_session_cancels_is_not_run_again(orders: Engine) -> None:
    def cancel() -> None:
        query = (
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep' "
            "AND application_name = 'backfill orders' AND datname = current_database()"
        )
        while not rows(orders, query):
            time.sleep(0.01)

    thread = threading.Thread(target=cancel)
    thread.start()
    with pytest.raises(BackfillError, match="canceling statement due to user request"):
        fill(orders, set={"tax": text("length(pg_sleep(600)::text)")})
    thread.join()


@both_drivers
def test_ctrl_c_between_two_batches_says_how_far_it_came(orders: Engine) -> None:
    def press(seen: backfill.BackfillProgress) -> None:
        if seen.batches == 4:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as caught:
        fill(orders, progress=press)
    assert caught.value.__notes__ == [
        "The backfill of orders stopped after 400 rows. It had reached id 400; "
        "the batch that was running may be committed, too. What was committed stays. "
        "Run it again to continue from there."
    ]
    assert rows(orders, "SELECT count(tax) FROM orders") == [400]
    assert fill(orders).rows == 600


def adapted(size: int, seconds: float, rows: int | None = None) -> int:
    """Return the size after a batch that took so long, with a target time of 2 seconds."""
    pace = Pace(size, target_time=2.0, seconds=seconds)
    pace.updated(size if rows is None else rows)
    return pace.size


@pytest.mark.parametrize(
    ("seconds", "size"),
    [(2.0, 2000), (1.0, 4000), (0.1, 4000), (0.0, 4000), (3.0, 1333), (8, 1000)],
)
def test_the_size_follows_the_target_time(seconds: float, size: int) -> None:
    assert adapted(2000, seconds) == size


def test_the_size_stays_within_its_bounds() -> None:
    assert (adapted(80_000, 0.1), adapted(15, 60)) == (100_000, 10)
    assert (adapted(200_000, 0.1), adapted(3, 60)) == (200_000, 3)


def test_a_batch_that_is_not_full_leaves_the_size_as_it_is() -> None:
    assert adapted(2000, 0.1, rows=1999) == 2000


def test_without_a_target_time_the_size_stays() -> None:
    pace = Pace(2000, seconds=60)
    pace.updated(2000)
    assert pace.size == 2000


def test_the_time_of_each_update_is_measured(
    orders: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = itertools.count()  # each look at it is a second later: an update takes one
    monkeypatch.setattr("tutorial_lib.backfill.pace.time.monotonic", lambda: next(clock))
    sizes: list[int] = []
    fill(orders, size=100, target_time=4.0, progress=lambda seen: sizes.append(seen.rows))
    assert sizes == [100, 300, 700, 1000]


class Primary:
    """What a connection to a primary with two replicas answers, second by second."""

    def __init__(self, *positions: tuple[int, int | None, int | None]) -> None:
        self.positions = iter(positions)
        self.now = 0.0

    def execute(self, _: object) -> Any:
        written, *replayed = next(self.positions)
        rows = [
            SimpleNamespace(written=written, pid=n, name=f"replica {n}", replayed=one, hidden=False)
            for n, one in enumerate(replayed, start=1)
        ]
        return SimpleNamespace(all=lambda: rows)

    def sleep(self, _: float) -> None:
        self.now += 1.0

    def replicas(self, monkeypatch: pytest.MonkeyPatch, max_lag: float) -> Replicas:
        module = "tutorial_lib.backfill.replicas.time"
        monkeypatch.setattr(f"{module}.monotonic", lambda: self.now)
        monkeypatch.setattr(f"{module}.sleep", self.sleep)
        return Replicas(self, max_lag)  # type: ignore[arg-type]


def test_it_waits_until_the_slowest_replica_is_near_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stuck = [(100, 100, 40)] * 5
    primary = Primary(*stuck, (100, 100, 100), (200, 150, 200), (200, 200, 200))
    replicas = primary.replicas(monkeypatch, max_lag=2.0)
    replicas.wait()  # what it lacks isn't older than 2 seconds yet
    assert primary.now == 0.0
    primary.now = 10.0
    replicas.wait()
    assert primary.now == 14.0


def test_a_replica_that_only_receives_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    primary = Primary((100, None, 100), (200, None, 200))
    replicas = primary.replicas(monkeypatch, max_lag=0.0)
    replicas.wait()
    replicas.wait()
    assert primary.now == 0.0


def test_a_replica_that_stays_behind_ends_the_backfill(monkeypatch: pytest.MonkeyPatch) -> None:
    replicas = Primary(*[(100, 100, 40)] * 700).replicas(monkeypatch, max_lag=0.0)
    with pytest.raises(BackfillError) as caught:
        replicas.wait()
    assert caught.value.what == "replica 2 is 0 seconds behind, or more."
    assert caught.value.why == "The backfill has waited for it for 10 minutes."


@both_drivers
def test_max_lag_without_a_replica_waits_for_nothing(orders: Engine) -> None:
    assert fill(orders, max_lag=0.0).left == 0


@both_drivers
def test_a_role_that_cannot_see_the_replicas_is_told_before_a_row_is_written(
    orders: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = "SELECT 1 AS written, 2 AS pid, NULL AS name, NULL AS replayed, true AS hidden"
    monkeypatch.setattr("tutorial_lib.backfill.replicas.QUERY", text(hidden))
    with pytest.raises(BackfillError, match="GRANT pg_monitor TO the role"):
        fill(orders, max_lag=1.0)
    assert rows(orders, "SELECT count(tax) FROM orders") == [0]


def test_importing_it_loads_no_driver_and_no_rich() -> None:
    code = "import sys; from tutorial_lib import backfill; backfill.run; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert {"psycopg2", "psycopg", "rich", "IPython"}.isdisjoint(loaded.stdout.split())
