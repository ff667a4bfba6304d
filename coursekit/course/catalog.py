"""The course: its lessons are the notebooks in `notebooks/`, in the order of their numbers."""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass
from pathlib import Path

from coursekit.errors import LessonError
from coursekit.settings import ROOT

NOTEBOOKS = ROOT / "notebooks"
NAME = re.compile(r"(\d\d)_[a-z0-9_]+\.ipynb")


def lessons() -> dict[str, Path]:
    """Number and reference notebook of every lesson, in order."""
    found = sorted(path for path in NOTEBOOKS.glob("*.ipynb") if NAME.fullmatch(path.name))
    return {path.name[:2]: path for path in found}


def lesson_path(number: str | int) -> Path:
    """The reference notebook of a lesson; `1` and `"01"` mean the same.

    Raises LessonError, which lists the lessons there are, for any other number.
    """
    known = lessons()
    key = str(number).zfill(2)
    if key in known:
        return known[key]
    raise LessonError(
        f"There is no lesson {number!r}.",
        f"The lessons are {', '.join(known)}.",
        f"Give one of these numbers, for instance {list(known)[-1]!r}.",
    )


@dataclass(frozen=True)
class Entry:
    """A lesson on the map: its title, and the question it answers."""

    number: str
    file: str
    title: str
    question: str


@dataclass(frozen=True)
class CourseMap:
    """All lessons in order; as HTML, each title leads to its notebook."""

    entries: tuple[Entry, ...]

    def __repr__(self) -> str:
        width = max(len(entry.title) for entry in self.entries) + 2
        return "\n".join(f"{e.number}  {e.title:<{width}}{e.question}" for e in self.entries)

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th scope="row">{e.number}</th>'
            f'<td style="text-align: left"><a href="{e.file}">{html.escape(e.title)}</a></td>'
            f'<td style="text-align: left">{html.escape(e.question)}</td></tr>'
            for e in self.entries
        )
        head = "".join(
            f'<th scope="col" style="text-align: left">{title}</th>'
            for title in ("lesson", "title", "question")
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def course_map() -> CourseMap:
    """The map of the course, read from the notebooks themselves."""
    return CourseMap(tuple(entry(path) for path in lessons().values()))


def following(number: str) -> str:
    """The number of the lesson after this one; nothing after the last."""
    known = list(lessons())
    after = known[known.index(number) + 1 :] if number in known else []
    return after[0] if after else ""


def navigation(path: Path) -> str:
    """The links at the end of a lesson: the one before, the map, the one after."""
    entries = course_map().entries
    here = next(place for place, entry in enumerate(entries) if entry.file == path.name)
    parts = ["[Map of the course](00_start_here.ipynb)"] if here else []
    if here:
        parts.insert(0, f"Back: {_link(entries[here - 1])}")
    if here + 1 < len(entries):
        parts.append(f"Next: {_link(entries[here + 1])}")
    return " | ".join(parts)


def _link(entry: Entry) -> str:
    return f"[{entry.number} · {entry.title}]({entry.file})"


def entry(path: Path) -> Entry:
    """A lesson's title and question: the heading and first paragraph of its notebook."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    opening = "".join(cells[0]["source"]).strip().split("\n\n")
    title = opening[0].removeprefix("# ").partition("·")[2].strip()
    return Entry(path.name[:2], path.name, title, " ".join(opening[1].strip("* ").split()))
