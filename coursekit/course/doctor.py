"""Check everything a lesson needs, and say how to fix what's wrong."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from coursekit import servers
from coursekit.course.packages import UNPINNED, supported_minors, wrong_packages
from coursekit.course.progress_file import ProgressFile
from coursekit.course.requirements import lacks_consent
from coursekit.course.server_needs import shortcomings
from coursekit.servers.server import Server, admin
from coursekit.settings import ROOT, Settings, read_settings
from tutorial_lib.display import Card
from tutorial_lib.errors import Problem

ENOUGH = 500  # megabytes for a few lessons' databases
REINSTALL_ADVICE = (
    "Delete the file .venv/installed, then run start.py again to install the pinned versions."
)


@dataclass(frozen=True)
class Diagnosis:
    """A line of the doctor's table.

    Attributes:
        topic: What was checked.
        found: What was found.
        fix: What to do about it, or "" if all is well.

    """

    topic: str
    found: str
    fix: str = ""

    @property
    def good(self) -> bool:
        """Whether there's nothing to do."""
        return not self.fix


@dataclass(frozen=True, repr=False)
class Report(Card):
    """The doctor's table for a notebook cell: for each topic `ok`, or how to fix it."""

    lines: tuple[Diagnosis, ...]

    @property
    def rows(self) -> Mapping[str, str]:
        """What is shown, in order."""
        return {line.topic: line.fix or "ok" for line in self.lines}


def doctor() -> Report:
    """Check what lessons need: Python, packages, folders and the server.

    Run it in a cell whenever something doesn't work.
    """
    return Report(tuple(_needed()))


def examine() -> Iterator[Diagnosis]:
    """Yield all diagnoses, also those of what lessons can do without.

    A check that fails to run is a bad line, too, so this raises nothing.
    """
    yield from _needed()
    yield from _kernel_start()
    yield from _docker()


def _needed() -> Iterator[Diagnosis]:
    checks = {
        "Python": _python,
        "notebook kernel": _kernel,
        "packages": _packages,
        "folder alembic/": _alembic,
        "settings": _folders_and_server,
    }
    for topic, check in checks.items():
        yield from _guarded(topic, check)


def _guarded(topic: str, check: Callable[[], Iterator[Diagnosis]]) -> Iterator[Diagnosis]:
    """Yield a check's lines; turn what it raises into a bad line."""
    try:
        yield from check()
    except Problem as error:
        yield Diagnosis(topic, f"{error.what} {error.why}".strip(), error.do)
    except Exception as error:  # run when anything may be broken
        yield Diagnosis(topic, f"{type(error).__name__}: {error}", REINSTALL_ADVICE)


def _python() -> Iterator[Diagnosis]:
    found = f"{sys.version.split()[0]} at {sys.executable}"
    minors = supported_minors()
    fits = sys.version_info.major == 3 and sys.version_info.minor in minors
    fix = f"Delete .venv, then run start.py with Python 3.{minors[0]} to 3.{minors[-1]}."
    yield Diagnosis("Python", found, "" if fits else fix)


def _kernel() -> Iterator[Diagnosis]:
    from coursekit.course.kernel_probe import kernel_interpreter

    kernel = kernel_interpreter()
    # Links aren't followed: two environments may share one interpreter.
    same = os.path.normcase(kernel) == os.path.normcase(sys.executable)
    found = "the same as above" if same else kernel
    yield Diagnosis("notebook kernel", found, "" if same else "Start JupyterLab with start.py.")


def _packages() -> Iterator[Diagnosis]:
    wrong = wrong_packages()
    for package, found in wrong.items():
        yield Diagnosis(package, found, REINSTALL_ADVICE)
    if not wrong:
        good = "not pinned" if UNPINNED.exists() else "all as pinned in constraints.txt"
        yield Diagnosis("packages", good)


def _alembic() -> Iterator[Diagnosis]:
    """Check that no __init__.py turns the folder alembic/ into a package that hides the library."""
    extra = ROOT / "alembic" / "__init__.py"
    fix = "Delete it: it hides the alembic library." if extra.exists() else ""
    yield Diagnosis("folder alembic/", "has an __init__.py" if fix else "without __init__.py", fix)


def _folders_and_server() -> Iterator[Diagnosis]:
    settings = read_settings()
    yield _folder("workspace", settings.workspace, "TUTORIAL_WORKSPACE")
    yield from _guarded("progress", partial(_progress, settings))
    yield _folder("data folder", settings.data, "TUTORIAL_DATA")
    yield from _guarded("server", partial(_server, settings))


def _folder(topic: str, folder: Path, variable: str) -> Diagnosis:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free // 1_000_000
    fix = ""
    if not os.access(existing, os.W_OK):
        fix = f"Make it writable, or set {variable} to another folder."
    elif free < ENOUGH:
        fix = f"Make room, or set {variable} to a folder on another disk."
    return Diagnosis(topic, f"{folder}, {free / 1000:.1f} GB free", fix)


def _progress(settings: Settings) -> Iterator[Diagnosis]:
    ProgressFile(settings.workspace).rehearse()
    yield Diagnosis("progress", "can be saved")


def _server(settings: Settings) -> Iterator[Diagnosis]:
    server = servers.find(settings)
    yield Diagnosis("server", f"PostgreSQL {server.release}, {server.origin}, at {server.netloc}")
    fix = "Lessons need TUTORIAL_POSTGRES=external to use it, or =embedded to use the kit's."
    yield Diagnosis("why this server", server.why, fix if lacks_consent(settings) else "")
    if server.origin == "external":
        for lacking in shortcomings(server):
            yield Diagnosis(*lacking)
    yield from _session_defaults(server)


def _session_defaults(server: Server) -> Iterator[Diagnosis]:
    """Report defaults that a statement has left for later sessions. Normally there are none."""
    from coursekit.course.session_defaults import left_defaults

    with admin(server.url) as connection:
        for left in left_defaults(connection):
            statement = left.reset.as_string(connection)
            fix = "Start a lesson or begin an exercise; either removes these defaults."
            if server.origin == "external":
                fix = f"Unless an administrator set these defaults on purpose, run: {statement};"
            yield Diagnosis("session defaults", ", ".join(left.settings), fix)


def _kernel_start() -> Iterator[Diagnosis]:
    from coursekit.course.kernel_probe import kernel_start

    yield Diagnosis("kernel start", kernel_start())


def _docker() -> Iterator[Diagnosis]:
    from coursekit.servers.docker import docker_state

    yield Diagnosis("Docker (not needed)", docker_state())
