"""The course's lessons: the notebooks in `notebooks/`, ordered by number.

A lesson's id is its slug, the name of its notebook without the number: `the-first-revision` for
`06_the_first_revision.ipynb`. All persistent data is keyed by slug. In code, only the
notebooks' names contain numbers, so renaming a notebook moves its lesson.
"""

from __future__ import annotations

import re
from pathlib import Path

from coursekit.errors import LessonError
from coursekit.settings import ROOT

NOTEBOOKS = ROOT / "notebooks"
# The last lesson that changes the application: the root's alembic/ and tutorial_lib's models are
# what it leaves.
LAST_CHANGE = "change-the-schema"
NAME = re.compile(r"(\d\d)_([a-z][a-z0-9_]*)\.ipynb")


def lessons() -> dict[str, Path]:
    """Return the source notebook of every lesson, by its slug, in order."""
    found = sorted(path for path in NOTEBOOKS.glob("*.ipynb") if NAME.fullmatch(path.name))
    return {slug_of(path): path for path in found}


def slug_of(path: Path) -> str:
    """Return the slug of the lesson whose notebook this is."""
    return path.stem[3:].replace("_", "-")


def number_of(slug: str) -> str:
    """Return a lesson's current number, such as `06`."""
    return lesson_path(slug).name[:2]


def lesson_path(lesson: str | int) -> Path:
    """Return the source notebook of a lesson.

    Args:
        lesson: Its slug, or its number; `1` and `"01"` are the same.

    Raises:
        LessonError: There's no such lesson. The message lists the numbers.

    """
    known = lessons()
    numbers = {path.name[:2]: path for path in known.values()}
    found = known.get(str(lesson)) or numbers.get(str(lesson).zfill(2))
    if found:
        return found
    raise LessonError(
        f"There is no lesson {lesson!r}.",
        f"The lessons are {', '.join(numbers)}.",
        f"Use one of these numbers, for instance {list(numbers)[-1]!r}.",
    )


def following(slug: str) -> str:
    """Return the slug of the next lesson, or "" after the last one."""
    known = list(lessons())
    after = known[known.index(slug) + 1 :] if slug in known else []
    return after[0] if after else ""
