"""A role that can't create databases, with a database made for it: what works, and the errors."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from psycopg2.sql import SQL, Identifier, Literal
from sqlalchemy import URL, Engine, text

from coursekit.course.opening import start
from coursekit.errors import LessonError
from coursekit.servers.server import Server, admin
from coursekit.settings import ROOT
from tutorial_lib import explorer, frames
from tutorial_lib.db import make_engine

PASSWORD = "p@ss:w/o%20r#d?&ü\"'\\ "
OWNS = "ALTER DATABASE {database} OWNER TO {role}"
MAY_CREATE = "GRANT CREATE ON SCHEMA public TO {role}"
ADA = "INSERT INTO users (email, password, name) VALUES ('ada@x.io', 'x', 'Ada')"


@pytest.fixture(params=[OWNS, MAY_CREATE], ids=["owns", "may create"])
def given(request: pytest.FixtureRequest, url: URL) -> Iterator[URL]:
    """A new database as seen by the role that owns it, or can create tables in it."""
    name = f"given {secrets.token_hex(4)}"
    role, database = Identifier(name), Identifier(str(url.database))
    make = "CREATE ROLE {role} LOGIN NOCREATEDB NOCREATEROLE NOSUPERUSER PASSWORD {password};"
    with admin(url) as connection, connection.cursor() as cursor:
        parts = {"role": role, "database": database, "password": Literal(PASSWORD)}
        cursor.execute(SQL(make + request.param).format(**parts))
        yield url.set(username=name, password=PASSWORD)
        # The role running this may not be a superuser, and then isn't a member of the new role.
        cursor.execute(SQL("GRANT {} TO CURRENT_USER; DROP OWNED BY {}").format(role, role))
        cursor.execute(SQL("ALTER DATABASE {} OWNER TO CURRENT_USER").format(database))
        cursor.execute(SQL("DROP ROLE {}").format(role))


@pytest.fixture
def engine(given: URL) -> Iterator[Engine]:
    engine = make_engine(given)
    yield engine
    engine.dispose()


def alembic(url: URL, *words: str) -> str:
    """Run Alembic in the root of the clone, and return its output."""
    environ = {**os.environ, "DATABASE_URL": url.render_as_string(hide_password=False)}
    command = [str(Path(sys.executable).with_name("alembic")), *words]
    done = subprocess.run(
        command, cwd=ROOT, env={**environ, "TUTORIAL_POSTGRES": ""}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_role_may_not_make_a_database(engine: Engine) -> None:
    with engine.connect() as connection:
        query = "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
        assert connection.scalar(text(query)) is False


def test_migrations_explorer_and_frames_work_in_the_database(given: URL, engine: Engine) -> None:
    before = explorer.snapshot(engine)
    alembic(given, "upgrade", "head")
    assert "No new upgrade operations detected" in alembic(given, "check")
    assert re.search(
        r"added +table +users", repr(explorer.changes(before, explorer.snapshot(engine)))
    )
    with engine.begin() as connection:
        connection.execute(text(ADA))
    assert dict(explorer.tables(engine, count=True)[["table", "rows"]].to_numpy())["users"] == 1
    with engine.connect() as connection:
        pandas = pd.read_sql(text("SELECT id, email FROM users"), connection)
    assert frames.read("SELECT id, email FROM users", engine).equals(pandas)
    assert explorer.test_connection(engine).rows["user"] == given.username
    alembic(given, "downgrade", "base")
    assert explorer.tables(engine)["table"].tolist() == ["alembic_version"]


def test_a_lesson_says_at_its_start_what_the_role_lacks(
    given: URL, server: Server, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", given.render_as_string(hide_password=False))
    monkeypatch.setenv("TUTORIAL_POSTGRES", "external")
    with pytest.raises(LessonError, match="may not create databases on this server") as caught:
        start("02")
    assert PASSWORD not in str(caught.value)
