"""The finished migration environment at the root, run as you would run it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import URL, Engine, inspect, text

from coursekit.course.catalog import LAST_CHANGE, following
from coursekit.course.opening import start
from coursekit.course.starting_state import SHOP
from coursekit.servers.embedded import EmbeddedServer
from coursekit.settings import ROOT
from tutorial_lib import explorer, orders

ALEMBIC = [str(Path(sys.executable).with_name("alembic"))]


def alembic(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the console script in the root of the clone."""
    return subprocess.run(
        [*ALEMBIC, *words],
        cwd=ROOT,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
    )


def worked(*words: str) -> str:
    """Return the output of a command that must succeed."""
    done = alembic(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def schema(engine: Engine) -> list[tuple[str, str, str]]:
    """Return every column, constraint and index of the public schema, as PostgreSQL lists them."""
    query = """
        SELECT 'column', table_name || '.' || column_name,
               concat_ws(' ', data_type, character_maximum_length, is_nullable, column_default)
        FROM information_schema.columns WHERE table_schema = 'public'
        UNION ALL SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
        UNION ALL SELECT 'sequence', sequence_name, data_type FROM information_schema.sequences
        UNION ALL SELECT 'type', typname, typtype::text FROM pg_type
        WHERE typnamespace = 'public'::regnamespace ORDER BY 1, 2, 3"""
    with engine.connect() as connection:
        return [(row[0], row[1], row[2]) for row in connection.execute(text(query))]


@pytest.fixture
def upgraded(external: URL, engine: Engine) -> Engine:
    """An engine for a database at the newest revision."""
    worked("upgrade", "head")
    return engine


def test_upgrade_makes_the_tables_of_the_models(upgraded: Engine) -> None:
    tables = sorted(inspect(upgraded).get_table_names())
    assert tables == ["alembic_version", "carts", "orders", "users"]
    assert "No new upgrade operations detected" in worked("check")


def test_the_lessons_build_the_same_database(upgraded: Engine, workspace: Path) -> None:
    """The last lesson that changes the application leaves what the root's revisions make."""
    lesson = start(following(LAST_CHANGE))
    changes = explorer.changes(explorer.snapshot(upgraded), explorer.snapshot(lesson.engine))
    # The databases of lessons have timeouts, and UTC as their time zone.
    assert [change for change in changes.all if change.kind != "setting"] == []


def test_the_lessons_build_what_the_models_describe(workspace: Path) -> None:
    lesson = start(following(LAST_CHANGE))
    options = {"compare_type": True, "compare_server_default": True}
    with lesson.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, orders.Order.metadata) == []


def test_later_lessons_start_with_the_finished_application() -> None:
    assert following(LAST_CHANGE) == SHOP


def test_there_and_back_and_offline_it_is_the_same_schema(upgraded: Engine) -> None:
    before = schema(upgraded)
    worked("downgrade", "base")
    assert inspect(upgraded).get_table_names() == ["alembic_version"]
    worked("upgrade", "head")
    assert schema(upgraded) == before
    with upgraded.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE; CREATE SCHEMA public"))
        connection.connection.cursor().execute(worked("upgrade", "head", "--sql"))
    assert schema(upgraded) == before


def test_check_fails_when_the_database_has_drifted(upgraded: Engine) -> None:
    with upgraded.begin() as connection:
        connection.execute(text("ALTER TABLE users ALTER name TYPE varchar(80)"))
    done = alembic("check")
    assert done.returncode == 255
    assert "New upgrade operations detected" in done.stdout


def test_offline_sql_starts_no_server(tmp_path: Path) -> None:
    home = tmp_path / "server"
    done = alembic("upgrade", "head", "--sql", TUTORIAL_SERVER_HOME=str(home))
    assert "CREATE TABLE users" in done.stdout
    assert not home.exists()


def test_the_embedded_server_is_started_for_it(tmp_path: Path) -> None:
    home = tmp_path / "server"
    try:
        done = alembic("upgrade", "head", TUTORIAL_SERVER_HOME=str(home))
        assert "Running upgrade  -> 0001, users" in done.stderr
    finally:
        EmbeddedServer(home).remove()


def test_a_password_of_special_characters_is_no_trouble(external: URL, engine: Engine) -> None:
    password = "p@s:s/w%20#?ü 'x"
    with engine.begin() as connection:
        quoted = password.replace("'", "''")
        connection.execute(text(f"CREATE ROLE alembic_odd LOGIN PASSWORD '{quoted}'"))
        connection.execute(text("GRANT ALL ON SCHEMA public TO alembic_odd"))
    try:
        odd = external.set(username="alembic_odd", password=password)
        done = alembic("upgrade", "head", DATABASE_URL=odd.render_as_string(hide_password=False))
        assert done.returncode == 0, done.stderr
    finally:
        with engine.begin() as connection:
            connection.execute(text("DROP OWNED BY alembic_odd; DROP ROLE alembic_odd"))


@pytest.mark.slow  # it waits five seconds for the lock
def test_a_migration_gives_up_when_it_cannot_get_its_lock(upgraded: Engine) -> None:
    with upgraded.connect() as connection:
        connection.execute(text("LOCK TABLE users IN ACCESS SHARE MODE"))
        done = alembic("downgrade", "base")
    assert done.returncode != 0
    assert "canceling statement due to lock timeout" in done.stderr
    assert "users" in inspect(upgraded).get_table_names()


def test_an_address_that_fails_is_one_line_without_a_traceback(external: URL) -> None:
    broken = external.set(password="canary").render_as_string(hide_password=False)
    done = alembic("current", DATABASE_URL=broken)
    assert done.returncode == 255
    assert done.stdout.startswith("FAILED: Can't connect to 127.0.0.1:")
    assert "Traceback" not in done.stderr
    assert "canary" not in done.stdout + done.stderr


def test_half_an_address_is_one_line_as_well() -> None:
    half = {"DATABASE_URL": "", "DATABASE_HOST": "db.example"}
    done = alembic("current", TUTORIAL_POSTGRES="", **half)
    assert done.stdout.startswith("FAILED: DATABASE_HOST is set, but DATABASE_PORT and")
    assert "Traceback" not in done.stderr


def test_loggers_that_exist_are_left_alone() -> None:
    code = (
        "import logging, sys; other = logging.getLogger('other')\n"
        "from alembic.config import Config; from alembic import command\n"
        "command.upgrade(Config('alembic.ini'), 'head', sql=True)\n"
        "sys.exit(other.disabled)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)


def test_a_revision_needs_no_class_of_ours(external: URL, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "alembic", tmp_path / "alembic")
    shutil.copy(ROOT / "alembic.ini", tmp_path)
    for revision in (tmp_path / "alembic" / "versions").glob("*.py"):
        revision.unlink()
    command = [*ALEMBIC, "revision", "--autogenerate", "-m", "users", "--rev-id", "0001"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    written = (tmp_path / "alembic" / "versions" / "0001_users.py").read_text()
    assert "sa.Column('password', sa.String(length=255), nullable=False)" in written
    assert "tutorial_lib" not in written


def test_the_folder_hides_no_library() -> None:
    assert not (ROOT / "alembic" / "__init__.py").exists()
    code = "import alembic.op, alembic.config; print(alembic.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "site-packages" in done.stdout
