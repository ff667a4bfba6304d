"""Read a lesson's starting state: the project and database that the previous lesson leaves.

`notebooks/starts/SLUG/` holds what the lesson before SLUG added to the project, and the Alembic
commands that bring an empty database to where that lesson left it. `tutorial refresh` writes
both, and a test proves that they equal what the lesson leaves now.

From SHOP on all lessons have the same starting state: the shop, as the lesson before SHOP
leaves it. So you can take each of them without the others.

INTRODUCTION borrows the starting state of UPGRADE, whose migration it runs to show where the course
leads. No lesson starts where it ends.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from coursekit.course.catalog import NOTEBOOKS, lessons
from coursekit.settings import short_hash

STARTS = NOTEBOOKS / "starts"
SHOP = "history"
INTRODUCTION, UPGRADE = "start-here", "upgrade"
NOTE = ".lesson.json"  # in every project; project_note writes and reads it
IGNORED = ("__pycache__", NOTE)


@dataclass(frozen=True)
class StartingState:
    """What a lesson starts from.

    Attributes:
        files: The project's files: their paths in it, and their text.
        commands: What follows `alembic` to bring an empty database there, in order.

    """

    files: dict[str, str]
    commands: tuple[str, ...]

    @property
    def fingerprint(self) -> str:
        """Eight characters that change when the state changes."""
        return short_hash(json.dumps([sorted(self.files.items()), self.commands]))

    def write_files(self, project: Path) -> None:
        """Write the files to a project's folder."""
        write_files(self.files, project)


def starting_state(lesson: str) -> StartingState:
    """Return the starting state of a lesson, named by its slug; it's empty for the first ones."""
    files: dict[str, str] = {}
    commands: tuple[str, ...] = ()
    last = UPGRADE if lesson == INTRODUCTION else lesson
    for folder in (STARTS / slug for slug in up_to_the_shop(last)):
        if folder.is_dir():
            files |= read_project(folder / "project")
            commands = tuple(json.loads((folder / "alembic.json").read_text("utf-8")))
    return StartingState(files, commands)


def up_to_the_shop(lesson: str) -> list[str]:
    """Return the slugs of the lessons up to this one, but at most up to SHOP, in order."""
    known = list(lessons())
    line = known[: known.index(lesson) + 1]
    return line[: line.index(SHOP) + 1] if SHOP in line else line


def write_files(files: Mapping[str, str], project: Path) -> None:
    """Write files to a project's folder.

    Args:
        files: Their paths in the project, and their text.
        project: The folder.

    """
    for name, content in files.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8", newline="\n")
    if "alembic/env.py" in files:  # Git keeps no empty folder, but Alembic needs this one
        (project / "alembic" / "versions").mkdir(exist_ok=True)


def read_project(project: Path) -> dict[str, str]:
    """Return a project's files by their paths, without Python's and the course's own."""
    return {name: path.read_text("utf-8", "replace") for name, path in _files(project)}


def has_only(files: Mapping[str, str], project: Path) -> bool:
    """Return whether a project holds exactly these files, byte by byte."""
    return {name: path.read_bytes() for name, path in _files(project)} == {
        name: content.encode() for name, content in files.items()
    }


def _files(project: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(project.rglob("*")):
        inside = path.relative_to(project)
        if path.is_file() and not set(inside.parts) & set(IGNORED):
            yield inside.as_posix(), path
