"""An advisory lock is polled for on its own connection, and released however the block ends."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest
from sqlalchemy import URL, Engine, create_engine, inspect, text
from sqlalchemy.exc import OperationalError

from coursekit.settings import ROOT
from support.databases import ADVISORY_LOCKS
from support.drivers import both_drivers
from support.waiting import until
from tutorial_lib.advisory_lock import advisory_lock, hold
from tutorial_lib.errors import AdvisoryLockNotAcquired

HOLD = """
import sys
from sqlalchemy import create_engine
from tutorial_lib.advisory_lock import advisory_lock
with advisory_lock(create_engine(sys.argv[1]), "alembic"):
    print("mine", flush=True)
    sys.stdin.read()
"""
ALEMBIC = [sys.executable, "-m", "alembic", "upgrade", "head"]
BOTH_WAIT = text("""
    SELECT count(*) FILTER (WHERE wait_event_type = 'Lock') = 2 OR count(*) = 4
    FROM pg_stat_activity WHERE datname = current_database()
    AND backend_type = 'client backend' AND pid <> pg_backend_pid()
""")


def other_process(url: URL) -> subprocess.Popen[str]:
    """Start a process that holds the lock until its stdin is closed."""
    argv = [sys.executable, "-c", HOLD, url.render_as_string(hide_password=False)]
    process = subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "mine\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.communicate()
    assert process.returncode is not None


def test_two_deployments_on_an_empty_database_both_succeed(external: URL, engine: Engine) -> None:
    watching = engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as gate, watching.connect() as watcher:
        gate.execute(text("CREATE TABLE alembic_version ()"))
        both = [
            subprocess.Popen(ALEMBIC, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in "12"
        ]
        until(lambda: watcher.scalar(BOTH_WAIT) or any(one.poll() is not None for one in both))
    said = [one.communicate()[1] for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    assert sum("Running upgrade  -> 0001" in each for each in said) == 1
    assert "carts" in inspect(engine).get_table_names()


@both_drivers
def test_the_second_waits_for_the_first(engine: Engine) -> None:
    seen: list[str] = []

    def second() -> None:
        with advisory_lock(engine, "job"):
            seen.append("second")

    with advisory_lock(engine, "job"):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.3)
        seen.append("first")
    thread.join()
    assert seen == ["first", "second"]


def test_another_name_is_another_lock(engine: Engine) -> None:
    with advisory_lock(engine, "one", timeout=0), advisory_lock(engine, "two", timeout=0):
        pass


@both_drivers
def test_commits_in_the_block_do_not_release_the_lock(engine: Engine) -> None:
    with advisory_lock(engine, "job"):
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE one ()"))
        with pytest.raises(AdvisoryLockNotAcquired), advisory_lock(engine, "job", timeout=0):
            pass


@both_drivers
def test_the_error_at_the_timeout_names_the_holder(url: URL, engine: Engine) -> None:
    process = other_process(url)
    try:
        with (
            pytest.raises(AdvisoryLockNotAcquired) as caught,
            advisory_lock(engine, "alembic", timeout=0.2),
        ):
            pass
    finally:
        end(process)
    message = str(caught.value)
    assert message.startswith(
        "The advisory lock 'alembic' wasn't free within 0.2 seconds. "
        f"It's held by alembic, process {process.pid} on "
    )
    assert message.endswith(
        "Wait until it's released, then run this again. Ending that process releases it too."
    )


def test_a_killed_process_releases_its_lock(url: URL, engine: Engine) -> None:
    process = other_process(url)
    process.kill()
    end(process)
    with advisory_lock(engine, "alembic", timeout=300):
        pass


def test_an_error_in_the_block_releases_the_lock(engine: Engine) -> None:
    with pytest.raises(RuntimeError), advisory_lock(engine, "job"):
        raise RuntimeError
    with advisory_lock(engine, "job", timeout=0):
        pass


@both_drivers
def test_no_pool_keeps_the_connection(engine: Engine) -> None:
    with advisory_lock(engine, "job"):
        pass
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        others = text(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        until(lambda: connection.scalar(others) == 0)


@both_drivers
def test_a_short_lock_timeout_does_not_end_the_wait(url: URL) -> None:
    hurried = create_engine(url, connect_args={"options": "-c lock_timeout=50ms"})
    waited: list[float] = []

    def second() -> None:
        started = time.monotonic()
        with advisory_lock(hurried, "job"):
            waited.append(time.monotonic() - started)

    with advisory_lock(hurried, "job"):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.5)
    thread.join()
    hurried.dispose()
    assert waited[0] > 0.2


def test_does_not_touch_a_connections_transaction(engine: Engine) -> None:
    with engine.connect() as connection:
        with advisory_lock(connection, "job"):
            assert not connection.in_transaction()
            connection.execute(text("CREATE TABLE mine ()"))
        connection.rollback()
    assert not inspect(engine).has_table("mine")


def build_concurrently(engine: Engine) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CREATE INDEX CONCURRENTLY ON busy (n)"))


@both_drivers
def test_an_index_is_built_concurrently_while_another_session_waits(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE busy (n int)"))
    entered = threading.Event()

    def second() -> None:
        with advisory_lock(engine, "job"):
            entered.set()

    with advisory_lock(engine, "job"):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.2)
        build_concurrently(engine)
        assert not entered.is_set()
    thread.join()
    assert entered.is_set()


def test_a_wait_inside_postgresql_would_deadlock_with_it(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE busy (n int)"))
    failed: list[str] = []

    def wait_inside() -> None:
        with engine.connect() as connection:
            try:
                connection.execute(text("SELECT pg_advisory_lock(7)"))
            except OperationalError as error:
                failed.append(str(error))

    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as holder:
        holder.execute(text("SELECT pg_advisory_lock(7)"))
        thread = threading.Thread(target=wait_inside)
        thread.start()
        waiting = f"{ADVISORY_LOCKS} AND NOT granted"
        until(lambda: holder.scalar(text(waiting)))
        try:
            holder.execute(text("CREATE INDEX CONCURRENTLY ON busy (n)"))
        except OperationalError as error:
            failed.append(str(error))
        holder.execute(text("SELECT pg_advisory_unlock_all()"))
    thread.join()
    engine.dispose()
    assert ["deadlock detected" in each for each in failed] == [True]


def test_the_application_name_fits_into_63_bytes() -> None:
    who = hold._application_name("a" * 100)
    assert who.startswith("a" * 30 + f", process {os.getpid()} on ")
    assert len(who) <= 63


def test_env_py_prints_the_error_on_one_line(external: URL, engine: Engine) -> None:
    env = (ROOT / "alembic" / "env.py").read_text()
    assert "ADVISORY_LOCK_TIMEOUT = 60.0" in env
    code = (
        "import pathlib, alembic.config, tutorial_lib.advisory_lock as module\n"
        "original = module.advisory_lock\n"
        "module.advisory_lock = lambda bind, name, timeout: original(bind, name, timeout=0)\n"
        "alembic.config.main(['current'], prog='alembic')"
    )
    with advisory_lock(engine, "alembic"):
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
        )
    assert done.returncode == 255
    assert done.stdout.startswith(
        "FAILED: The advisory lock 'alembic' wasn't free within 0 seconds."
    )
    assert "Traceback" not in done.stderr
