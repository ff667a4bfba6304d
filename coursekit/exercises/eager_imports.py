"""Import everything that grading needs before a learner's code runs.

A submission may overwrite files of the kit or of installed packages. Modules that the grading
process has already imported aren't read again.
"""

from __future__ import annotations

from importlib import import_module

# Imported by a function when it's first needed: of the course, of SQLAlchemy, of psycopg2, ...
LATE = (
    "coursekit.course.sanitize",
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
