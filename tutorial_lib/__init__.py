"""The library under the lessons: a real PostgreSQL, lessons on it, and a look inside.

    from tutorial_lib import start, explorer
    lesson = start("01")

Names are imported when they are first used, so that `import tutorial_lib` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tutorial_lib import backfill, course, doctor, explorer, frames, load, locks, turns
    from tutorial_lib.exercises.learner import begin, check, hint, progress, solution
    from tutorial_lib.lesson import Lesson, start
    from tutorial_lib.project import project_url

__all__ = [
    "Lesson",
    "backfill",
    "begin",
    "check",
    "course",
    "doctor",
    "explorer",
    "frames",
    "hint",
    "load",
    "locks",
    "progress",
    "project_url",
    "solution",
    "start",
    "turns",
]
_HOMES = {
    "Lesson": "lesson",
    "start": "lesson",
    "project_url": "project",
    **dict.fromkeys(("begin", "check", "hint", "progress", "solution"), "exercises.learner"),
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"{__name__}.{_HOMES.get(name, name)}")
    return getattr(module, name) if name in _HOMES else module
