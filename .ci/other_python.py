"""Another Python in a clone of the project, with an environment that its own `.venv` holds."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import nox
from commands import PYTHON, ROOT

sys.path.insert(0, str(ROOT))
import start

CLONE = ROOT / ".nox" / "newest"


def newest() -> tuple[str, str]:
    """Return the newest supported version that's here, if it's newer than this one's, and where."""
    for version in start.supported():
        name = "{}.{}".format(*version)
        if version > sys.version_info[:2] and (python := find_python(name)):
            return name, python
    return "", ""


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
