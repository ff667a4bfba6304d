"""Tests for what lessons 09 to 14 advise in order to lose no data and keep a site running."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Engine,
    Enum,
    MetaData,
    String,
    Table,
    func,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError, ProgrammingError

from coursekit.course.alembic_command import run_alembic
from coursekit.course.catalog import lesson_path
from coursekit.course.notebooks import load
from coursekit.course.opening import start
from coursekit.course.starting_state import write_files
from coursekit.errors import AlembicError
from coursekit.exercises.revision_file import revision_file

LIMITS = """    connection = op.get_bind()
    print(connection.scalar(sa.text("SHOW lock_timeout")),
          connection.scalar(sa.text("SHOW statement_timeout")))
"""
UNIQUE = "CREATE UNIQUE INDEX CONCURRENTLY u ON t (n)"


def cell(number: str, begins: str) -> str:
    """Return the source of a lesson's cell, by a part of it."""
    cells = ["".join(one["source"]) for one in load(lesson_path(number))["cells"]]
    (found,) = (source for source in cells if begins in source)
    return found


def run(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


# -- 09 Change the schema
def test_a_draft_drops_the_table_of_another_program_unless_it_is_left_out(workspace: Path) -> None:
    lesson = start("10")
    run(lesson.engine, "CREATE TABLE celery_taskmeta (id int)")
    with pytest.raises(AlembicError, match=r"remove_table.*celery_taskmeta"):
        run_alembic("check", lesson.project)
    env = lesson.project / "alembic" / "env.py"
    other = "include_object=lambda item, name, *_: name != 'celery_taskmeta', compare_type=True,"
    env.write_text(env.read_text("utf-8").replace("compare_type=True,", other), "utf-8")
    assert "No new upgrade operations" in run_alembic("check", lesson.project)


def default_differs(engine: Engine, kind: Any, default: Any) -> bool:
    """Return whether Alembic finds a difference in a default that it has just created."""
    metadata = MetaData()
    Table("t", metadata, Column("v", kind, server_default=default))
    metadata.create_all(engine)
    with engine.connect() as connection:
        options = {"compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        return bool(compare_metadata(context, metadata))


@pytest.mark.parametrize(
    ("kind", "default"),
    [(postgresql.JSONB, "{}"), (String, text("'it''s new'")), (DateTime, func.now())],
)
def test_a_server_default_is_compared(engine: Engine, kind: Any, default: Any) -> None:
    assert not default_differs(engine, kind, default)


@pytest.mark.parametrize(("kind", "default"), [(JSON, "{}"), (String, "it's new")])
def test_a_server_default_that_cannot_be_compared(engine: Engine, kind: Any, default: str) -> None:
    with pytest.raises(ProgrammingError):
        default_differs(engine, kind, default)


def test_now_as_a_string_always_differs(engine: Engine) -> None:
    assert default_differs(engine, DateTime, "now()")


def test_a_second_table_uses_an_enum_without_creating_it(engine: Engine) -> None:
    run(engine, "CREATE TYPE order_status AS ENUM ('new', 'paid')")
    values = ("new", "paid")
    again = Enum(*values, name="order_status")
    with engine.connect() as connection:
        operations = Operations(MigrationContext.configure(connection))
        with pytest.raises(ProgrammingError, match="already exists"):
            operations.create_table("parcels", Column("status", again))
    known = postgresql.ENUM(*values, name="order_status", create_type=False)
    with engine.begin() as connection:
        operations = Operations(MigrationContext.configure(connection))
        operations.create_table("parcels", Column("status", known))
        operations.drop_table("parcels")
        assert connection.scalar(text("SELECT to_regtype('order_status')"))


# -- 10 History
def test_a_second_revision_of_one_id_is_never_run(workspace: Path) -> None:
    lesson = start("10")
    for name in ("gift", "phone"):
        add = f'    op.execute("CREATE TABLE {name} ()")\n'
        write_files(revision_file("0004", name, add, "    pass\n"), lesson.project)
    run_alembic("upgrade heads", lesson.project)
    assert "Running upgrade" not in run_alembic("upgrade heads", lesson.project)
    with lesson.engine.connect() as connection:
        found = connection.scalar(
            text("SELECT count(*) FROM pg_tables WHERE tablename IN ('gift', 'phone')")
        )
    assert found == 1


# -- 11 Move data
def test_autogenerate_ignores_a_column_in_transition(workspace: Path) -> None:
    lesson = start("11")
    run(lesson.engine, "ALTER TABLE users ADD full_name text")
    with pytest.raises(AlembicError, match=r"remove_column.*full_name"):
        run_alembic("check", lesson.project)
    code = cell("11", "IN_TRANSITION").partition("```python\n")[2].partition("```")[0]
    env = lesson.project / "alembic" / "env.py"
    source = env.read_text("utf-8").replace("def get_url", f"{code}\n\ndef get_url")
    option = "include_object=include_object, compare_type=True,"
    env.write_text(source.replace("compare_type=True,", option), "utf-8")
    assert "No new upgrade operations" in run_alembic("check", lesson.project)


# -- 12 Without downtime
def test_an_sql_script_has_a_transaction_for_each_revision(workspace: Path) -> None:
    lesson = start("12")
    for number in ("0004", "0005"):
        write_files(revision_file(number, "step", "    pass\n", "    pass\n"), lesson.project)
    assert script(lesson.project).count("BEGIN;") == 1
    env = lesson.project / "alembic" / "env.py"
    (option,) = re.findall(r'both = "(.*)"', cell("12", 'both = "'))
    env.write_text(env.read_text("utf-8").replace("compare_type=True,", option), "utf-8")
    assert script(lesson.project).count("BEGIN;") == 2


def script(project: Path) -> str:
    return run_alembic("upgrade 0003:0005 --sql", project)


def test_an_index_that_failed_at_once_is_not_maintained(engine: Engine) -> None:
    run(engine, "CREATE TABLE t (n int)", "INSERT INTO t VALUES (1), (1)")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as outside:
        with pytest.raises(IntegrityError):
            outside.execute(text(UNIQUE))
        ready = "SELECT indisready FROM pg_index WHERE indexrelid = 'u'::regclass"
        assert outside.scalar(text(ready)) is False


def test_a_foreign_key_that_is_not_valid_is_checked_if_its_column_changes(engine: Engine) -> None:
    run(
        engine,
        "CREATE TABLE p (id int PRIMARY KEY)",
        "CREATE TABLE t (p int, note text)",
        "INSERT INTO t VALUES (7, 'no such p')",
        "ALTER TABLE t ADD FOREIGN KEY (p) REFERENCES p NOT VALID",
    )
    run(engine, "UPDATE t SET note = 'changed'")
    with pytest.raises(IntegrityError, match="violates foreign key"):
        run(engine, "UPDATE t SET p = 8")


# -- 13 In CI
def test_a_concurrent_index_leaves_the_limits_of_the_session(workspace: Path) -> None:
    lesson = start("13")
    env = lesson.project / "alembic" / "env.py"
    limits = """with connectable.connect() as connection:
        connection.exec_driver_sql("SET lock_timeout = '500ms'")
        connection.exec_driver_sql("SET statement_timeout = '1min'")
        connection.commit()"""
    source = env.read_text("utf-8")
    assert "with connectable.connect() as connection:" in source
    env.write_text(source.replace("with connectable.connect() as connection:", limits), "utf-8")
    add = '    op.add_column("orders", sa.Column("note", sa.Text()))\n'
    index = cell("13", "%%writefile alembic/versions/0005").partition("\n")[2]
    path = "alembic/versions/0005_index_of_notes.py"
    files = {**revision_file("0004", "note", add, "    pass\n"), path: index}
    write_files({**files, **revision_file("0006", "limits", LIMITS, "    pass\n")}, lesson.project)
    assert "500ms 1min" in run_alembic("upgrade head", lesson.project)


def test_the_limits_are_also_restored_in_an_sql_script(workspace: Path) -> None:
    lesson = start("13")
    index = cell("13", "%%writefile alembic/versions/0005").partition("\n")[2]
    files = revision_file("0004", "note", "    pass\n", "    pass\n")
    write_files({**files, "alembic/versions/0005_index.py": index}, lesson.project)
    sql = run_alembic("upgrade 0004:0005 --sql", lesson.project)
    assert sql.index("saved.") < sql.index("CREATE INDEX") < sql.rindex("saved.")
