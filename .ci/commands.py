"""What the sessions of noxfile.py run, in the project's environment."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import changed
import nox

ROOT = Path(__file__).resolve().parents[1]
PYTHON = str(ROOT / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
TUTORIAL = (PYTHON, "-c", "from coursekit.cli import main; main()")
RESULTS = ROOT / "ci-results"  # JUnit files, one per server; matrix.py reads them
Words = tuple[str, ...]
Environ = Mapping[str, str]
NOTHING: Environ = {}


def full() -> bool:
    """Return whether sessions run whole, as every week. tests/conftest.py reads the same name."""
    return bool(os.environ.get("TUTORIAL_FULL"))


def lessons_changed() -> list[str]:
    """Return the lessons that this change touches, at most three."""
    return changed.changed_lessons(changed.changed_files())


def samples() -> Environ:
    """Return the variable that adds the changed lessons to the samples."""
    return {"TUTORIAL_CHANGED": " ".join(lessons_changed())}


def module(session: nox.Session, *words: str) -> None:
    """Run a module of the project's environment."""
    session.run(PYTHON, "-m", *words)


def pytest(session: nox.Session, *words: str, on: Words = (), env: Environ = NOTHING) -> None:
    """Run tests, two files at a time, with the changed lessons among the samples."""
    spread = ("-q", "-n", "2", "--dist", "loadfile")
    env = {**samples(), **env}
    session.run(*on, PYTHON, "-m", "pytest", *spread, *words, env=env)


def tutorial(session: nox.Session, *words: str, on: Words = (), env: Environ = NOTHING) -> None:
    """Run the `tutorial` command."""
    session.run(*on, *TUTORIAL, *words, env=env)


def verify(
    session: nox.Session, name: str, *lessons: str, on: Words = (), env: Environ = NOTHING
) -> None:
    """Run lessons strictly; the results go to a file with this name."""
    tutorial(session, "verify", "--jobs", "2", junit(name), *lessons, on=on, env=env)


def junit(name: str, option: str = "--junit") -> str:
    """Return the option that writes results to a file in `ci-results/`."""
    RESULTS.mkdir(exist_ok=True)
    return f"{option}={RESULTS / name}.xml"


def pip(session: nox.Session, *words: str) -> None:
    """Run pip, or uv if it made the environment."""
    if shutil.which("uv"):
        session.run("uv", "pip", *words, "--python", PYTHON)
    else:
        module(session, "pip", "--disable-pip-version-check", *words)
