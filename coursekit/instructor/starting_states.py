"""Capture the state that a lesson leaves, and save it as the next lesson's starting state."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from sqlalchemy import Engine, inspect, text

from coursekit.course.catalog import following
from coursekit.course.sanitize import sanitize
from coursekit.course.starting_state import (
    INTRODUCTION,
    STARTS,
    StartingState,
    read_project,
    starting_state,
    up_to_the_shop,
)
from coursekit.files import sync


def capture(project: Path, engine: Engine) -> StartingState:
    """Return the state in which a lesson has left its project and its database."""
    return StartingState(sanitize(read_project(project)), _commands(engine))


def next_start(lesson: str) -> str:
    """Return the lesson that starts where this one ends, or "" if none does.

    None does after INTRODUCTION, after SHOP, whose starting state all later lessons share, and
    after the last one.
    """
    if lesson == INTRODUCTION:
        return ""
    after = following(lesson)
    return after if after and after in up_to_the_shop(after) else ""


def save(lesson: str, end: StartingState) -> bool:
    """Save the state that a lesson leaves as the starting state of the next.

    Only the files that the lesson added or changed are written.

    Args:
        lesson: The lesson that has been run, by its slug.
        end: The state it left.

    Returns:
        Whether that changed the next lesson's starting state.

    """
    after = next_start(lesson)
    if not after or end == starting_state(after):
        return False
    folder = STARTS / after
    shutil.rmtree(folder, ignore_errors=True)
    start = starting_state(lesson)
    new = {name: content for name, content in end.files.items() if start.files.get(name) != content}
    if new or end.commands != start.commands:
        StartingState(new, ()).write_files(folder / "project")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "alembic.json").write_text(json.dumps(end.commands) + "\n", encoding="utf-8")
        sync((folder, *folder.rglob("*")), lasting=True)
    return True


def _commands(engine: Engine) -> tuple[str, ...]:
    """Return the Alembic commands that bring an empty database to this one's revision."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return ()
        heads = connection.scalars(text("SELECT version_num FROM alembic_version")).all()
    return tuple(f"upgrade {head}" for head in heads) or ("ensure_version",)
