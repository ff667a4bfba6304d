"""The folders of a workspace: a lesson's project, what was kept, and who has it open."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from coursekit.errors import LessonError
from coursekit.files import write_atomic

NOTE = ".lesson.json"

# Locks that this process holds, for as long as it lives. A restarted kernel is a new one.
_held: dict[Path, FileLock] = {}


def acquire_lesson(workspace: Path, number: str) -> None:
    """Take lesson `number` for this process; taking it again is fine.

    Raises LessonError when another live process, such as a second kernel, has it.
    """
    path = _folder(workspace / "open") / number
    lock = _held.get(path) or FileLock(path.with_suffix(".lock"), blocking=False)
    try:
        if not lock.is_locked:
            lock.acquire()
    except Timeout:
        raise LessonError(
            f"Lesson {number} is open in another kernel{_holder(path)}.",
            "Two kernels would pull the same database from under each other.",
            "Go on there; or shut that kernel down (in JupyterLab: Kernel, Shut Down All "
            "Kernels), then run this cell again.",
        ) from None
    _held[path] = lock
    path.with_suffix(".pid").write_text(str(os.getpid()))


def identity(workspace: Path) -> str:
    """Eight characters that no other workspace has, on this machine or another.

    Two learners whose clones lie at the same path may share a server of their school's.
    """
    path = _folder(workspace) / ".id"
    with suppress(FileExistsError), path.open("x", encoding="utf-8") as file:
        file.write(secrets.token_hex(4))
    return path.read_text(encoding="utf-8")


def _holder(path: Path) -> str:
    try:
        return f" (process {int(path.with_suffix('.pid').read_text())})"
    except (OSError, ValueError):
        return ""


def project_folder(workspace: Path, number: str) -> Path:
    """Where the project of a lesson lies."""
    return workspace / "projects" / number


def fresh_project(workspace: Path, number: str, untouched: Callable[[Path], bool]) -> Path:
    """An empty project folder; one that holds somebody's work moves to `kept/`."""
    project = project_folder(workspace, number)
    if project.exists() and _has_work(project) and not untouched(project):
        stamp = time.strftime("%Y%m%d-%H%M%S")
        kept = _folder(workspace / "kept")
        names = (f"{number}-{stamp}{extra}" for extra in ("", *(f"-{n}" for n in range(2, 100))))
        try:
            project.rename(next(kept / name for name in names if not (kept / name).exists()))
        except OSError as error:
            raise _unusable(project, error) from None
    return _folder(project)


def _has_work(project: Path) -> bool:
    return any(path.name != NOTE for path in project.iterdir())


def write_note_file(project: Path, address: dict[str, Any]) -> None:
    """Note which database belongs to a project, in a private file without a password."""
    try:
        write_atomic(project / NOTE, json.dumps(address, indent=1), private=True)
    except OSError as error:
        raise _unusable(project, error) from None


def read_note(folder: Path) -> dict[str, Any]:
    """The note of the project that `folder` is in, or is.

    Raises LessonError outside a lesson's project.
    """
    for place in (folder, *folder.parents):
        if (place / NOTE).is_file():
            return _parse(place / NOTE)
    raise LessonError(
        f"{folder} is not in a lesson's project.",
        f"A project holds the file {NOTE}, which says which database is its own.",
        "Go to a folder under workspace/projects, or start a lesson first.",
    )


def _parse(note: Path) -> dict[str, Any]:
    try:
        read = json.loads(note.read_text(encoding="utf-8"))
        return {key: read[key] for key in ("database", "origin", "place", "settings")}
    except (OSError, ValueError, KeyError, TypeError):
        raise LessonError(
            f"The file {note} cannot be read.",
            "It says which database belongs to this project, and it was changed by hand.",
            "Start the lesson again; your files in the project are kept.",
        ) from None


def _folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(path, error) from None
    if not os.access(path, os.W_OK):
        raise _unusable(path, OSError(None, "it is read-only"))
    return path


def _unusable(path: Path, error: OSError) -> LessonError:
    return LessonError(
        f"The folder {path} cannot be used: {error.strerror or error}.",
        "The workspace keeps your notebooks and projects there.",
        "Make room or make it writable, or name another folder in TUTORIAL_WORKSPACE.",
    )
