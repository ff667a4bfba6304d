"""How each lesson begins: with the project and the database that the one before has left.

`notebooks/starts/NN/` holds what lesson NN-1 added to the project, and the Alembic commands
that bring an empty database to where it left it. `tutorial refresh` writes both; a test
holds them equal to what the lesson leaves now.

From SHOP on, all lessons begin alike: with the shop as the lesson before SHOP has left it. So
each of them can be taken alone.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, inspect, text

from coursekit.course.catalog import NOTEBOOKS, following
from coursekit.course.sanitize import sanitize
from coursekit.course.workspace import NOTE
from coursekit.settings import short_hash

STARTS = NOTEBOOKS / "starts"
SHOP = "10"
IGNORED = ("__pycache__", NOTE)


@dataclass(frozen=True)
class StartingState:
    """The beginning of a lesson.

    files     path in the project to text
    commands  what brings an empty database there, as after `alembic`
    """

    files: dict[str, str]
    commands: tuple[str, ...]

    @property
    def fingerprint(self) -> str:
        """Eight characters that change when anything of it does."""
        return short_hash(json.dumps([sorted(self.files.items()), self.commands]))

    def write_files(self, project: Path) -> None:
        """Write the files into a project's folder."""
        write_files(self.files, project)


def write_files(files: Mapping[str, str], project: Path) -> None:
    """Write files, path to text, into a project's folder."""
    for name, content in files.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8", newline="\n")
    if "alembic/env.py" in files:  # Git keeps no empty folder, Alembic wants this one
        (project / "alembic" / "versions").mkdir(exist_ok=True)


def starting_state(number: str) -> StartingState:
    """The beginning of lesson `number`; the first lessons begin with nothing."""
    files: dict[str, str] = {}
    commands: tuple[str, ...] = ()
    for earlier in sorted(path.name for path in STARTS.iterdir()):
        if earlier <= min(number, SHOP):
            files |= read_project(STARTS / earlier / "project")
            commands = tuple(json.loads((STARTS / earlier / "alembic.json").read_text("utf-8")))
    return StartingState(files, commands)


def capture(project: Path, engine: Engine) -> StartingState:
    """Where a lesson has left its project and its database."""
    return StartingState(read_project(project), _commands(engine))


def read_project(project: Path) -> dict[str, str]:
    """The files of a project, masked, but for what Python and the kit keep there."""
    return {name: sanitize(path.read_text("utf-8", "replace")) for name, path in _files(project)}


def has_only(files: Mapping[str, str], project: Path) -> bool:
    """Whether a project holds these files, byte by byte, and nothing else."""
    return {name: path.read_bytes() for name, path in _files(project)} == {
        name: content.encode() for name, content in files.items()
    }


def _files(project: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(project.rglob("*")):
        inside = path.relative_to(project)
        if path.is_file() and not set(inside.parts) & set(IGNORED):
            yield inside.as_posix(), path


def next_start(number: str) -> str:
    """The lesson that begins as this one ends; nothing after SHOP, and after the last one."""
    after = following(number)
    return after if after <= SHOP else ""


def store(number: str, end: StartingState) -> bool:
    """Keep the end of a lesson as the beginning of the next; True when that changed it."""
    after = next_start(number)
    if not after or end == starting_state(after):
        return False
    folder = STARTS / after
    shutil.rmtree(folder, ignore_errors=True)
    begun = starting_state(number).files
    new = {name: content for name, content in end.files.items() if begun.get(name) != content}
    if new or end.commands != starting_state(number).commands:
        StartingState(new, ()).write_files(folder / "project")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "alembic.json").write_text(json.dumps(end.commands) + "\n", encoding="utf-8")
    return True


def _commands(engine: Engine) -> tuple[str, ...]:
    """What Alembic has to do with an empty database to bring it where this one is."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return ()
        heads = connection.scalars(text("SELECT version_num FROM alembic_version")).all()
    return tuple(f"upgrade {head}" for head in heads) or ("ensure_version",)
