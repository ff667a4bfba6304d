"""The folders of a workspace: projects, earlier work, and locks on open lessons."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from coursekit.course.catalog import number_of
from coursekit.course.former_ids import former_key
from coursekit.course.starting_state import NOTE
from coursekit.errors import LessonError
from coursekit.files import free_name, other_owner, with_retries, write_atomic

IDENTITY = re.compile("[0-9a-f]{8}")
IDENTITY_TIMEOUT = 60.0  # seconds in which another kernel has to write the file
# Locks that this process holds for as long as it lives. A restarted kernel is a new process.
_held: dict[Path, FileLock] = {}


def acquire_lesson(workspace: Path, lesson: str) -> None:
    """Lock a lesson for this process; locking it again changes nothing.

    Args:
        workspace: The workspace.
        lesson: The lesson's slug.

    Raises:
        LessonError: Another live process, such as a second kernel, holds the lock.

    """
    folder = _usable_folder(workspace / "open")
    # A kernel that was started before an update may hold the lock under the lesson's former id.
    for name in filter(None, (former_key(lesson), lesson)):
        _acquire(folder / name, number_of(lesson))


def _acquire(path: Path, number: str) -> None:
    lock = _held.get(path) or FileLock(path.with_suffix(".lock"), blocking=False)
    try:
        if not lock.is_locked:
            lock.acquire()
    except Timeout:
        raise LessonError(
            f"Lesson {number} is open in another kernel{_holder(path)}.",
            "Two kernels would replace each other's database.",
            "Continue there; or shut that kernel down (in JupyterLab: Kernel, Shut Down All "
            "Kernels), then run this cell again.",
        ) from None
    except OSError as error:
        raise unusable_folder(path.with_suffix(".lock"), error) from None
    _held[path] = lock
    with suppress(OSError):  # it only helps another kernel's message
        path.with_suffix(".pid").write_text(str(os.getpid()))


def _holder(path: Path) -> str:
    try:
        return f" (process {int(path.with_suffix('.pid').read_text())})"
    except (OSError, ValueError):
        return ""


def identity(workspace: Path) -> str:
    """Return eight characters that no other workspace has, on this machine or another.

    Two learners with the same path to their clones may share their school's server.
    """
    path = _usable_folder(workspace) / ".id"
    with usable(path):
        return _read_identity(path) or _new_identity(path)


def _read_identity(path: Path) -> str:
    """Return the workspace's id; "" if the file is missing or damaged, as after a full disk."""
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    return text if IDENTITY.fullmatch(text) else ""


def _new_identity(path: Path) -> str:
    with FileLock(path.with_name(".id.lock"), timeout=IDENTITY_TIMEOUT):
        found = _read_identity(path) or secrets.token_hex(4)  # another kernel may have been faster
        write_atomic(path, found)
        return found


def project_folder(workspace: Path, slug: str) -> Path:
    """Return the path of a lesson's or exercise's project.

    A project from before there were slugs keeps its path until the lesson is started again.
    """
    folder, former = workspace / "projects" / slug, former_key(slug)
    earlier = folder.with_name(former or slug)
    return earlier if earlier.is_dir() and not folder.is_dir() else folder


def fresh_project(workspace: Path, slug: str, untouched: Callable[[Path], bool]) -> Path:
    """Return a lesson's project folder; a project with a learner's work moves to `kept/` first.

    Args:
        workspace: The workspace.
        slug: The lesson or exercise.
        untouched: Tells whether a project is still as the course has written it.

    Raises:
        LessonError: The folder can't be moved or created.

    """
    project = project_folder(workspace, slug)
    if project.exists() and _has_work(project) and not untouched(project):
        kept = free_name(_usable_folder(workspace / "kept"), slug)
        try:
            with_retries(project.rename, kept)
        except OSError as error:
            raise unusable_folder(project, error) from None
    for folder in sorted(project.rglob("*/"), reverse=True):
        with suppress(OSError):  # a folder that isn't empty stays
            folder.rmdir()
    return _usable_folder(project.with_name(slug))


def _has_work(project: Path) -> bool:
    return any(path.name != NOTE for path in project.iterdir())


def _usable_folder(path: Path) -> Path:
    """Create a folder if it's missing; raise LessonError if it can't be written to."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unusable_folder(path, error) from None
    if not os.access(path, os.W_OK):
        raise unusable_folder(path, OSError(None, "it is read-only"))
    return path


@contextmanager
def usable(path: Path) -> Iterator[None]:
    """Turn an OSError for a file or folder of the workspace into a LessonError."""
    try:
        yield
    except OSError as error:
        raise unusable_folder(Path(os.fsdecode(error.filename or path)), error) from None


def unusable_folder(path: Path, error: OSError) -> LessonError:
    """Return the error for a file or folder of the workspace that can't be used."""
    owner = other_owner(path) if isinstance(error, PermissionError) else ""
    return LessonError(
        f"{path} can't be used: {error.strerror or error}.",
        "The workspace keeps your notebooks and projects there.",
        f'It belongs to the user {owner}. Take ownership: sudo chown -R "$USER" "{path.parent}"'
        if owner
        else "Free some disk space, make the folder writable, or set TUTORIAL_WORKSPACE to "
        "another folder.",
    )
