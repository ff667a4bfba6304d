"""Tests for what lessons 09 to 14 claim in prose without showing it in an output."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from coursekit.course.alembic_command import run_alembic
from coursekit.course.catalog import lesson_path
from coursekit.course.notebooks import load
from coursekit.course.opening import start
from coursekit.course.starting_state import write_files
from coursekit.course.tool_commands import run_pytest
from coursekit.errors import AlembicError, CommandError
from coursekit.exercises.revision_file import revision_file
from coursekit.lessons.history.checks import HEADS
from coursekit.lessons.in_ci.starter import TESTED

SCANS = "SELECT pg_stat_get_xact_numscans('t'::regclass)"


def run(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


# -- 09 Change the schema
def test_a_naming_convention_names_no_check(workspace: Path) -> None:
    project = start("10").project
    models = project / "models.py"
    rule = 'CheckConstraint("quantity > 0", name="quantity_positive")'
    assert rule in models.read_text()
    models.write_text(models.read_text().replace(rule, 'CheckConstraint("quantity > 0")'))
    with pytest.raises(AlembicError, match="requires that constraint is explicitly named"):
        run_alembic("check", project)


# -- 10 History
def test_one_side_of_a_merge_goes_only_after_the_merge(workspace: Path) -> None:
    project = start("10").project
    write_files({name: text for name, text in HEADS.items() if "versions" in name}, project)
    run_alembic('merge heads -m "both" --rev-id 0005', project)
    run_alembic("upgrade head", project)
    with pytest.raises(AlembicError, match="Ambiguous walk"):
        run_alembic("downgrade 0004a@-1", project)
    run_alembic("downgrade 0004a", project)
    run_alembic("downgrade 0004a@-1", project)
    assert run_alembic("current", project).strip().endswith("0004b")


# -- 11 Move data
def test_a_default_of_the_old_column_hides_what_the_new_version_inserts(engine: Engine) -> None:
    body = "NEW.new := coalesce(NEW.new, NEW.old); NEW.old := coalesce(NEW.old, NEW.new);"
    run(
        engine,
        "CREATE TABLE t (old int NOT NULL DEFAULT 1, new int)",
        "CREATE FUNCTION both_() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN {body} RETURN NEW; END $$",
        "CREATE TRIGGER both_ BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION both_()",
        "INSERT INTO t (new) VALUES (5)",
    )
    with engine.connect() as connection:
        assert connection.execute(text("SELECT old, new FROM t")).one() == (1, 5)


# -- 12 Without downtime
def test_an_old_row_that_breaks_a_rule_cannot_be_changed_at_all(engine: Engine) -> None:
    run(
        engine,
        "CREATE TABLE t (amount int, status text)",
        "INSERT INTO t VALUES (-1, 'new')",
        "ALTER TABLE t ADD CHECK (amount >= 0) NOT VALID",
    )
    with pytest.raises(IntegrityError, match="violates check constraint"):
        run(engine, "UPDATE t SET status = 'paid'")


@pytest.mark.parametrize(("check", "read"), [("CHECK (note IS NOT NULL)", False), ("", True)])
def test_not_null_reads_no_row_when_a_valid_check_proves_it(
    engine: Engine, check: str, read: bool
) -> None:
    run(engine, "CREATE TABLE t (note text)", "INSERT INTO t VALUES ('x')")
    if check:
        run(engine, f"ALTER TABLE t ADD CONSTRAINT given {check} NOT VALID")
        run(engine, "ALTER TABLE t VALIDATE CONSTRAINT given")
    with engine.connect() as connection:
        before = connection.scalar(text(SCANS))
        connection.execute(text("ALTER TABLE t ALTER note SET NOT NULL"))
        assert (connection.scalar(text(SCANS)) > before) is read


# -- 13 In CI
@pytest.mark.slow
def test_the_long_way_back_hides_what_one_revision_leaves_behind(workspace: Path) -> None:
    """pytest-alembic's own test misses what the lesson's test finds."""
    project = start("13").project
    add = '    op.add_column("orders", sa.Column("note", sa.Text()))\n'
    test = "from pytest_alembic.tests import test_up_down_consistency\n"
    files = {name: text for name, text in TESTED.items() if "versions" not in name}
    write_files(
        {**files, **revision_file("0004", "note", add, "    pass\n"), "test_long.py": test}, project
    )
    assert "1 passed" in run_pytest("test_long.py", project, echo=False)
    cells = ["".join(cell["source"]) for cell in load(lesson_path("13"))["cells"]]
    (own,) = (source for source in cells if source.startswith("%%writefile test_migrations.py"))
    write_files({"test_each.py": own.partition("\n")[2]}, project)
    with pytest.raises(CommandError, match="1 failed"):
        run_pytest("test_each.py -k each_revision", project, echo=False)


def test_the_workflow_is_yaml_and_runs_what_the_lesson_has_shown() -> None:
    cells = ["".join(cell["source"]) for cell in load(lesson_path("13"))["cells"]]
    (source,) = (source for source in cells if "```yaml" in source)
    job = yaml.safe_load(source.partition("```yaml\n")[2].partition("```")[0])["jobs"]["migrations"]
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert commands[1:] == [
        *("alembic upgrade head", "alembic check", "pytest"),
        *("alembic upgrade 0003:head --sql > deploy.sql", "squawk deploy.sql"),
    ]
    assert "postgres:18" in job["services"]["postgres"]["image"]
