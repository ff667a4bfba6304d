"""What a learner has done: one small file in the workspace, outside the notebooks.

It is written whole or not at all, under a lock, so that several kernels may write. Nothing
in it leaves the machine.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from coursekit.errors import ExerciseError
from coursekit.files import write_atomic

FORMAT = 1
DONE, TRIED, OPEN = "done", "tried", "open"


@dataclass(frozen=True)
class Record:
    """What is known of one exercise: how often it was checked, and the help that was taken."""

    done: bool = False
    checks: int = 0
    hints: int = 0
    solution: bool = False

    @property
    def state(self) -> str:
        """Done, tried or open; what was done stays done."""
        return DONE if self.done else TRIED if self.checks else OPEN

    def merged(self, other: Record) -> Record:
        """The further of two, in each thing."""
        pairs = ((getattr(self, name), getattr(other, name)) for name in asdict(self))
        return Record(*(max(pair) for pair in pairs))


Records = dict[str, Record]


def note_check(workspace: Path, number: str, done: bool) -> None:
    """Note that an exercise was checked, and whether it was done."""
    _change(
        workspace, number, lambda was: replace(was, checks=was.checks + 1, done=was.done or done)
    )


def note_hint(workspace: Path, number: str) -> int:
    """Note that a hint was asked for, and say which one it is, counted from 1."""
    return _change(workspace, number, lambda was: replace(was, hints=was.hints + 1)).hints


def note_solution(workspace: Path, number: str) -> None:
    """Note that the solution was looked at."""
    _change(workspace, number, lambda was: replace(was, solution=True))


def tried(workspace: Path, number: str) -> bool:
    """Whether an exercise was checked at least once."""
    return records(workspace).get(number, Record()).checks > 0


def records(workspace: Path) -> Records:
    """All that is noted. A damaged file is set aside, with a message, and counts as none."""
    path = _file(workspace)
    try:
        return _parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, KeyError, AttributeError):
        aside = path.with_name(f"progress-damaged-{time.strftime('%Y%m%d-%H%M%S')}.json")
        path.replace(aside)
        print(
            f"progress.json could not be read. It was set aside as {aside.name}; a new one begins."
        )
        return {}


def export(workspace: Path, target: Path) -> int:
    """Write the progress into a file, and say of how many exercises it tells."""
    found = records(workspace)
    try:
        target.write_text(_text(found), encoding="utf-8", newline="\n")
    except OSError as error:
        raise ExerciseError(
            f"{target} cannot be written: {error.strerror}.",
            "Your progress would go there.",
            "Name a file in a folder of yours.",
        ) from None
    return len(found)


def import_file(workspace: Path, source: Path) -> int:
    """Join the progress of a file that was exported with what is here; nothing is lost.

    Gives the number of exercises it told of. Raises ExerciseError when it is no such file.
    """
    try:
        found = _parse(source.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise ExerciseError(
            f"{source} holds no progress that can be read.",
            "It was not written by `tutorial progress --export`, or it is damaged.",
            "Nothing was changed. Export it once more, and take that file.",
        ) from None
    for number, record in found.items():
        _change(workspace, number, record.merged)
    return len(found)


def _change(workspace: Path, number: str, change: Callable[[Record], Record]) -> Record:
    workspace.mkdir(parents=True, exist_ok=True)
    with FileLock(workspace / "progress.lock"):
        found = records(workspace)
        found[number] = change(found.get(number, Record()))
        write_atomic(_file(workspace), _text(found))
    return found[number]


def _file(workspace: Path) -> Path:
    return workspace / "progress.json"


def _text(found: Records) -> str:
    exercises = {number: asdict(found[number]) for number in sorted(found)}
    return json.dumps({"format": FORMAT, "exercises": exercises}, indent=1) + "\n"


def _parse(text: str) -> Records:
    read: dict[str, Any] = json.loads(text)
    if read["format"] != FORMAT:
        raise ValueError(f"format {read['format']}")
    return {str(number): _record(fields) for number, fields in read["exercises"].items()}


def _record(fields: dict[str, Any]) -> Record:
    """A record with the types it must have; raises TypeError or ValueError otherwise."""
    record = Record(**fields)
    if any(type(value) is not type(getattr(Record, name)) for name, value in fields.items()):
        raise ValueError("a field of another type")
    return record
