"""What runs the course: lessons on a real PostgreSQL, and exercises that check your work.

    from coursekit import start
    lesson = start("01")

Names are imported when they're first used, so `import coursekit` costs nothing.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coursekit.course.connection_details import connection_details
    from coursekit.course.course_map import course_map
    from coursekit.course.doctor import doctor
    from coursekit.course.lesson import Lesson
    from coursekit.course.opening import start
    from coursekit.course.project import project_url
    from coursekit.exercises.begin import begin
    from coursekit.exercises.check import check
    from coursekit.exercises.help import hint, solution
    from coursekit.exercises.progress import progress

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
    "course_map": "course.course_map",
    "doctor": "course.doctor",
    "project_url": "course.project",
    "begin": "exercises.begin",
    "check": "exercises.check",
    "hint": "exercises.help",
    "solution": "exercises.help",
    "progress": "exercises.progress",
}
_STARTERS = ("start", "begin")
_EXERCISES = ("begin", "check")


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    # In a notebook, an import has two side effects: `%alembic` is defined before a lesson is
    # started (and reports that none is), and failed cells are recorded for the checks.
    if name in _STARTERS and "IPython" in sys.modules:
        import_module(f"{__name__}.course.kernel_setup").announce_magics()
    if name in _EXERCISES and "IPython" in sys.modules:
        import_module(f"{__name__}.course.cell_runs").watch()
    return value
