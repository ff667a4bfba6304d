"""A learner's records: one small file in the workspace, outside the notebooks.

It's written atomically and under a lock, so several kernels can write to it. Nothing in it
leaves the machine.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from coursekit.course.former_ids import current_id
from coursekit.course.progress_file import ProgressFile
from coursekit.errors import ProgressError

FORMAT = 1
DONE, TRIED, OPEN = "done", "tried", "open"


@dataclass(frozen=True)
class Record:
    """What a learner did in one exercise.

    Attributes:
        done: Whether a check was ever satisfied.
        checks: How many times it was checked.
        hints: How many hints were shown.
        solution: Whether the solution was shown.

    """

    done: bool = False
    checks: int = 0
    hints: int = 0
    solution: bool = False

    @property
    def state(self) -> str:
        """Done, tried or open. A done exercise remains done."""
        return DONE if self.done else TRIED if self.checks else OPEN

    def merged(self, other: Record) -> Record:
        """Return a record with the larger value of each field."""
        pairs = ((getattr(self, name), getattr(other, name)) for name in asdict(self))
        return Record(*(max(pair) for pair in pairs))


Records = dict[str, Record]
# Records that this process hasn't been able to save. The next successful save includes them.
_unsaved: dict[Path, Records] = {}


def note_check(workspace: Path, slug: str, done: bool) -> None:
    """Record a check of an exercise, and whether it was done."""
    _change(workspace, slug, lambda was: replace(was, checks=was.checks + 1, done=was.done or done))


def note_hint(workspace: Path, slug: str) -> int:
    """Record another hint, and return its number, counted from 1."""
    return _change(workspace, slug, lambda was: replace(was, hints=was.hints + 1)).hints


def note_solution(workspace: Path, slug: str) -> None:
    """Record that the solution was shown."""
    _change(workspace, slug, lambda was: replace(was, solution=True))


def record_of(workspace: Path, slug: str) -> Record:
    """Return an exercise's record; if the file can't be read, only what this process knows."""
    try:
        found = records(workspace)
    except ProgressError:
        found = _unsaved.get(workspace, {})
    return found.get(slug, Record())


def records(workspace: Path) -> Records:
    """Return all records. A damaged file is renamed, with a message, and counts as empty.

    Raises:
        ProgressError: The file can't be read.

    """
    file = ProgressFile(workspace)
    try:
        found = _read(file)
    except ValueError:
        with file.locked():
            found = _read_or_start_over(file)
    return merged(found, _unsaved.get(workspace, {}))


def merge(workspace: Path, others: Records) -> None:
    """Merge other records into the workspace's; of each field the larger value remains.

    Raises:
        ProgressError: They can't be saved.

    """
    _update(workspace, lambda found: merged(found, others))


def merged(some: Records, others: Records) -> Records:
    """Return the records of both, with the larger value of each field."""
    return some | {key: some.get(key, Record()).merged(one) for key, one in others.items()}


def _change(workspace: Path, slug: str, how: Callable[[Record], Record]) -> Record:
    """Change an exercise's record, and return the new one. If it can't be saved, keep it."""

    def change(found: Records) -> Records:
        return found | {slug: how(found.get(slug, Record()))}

    try:
        return _update(workspace, change)[slug]
    except ProgressError:
        known = {slug: record_of(workspace, slug)}
        _unsaved[workspace] = _unsaved.get(workspace, {}) | change(known)
        raise


def _update(workspace: Path, how: Callable[[Records], Records]) -> Records:
    """Change the records under the file's lock, and return the new ones."""
    file = ProgressFile(workspace)
    with file.locked():
        found = how(merged(_read_or_start_over(file), _unsaved.get(workspace, {})))
        file.write(dump(found))
    _unsaved.pop(workspace, None)
    return found


def _read_or_start_over(file: ProgressFile) -> Records:
    """Return the records; set a damaged file aside. Call it inside the file's lock."""
    try:
        return _read(file)
    except ValueError:
        print(
            f"progress.json can't be read, so it was renamed to {file.set_aside().name}, and your "
            "progress starts from scratch."
        )
        return {}


def _read(file: ProgressFile) -> Records:
    saved = file.read()
    return {} if saved is None else parse(saved)


def dump(found: Records) -> str:
    """Return records in the format of the file."""
    exercises = {slug: asdict(found[slug]) for slug in sorted(found)}
    return json.dumps({"format": FORMAT, "exercises": exercises}, indent=1) + "\n"


def parse(saved: bytes) -> Records:
    """Return the records in what a file holds; numbers from before there were slugs become slugs.

    A kernel of such an edition may still write numbers, so an exercise can be there twice.

    Raises:
        ValueError: The file isn't one of ours, or it's damaged.

    """
    try:
        read: dict[str, Any] = json.loads(saved.decode("utf-8"))
        if read["format"] != FORMAT:
            raise ValueError(f"format {read['format']}")
        found: Records = {}
        for key, fields in read["exercises"].items():
            found = merged(found, {current_id(str(key)): _record(fields)})
        return found
    except (TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"not the records of a learner: {error!r}") from None


def _record(fields: dict[str, Any]) -> Record:
    """Return a record, or raise TypeError or ValueError for a field with another value."""
    record = Record(**fields)
    for name, value in fields.items():
        if type(value) is not type(getattr(Record, name)) or value < 0:
            raise ValueError(f"{name} is {value!r}")
    return record
