"""An environment with the newest version of every package, and which of them broke a lesson."""

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

from coursekit.course.packages import pins
from coursekit.errors import NotebookError
from coursekit.instructor.verification import Options, Run
from coursekit.settings import APP, ROOT

FOLDER = ROOT / ".venv-newest"
PYTHON = FOLDER / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
VERSIONS = (
    "import importlib.metadata as m, json; "
    "print(json.dumps({d.name.lower(): d.version for d in m.distributions()}))"
)


def install() -> None:
    """Make the environment anew, with what pyproject.toml asks for and nothing pinned.

    Raises NotebookError with what the installer says when it fails.
    """
    shutil.rmtree(FOLDER, ignore_errors=True)
    uv = shutil.which("uv")
    make = [uv, "venv", "-q", "--python", sys.executable] if uv else [sys.executable, "-m", "venv"]
    _call([*make, str(FOLDER)])
    _install("--upgrade", "--editable", str(ROOT))


def changed() -> dict[str, tuple[str, str]]:
    """The packages that are newer there than here, each with both versions."""
    done = subprocess.run([PYTHON, "-c", VERSIONS], check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    pinned = {pin.name.lower(): str(pin.specifier)[2:] for pin in pins(ROOT / "constraints.txt")}
    differ = {k: (v, found[k]) for k, v in pinned.items() if found.get(k, v) != v}
    direct = {Requirement(one).name.lower() for one in requires(APP) or ()}
    return dict(sorted(differ.items(), key=lambda item: (item[0] not in direct, item[0])))


def bisect(failing: list[str], options: Options) -> Iterator[str]:
    """For each failing lesson, the package whose pinned version mends it, as a sentence.

    One package after the other is set back, those that the kit asks for by name first.
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
        yield f"Lesson {number} fails, and no single package is the cause."


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
            "The newest versions cannot be installed.",
            (done.stderr or done.stdout).strip(),
            "Look at the network, and at the versions that pyproject.toml asks for.",
        )
