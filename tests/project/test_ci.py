"""What CI runs: the sessions exist, every list names all of them, and changes are noticed."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import types
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from typer.main import get_command

from coursekit.cli import app
from coursekit.course.catalog import lessons, number_of
from coursekit.course.packages import supported_minors
from coursekit.settings import ROOT

RUN = (ROOT / ".ci" / "run").read_text("utf-8")
WORKFLOWS = ROOT / ".github" / "workflows"
COURSE = yaml.safe_load((WORKFLOWS / "course.yml").read_text("utf-8"))
EVERY_WEEK = "github.event_name == 'schedule' || github.event_name == 'workflow_dispatch'"


def load(name: str) -> types.ModuleType:
    """A module of .ci, which is no package."""
    spec = importlib.util.spec_from_file_location(f"ci_{name}", ROOT / ".ci" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def noxfile() -> types.ModuleType:
    pytest.importorskip("nox", reason="nox comes with TUTORIAL_DEV=1")
    spec = importlib.util.spec_from_file_location("noxfile", ROOT / "noxfile.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    spec.loader.exec_module(module)
    sys.path[:] = before
    return module


def test_every_session_says_what_it_does_and_is_in_contributing() -> None:
    pytest.importorskip("nox", reason="nox comes with TUTORIAL_DEV=1")
    command = [sys.executable, "-m", "nox", "-l"]
    listing = subprocess.check_output(command, cwd=ROOT, text=True, stderr=subprocess.STDOUT)
    sessions = re.findall(r"^[*-] (\w+)(.*)$", listing, re.M)
    rows = re.findall(r"^\| `(\w+)` \|", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.M)
    assert sorted(rows) == sorted(name for name, _ in sessions)
    assert [name for name, text in sessions if not text.startswith(" -> ")] == []


def test_ci_runs_the_sessions_of_a_change_and_every_week_the_others(
    noxfile: types.ModuleType,
) -> None:
    assert noxfile.CHANGE[0] == "tests"
    code = re.sub(r"^ *#.*$", "", RUN, flags=re.M)
    called = re.findall(r"^ *(?:sessions |side_by_side |if .*; then sessions )(.*)$", code, re.M)
    words = {word for line in called for word in re.findall(r"\w+", line.partition("||")[0])}
    assert words == set(noxfile.WEEKLY[1:])  # the first is the README's command
    first, others = RUN.index("python3 start.py test"), RUN.index("sessions lint")
    assert first < others
    assert "export TUTORIAL_DEV=1" in RUN


def test_files_that_sessions_name_exist(noxfile: types.ModuleType) -> None:
    named = (*noxfile.ON_ANY_SERVER, *noxfile.ON_ANY_PYTHON, *noxfile.ANSWERS, *noxfile.RUNNERS)
    assert [name for name in named if not (ROOT / name).exists()] == []


class Recorded:
    """A nox session that runs nothing."""

    posargs: tuple[str, ...] = ()


@pytest.mark.slow
def test_every_slow_test_is_in_a_session(
    noxfile: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUTORIAL_FULL", "1")
    selected: set[str] = set()
    record = lambda _, *words: selected.update(collected(*words))  # noqa: E731
    monkeypatch.setattr(noxfile, "pytest", record)
    for run in noxfile.answers, noxfile.runners, noxfile.slow_tests:
        run.func(Recorded())
    slow = collected("-m", "slow and not docker", "tests")
    assert slow
    assert slow - selected == set()


def collected(*words: str) -> set[str]:
    """Return the ids of the tests that pytest would run."""
    command = [sys.executable, "-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider"]
    listing = subprocess.check_output([*command, *words], cwd=ROOT, text=True)
    return {line for line in listing.splitlines() if "::" in line}


def test_tests_that_need_docker_or_servers_are_where_sessions_look(
    noxfile: types.ModuleType,
) -> None:
    sources = (ROOT / "noxfile.py").read_text("utf-8") + "".join(
        path.read_text("utf-8") for path in (ROOT / ".ci").glob("*.py")
    )
    for mark in "docker", "servers":
        files = [
            path.name
            for path in (ROOT / "tests").rglob("test_*.py")
            if f"pytest.mark.{mark}" in path.read_text("utf-8") and path.name != "test_ci.py"
        ]
        assert files
        assert [name for name in files if name not in sources] == []


def test_every_session_is_a_job_of_the_hosted_workflow(noxfile: types.ModuleType) -> None:
    jobs = set(COURSE["jobs"]["session"]["strategy"]["matrix"]["session"])
    # Its `tests` are a job per system; `whole` builds the dev container, as root, and runs the
    # lessons unpinned, as the job of that name does with a report.
    assert jobs == set(noxfile.WEEKLY) - {"tests", "devcontainer", "unpinned"}


def test_the_hosted_workflow_runs_on_every_pull_request_and_system() -> None:
    assert "pull_request" in COURSE[True]  # YAML reads `on` as true
    tests = COURSE["jobs"]["tests"]
    assert "if" not in tests
    assert "if" not in COURSE["jobs"]["session"]
    matrix = tests["strategy"]["matrix"]
    minors = supported_minors()
    assert matrix == {
        "os": ["ubuntu-latest", "macos-latest", "windows-latest"],
        "python": [f"3.{minors[0]}", "3.13", f"3.{minors[-1]}"],
    }
    weekly = {name for name, job in COURSE["jobs"].items() if job.get("if") == EVERY_WEEK}
    assert weekly == {"unpinned", "whole", "links"}


def test_the_hosted_workflow_sets_up_the_oldest_and_the_newest_python() -> None:
    minors = supported_minors()
    steps_with = [step.get("with", {}).get("python-version", "") for step in steps()]
    named = {version for text in steps_with for version in re.findall(r"3\.\d+", text)}
    assert named == {f"3.{minors[0]}", f"3.{minors[-1]}"}


def test_the_hosted_workflow_uses_commands_and_options_that_exist() -> None:
    known = get_command(app).commands  # type: ignore[attr-defined]
    lines = [shlex.split(step["run"]) for step in steps() if "run" in step]
    commands = [line for line in lines if line[0] == "python"]
    assert {line[0] for line in lines} == {"python", ".venv/bin/nox", "sudo"}
    for _, script, name, *words in commands:
        assert script == "start.py"
        if name != "test":
            known[name].make_context(name, words)  # raises for what it does not know


def test_the_hosted_workflow_may_only_read_and_pins_what_it_uses() -> None:
    assert COURSE["permissions"] == {"contents": "read"}
    assert COURSE["concurrency"]["cancel-in-progress"] is True
    pinned = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40}")
    assert [s["uses"] for s in steps() if "uses" in s and not pinned.fullmatch(s["uses"])] == []


def steps() -> list[dict[str, str]]:
    return [step for job in COURSE["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize(
    ("file", "touched"),
    [
        ("notebooks/06_the_first_revision.ipynb", ["the-first-revision"]),
        ("notebooks/starts/history/alembic.json", ["history"]),
        ("coursekit/lessons/in_ci/checks.py", ["in-ci"]),
        ("tests/answers/move_data_versions.py", ["move-data"]),
        ("docs/frames.md", []),
    ],
)
def test_a_changed_file_belongs_to_a_lesson(file: str, touched: list[str]) -> None:
    assert load("changed").changed_lessons([file]) == touched


def test_a_changed_engine_touches_lessons_across_the_course() -> None:
    changed = load("changed")
    touched = changed.changed_lessons(["coursekit/exercises/verdict.py"])
    assert len(touched) == changed.AT_MOST
    assert touched[0] == "start-here"
    assert number_of(touched[-1]) >= "10"


def test_the_matrix_shows_seconds_failures_and_gaps(tmp_path: Path) -> None:
    matrix = load("matrix")
    suite = ElementTree.Element("testsuite")
    for name, time in (("notebooks.01_connect.ipynb", "1.5"), ("06_the_first.ipynb", "2")):
        ElementTree.SubElement(suite, "testcase", classname=name, time=time)
    ElementTree.SubElement(suite[1], "failure")
    ElementTree.ElementTree(suite).write(tmp_path / "a.xml")
    assert matrix.table({"a": matrix.row(tmp_path / "a.xml"), "b": {"01": "2.0"}}) == [
        "seconds     01     06",
        "a          1.5 FAILED",
        "b          2.0      -",
    ]
    assert matrix.main(str(tmp_path)) == 1


@pytest.fixture(scope="module")
def with_a_new_lesson(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which a lesson has just been added."""
    clone = tmp_path_factory.mktemp("clone")
    for name in ("coursekit", "tutorial_lib", "tests", "notebooks", "pyproject.toml"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, clone / name)
    command = [sys.executable, ROOT / ".ci" / "new_lesson.py", "Partitions, replicas", "--root"]
    subprocess.run([*command, clone], check=True, capture_output=True)
    return clone


def test_a_new_lesson_passes_lint(with_a_new_lesson: Path) -> None:
    pytest.importorskip("ruff", reason="ruff comes with TUTORIAL_DEV=1")
    written = list(with_a_new_lesson.rglob("*partitions_replicas*"))
    assert len(written) == 3  # the notebook, the folder of its content, its answers
    for words in (["check"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *words, "--no-cache", *written]
        done = subprocess.run(command, cwd=with_a_new_lesson, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_new_lesson_is_collected(with_a_new_lesson: Path) -> None:
    new = f"{len(lessons()):02}"
    code = (
        "from coursekit.course.course_map import course_map\n"
        "from coursekit.exercises.manifest import exercises_of\n"
        "import answers\n"
        "entry, (exercise,) = course_map().entries[-1], exercises_of('partitions-replicas')\n"
        "print(entry.number, entry.file, entry.title)\n"
        "print(exercise.heading, len(answers.RIGHT[exercise.slug]), len(answers.WRONG))"
    )
    environ = {**os.environ, "PYTHONPATH": f"{with_a_new_lesson}{os.pathsep}tests"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=with_a_new_lesson, env=environ, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first == f"{new} {new}_partitions_replicas.ipynb Partitions, replicas"
    assert second.startswith(f"Exercise {new}.1 · TODO 1 ")


@pytest.mark.parametrize("slug", ["history", "10-history", "a_b", "history-new", "a" * 49])
def test_a_new_lesson_refuses_a_slug_that_would_not_do(slug: str) -> None:
    command = [sys.executable, ROOT / ".ci" / "new_lesson.py", "History", "--slug", slug]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert f"{slug} can't be the slug of a new lesson." in done.stderr
