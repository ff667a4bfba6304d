"""Tests for what lessons 06 and 07 claim in prose without showing it in an output."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, MetaData, create_engine, inspect, text

from coursekit.course.alembic_command import run_alembic
from coursekit.course.opening import start
from coursekit.errors import AlembicError

TABLE = "CREATE TABLE t (a int NOT NULL, b varchar(10), c text UNIQUE, d int)"


# -- 06 The first revision
@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE more (a int)",
        "ALTER TABLE t ADD e int",
        "CREATE INDEX ON t (d)",
        "ALTER TABLE t ADD UNIQUE (d)",
        "CREATE TABLE o (c text REFERENCES t (c))",
        "ALTER TABLE t ALTER b TYPE varchar(20)",
        "ALTER TABLE t ALTER a DROP NOT NULL",
        "COMMENT ON COLUMN t.d IS 'a comment'",
    ],
)
def test_autogenerate_detects(engine: Engine, change: str) -> None:
    assert differences(engine, change) != []


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TYPE mood ADD VALUE 'calm'",
        "ALTER TABLE t ADD CONSTRAINT positive CHECK (d > 0)",
        "CREATE SEQUENCE s",
    ],
)
def test_autogenerate_misses(engine: Engine, change: str) -> None:
    assert differences(engine, change) == []


def differences(engine: Engine, change: str) -> list[object]:
    """Return what Alembic finds after a change that the metadata doesn't have."""
    with engine.begin() as connection:
        connection.execute(text(f"CREATE TYPE mood AS ENUM ('happy'); {TABLE}"))
        connection.execute(text("ALTER TABLE t ADD mood mood"))
    metadata = MetaData()
    metadata.reflect(engine)
    with engine.begin() as connection:
        connection.execute(text(change))
    with engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))


def test_current_creates_no_version_table_and_a_comparison_does(workspace: Path) -> None:
    lesson = start("06")
    with lesson.engine.begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS alembic_version"))
    run_alembic("current", lesson.project)
    assert not inspect(lesson.engine).has_table("alembic_version")
    run_alembic("revision --autogenerate", lesson.project)
    assert inspect(lesson.engine).has_table("alembic_version")


def test_an_empty_revision_runs_without_an_error(workspace: Path) -> None:
    project = start("06").project
    run_alembic("revision --autogenerate", project)
    assert "Running upgrade" in run_alembic("upgrade head", project)


def test_a_linter_reports_the_import_without_its_comment(workspace: Path) -> None:
    pytest.importorskip("ruff", reason="ruff comes with TUTORIAL_DEV=1")
    env = start("07").project / "alembic" / "env.py"
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F401", str(env)]
    assert subprocess.run(command, capture_output=True).returncode == 0
    env.write_text(env.read_text().replace("  # noqa: F401, registers the tables", ""))
    assert b"`models` imported but unused" in subprocess.run(command, capture_output=True).stdout


def test_the_date_and_the_name_of_a_file_do_not_decide_the_order(workspace: Path) -> None:
    project = start("08").project
    (file,) = (project / "alembic" / "versions").glob("*.py")
    file.write_text(file.read_text().replace("Create Date: 2026", "Create Date: 2099"))
    file.rename(file.with_name("z.py"))
    run_alembic("revision -m a", project)
    assert run_alembic("history", project).splitlines()[-1].startswith("<base> -> 0001")


def test_a_package_on_the_path_needs_no_prepend_sys_path(tmp_path: Path) -> None:
    (tmp_path / "src" / "app").mkdir(parents=True)
    (tmp_path / "src" / "app" / "__init__.py").touch()
    (tmp_path / "alembic" / "versions").mkdir(parents=True)
    (tmp_path / "alembic" / "env.py").write_text("import app\n")
    ini = tmp_path / "alembic.ini"
    ini.write_text("[alembic]\nscript_location = %(here)s/alembic\npath_separator = os\n")
    command = [sys.executable, "-m", "alembic", "-c", str(ini), "current"]
    failed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert "No module named 'app'" in failed.stderr
    on_path = {**os.environ, "PYTHONPATH": str(tmp_path / "src")}
    assert subprocess.run(command, cwd=tmp_path, env=on_path).returncode == 0


def test_tables_made_by_create_all_are_marked_with_stamp(workspace: Path) -> None:
    lesson = start("07")
    made = run_alembic("upgrade head --sql", lesson.project)
    with lesson.engine.begin() as connection:
        users = made[made.index("CREATE TABLE users") : made.index("INSERT INTO")]
        connection.execute(text(users))
    with pytest.raises(AlembicError, match="already exists"):
        run_alembic("upgrade head", lesson.project, echo=False)
    run_alembic("stamp head", lesson.project)
    assert "No new upgrade operations" in run_alembic("check", lesson.project)


def test_an_integer_key_is_serial_unless_the_model_asks_for_an_identity() -> None:
    from sqlalchemy import Column, Identity, Integer, Table
    from sqlalchemy.dialects import postgresql
    from sqlalchemy.schema import CreateTable

    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    plain = Table("t", MetaData(), Column("id", Integer, primary_key=True))
    asked = Table("t", MetaData(), Column("id", Integer, Identity(), primary_key=True))
    assert "id SERIAL" in str(CreateTable(plain).compile(dialect=dialect))
    assert "AS IDENTITY" in str(CreateTable(asked).compile(dialect=dialect))


# -- 07 Upgrade
def test_a_unique_beginning_of_an_id_is_enough(workspace: Path) -> None:
    lesson = start("08")
    run_alembic("revision -m more --rev-id 78c7c6044475", lesson.project)
    assert "0001 -> 78c7c6044475" in run_alembic("upgrade 78c7", lesson.project)


def test_the_version_table_has_a_row_for_each_head(workspace: Path) -> None:
    lesson = start("08")
    for number in ("a", "b"):
        run_alembic(f"revision -m {number} --rev-id {number} --head 0001 --splice", lesson.project)
    run_alembic("upgrade heads", lesson.project)
    with lesson.engine.connect() as connection:
        found = connection.scalars(text("SELECT version_num FROM alembic_version")).all()
    assert sorted(found) == ["a", "b"]


def test_a_lock_timeout_in_connect_args_is_the_sessions(engine: Engine) -> None:
    options = {"options": "-c lock_timeout=5s"}
    other = create_engine(engine.url, connect_args=options)
    with other.connect() as connection:
        assert connection.scalar(text("SHOW lock_timeout")) == "5s"
    other.dispose()
