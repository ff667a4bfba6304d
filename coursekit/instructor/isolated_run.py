"""Reference runs: a server and workspaces of their own, away from any learner's.

pytest, `verify` and `refresh` run inside one. It lies in the kit's data folder, its server in
memory where there is room; what a killed run leaves is cleared by the next one.
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
from coursekit.course.jupyter_environment import default_kernels, jupyter_environment
from coursekit.course.workspace import identity
from coursekit.kernel import fork_server
from coursekit.servers import find, stop
from coursekit.servers.cluster import THROWAWAY_VARIABLE
from coursekit.servers.embedded import EmbeddedServer
from coursekit.servers.server import admin
from coursekit.settings import APP, Settings, read_settings

OWNER = "owner.json"
# Files that are memory, on Linux. Hundreds of databases are copied in a run, at up to twenty
# times the speed of a disk that is shared; what is needed is about half of what is asked for.
MEMORY = Path("/dev/shm")  # noqa: S108  the folder there gets a name of its own
ROOM = 2 * 1024**3  # bytes


@contextmanager
def isolated_run() -> Iterator[Path]:
    """Point this process and its children at a run of their own; clear it up at the end.

    DATABASE_* is used only after TUTORIAL_POSTGRES=external in the environment; else the run has
    its own embedded server, whatever the shell exports and `.env` says.
    """
    origin = os.environ.get("TUTORIAL_POSTGRES") or "embedded"
    settings = read_settings({**os.environ, "TUTORIAL_POSTGRES": origin})
    folder = _new_folder(settings.data)
    before = dict(os.environ)
    os.environ.update(_environment(folder, settings))
    os.environ.pop("JUPYTER_PATH", None)
    try:
        if not default_kernels():
            fork_server.start()
        try:
            yield folder
        finally:
            fork_server.stop()
            _clear(folder, read_settings())
    finally:
        os.environ.clear()
        os.environ.update(before)


def use_workspace(name: str) -> None:
    """Inside a run, give what comes next a workspace of its own; each notebook has one."""
    workspace = Path(os.environ["TUTORIAL_WORKSPACE"])
    os.environ["TUTORIAL_WORKSPACE"] = str(workspace.with_name(name))


def remove_stale(data: Path) -> None:
    """Stop and delete what runs have left whose process is gone."""
    for folder in (data / "runs").glob("*"):
        if not _alive(folder):
            _remove(folder)


def _new_folder(data: Path) -> Path:
    """The folder of a new run, after what killed runs have left was cleared."""
    (data / "runs").mkdir(parents=True, exist_ok=True)
    # One at a time: to another run's sweep, a folder that is not signed yet looks forsaken.
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
        # Shared by all runs: its list of fonts takes seconds to make.
        "MPLCONFIGDIR": str(settings.data / "jupyter" / "matplotlib"),
    }


def _clear(folder: Path, settings: Settings) -> None:
    try:
        if settings.postgres == "external":
            _drop_databases(folder, settings)
        elif settings.postgres == "container":
            stop(settings)
    finally:
        _remove(folder)


def _drop_databases(folder: Path, settings: Settings) -> None:
    """On a server that stays, drop the databases of this run's workspaces."""
    server = find(settings)
    for workspace in (folder / "workspaces").glob("*"):
        key = identity(workspace)
        with admin(server.url) as connection:
            for name in databases.made_by_the_kit(connection):
                if (databases.mark_of(connection, name) or "").endswith(f"workspace {key}"):
                    databases.drop(connection, name)


def _remove(folder: Path) -> None:
    home = _server_home(folder)
    EmbeddedServer(home).remove()
    for each in {home.parent, folder}:
        shutil.rmtree(each, ignore_errors=True)


def _write_owner(folder: Path) -> None:
    """Note whose run it is, and where its server lies."""
    me, place = psutil.Process(), folder
    if _room_in_memory():
        place = Path(tempfile.mkdtemp(prefix=f"{APP}-", dir=MEMORY))
    owner = {"pid": me.pid, "started": me.create_time(), "server": str(place / "server")}
    (folder / OWNER).write_text(json.dumps(owner), encoding="utf-8")


def _room_in_memory() -> bool:
    if not os.access(MEMORY, os.W_OK):
        return False
    return min(psutil.disk_usage(str(MEMORY)).free, psutil.virtual_memory().available // 2) > ROOM


def _server_home(folder: Path) -> Path:
    """Where the server of a run lies; nowhere else is anything ever deleted."""
    try:
        noted = Path(json.loads((folder / OWNER).read_text(encoding="utf-8"))["server"])
    except (OSError, ValueError, KeyError, TypeError):
        return folder / "server"
    in_memory = noted.parent.parent == MEMORY and noted.parent.name.startswith(f"{APP}-")
    return noted if in_memory else folder / "server"


def _alive(folder: Path) -> bool:
    """Whether the process that owns a run still lives; numbers are used again, times not."""
    try:
        owner = json.loads((folder / OWNER).read_text(encoding="utf-8"))
        process = psutil.Process(owner["pid"])
        if process.status() == psutil.STATUS_ZOMBIE:  # dead; nobody has asked how it ended
            return False
        return bool(abs(process.create_time() - owner["started"]) < 1)
    except (OSError, ValueError, KeyError, TypeError, psutil.NoSuchProcess):
        return False
