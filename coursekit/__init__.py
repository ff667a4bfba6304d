"""What runs the course: lessons on a real PostgreSQL, and exercises that check your work.

    from coursekit import start
    lesson = start("01")

Names are imported when they're first used, so `import coursekit` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coursekit.course.catalog import course_map
    from coursekit.course.connection_details import connection_details
    from coursekit.course.doctor import doctor
    from coursekit.course.lesson import Lesson
    from coursekit.course.opening import start
    from coursekit.course.project import project_url
    from coursekit.exercises.notebook_api import begin, check, hint, progress, solution

__all__ = [
    "Lesson",
    "begin",
    "check",
    "connection_details",
    "course_map",
    "doctor",
    "hint",
    "progress",
    "project_url",
    "solution",
    "start",
]
_HOMES = {
    "Lesson": "course.lesson",
    "start": "course.opening",
    "connection_details": "course.connection_details",
    "course_map": "course.catalog",
    "doctor": "course.doctor",
    "project_url": "course.project",
    **dict.fromkeys(("begin", "check", "hint", "progress", "solution"), "exercises.notebook_api"),
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
