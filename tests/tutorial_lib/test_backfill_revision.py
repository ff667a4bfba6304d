"""A backfill in a revision: it runs there, and a killed one resumes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from coursekit.course.alembic_command import run_alembic
from coursekit.course.opening import start
from coursekit.errors import AlembicError
from support.backfills import do


@pytest.fixture
def project(workspace: Path) -> Iterator[Path]:
    """Create the shop with 90 orders, and a revision that fills in their tax."""
    lesson = start("11")
    do(lesson.engine, "INSERT INTO users (name, email, password) VALUES ('A', 'a@x.io', '-')")
    insert = "INSERT INTO orders (user_id, amount) SELECT 1, n FROM generate_series(1, 90) AS n"
    do(lesson.engine, insert)
    run_alembic('revision -m "fill" --rev-id 0004', lesson.project)
    path = lesson.project / "alembic" / "versions" / "0004_fill.py"
    path.write_text(path.read_text().replace("pass", REVISION, 1))
    yield lesson.project
    lesson.engine.dispose()


REVISION = """
    from tutorial_lib import backfill
    op.add_column("orders", sa.Column("tax", sa.Numeric(10, 2)))
    with op.get_context().autocommit_block():
        done = backfill.run(
            op.get_bind(), "orders", size=30,
            set={"tax": sa.text("round(amount / 6, 2)")}, where=sa.text("tax IS NULL"),
        )
    print(done)
    op.alter_column("orders", "tax", nullable=False)
"""


def test_it_runs_in_a_revision(project: Path) -> None:
    assert "orders: 90 rows in 3 batches, 0 left" in run_alembic("upgrade head", project)
    assert run_alembic("current", project).splitlines()[-1] == "0004 (head)"


def test_a_killed_revision_resumes_where_it_stopped(project: Path) -> None:
    path = project / "alembic" / "versions" / "0004_fill.py"
    source = path.read_text()
    add = 'op.add_column("orders", sa.Column("tax", sa.Numeric(10, 2)))'
    path.write_text(source.replace(add, KILL).replace("size=30,", "size=30, progress=kill,"))
    with pytest.raises(AlembicError):  # cut off, because the end of Alembic's own block hides ours
        run_alembic("upgrade head", project, echo=False)
    assert run_alembic("current", project).splitlines()[-1] == "0003"
    path.write_text(source.replace(add, ""))
    assert "orders: 60 rows in 2 batches, 0 left" in run_alembic("upgrade head", project)
    assert run_alembic("current", project).splitlines()[-1] == "0004 (head)"


KILL = """
    op.add_column("orders", sa.Column("tax", sa.Numeric(10, 2)))
    def kill(seen):
        other = sa.create_engine(op.get_bind().engine.url, poolclass=sa.NullPool)
        with other.connect() as connection:
            connection.execute(sa.text(f"SELECT pg_terminate_backend({seen.pid}, 5000)"))
"""
