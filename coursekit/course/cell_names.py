"""The names of an exercise's cells, which identify a cell's kind and its exercise.

They are `exercise-SLUG`, `begin-SLUG`, `starter-SLUG`, `answer-SLUG` and `check-SLUG`; further
cells of an answer are `answer-SLUG_b`, `answer-SLUG_c`. A slug has no underscore, so it can't
be mistaken for another one that ends in `_b`.
"""

from __future__ import annotations

import re
from typing import Any

from coursekit.course.former_ids import current_id

NAME = re.compile(r"(?P<kind>[a-z]+)-(?P<slug>[a-z][a-z0-9-]*)(?P<part>_[a-z])?")
# Before there were slugs: `answer-06-1`, `answer-06-1-b`, `exercises-06`.
FORMER = re.compile(r"(?P<kind>[a-z]+)-(?P<slug>\d\d(-\d)?)(?P<part>-[a-z])?")

Cell = dict[str, Any]


def grade_id(cell: Cell) -> str:
    """Return the name of an exercise's cell, even if an editor has changed the cell's id."""
    return current_name(cell["metadata"].get("nbgrader", {}).get("grade_id", cell.get("id", "")))


def current_name(given: object) -> str:
    """Return a cell's current name; a copy from before there were slugs has another one."""
    former = FORMER.fullmatch(str(given))
    if not former:
        return str(given)
    part = (former["part"] or "").replace("-", "_")
    return f"{former['kind']}-{current_id(former['slug'])}{part}"


def slug_in(cell: Cell, *kinds: str) -> str:
    """Return the slug of the exercise whose `answer`, `check` or other kind this cell is, or ""."""
    return slug_named(grade_id(cell), *kinds)


def slug_named(name: str, *kinds: str) -> str:
    """Return the same for a cell that's known by its name only."""
    found = NAME.fullmatch(current_name(name))
    return found["slug"] if found and found["kind"] in kinds else ""
