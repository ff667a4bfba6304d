"""What learners do to a lesson: each ends in a clear message, or just works."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from sqlalchemy import inspect, text
from traitlets.config import Config

from coursekit import project_url
from coursekit.course import databases
from coursekit.course.alembic_command import run_alembic
from coursekit.course.lesson_database import database_name
from coursekit.course.magics import register_magics
from coursekit.course.opening import start
from coursekit.errors import AlembicError, LessonError
from coursekit.servers.server import Server, admin
from coursekit.settings import read_settings


@pytest.fixture
def shell() -> InteractiveShell:
    """A real IPython without a history on disk."""
    return InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))


def test_a_lesson_can_be_started_in_the_middle(workspace: Path) -> None:
    lesson = start("07")
    assert "Running upgrade  -> 0001" in run_alembic("upgrade head", lesson.project)
    assert inspect(lesson.engine).has_table("users")


def test_lessons_can_be_started_in_any_order(workspace: Path) -> None:
    tables = [inspect(start(n).engine).get_table_names() for n in ("08", "06", "03", "08")]
    assert [sorted(found) for found in tables] == [
        ["alembic_version", "users"], [], [], ["alembic_version", "users"],
    ]  # fmt: skip


def test_a_restarted_kernel_resumes_where_it_was(workspace: Path) -> None:
    code = (
        "from coursekit import start; from coursekit.course.alembic_command import run_alembic\n"
        "run_alembic('upgrade head', start('07').project)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    resumed = start("07", resume=True)
    assert "0001 (head)" in run_alembic("current", resumed.project)


def test_a_cell_run_before_the_lesson_was_started_says_so(shell: InteractiveShell) -> None:
    register_magics(shell, None)
    result = shell.run_cell("%alembic upgrade head")
    assert str(result.error_in_exec) == (
        "No lesson is started in this kernel. %alembic works in a lesson's project; a kernel "
        "that was restarted has none. Run the lesson's first cells, or continue with: "
        'start("06", resume=True).'
    )


def test_a_deleted_project_is_reported_and_restored(workspace: Path) -> None:
    lesson = start("06")
    shutil.rmtree(lesson.project)
    with pytest.raises(AlembicError) as caught:
        run_alembic("current", lesson.project)
    assert str(caught.value) == (
        "The project's folder the-first-revision is gone. It was deleted or moved while the "
        "lesson was open. Run the cell with start() or begin() again."
    )
    assert (start("06").project / "models.py").exists()


def test_an_edited_note_is_reported_and_the_work_is_kept(workspace: Path) -> None:
    lesson = start("06")
    (lesson.project / ".lesson.json").write_text("{}")
    (lesson.project / "mine.py").write_text("mine")
    with pytest.raises(LessonError, match=r"read\. This file names the project's database"):
        project_url()
    start("06")
    (kept,) = workspace.glob("kept/the-first-revision-*/mine.py")
    assert kept.read_text() == "mine"


def test_a_file_of_the_project_that_was_broken_fails_with_its_line(workspace: Path) -> None:
    lesson = start("07")
    (lesson.project / "models.py").write_text("class User(:\n")
    with pytest.raises(AlembicError, match=r"It says: .*SyntaxError|invalid syntax"):
        run_alembic("check", lesson.project)


def test_a_dropped_database_is_reported_and_restored(workspace: Path, server: Server) -> None:
    start("07").engine.dispose()
    with admin(server.url) as connection:
        databases.drop(connection, database_name(read_settings(), server, "lesson", "upgrade"))
    with pytest.raises(LessonError, match=r"Its database does not exist\. Run start\(\"07\"\)"):
        start("07", resume=True)
    assert inspect(start("07").engine).has_table("alembic_version")


def test_a_session_left_open_in_an_own_engine_does_not_block_a_new_start(workspace: Path) -> None:
    lesson = start("08")
    left_open = lesson.engine.connect()
    left_open.execute(text("SELECT * FROM users"))
    assert inspect(start("08").engine).has_table("users")
