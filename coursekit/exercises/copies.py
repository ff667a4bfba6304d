"""The learner's copies of the notebooks: made, brought up to date, begun again.

What was written is remembered, so that a copy that somebody has changed is never overwritten.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from coursekit.course.catalog import lesson_path, lessons
from coursekit.course.notebooks import clear_outputs, dump, load
from coursekit.errors import NotebookError
from coursekit.exercises.cells import clear_solutions, source_of
from coursekit.files import write_atomic
from coursekit.settings import Settings


@dataclass(frozen=True)
class Copies:
    """The folder of the copies, and what a learner should be told of them."""

    folder: Path
    told: tuple[str, ...]


def learners_text(path: Path) -> str:
    """The learner's copy of a reference notebook: a TODO in place of answers, no outputs."""
    notebook = load(path)
    clear_outputs(notebook)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["source"] = clear_solutions(source_of(cell)).splitlines(keepends=True)
    return dump(notebook)


def folder_of(settings: Settings) -> Path:
    """Where the copies lie."""
    return settings.workspace / "notebooks"


def copy_of(settings: Settings, number: str) -> Path:
    """Where the copy of a lesson lies.

    Raises NotebookError when there is none, LessonError for an unknown lesson.
    """
    path = folder_of(settings) / lesson_path(number).name
    if path.is_file():
        return path
    raise NotebookError(
        f"There is no learner's copy of lesson {number}.",
        f"{path} does not exist.",
        "Make the copies with: python3 start.py copy",
    )


def copy_for_learner(settings: Settings) -> Copies:
    """Put a copy of every notebook into the workspace.

    A copy that nobody has changed follows the kit. One that somebody has changed stays as it
    is: when the kit has a new edition, that is put beside it. Raises NotebookError when the
    folder cannot be written.
    """
    with _writing(settings) as written:
        told = [line for path in lessons().values() for line in _copy(settings, path, written)]
    return Copies(folder_of(settings), tuple(told))


def reset(settings: Settings, number: str) -> Path | None:
    """Give a fresh copy of a lesson; the old one moves to `kept/`, and its path is returned.

    None when there was none. Raises LessonError for an unknown lesson.
    """
    path = lesson_path(number)
    target = folder_of(settings) / path.name
    kept = settings.workspace / "kept" / f"{path.stem}-{time.strftime('%Y%m%d-%H%M%S')}.ipynb"
    with _writing(settings) as written:
        there = target.exists()
        if there:
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept = target.replace(_free(kept))
        _write(target, learners_text(path), written)
    return kept if there else None


def _copy(settings: Settings, path: Path, written: dict[str, str]) -> Iterator[str]:
    """Bring one copy up to date, and tell what the learner would not expect."""
    target, text = folder_of(settings) / path.name, learners_text(path)
    if not target.exists():
        _write(target, text, written)
    elif written.get(target.name) == _hash(text.encode()):
        return
    elif _hash(target.read_bytes()) == written.get(target.name):
        _write(target, text, written)
        yield f"{target.name}: there is a new edition. You had not changed yours; it was replaced."
    else:
        beside = _free(target.with_name(f"{path.stem}_new.ipynb"), written)
        _write(beside, text, written)
        written[target.name] = _hash(text.encode())  # told once
        yield f"{target.name}: there is a new edition, {beside.name}. Yours is as you left it."


def _free(path: Path, written: dict[str, str] | None = None) -> Path:
    """A path like this one, numbered if need be, where nothing of a learner's lies."""
    names = (path, *(path.with_name(f"{path.stem}{n}{path.suffix}") for n in range(2, 100)))
    return next(name for name in names if not name.exists() or _is_ours(name, written or {}))


def _is_ours(path: Path, written: dict[str, str]) -> bool:
    return _hash(path.read_bytes()) == written.get(path.name)


def _write(target: Path, text: str, written: dict[str, str]) -> None:
    write_atomic(target, text)
    written[target.name] = _hash(text.encode())


@contextmanager
def _writing(settings: Settings) -> Iterator[dict[str, str]]:
    """What was written into the copies' folder, file to hash, one process at a time."""
    folder = folder_of(settings)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(settings.workspace / "copies.lock"):
            written = _remembered(settings.workspace / "copies.json")
            yield written
            write_atomic(settings.workspace / "copies.json", json.dumps(written, indent=1) + "\n")
    except OSError as error:
        raise NotebookError(
            f"The folder {folder} cannot be written: {error.strerror or error}.",
            "Your copies of the notebooks go there.",
            "Make room or make it writable, or name another folder in TUTORIAL_WORKSPACE.",
        ) from None


def _remembered(path: Path) -> dict[str, str]:
    """What was written before; nothing when nobody knows, and every copy is the learner's."""
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): str(value) for name, value in read.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
