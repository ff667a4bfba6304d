"""A learner's records: one small file in the workspace, outside the notebooks.

It's written atomically and under a lock, so several kernels can write to it. Nothing in it
leaves the machine.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from coursekit.files import write_atomic

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


def note_check(workspace: Path, number: str, done: bool) -> None:
    """Record a check of an exercise, and whether it was done."""
    change(
        workspace, number, lambda was: replace(was, checks=was.checks + 1, done=was.done or done)
    )


def note_hint(workspace: Path, number: str) -> int:
    """Record another hint, and return its number, counted from 1."""
    return change(workspace, number, lambda was: replace(was, hints=was.hints + 1)).hints


def note_solution(workspace: Path, number: str) -> None:
    """Record that the solution was shown."""
    change(workspace, number, lambda was: replace(was, solution=True))


def was_checked(workspace: Path, number: str) -> bool:
    """Return whether an exercise was checked at least once."""
    return records(workspace).get(number, Record()).checks > 0


def records(workspace: Path) -> Records:
    """Return all records. A damaged file is renamed, with a message, and counts as empty."""
    path = _file(workspace)
    try:
        return parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, KeyError, AttributeError):
        aside = path.with_name(f"progress-damaged-{time.strftime('%Y%m%d-%H%M%S')}.json")
        path.replace(aside)
        print(
            f"progress.json could not be read. It was renamed to {aside.name}; your progress "
            "starts from scratch."
        )
        return {}


def change(workspace: Path, number: str, how: Callable[[Record], Record]) -> Record:
    """Change an exercise's record under the file's lock, and return the new one."""
    workspace.mkdir(parents=True, exist_ok=True)
    with FileLock(workspace / "progress.lock"):
        found = records(workspace)
        found[number] = how(found.get(number, Record()))
        write_atomic(_file(workspace), dump(found))
    return found[number]


def dump(found: Records) -> str:
    """Return records in the format of the file."""
    exercises = {number: asdict(found[number]) for number in sorted(found)}
    return json.dumps({"format": FORMAT, "exercises": exercises}, indent=1) + "\n"


def parse(text: str) -> Records:
    """Return the records in a file's text.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: The text is none of ours.

    """
    read: dict[str, Any] = json.loads(text)
    if read["format"] != FORMAT:
        raise ValueError(f"format {read['format']}")
    return {str(number): _record(fields) for number, fields in read["exercises"].items()}


def _record(fields: dict[str, Any]) -> Record:
    """Return a record, or raise TypeError or ValueError for a field of the wrong type."""
    record = Record(**fields)
    if any(type(value) is not type(getattr(Record, name)) for name, value in fields.items()):
        raise ValueError("a field of another type")
    return record


def _file(workspace: Path) -> Path:
    return workspace / "progress.json"
