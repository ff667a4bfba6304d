"""The lessons there are: the notebooks in `notebooks/`, in the order of their numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from coursekit.course.notebooks import load
from coursekit.errors import LessonError, NotebookError
from coursekit.settings import ROOT

NOTEBOOKS = ROOT / "notebooks"
NAME = re.compile(r"(\d\d)_[a-z0-9_]+\.ipynb")


def lessons() -> dict[str, Path]:
    """Return the source notebook of every lesson, by its number, in order."""
    found = sorted(path for path in NOTEBOOKS.glob("*.ipynb") if NAME.fullmatch(path.name))
    return {path.name[:2]: path for path in found}


def lesson_path(number: str | int) -> Path:
    """Return the source notebook of a lesson.

    Args:
        number: The lesson's number; `1` and `"01"` are the same.

    Raises:
        LessonError: There's no such lesson. The message lists the numbers.

    """
    known = lessons()
    key = str(number).zfill(2)
    if key in known:
        return known[key]
    raise LessonError(
        f"There is no lesson {number!r}.",
        f"The lessons are {', '.join(known)}.",
        f"Use one of these numbers, for instance {list(known)[-1]!r}.",
    )


def following(number: str) -> str:
    """Return the number of the next lesson, or "" after the last one."""
    known = list(lessons())
    after = known[known.index(number) + 1 :] if number in known else []
    return after[0] if after else ""


@dataclass(frozen=True)
class Entry:
    """What the catalog knows of a lesson.

    Attributes:
        number: `06`.
        file: The name of its notebook.
        title: The notebook's heading, without the number.
        question: The question that the lesson answers, its first paragraph.

    """

    number: str
    file: str
    title: str
    question: str


def entry(path: Path) -> Entry:
    """Read a lesson's title and question from the first cell of its notebook.

    Raises:
        NotebookError: The notebook can't be read, or doesn't begin with them.

    """
    cells = load(path)["cells"]
    opening = "".join(cells[0]["source"]).strip().split("\n\n") if cells else []
    if len(opening) < 2:
        raise NotebookError(
            f"{path.name} doesn't begin with its title and its question.",
            "The map of the course shows both.",
            f"Get it back with: git checkout notebooks/{path.name}",
        )
    title = opening[0].removeprefix("# ").partition("·")[2].strip()
    return Entry(path.name[:2], path.name, title, " ".join(opening[1].strip("* ").split()))
