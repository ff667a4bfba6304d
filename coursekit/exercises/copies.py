"""The learner's copies of the notebooks: create, update and reset them.

`copies.json` keeps a hash of every copy we wrote, so a copy that you changed is never
overwritten.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from coursekit import limits
from coursekit.course.catalog import lesson_path, lessons
from coursekit.course.glossary import copy_glossary
from coursekit.course.notebooks import clear_outputs, dump, load
from coursekit.errors import NotebookError
from coursekit.exercises.cells import clear_solutions, source_of
from coursekit.files import holders, with_retries, write_atomic
from coursekit.settings import Settings


@dataclass(frozen=True)
class Copies:
    """What `copy_for_learner` did.

    Attributes:
        folder: The folder of the copies.
        told: A message for each copy that changed, or couldn't be updated.

    """

    folder: Path
    told: tuple[str, ...]


def learners_text(path: Path) -> str:
    """Return the learner's copy of a notebook: TODOs for solutions, and no outputs."""
    notebook = load(path)
    clear_outputs(notebook)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["source"] = clear_solutions(source_of(cell)).splitlines(keepends=True)
    return dump(notebook)


def folder_of(settings: Settings) -> Path:
    """Return the folder of the copies."""
    return settings.workspace / "notebooks"


def copy_of(settings: Settings, lesson: str) -> Path:
    """Return the path of a lesson's copy: the one with the learner's work.

    It may have an earlier number: a changed copy stays where it is when its lesson moves.

    Raises:
        NotebookError: There's no copy of the lesson.
        LessonError: There's no such lesson.

    """
    path, written = folder_of(settings) / lesson_path(lesson).name, _hashes_of(settings)
    copies = [copy for copy in (path, *_with_former_numbers(path)) if copy.is_file()]
    for copy in (*(one for one in copies if not _is_ours(one, written)), *copies):
        return copy
    raise NotebookError(
        f"There is no learner's copy of lesson {path.name[:2]}.",
        f"{path} does not exist.",
        "Make the copies with: python3 start.py copy",
    )


def copy_for_learner(settings: Settings) -> Copies:
    """Copy every notebook to the workspace.

    A copy that you haven't changed is replaced by a newer edition, under its lesson's new number
    if it has one. A copy that you have changed is left alone, and the newer edition is written
    beside it.

    Raises:
        NotebookError: The folder can't be written.

    """
    with _writing(settings) as written:
        told = [line for path in lessons().values() for line in _update(settings, path, written)]
        copy_glossary(settings.workspace)
    return Copies(folder_of(settings), tuple(told))


def reset(settings: Settings, lesson: str) -> Path | None:
    """Write a new copy of a lesson, and move the old one to `kept/`.

    Returns:
        Where the old copy is now; None if there was none.

    Raises:
        LessonError: There's no such lesson.

    """
    path = lesson_path(lesson)
    target = folder_of(settings) / path.name
    with _writing(settings) as written:
        kept = [_keep(settings, copy) for copy in (target, *_with_former_numbers(target))]
        _write(target, learners_text(path), written)
        for name in _beside(path, written):
            del written[name]  # this copy is the newest one again
    return next(filter(None, kept), None)


def _keep(settings: Settings, copy: Path) -> Path | None:
    """Move a copy to `kept/`, and return where it is now; None if there's no such file."""
    if not copy.exists():
        return None
    kept = settings.workspace / "kept" / f"{copy.stem}-{time.strftime('%Y%m%d-%H%M%S')}.ipynb"
    kept.parent.mkdir(parents=True, exist_ok=True)
    free = _free(kept)
    with_retries(copy.replace, free)
    return free


def newest(settings: Settings, lesson: str) -> Path | None:
    """Return the copy that was made from the current edition of a lesson.

    It's the learner's copy, or the one beside it when the learner's is from an earlier edition.

    Returns:
        The path; None when `copy_for_learner` hasn't made that copy yet.

    Raises:
        LessonError: There's no such lesson.

    """
    path, written = lesson_path(lesson), _hashes_of(settings)
    current = _hash(learners_text(path).encode())
    own = folder_of(settings) / path.name
    if written.get(own.name) != current or not own.is_file():
        return None
    beside = [own.with_name(name) for name in _beside(path, written) if written[name] == current]
    existing = [copy for copy in beside if copy.is_file()]
    return existing[-1] if existing and not _is_ours(own, written) else own


def is_untouched(settings: Settings, copy: Path) -> bool:
    """Return whether a copy holds exactly what was written into it."""
    return _is_ours(copy, _hashes_of(settings))


def _update(settings: Settings, path: Path, written: dict[str, str]) -> Iterator[str]:
    """Update the copies of one lesson, and yield what the learner should know of them."""
    target = folder_of(settings) / path.name
    yield from _copy(path, target, written)
    yield from _move(target, written)


def _copy(path: Path, target: Path, written: dict[str, str]) -> Iterator[str]:
    text = learners_text(path)
    current = _hash(text.encode())
    if not target.exists():
        _write(target, text, written)
    elif written.get(target.name) == current:
        return
    elif _hash(target.read_bytes()) == current:  # copies.json was lost, or not written any more
        written[target.name] = current
    elif _hash(target.read_bytes()) == written.get(target.name):
        _write(target, text, written)
        yield f"{target.name}: there is a new edition. Your copy was unchanged, so it was replaced."
    else:
        beside = _free(target.with_name(f"{path.stem}_new.ipynb"), written)
        _write(beside, text, written)
        written[target.name] = current  # told once
        yield f"{target.name}: there is a new edition, {beside.name}. Your copy was kept."


def _move(target: Path, written: dict[str, str]) -> Iterator[str]:
    """Remove a lesson's untouched copies with another number; yield a message for each copy."""
    for copy in _with_former_numbers(target, r"(_new\d*)?"):
        if copy.name not in written:
            continue
        untouched = _is_ours(copy, written)
        del written[copy.name]  # told once
        yours = "Your copy was kept."
        if untouched:
            copy.unlink()
            yours = "Your copy was unchanged, so it was removed."
        yield f"{copy.name}: there is a new edition, {target.name}. {yours}"


def _with_former_numbers(target: Path, ending: str = "") -> list[Path]:
    """Return the copies of the same lesson with other numbers, the last changed first."""
    name = re.compile(rf"\d\d{target.stem[2:]}{ending}\.ipynb")
    found = [path for path in target.parent.glob("*.ipynb") if name.fullmatch(path.name)]
    others = [path for path in found if path.name[:2] != target.name[:2]]
    return sorted(others, key=lambda path: -path.stat().st_mtime_ns)


def _beside(path: Path, written: dict[str, str]) -> list[str]:
    """Return the names of the editions of a lesson that were put beside a changed copy."""
    return [name for name in written if re.fullmatch(rf"{path.stem}_new\d*\.ipynb", name)]


def _free(path: Path, written: dict[str, str] | None = None) -> Path:
    """Return this path, with a number if the learner has a file of that name."""
    names = (path, *(path.with_name(f"{path.stem}{n}{path.suffix}") for n in range(2, 100)))
    return next(name for name in names if not name.exists() or _is_ours(name, written or {}))


def _is_ours(path: Path, written: dict[str, str]) -> bool:
    return _hash(path.read_bytes()) == written.get(path.name)


def _write(target: Path, text: str, written: dict[str, str]) -> None:
    write_atomic(target, text)
    written[target.name] = _hash(text.encode())


@contextmanager
def _writing(settings: Settings) -> Iterator[dict[str, str]]:
    """Lock the copies' folder; yield the hashes of the copies we wrote, and save their changes."""
    folder, lock = folder_of(settings), settings.workspace / "copies.lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(lock, timeout=limits.COPIES_LOCK_TIMEOUT):
            written = _hashes_of(settings)
            yield written
            write_atomic(settings.workspace / "copies.json", json.dumps(written, indent=1) + "\n")
    except Timeout:
        raise _held(lock) from None
    except OSError as error:
        raise NotebookError(
            f"The folder {folder} cannot be written: {error.strerror or error}.",
            "Your copies of the notebooks go there.",
            "Free some space, make it writable, or set TUTORIAL_WORKSPACE to another folder.",
        ) from None


def _held(lock: Path) -> NotebookError:
    found = ", ".join(map(str, holders(lock)))
    return NotebookError(
        "Your copies of the notebooks can't be updated, because another process has held "
        f"{lock} for {limits.COPIES_LOCK_TIMEOUT:g} seconds.",
        "It may be a command that was stopped"
        + (f"; the file is open in process {found}." if found else "."),
        "End that process, then try again.",
    )


def _hashes_of(settings: Settings) -> dict[str, str]:
    return _load_hashes(settings.workspace / "copies.json")


def _load_hashes(path: Path) -> dict[str, str]:
    """Return the hashes of the copies we wrote.

    Without a readable file it's {}: then every copy counts as the learner's, and none is
    overwritten.
    """
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): str(value) for name, value in read.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
