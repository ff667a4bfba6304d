"""Import everything that grading needs before a learner's code runs.

A submission may overwrite files of the kit or of installed packages. Modules that the grading
process has already imported aren't read again.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

# Imported by a function when it's first needed: of the course, of SQLAlchemy, of psycopg2, ...
LATE = (
    "coursekit.course.session_defaults",
    "coursekit.exercises.attempted",
    "coursekit.exercises.database",
    "coursekit.exercises.project_copy",
    "coursekit.exercises.project_source",
    "coursekit.exercises.records",
    "coursekit.exercises.time_budget",
    "psutil",
    "psycopg2._ipaddress",
    "psycopg2._json",
    "psycopg2._range",
    "psycopg2.extras",
    "sqlalchemy.dialects.postgresql.psycopg2",
    "tutorial_lib.display",
    "tutorial_lib.hashing",
)


def import_all() -> None:
    """Import what a check may need after it has run a learner's code."""
    for name in LATE:
        import_module(name)


def import_checks(lesson: str) -> None:
    """Import all modules of exercises, and those of a lesson's checks, too.

    Args:
        lesson: The lesson's slug: `upgrade`.

    """
    import_all()
    for package in ("coursekit.exercises", f"coursekit.lessons.{lesson.replace('-', '_')}"):
        for module in iter_modules(import_module(package).__path__, f"{package}."):
            import_module(module.name)
