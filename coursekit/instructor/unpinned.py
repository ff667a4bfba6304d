"""An environment without pins, and a bisection for the package that broke a lesson."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement

from coursekit.course.packages import IGNORED, UNPINNED, pins
from coursekit.errors import NotebookError
from coursekit.instructor.verification import Options, Run
from coursekit.settings import APP, ROOT

FOLDER = ROOT / ".venv-unpinned"
PYTHON = FOLDER / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
VERSIONS = (
    "import importlib.metadata as m, json; "
    "print(json.dumps({d.name.lower(): d.version for d in m.distributions()}))"
)


def install() -> None:
    """Create the environment from scratch, with the newest versions pyproject.toml allows.

    Raises:
        NotebookError: The installer failed; the message contains its output.

    """
    shutil.rmtree(FOLDER, ignore_errors=True)
    uv = shutil.which("uv")
    create = (
        [uv, "venv", "-q", "--python", sys.executable] if uv else [sys.executable, "-m", "venv"]
    )
    _call([*create, str(FOLDER)])
    (FOLDER / UNPINNED.name).touch()
    _install("--upgrade", "--editable", str(ROOT))


def changed() -> dict[str, tuple[str, str]]:
    """Return the packages whose version differs there, with the pinned and the new version.

    The ones that pyproject.toml names come first.
    """
    done = subprocess.run([PYTHON, "-c", VERSIONS], check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    pinned = {
        pin.name.lower(): str(pin.specifier)[2:]
        for pin in pins(ROOT / "constraints.txt")
        if pin.name not in IGNORED
    }
    differ = {k: (v, found[k]) for k, v in pinned.items() if found.get(k, v) != v}
    direct = {Requirement(one).name.lower() for one in requires(APP) or ()}
    return dict(sorted(differ.items(), key=lambda item: (item[0] not in direct, item[0])))


def bisect(failing: list[str], options: Options) -> Iterator[str]:
    """Find the package that broke each failing lesson, and yield a sentence for each lesson.

    Packages are set back to their pinned version one at a time, the direct requirements first.

    Args:
        failing: The numbers of the lessons.
        options: How to run them.

    """
    left = list(failing)
    for name, (pinned, found) in changed().items() if left else ():
        _install("--no-deps", f"{name}=={pinned}")
        still = _failing(left, options)
        for number in (number for number in left if number not in still):
            yield f"Lesson {number} fails because of {name} {found}; with {pinned} it passes."
        left = still
        _install("--no-deps", f"{name}=={found}")
        if not left:
            return
    for number in left:
        yield f"Lesson {number} fails, but no single package is the cause."


def _failing(numbers: list[str], options: Options) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        run = Run(numbers, replace(options, junit=None), Path(folder))
        for _ in run.follow():
            pass
        return [lesson.number for lesson in run.failed]


def _install(*words: str) -> None:
    uv = shutil.which("uv")
    pip = [uv, "pip", "install", "-q", "--python", str(PYTHON), "--compile-bytecode"]
    _call([*(pip if uv else [str(PYTHON), "-m", "pip", "install", "-q"]), *words])


def _call(command: list[str | None]) -> None:
    done = subprocess.run(list(filter(None, command)), capture_output=True, text=True)
    if done.returncode:
        raise NotebookError(
            "The newest versions can't be installed.",
            (done.stderr or done.stdout).strip(),
            "Check the network connection, and the versions that pyproject.toml allows.",
        )
