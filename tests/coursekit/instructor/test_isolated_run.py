"""Isolated runs: each has its own server and folders, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import URL

from coursekit.instructor.isolated_run import MEMORY, remove_stale
from coursekit.servers.cluster import Cluster
from coursekit.servers.embedded import EmbeddedServer
from coursekit.servers.ports import free_port
from coursekit.servers.server import Server, admin
from coursekit.settings import APP, ROOT, read_settings, short_hash

# The start of the processes here; each is outside this process's own run.
BEGIN = """
import json, os, sys
from coursekit import servers
from coursekit.settings import read_settings
from coursekit.errors import ServerError
from coursekit.instructor.isolated_run import isolated_run, use_workspace

def say(folder, **more):
    paths = {"workspace": read_settings().workspace, "home": read_settings().server_home}
    print(json.dumps({**paths, "folder": folder, **more}, default=str), flush=True)
"""
# A run with a server, which prints its details, waits for a line, and ends.
RUN = """
with isolated_run() as folder:
    say(folder, origin=servers.find().origin)
    sys.stdin.readline()
"""
LESSON = """
from coursekit.course.opening import start
with isolated_run() as folder:
    say(folder, database=start("01").url.database)
    sys.stdin.readline()
    os.chdir(os.path.dirname(sys.executable))  # out of the folder, which Windows would keep
"""

posix_only = pytest.mark.skipif(os.name == "nt", reason="Windows deletes no file that is open")


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    """The variables of a shell outside any run: a data folder, and someone else's server."""
    return shell_in(tmp_path)


def shell_in(folder: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TUTORIAL_", "DATABASE_"))}
    return {
        **kept,
        "TUTORIAL_DATA": str(folder / "data"),
        "TUTORIAL_WORKSPACE": str(folder / "workspace"),
        "TUTORIAL_POSTGRES": "",  # and so in .env
        "DATABASE_URL": "mysql://other:secret@127.0.0.1/production",
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A run that is active throughout these tests; `shell` is the shell it started in."""
    shell = shell_in(tmp_path_factory.mktemp("runs"))
    with process(shell) as (_, run):
        yield {**run, "shell": shell}


@contextmanager
def process(
    shell: dict[str, str], code: str = RUN, end: int = 0
) -> Iterator[tuple[Any, dict[str, Any]]]:
    """A process that has printed something and waits; after the block it runs to its end."""
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    command = [sys.executable, "-W", "error", "-c", BEGIN + code]
    with subprocess.Popen(command, cwd=ROOT, env=shell, **pipes) as process:
        yield process, json.loads(process.stdout.readline())
        process.communicate("go on\n", timeout=300)
    assert process.returncode == end


def output(shell: dict[str, str], code: str) -> str:
    """Return what a process prints that runs to its end without waiting."""
    command = [sys.executable, "-W", "error", "-c", BEGIN + code]
    return subprocess.check_output(command, cwd=ROOT, env=shell, text=True).strip()


def runs(shell: dict[str, str]) -> list[str]:
    return [path.name for path in Path(shell["TUTORIAL_DATA"], "runs").glob("*")]


def watched(run: dict[str, Any]) -> Callable[[], bool]:
    """Report later whether a run's server was stopped, and didn't just lose its files."""
    cluster = Cluster(Path(run["home"]))
    server, log = psutil.Process(cluster.pid()), cluster.log.open()

    def stopped() -> bool:
        with log:  # the open file can be read to its end, though it has been deleted
            good = "database system is shut down" in log.read()
        _, left = psutil.wait_procs([server], timeout=120)
        return good and all(process.status() == psutil.STATUS_ZOMBIE for process in left)

    return stopped


def names(server: Server) -> set[str]:
    with admin(server.url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database")
        return {name for (name,) in cursor.fetchall()}


# What belongs to the run


def test_a_run_has_a_server_and_a_workspace_of_its_own(run: dict[str, Any]) -> None:
    folder = Path(run["folder"])
    assert folder.parent == Path(run["shell"]["TUTORIAL_DATA"], "runs")
    assert Path(run["home"]).parent in (folder, *MEMORY.glob(f"{APP}-*"))
    assert Path(run["workspace"]) == folder / "workspaces" / "default"


def test_a_server_that_the_shell_names_is_not_used(run: dict[str, Any]) -> None:
    assert (run["origin"], bool(run["shell"]["DATABASE_URL"])) == ("embedded", True)


def test_each_notebook_of_a_run_has_a_workspace_of_its_own(shell: dict[str, str]) -> None:
    code = """
with isolated_run() as folder:
    for name in "00", "01":
        use_workspace(name)
        print(read_settings().workspace.relative_to(folder).as_posix())
"""
    assert output(shell, code).split() == ["workspaces/00", "workspaces/01"]


def test_a_requested_server_is_used(shell: dict[str, str], external: URL) -> None:
    with process({**shell, **asking_for(external)}) as (_, run):
        assert (run["origin"], Path(run["home"]).exists()) == ("external", False)


def asking_for(external: URL) -> dict[str, str]:
    return {"TUTORIAL_POSTGRES": "external", "DATABASE_URL": external.render_as_string(False)}


# What a run leaves alone


@pytest.fixture
def learner(shell: dict[str, str]) -> Iterator[EmbeddedServer]:
    """The server of a learner who has started to work, and has a lesson of the same number."""
    shell["TUTORIAL_POSTGRES"] = "embedded"
    code = 'from coursekit.course.opening import start\nstart("01")\nopen("work.py", "w").close()'
    output(shell, code)
    server = EmbeddedServer(read_settings(shell).server_home)
    yield server
    server.remove()


@pytest.mark.slow
def test_a_learners_server_and_workspace_are_left_alone(
    shell: dict[str, str], learner: EmbeddedServer
) -> None:
    def state() -> list[Any]:
        workspace = Path(shell["TUTORIAL_WORKSPACE"])
        files = {path: path.stat().st_mtime_ns for path in workspace.rglob("*")}
        return [learner.cluster.pid(), learner.probe(), names(learner.ensure()), files]

    before = state()
    with process(shell, LESSON):
        assert state() == before
    assert state() == before


def test_the_environment_comes_back_however_the_run_ends(shell: dict[str, str]) -> None:
    code = """
for body in "pass", "1 / 0", "sys.exit()":
    before = dict(os.environ)
    try:
        with isolated_run():
            os.environ["NEW"] = os.environ.pop("PATH")
            exec(body)
    except (ZeroDivisionError, SystemExit):
        pass
    print(dict(os.environ) == before)
"""
    assert output(shell, code).split() == ["True"] * 3


def test_the_environment_comes_back_though_the_server_of_the_run_has_gone(
    shell: dict[str, str], external: URL
) -> None:
    code = """
before = dict(os.environ)
try:
    with isolated_run():
        pass
except ServerError as error:
    print("the server of DATABASE_*" in error.what, dict(os.environ) == before)
"""
    gone = asking_for(external.set(port=free_port()))
    assert output({**shell, **gone}, code) == "True True"


def test_two_runs_at_once_do_not_touch_each_other(run: dict[str, Any]) -> None:
    other = json.loads(output(run["shell"], "with isolated_run() as folder: say(folder)"))
    assert len({other["home"], other["workspace"], run["home"], run["workspace"]}) == 4
    assert runs(run["shell"]) == [Path(run["folder"]).name]
    assert EmbeddedServer(Path(run["home"])).probe()


@pytest.mark.slow
def test_runs_that_begin_at_once_do_not_sweep_each_other(shell: dict[str, str]) -> None:
    code = """
input("{}\\n")
for _ in range(30):
    with isolated_run() as folder:
        assert (folder / "owner.json").exists()
"""
    with ExitStack() as all_at_once:
        for one in [all_at_once.enter_context(process(shell, code))[0] for _ in range(4)]:
            one.stdin.write("now\n")
            one.stdin.flush()


# What a run leaves behind


@posix_only
def test_nothing_is_left_of_a_run_that_ended(shell: dict[str, str]) -> None:
    with process(shell) as (_, run):
        stopped = watched(run)
        assert runs(shell) == [Path(run["folder"]).name]
    assert runs(shell) == []
    assert not Path(run["home"]).parent.exists()
    assert stopped()


@pytest.mark.docker
def test_no_container_is_left_of_a_run_that_ended(shell: dict[str, str]) -> None:
    name = os.environ.get("TUTORIAL_POSTGRES_IMAGE", "")
    shell |= {"TUTORIAL_POSTGRES": "container", "TUTORIAL_POSTGRES_IMAGE": name}
    with process(shell) as (_, run):
        assert run["origin"] == "container"
        listing = ["docker", "ps", "-aq", f"--filter=name={APP}-{short_hash(run['home'])}"]
        assert subprocess.check_output(listing)
    assert not subprocess.check_output(listing)


def test_nothing_is_left_of_a_run_that_failed(shell: dict[str, str]) -> None:
    code = """
try:
    with isolated_run() as folder:
        raise EOFError
except EOFError:
    print(os.listdir(folder.parent))
"""
    assert output(shell, code) == "[]"


@posix_only
def test_the_next_run_clears_what_a_killed_one_left(shell: dict[str, str]) -> None:
    with process(shell, end=-signal.SIGKILL) as (killed, run):
        stopped = watched(run)
        killed.kill()  # and its parent doesn't wait for it, so it's a zombie
        output(shell, "with isolated_run(): pass")
    assert runs(shell) == []
    assert not Path(run["home"]).parent.exists()
    assert stopped()


def test_a_sweep_deletes_nothing_but_what_runs_have_made(tmp_path: Path) -> None:
    precious, folder = tmp_path / "precious" / "server", tmp_path / "runs" / "1-stale"
    precious.mkdir(parents=True)
    folder.mkdir(parents=True)
    owner = {"pid": 1, "started": 1.0, "server": str(precious)}
    (folder / "owner.json").write_text(json.dumps(owner))
    remove_stale(tmp_path)
    assert (precious.exists(), folder.exists()) == (True, False)


@pytest.mark.parametrize("owner", [None, "", "[]", '{"pid": 1}', '{"pid": 1, "started": 1.0}'])
def test_a_folder_whose_owner_is_unknown_or_gone_is_cleared(
    tmp_path: Path, owner: str | None
) -> None:
    folder = tmp_path / "runs" / "1-stale"
    folder.mkdir(parents=True)
    if owner is not None:
        (folder / "owner.json").write_text(owner)
    remove_stale(tmp_path)
    assert not folder.exists()


def test_on_a_server_that_stays_a_run_drops_its_databases_and_no_others(
    shell: dict[str, str], external: URL, server: Server
) -> None:
    with admin(external) as connection, connection.cursor() as cursor:
        mark = f"{APP}: lesson 01 of workspace 01234567"
        cursor.execute(f"COMMENT ON DATABASE {external.database} IS '{mark}'")
    with process({**shell, **asking_for(external)}, LESSON) as (_, run):
        assert run["database"] in names(server)
    assert run["database"] not in names(server)
    assert external.database in names(server)
