"""Isolated runs: each has its own server and workspaces, apart from any learner's.

pytest, `verify`, `refresh` and grading run in one. Its folder is in the kit's data folder, and its
server's in memory if there's room. The next run removes what a killed run left behind.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from filelock import FileLock

from coursekit.course import databases
from coursekit.course.jupyter_environment import jupyter_environment
from coursekit.course.this_notebook import VARIABLE
from coursekit.course.workspace import identity
from coursekit.files import THROWAWAY_VARIABLE
from coursekit.kernel import fork_server
from coursekit.servers import find, stop
from coursekit.servers.embedded import EmbeddedServer
from coursekit.servers.server import admin
from coursekit.settings import APP, Settings, default_kernels, read_settings

OWNER = "owner.json"
# A file system in memory (Linux). A run copies hundreds of databases, up to twenty times faster
# than on a shared disk. It needs about half of the room that we ask for.
MEMORY = Path("/dev/shm")  # noqa: S108  the folder there gets a random name
ROOM = 2 * 1024**3  # bytes


@contextmanager
def isolated_run() -> Iterator[Path]:
    """Point this process and its children at a new run, and remove it at the end.

    The run starts its own embedded server. It uses DATABASE_* only if the environment (not
    `.env`) says TUTORIAL_POSTGRES=external.

    Yields:
        The run's folder.

    """
    origin = os.environ.get("TUTORIAL_POSTGRES") or "embedded"
    settings = read_settings({**os.environ, "TUTORIAL_POSTGRES": origin})
    folder = _new_folder(settings.data)
    before = dict(os.environ)
    os.environ.update(_environment(folder, settings))
    for name in ("JUPYTER_PATH", VARIABLE):  # it may be started from a notebook
        os.environ.pop(name, None)
    try:
        if not default_kernels():
            fork_server.start()
        try:
            yield folder
        finally:
            fork_server.stop()
            _clean_up(folder, read_settings())
    finally:
        os.environ.clear()
        os.environ.update(before)


def use_workspace(name: str) -> None:
    """Switch to another workspace of this run; each notebook has its own."""
    workspace = Path(os.environ["TUTORIAL_WORKSPACE"])
    os.environ["TUTORIAL_WORKSPACE"] = str(workspace.with_name(name))


def remove_stale(data: Path) -> None:
    """Stop the servers and delete the folders of runs whose process is gone."""
    for folder in (data / "runs").glob("*"):
        if not _alive(folder):
            _remove(folder)


def _new_folder(data: Path) -> Path:
    """Create a run's folder, after removing what killed runs left behind."""
    (data / "runs").mkdir(parents=True, exist_ok=True)
    # One at a time: another run would take a folder without its owner file for a stale one.
    with FileLock(data / "runs.lock"):
        remove_stale(data)
        folder = data / "runs" / f"{os.getpid()}-{secrets.token_hex(4)}"
        folder.mkdir(mode=0o700)
        _write_owner(folder)
    return folder


def _environment(folder: Path, settings: Settings) -> dict[str, str]:
    return {
        "TUTORIAL_DATA": str(settings.data),
        "TUTORIAL_WORKSPACE": str(folder / "workspaces" / "default"),
        "TUTORIAL_SERVER_HOME": str(_server_home(folder)),
        "TUTORIAL_POSTGRES": settings.postgres or "embedded",
        THROWAWAY_VARIABLE: "1",
        fork_server.WAIT: "1",
        **jupyter_environment(folder / "jupyter"),
        # Shared by all runs: building its list of fonts takes seconds.
        "MPLCONFIGDIR": str(settings.data / "jupyter" / "matplotlib"),
    }


def _clean_up(folder: Path, settings: Settings) -> None:
    try:
        if settings.postgres == "external":
            _drop_databases(folder, settings)
        elif settings.postgres == "container":
            stop(settings)
    finally:
        _remove(folder)


def _drop_databases(folder: Path, settings: Settings) -> None:
    """Drop the databases of this run's workspaces, on a server that outlives it."""
    server = find(settings)
    for workspace in (folder / "workspaces").glob("*"):
        key = identity(workspace)
        with admin(server.url) as connection:
            for name in databases.of_workspace(connection, key):
                databases.drop(connection, name)


def _remove(folder: Path) -> None:
    home = _server_home(folder)
    EmbeddedServer(home).remove()
    for each in {home.parent, folder}:
        shutil.rmtree(each, ignore_errors=True)


def _write_owner(folder: Path) -> None:
    """Write which process owns the run, and where its server's folder is."""
    me, parent = psutil.Process(), folder
    if _room_in_memory():
        parent = Path(tempfile.mkdtemp(prefix=f"{APP}-", dir=MEMORY))
    owner = {"pid": me.pid, "started": me.create_time(), "server": str(parent / "server")}
    (folder / OWNER).write_text(json.dumps(owner), encoding="utf-8")


def _room_in_memory() -> bool:
    if not os.access(MEMORY, os.W_OK):
        return False
    return min(psutil.disk_usage(str(MEMORY)).free, psutil.virtual_memory().available // 2) > ROOM


def _server_home(folder: Path) -> Path:
    """Return the folder of a run's server: in memory, or in the run's folder, nowhere else."""
    try:
        written = Path(json.loads((folder / OWNER).read_text(encoding="utf-8"))["server"])
    except (OSError, ValueError, KeyError, TypeError):
        return folder / "server"
    in_memory = written.parent.parent == MEMORY and written.parent.name.startswith(f"{APP}-")
    return written if in_memory else folder / "server"


def _alive(folder: Path) -> bool:
    """Return whether a run's process is alive. Process ids are reused, so compare start times."""
    try:
        owner = json.loads((folder / OWNER).read_text(encoding="utf-8"))
        process = psutil.Process(owner["pid"])
        if process.status() == psutil.STATUS_ZOMBIE:  # dead, but its parent hasn't waited for it
            return False
        return bool(abs(process.create_time() - owner["started"]) < 1)
    except (OSError, ValueError, KeyError, TypeError, psutil.NoSuchProcess):
        return False
