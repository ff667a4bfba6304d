"""`%pytest` and `%squawk`: the real commands, with repeatable output, raising when they fail."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from coursekit.course import commands, tool_commands
from coursekit.course.alembic_command import run_alembic
from coursekit.course.magics import register_magics
from coursekit.course.opening import start
from coursekit.course.tool_commands import run_pytest, run_squawk, tidy_findings, tidy_tests
from coursekit.errors import CommandError

RISKY = """\
BEGIN;
SET lock_timeout = '1s';
SET statement_timeout = '1s';
CREATE INDEX ix ON orders (note);
COMMIT;
"""
SAFE = "SELECT 1;\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one test that passes."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_one.py").write_text("def test_one():\n    assert True\n")
    return tmp_path


@pytest.fixture
def shell(project: Path) -> InteractiveShell:
    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    register_magics(shell, project)
    return shell


# pytest


def test_passing_tests_are_reported_without_seconds(project: Path) -> None:
    assert run_pytest("-q", project).splitlines()[-1] == "1 passed"


def test_a_test_that_fails_raises_after_its_output(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "test_two.py").write_text("def test_two():\n    assert 1 == 2\n")
    with pytest.raises(CommandError) as caught:
        run_pytest("-q", project)
    assert str(caught.value) == (
        "pytest -q ended with exit code 1. It reports: 1 failed, 1 passed. "
        "Read its full output above."
    )
    assert "test_two.py:2: in test_two" in capsys.readouterr().out


def test_no_test_at_all_is_a_failure(project: Path) -> None:
    (project / "test_one.py").unlink()
    with pytest.raises(CommandError, match=r"ended with exit code 5\. It reports: no tests ran"):
        run_pytest("-q", project, echo=False)


def test_it_sees_files_as_they_are_and_leaves_none(project: Path) -> None:
    run_pytest("-q", project)
    (project / "test_one.py").write_text("def test_one():\n    assert False\n")
    with pytest.raises(CommandError):
        run_pytest("-q", project, echo=False)
    assert sorted(path.name for path in project.iterdir()) == ["pytest.ini", "test_one.py"]


def test_a_folder_above_does_not_configure_it(project: Path) -> None:
    (project / "pytest.ini").unlink()
    (project.parent / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    assert "1 passed" in run_pytest("-q", project)


def test_it_takes_nothing_from_a_pytest_that_runs_the_notebook(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")
    monkeypatch.setenv("CI", "true")
    assert "1 passed" in run_pytest("-q", project)


def test_pytest_alembic_brings_its_fixtures(project: Path) -> None:
    assert "alembic_runner" in run_pytest("--fixtures -q", project)


def test_without_a_fork_server_it_prints_the_same(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warm = run_pytest("-q", project)
    monkeypatch.delenv("FORK_SERVER_SOCKET")
    assert run_pytest("-q", project) == warm


def test_frames_of_libraries_and_seconds_are_left_out() -> None:
    said = (
        "test_x.py:3: in test_x\n    f()\n"
        "../lib/python3.11/site-packages/lib.py:7: in f\n    raise ValueError\n       ^^^^\n"
        "E   ValueError: no\n"
        "E   (Background on this error at: https://sqlalche.me/e/21/e3q8)\n"
        "==== 1 failed in 62.01s (0:01:02) ====\n1 passed in 0.52s\n"
    )
    assert tidy_tests(said, Path("nowhere")) == (
        "test_x.py:3: in test_x\n    f()\nE   ValueError: no\n==== 1 failed ====\n1 passed\n"
    )


# squawk


def test_findings_are_printed_in_plain_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.sql").write_text(RISKY)
    with pytest.raises(CommandError) as caught:
        run_squawk("a.sql", tmp_path)
    assert str(caught.value).startswith(
        "squawk a.sql ended with exit code 1. It reports: Found 1 issue in 1 file"
    )
    assert capsys.readouterr().out.splitlines()[:3] == [
        "warning[require-concurrent-index-creation]: During normal index creation, table updates "
        "are blocked, but reads are still allowed.",
        "  at a.sql:4:1",
        "  help: Use `concurrently` to avoid blocking writes.",
    ]


def test_without_findings_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text(SAFE)
    assert run_squawk("a.sql", tmp_path).startswith("Found 0 issues in 1 file")


def test_a_configuration_in_the_project_counts(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text(RISKY)
    rules = 'excluded_rules = ["require-concurrent-index-creation"]\n'
    (tmp_path / ".squawk.toml").write_text(rules)
    assert run_squawk("a.sql", tmp_path).startswith("Found 0 issues")


def test_a_file_that_is_not_there_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"squawk nothing\.sql ended with exit code"):
        run_squawk("nothing.sql", tmp_path, echo=False)


def test_colours_and_pictures_are_left_out() -> None:
    said = (
        "\x1b[1m\x1b[33mwarning[\x1b]8;;https://x.example/r\x1b\\rule\x1b]8;;\x1b\\]\x1b[0m: No.\n"
        " \x1b[94m ╭▸ \x1b[0ma.sql:5:1\n  │\n5 │ CREATE\n  │ ━━━\n  ├ help: Do.\n  ╭╴\n1 + set\n"
        "\nFound 1 issue\n"
    )
    assert tidy_findings(said) == "warning[rule]: No.\n  at a.sql:5:1\n  help: Do.\nFound 1 issue\n"


def test_where_there_is_no_squawk_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool_commands.sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(CommandError, match=r"There is no squawk here\. Its package is built for"):
        run_squawk("a.sql", tmp_path)


# In a cell


def test_both_are_magics_that_fail_the_cell(
    shell: InteractiveShell, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "a.sql").write_text(RISKY)
    assert shell.run_cell("%pytest -q").success
    result = shell.run_cell("%squawk a.sql")
    assert isinstance(result.error_in_exec, CommandError)
    assert "Traceback" not in capsys.readouterr().out


def test_without_a_lesson_they_say_so(shell: InteractiveShell) -> None:
    register_magics(shell, None)
    for name in ("pytest", "squawk"):
        error = shell.run_cell(f"%{name}").error_in_exec
        assert str(error).startswith(f"No lesson is started in this kernel. %{name} works in")


def test_importing_start_in_a_notebook_announces_them_and_keeps_a_lessons(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("IPython.core.getipython.get_ipython", lambda: shell)
    assert shell.run_cell("from coursekit import start\n%pytest -q").success
    for name in ("alembic", "pytest", "squawk"):
        shell.magics_manager.magics["line"].pop(name)
    shell.run_cell("from coursekit import start")
    error = shell.run_cell("%alembic current").error_in_exec
    assert str(error).startswith("No lesson is started in this kernel.")


def test_an_open_quotation_mark_and_a_missing_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"pytest -k 'x cannot be read: No closing quotation"):
        run_pytest("-k 'x", tmp_path)
    with pytest.raises(CommandError, match="The project's folder gone is gone"):
        run_squawk("a.sql", tmp_path / "gone")


# > file


@pytest.mark.parametrize("warm", [True, False])
def test_what_alembic_prints_goes_into_a_file_and_its_log_does_not(
    warm: bool, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not warm:
        monkeypatch.delenv("FORK_SERVER_SOCKET")
    project = start("08").project
    log = run_alembic("upgrade head --sql > deploy.sql", project)
    assert "Running upgrade  -> 0001, create users" in log
    assert "CREATE TABLE" not in log
    written = (project / "deploy.sql").read_text()
    assert written.startswith("BEGIN;")
    assert "INFO" not in written


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["a", ">", "b"], (["a"], "b")),
        (["a", ">b"], (["a"], "b")),
        (["a", "b"], (["a", "b"], "")),
        ([">"], ([">"], "")),
        ([], ([], "")),
        (["-m", "a > b"], (["-m", "a > b"], "")),
    ],
)
def test_only_a_redirection_at_the_end_is_one(words: list[str], found: object) -> None:
    assert commands.split_redirection(words) == found


def test_a_program_is_run_in_the_project(tmp_path: Path) -> None:
    code, said = commands.run_program(["pwd"], os.environ, tmp_path)
    assert (code, said) == (0, f"{tmp_path}\n")
