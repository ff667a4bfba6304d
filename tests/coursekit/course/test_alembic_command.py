"""`%alembic`: the real command, in a new process, in a real IPython."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from sqlalchemy import text
from traitlets.config import Config

from coursekit.course.alembic_command import run_alembic, tidy
from coursekit.course.magics import register_magics
from coursekit.course.opening import start
from coursekit.errors import AlembicError

ENV = """
from logging.config import fileConfig
from alembic import context
from sqlalchemy import MetaData, create_engine, pool
from coursekit import project_url
fileConfig(context.config.config_file_name)
with create_engine(project_url(), poolclass=pool.NullPool).connect() as connection:
    context.configure(connection=connection, target_metadata=MetaData())
    with context.begin_transaction():
        context.run_migrations()
"""


@pytest.fixture
def project(workspace: Path) -> Path:
    """The project of a started lesson, whose environment knows the lesson's URL."""
    folder = start("01").project
    run_alembic("init alembic", folder)
    (folder / "alembic" / "env.py").write_text(ENV)
    return folder


@pytest.fixture
def shell(project: Path) -> InteractiveShell:
    """A real IPython with the magic loaded, and without a history on disk."""
    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    register_magics(shell, project)
    return shell


def revise(project: Path, statement: str) -> None:
    """Write revision 0001, whose upgrade runs a statement, and whose downgrade takes a lock."""
    assert "0001_one.py" in run_alembic('revision -m "one" --rev-id 0001', project)
    path = project / "alembic" / "versions" / "0001_one.py"
    up, down = path.read_text().split("def downgrade")
    down = down.replace("pass", "op.execute('LOCK TABLE alembic_version')")
    path.write_text(up.replace("pass", statement) + "def downgrade" + down)


def test_it_prints_what_the_command_prints_with_paths_from_the_project(workspace: Path) -> None:
    output = run_alembic("init alembic", start("01").project)
    assert output.splitlines()[0] == "Creating directory alembic ...  done"
    assert str(workspace) not in output


def test_it_shows_the_log_in_its_place_and_sees_files_as_they_are(project: Path) -> None:
    revise(project, "op.execute('CREATE TABLE one ()')")
    assert "Running upgrade  -> 0001, one" in run_alembic("upgrade head", project)
    assert run_alembic("current", project).splitlines()[-1] == "0001 (head)"


def test_a_failure_raises_after_its_output(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(AlembicError) as caught:
        run_alembic("upgrade nowhere", project)
    assert str(caught.value) == (
        "alembic upgrade nowhere ended with exit code 255. "
        "It reports: FAILED: Can't locate revision identified by 'nowhere'. "
        "Read its full output above."
    )
    assert "Can't locate revision" in capsys.readouterr().out


def test_the_red_box_does_not_repeat_what_is_printed_above_it(project: Path) -> None:
    with pytest.raises(AlembicError) as caught:
        run_alembic("upgrade nowhere", project)
    assert caught.value._render_traceback_() == [
        "AlembicError: alembic upgrade nowhere ended with exit code 255.",
        "The output above says why.",
    ]
    with pytest.raises(AlembicError) as caught:
        run_alembic("upgrade nowhere", project, echo=False)
    assert "Can't locate revision" in caught.value._render_traceback_()[1]


@pytest.mark.parametrize(
    ("command", "next_step"),
    [
        ("revision --autogenerate --rev-id 0001", "go on with the next one"),
        ("revision -m one --rev-id 0001", "set its down_revision to the ID of the revision"),
    ],
)
def test_a_cell_that_runs_twice_says_what_to_do(
    project: Path, command: str, next_step: str
) -> None:
    run_alembic(command, project)
    with pytest.raises(AlembicError, match=next_step) as caught:
        run_alembic(command, project)
    assert "The output above says why." in str(caught.value)
    with pytest.raises(AlembicError, match="It reports: FAILED"):
        run_alembic(command, project, echo=False)


def test_the_plugins_of_autogenerate_are_not_listed(project: Path) -> None:
    run_alembic("upgrade head", project)
    printed = run_alembic("check", project)
    assert "plugin" not in printed
    assert printed.splitlines()[-1] == "No new upgrade operations detected."


def test_a_session_left_open_is_named_with_what_ends_it(project: Path) -> None:
    lesson = start("01", resume=True)
    revise(project, "op.execute('CREATE TABLE one ()')")
    run_alembic("upgrade head", project)
    with lesson.engine.connect() as left_open:
        pid = left_open.scalar(text("SELECT pg_backend_pid()"))
        left_open.execute(text("SELECT * FROM alembic_version WHERE 'secret' <> ''"))
        with pytest.raises(AlembicError) as caught:
            run_alembic("downgrade base", project)
    assert str(caught.value) == (
        "alembic downgrade base gave up waiting for a lock; nothing was changed. "
        f"A transaction is open: session {pid}, whose last statement began with "
        "'SELECT * FROM alembic_version WHERE'. Leave that session's `with` block or call "
        "its close(), then run this command again. Or end the session with: "
        f"SELECT pg_terminate_backend({pid})."
    )


def test_a_broken_env_py_raises_with_its_last_line(project: Path) -> None:
    (project / "alembic" / "env.py").write_text("import nothing_of_that_name")
    with pytest.raises(AlembicError, match="No module named 'nothing_of_that_name'"):
        run_alembic("current", project)


def test_a_traceback_shows_the_frames_of_the_project_and_the_error(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    revise(project, "op.execute('CREATE TABLE alembic_version ()')")
    with pytest.raises(AlembicError) as caught:
        run_alembic("upgrade head", project)
    assert (
        "It reports: sqlalchemy.exc.ProgrammingError: (psycopg2.errors.DuplicateTable) relation"
        in str(caught.value)
    )
    shown = capsys.readouterr().out
    files = re.findall(r'File "(.*?)"', shown)
    assert files[-1] == "alembic/versions/0001_one.py"
    assert not any(Path(file).is_absolute() for file in files)


def test_an_unclosed_quotation_mark_is_reported(tmp_path: Path) -> None:
    with pytest.raises(AlembicError) as caught:
        run_alembic('revision -m "one', tmp_path)
    assert str(caught.value) == (
        'alembic revision -m "one cannot be read: No closing quotation. '
        "A quotation mark was opened and not closed. "
        'Write for instance: %alembic revision -m "add users".'
    )


def test_the_same_line_works_in_a_terminal(project: Path) -> None:
    command = [str(Path(sys.executable).with_name("alembic")), "current"]
    before = {k: v for k, v in os.environ.items() if not k.startswith("TUTORIAL_WORKSPACE")}
    done = subprocess.run(command, cwd=project, env=before, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Context impl PostgresqlImpl" in done.stderr


def test_in_a_cell_it_writes_to_stdout_only(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shell.run_cell("%alembic current").success
    assert "Context impl PostgresqlImpl" in capsys.readouterr().out


def test_in_a_cell_a_failure_fails_the_cell_without_a_stack_trace(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    result = shell.run_cell("%alembic upgrade nowhere")
    assert isinstance(result.error_in_exec, AlembicError)
    assert "Traceback" not in capsys.readouterr().out


def test_braces_and_dollars_reach_the_command(shell: InteractiveShell, project: Path) -> None:
    shell.run_cell('%alembic revision -m "costs {1+1} $HOME" --rev-id 0001')
    written = next((project / "alembic" / "versions").glob("0001*.py")).read_text()
    assert "costs {1+1} $HOME" in written


def test_a_folder_called_alembic_in_the_project_hides_no_library(project: Path) -> None:
    (project / "alembic" / "__init__.py").write_text("raise SystemExit('hidden')")
    assert "Context impl PostgresqlImpl" in run_alembic("current", project)


def test_what_has_no_order_of_its_own_is_sorted() -> None:
    lines = [
        f"INFO  [alembic.ddl.postgresql] Detected sequence named '{name}_id_seq' as owned by ...\n"
        for name in ("carts", "orders", "users")
    ]
    shown = tidy("INFO  begin\n" + lines[2] + lines[0] + lines[1] + "INFO  end\n", Path("nowhere"))
    assert shown == "INFO  begin\n" + "".join(lines) + "INFO  end\n"
