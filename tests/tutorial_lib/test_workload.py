"""Workers are called repeatedly while a block runs, and their errors are reported."""

from __future__ import annotations

import threading
import time

from sqlalchemy import Connection, Engine, text

from tutorial_lib import workload


def read(connection: Connection) -> None:
    connection.execute(text("SELECT 1"))


def fail(connection: Connection) -> None:
    connection.execute(text("SELECT * FROM nothing"))


def test_a_worker_is_called_before_the_block_starts_and_during_it(engine: Engine) -> None:
    with workload.run(engine, readers=read) as seen:
        assert seen.count("readers") >= 1
        started = seen.count("readers")
        time.sleep(0.2)
        assert seen.count("readers") > started
    assert seen.errors == []
    assert repr(seen) == "readers: no error"


def test_no_worker_and_no_connection_is_left(engine: Engine) -> None:
    before = threading.active_count()
    with workload.run(engine, one=read, two=read):
        assert threading.active_count() == before + 2
    assert threading.active_count() == before
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_an_error_is_reported_once_and_the_worker_continues(engine: Engine) -> None:
    with workload.run(engine, readers=fail) as seen:
        time.sleep(0.1)
    assert len(seen.calls) > 1
    assert seen.errors == [
        "readers: ProgrammingError: (psycopg2.errors.UndefinedTable) "
        'relation "nothing" does not exist'
    ]
    assert seen.count("readers") == 0
    assert repr(seen) == seen.errors[0]


def test_commits_after_each_call(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE seen (n int)"))

    def write(connection: Connection) -> None:
        connection.execute(text("INSERT INTO seen VALUES (1)"))

    with workload.run(engine, writers=write) as seen:
        pass
    with engine.connect() as connection:
        found = connection.scalar(text("SELECT count(*) FROM seen"))
    assert found == seen.count("writers")


def test_a_calls_seconds_include_its_wait_for_a_lock(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE busy (n int)"))

    def count(connection: Connection) -> None:
        connection.execute(text("SELECT count(*) FROM busy"))

    with workload.run(engine, readers=count) as seen, engine.begin() as connection:
        connection.execute(text("LOCK TABLE busy"))
        time.sleep(0.5)
    assert seen.longest("readers") > 0.4
    assert list(seen.frame().columns) == ["worker", "started", "seconds", "error"]
    assert seen.frame()["seconds"].max() == seen.longest("readers")


def test_the_workers_stop_when_the_block_fails(engine: Engine) -> None:
    before = threading.active_count()
    try:
        with workload.run(engine, readers=read):
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert threading.active_count() == before
