"""The examples of docs/advisory-lock.md work as they stand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, inspect, text

from support.drivers import both_drivers
from support.pages import blocks, run_alembic, write_project
from support.waiting import until
from tutorial_lib import locks
from tutorial_lib.advisory_lock import advisory_lock

pytestmark = [both_drivers, pytest.mark.slow]
SESSIONS = text(
    "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'alembic, process %' "
    "AND datname = current_database()"
)


def test_the_short_examples_run(shared: Engine) -> None:
    first, *_, last = blocks("advisory-lock.md")
    done: list[str] = []
    names: dict[str, Any] = {"engine": shared, "export": done.append}
    exec(first.replace("from app.", "from tutorial_lib."), names)
    exec(last, names)
    assert done == ["users", "orders"]


def test_two_deployments_take_turns(engine: Engine, tmp_path: Path) -> None:
    write_project(tmp_path, "advisory-lock.md")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as watcher:
        with advisory_lock(engine, "alembic"):
            both = [run_alembic(tmp_path, engine.url, "upgrade", "head") for _ in "12"]
            until(lambda: watcher.scalar(SESSIONS) == 3 or any(one.poll() for one in both))
        printed = [one.communicate()[0] for one in both]
    assert [one.returncode for one in both] == [0, 0], printed
    assert inspect(engine).has_table("jobs")


def test_offline_mode_needs_no_lock(engine: Engine, tmp_path: Path) -> None:
    write_project(tmp_path, "advisory-lock.md")
    with advisory_lock(engine, "alembic"):
        printed, _ = run_alembic(tmp_path, engine.url, "upgrade", "head", "--sql").communicate()
    assert "CREATE TABLE jobs" in printed


STEP = """
from alembic import op
revision = "0002"
down_revision = "0001"

def upgrade():
    op.execute("CREATE TABLE steps ()")
    op.execute("LOCK TABLE gate")
"""
END = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE application_name LIKE 'alembic, process %' AND datname = current_database()"
)


def test_a_migration_that_loses_the_lock_is_rolled_back(engine: Engine, tmp_path: Path) -> None:
    write_project(tmp_path, "advisory-lock.md")
    (tmp_path / "alembic" / "versions" / "0002_step.py").write_text(STEP, encoding="utf-8")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE gate ()"))
    with (
        engine.connect().execution_options(isolation_level="AUTOCOMMIT") as watcher,
        engine.connect() as gate,
    ):
        gate.execute(text("LOCK TABLE gate"))
        upgrade = run_alembic(tmp_path, engine.url, "upgrade", "head")
        assert len(locks.queue(engine, waiting=1, timeout=300)) == 2
        watcher.execute(END)
        until(lambda: watcher.scalar(SESSIONS) == 0)
        gate.rollback()
        printed, _ = upgrade.communicate()
    assert upgrade.returncode != 0
    assert "FAILED: The advisory lock 'alembic' was lost while its block ran" in printed
    assert "Traceback" not in printed
    assert inspect(engine).get_table_names() == ["gate"]
