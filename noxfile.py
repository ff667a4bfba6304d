"""What CI runs, one session each: `.venv/bin/nox -l` lists them, `nox -s lint` runs one.

Sessions use the project's environment: run `TUTORIAL_DEV=1 python3 start.py doctor` once.
For a change a session takes samples and the lessons that changed; with TUTORIAL_FULL=1 it runs
whole, as every week. tests/conftest.py has the rule. `.ci/run` runs them all in a good order.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / ".ci"))

import debian  # noqa: E402  these are in .ci
import docker_engine  # noqa: E402
import other_python  # noqa: E402
import postgres  # noqa: E402
from commands import (  # noqa: E402
    PYTHON,
    RESULTS,
    full,
    junit,
    lessons_changed,
    module,
    pip,
    pytest,
    samples,
    tutorial,
    verify,
)

CHANGE = (
    *("tests", "lint", "refresh", "answers", "runners", "slow_tests"),
    *("browser", "containers", "external_servers"),
)
WEEKLY = (*CHANGE, "newest_python", "default_kernels", "devcontainer", "unpinned", "pins")
ANSWERS = tuple(f"tests/coursekit/exercises/test_{name}_answers.py" for name in ("right", "wrong"))
RUNNERS = (
    "tests/coursekit/exercises/test_nbgrader.py",
    "tests/coursekit/instructor/test_runners.py",
    "tests/coursekit/lessons/test_whole_course.py",
)
# What queries a server, and doesn't look at the embedded one itself. Reading has a test of its own
# for all servers.
WITHOUT_SERVER = ("test_hashing", "test_lock_arguments", "test_sqlstates", "test_take_home")
ON_ANY_SERVER = (
    "tests/project/test_alembic_root.py",
    *(
        path.relative_to(ROOT).as_posix()
        for path in sorted((ROOT / "tests" / "tutorial_lib").glob("test_*.py"))
        if not path.name.startswith(WITHOUT_SERVER)
        and ("_frames" not in path.name or "_write" in path.name)
    ),
    *(f"tests/coursekit/course/test_{name}.py" for name in ("alembic_command", "databases")),
    "tests/coursekit/course/test_lesson.py",
    *(f"tests/coursekit/servers/test_{name}.py" for name in ("external", "restricted_role")),
)
# What depends on the version of Python: processes, tracebacks, warnings, what lessons state.
ON_ANY_PYTHON = (
    *("tests/coursekit/kernel", "tests/coursekit/lessons", "tests/project/test_start.py"),
    "tests/project/test_start_faults.py",
    *(f"tests/coursekit/course/test_{name}.py" for name in ("alembic_command", "tool_commands")),
    *(f"tests/coursekit/course/test_{name}.py" for name in ("autoreload", "jupyterlab")),
    *("tests/coursekit/instructor/test_fail_closed.py", "tests/coursekit/test_settings.py"),
    *("tests/coursekit/servers/test_restricted_role.py", "tests/coursekit/exercises/test_check.py"),
)
# The lessons that start the most subprocesses.
MOST_PROCESSES = ("the-first-revision", "change-the-schema", "in-ci")

nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint"]


@nox.session(python=False)
def change(session: nox.Session) -> None:
    """Run what every change runs, one session after another (`.ci/run` runs some side by side)."""
    for name in CHANGE:
        session.notify(name)


@nox.session(python=False)
def weekly(session: nox.Session) -> None:
    """Everything, whole: all lessons, answers, runners, servers, Pythons."""
    os.environ["TUTORIAL_FULL"] = "1"
    for name in WEEKLY:
        session.notify(name)


@nox.session(python=False)
def tests(session: nox.Session) -> None:
    """Run the README's test command: the quick tests and every notebook."""
    results = junit("embedded 18", "--junit-xml")
    session.run(PYTHON, "start.py", "test", results, *session.posargs, env=samples())


@nox.session(python=False)
def lint(session: nox.Session) -> None:
    """Check the environment, the style, the types and the direction of imports."""
    tutorial(session, "doctor")
    module(session, "ruff", "check", ".")
    module(session, "ruff", "format", "--check", ".")
    module(session, "mypy")
    own = ("noxfile.py", *map(str, Path(".ci").rglob("*.py")))
    module(session, "mypy", "--strict", "--explicit-package-bases", *own)
    session.run(str(Path(PYTHON).with_name("lint-imports")))
    pip(session, "check")


@nox.session(python=False)
def refresh(session: nox.Session) -> None:
    """Refresh notebooks: that must change nothing. Two for a change, all every week."""
    lessons = [] if full() else [*lessons_changed(), "connect", "upgrade"][:2]
    paths = [*ROOT.glob("notebooks/**/*"), *ROOT.glob("docs/reference.md")]
    before = {path: path.read_bytes() for path in paths if path.is_file()}
    tutorial(session, "refresh", *lessons)
    different = [path.name for path, content in before.items() if path.read_bytes() != content]
    if different:
        session.error(f"Refreshing changed {', '.join(different)}. Look at it with git diff.")


@nox.session(python=False)
def answers(session: nox.Session) -> None:
    """Try right and wrong answers: samples and those of changed lessons, or all."""
    pytest(session, "-m", "slow", *ANSWERS)


@nox.session(python=False)
def runners(session: nox.Session) -> None:
    """Run notebooks in other ways: twice in one kernel, papermill, nbconvert, nbgrader."""
    pytest(session, "-m", "slow", *RUNNERS)


@nox.session(python=False)
def slow_tests(session: nox.Session) -> None:
    """Run the other tests that the test command leaves out because they take long."""
    ignore = [f"--ignore={path}" for path in ANSWERS + RUNNERS]
    pytest(session, "-m", "slow and not docker", *ignore, "tests")


@nox.session(python=False)
def default_kernels(session: nox.Session) -> None:
    """Run lessons on kernels that aren't forked, as on macOS and Windows."""
    lessons = () if full() else MOST_PROCESSES
    verify(session, "embedded 18, default kernels", *lessons, env={"TUTORIAL_KERNEL": "default"})


@nox.session(python=False)
def browser(session: nox.Session) -> None:
    """Look at lessons, a learner's clicks and the editors' settings in a real Chromium."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    if not any(map(shutil.which, names)):
        debian.install("chromium")
    pytest(session, "-n", "0", "-m", "browser", *(session.posargs or ["tests/browser"]))


@nox.session(python=False)
def containers(session: nox.Session) -> None:
    """Run the container origin on a real Docker engine: tests, lessons, dataframes."""
    with docker_engine.running():
        image = os.environ.get("TUTORIAL_POSTGRES_IMAGE")
        if not image:
            postgres.build_image(session)
        os.environ["TUTORIAL_POSTGRES_IMAGE"] = image or postgres.IMAGE
        with docker_engine.nothing_left_behind():
            files = ("servers/test_container.py", "instructor/test_isolated_run.py")
            pytest(session, "-m", "docker", *(f"tests/coursekit/{name}" for name in files))
            more = ("upgrade", "query-into-dataframes") if full() else ()
            lessons = ("connect", "the-first-revision", *more)
            verify(session, "container", *lessons, env={"TUTORIAL_POSTGRES": "container"})
            postgres.frames_of_a_container(session)


@nox.session(python=False)
def devcontainer(session: nox.Session) -> None:
    """Build the dev container without a registry; run its commands, lesson 01 and Binder's."""
    import devcontainer as steps

    RESULTS.mkdir(exist_ok=True)
    with docker_engine.running():
        steps.run(RESULTS / "embedded 18, dev container.xml")


@nox.session(python=False)
def external_servers(session: nox.Session) -> None:
    """Run tests, lessons and dataframes on external servers, over TCP and a Unix socket."""
    on, oldest = postgres.on, debian.postgresql()
    name = f"external {oldest.parent.name}"
    pytest(session, *ON_ANY_SERVER, on=on("--superuser", oldest))
    if not full():
        lessons = ("alembic-init", "the-user-model", "upgrade", "change-the-schema", "in-ci")
        verify(session, f"{name}, socket", *lessons, on=on("--socket", oldest))
        postgres.frames(session, on(oldest, *on("--socket", oldest)))
        return
    verify(session, name, on=on(oldest))
    verify(session, f"{name}, socket", on=on("--socket", oldest))
    with docker_engine.scratch() as folder:
        others = postgres.other_versions(session, folder)
        for version, programs in others.items():
            verify(session, f"external {version}", on=on(programs))
        all_of_them = [on(programs) for programs in (oldest, *others.values())]
        postgres.frames(session, sum(all_of_them, on("--socket", oldest)))


@nox.session(python=False)
def newest_python(session: nox.Session) -> None:
    """Under the newest Python here, in a clone: tests that depend on it, default kernels."""
    newest, python = other_python.newest()
    if not python:
        session.warn("NOT RUN: there's no newer Python here. Default kernels run on this one.")
        session.notify("default_kernels")
        return
    other_python.clone(session)
    start = [python, str(other_python.CLONE / "start.py")]
    chosen = () if full() else ON_ANY_PYTHON
    session.run(*start, "test", "-q", *chosen)
    lessons = () if full() else MOST_PROCESSES
    results = junit(f"embedded 18, default kernels, Python {newest}")
    environ = {"TUTORIAL_KERNEL": "default"}
    session.run(*start, "verify", "--jobs", "2", results, *lessons, env=environ)
    if full():
        other_python.two_clones(session, start)


@nox.session(python=False)
def unpinned(session: nox.Session) -> None:
    """Run the lessons with the newest version of every package; name the one that breaks any."""
    tutorial(session, "verify", "--unpinned", "--jobs", "2")


@nox.session(python=False)
def pins(session: nox.Session) -> None:
    """Ask the resolver whether constraints.txt is up to date, with wheels for every system."""
    session.run(PYTHON, ".ci/pins.py", *session.posargs)


@nox.session(python=False)
def links(session: nox.Session) -> None:
    """Check that the links to other sites lead somewhere; it needs the internet."""
    session.run(PYTHON, ".ci/links.py")


@nox.session(python=False)
def new_lesson(session: nox.Session) -> None:
    """Write a new lesson's files to fill in: `nox -s new_lesson -- "Partitions"`."""
    session.run(PYTHON, ".ci/new_lesson.py", *session.posargs)


@nox.session(python=False)
def renumber(session: nox.Session) -> None:
    """Move a lesson to another number: `nox -s renumber -- in-ci 11`."""
    session.run(PYTHON, ".ci/renumber.py", *session.posargs)
