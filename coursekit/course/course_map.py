"""The map of the course: every lesson's title and question, and links between lessons."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path

from coursekit.course.catalog import lessons, slug_of
from coursekit.course.notebooks import load
from coursekit.errors import NotebookError
from tutorial_lib.display import table


@dataclass(frozen=True)
class Entry:
    """A lesson on the course map.

    Attributes:
        slug: Its permanent id: `the-first-revision`.
        number: Its current number: `06`.
        file: The name of its notebook.
        title: The notebook's heading, without the number.
        question: The question that the lesson answers, its first paragraph.

    """

    slug: str
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
            "The course map shows both.",
            f"Get it back with: git checkout notebooks/{path.name}",
        )
    title = opening[0].removeprefix("# ").partition("·")[2].strip()
    question = " ".join(opening[1].strip("* ").split())
    return Entry(slug_of(path), path.name[:2], path.name, title, question)


@dataclass(frozen=True)
class CourseMap:
    """All lessons in order. As HTML, each title links to its notebook."""

    entries: tuple[Entry, ...]

    def __repr__(self) -> str:
        width = max(len(entry.title) for entry in self.entries) + 2
        return "\n".join(f"{e.number}  {e.title:<{width}}{e.question}" for e in self.entries)

    def _repr_html_(self) -> str:
        rows = [
            (e.number, f'<a href="{e.file}">{html.escape(e.title)}</a>', html.escape(e.question))
            for e in self.entries
        ]
        return table(rows, ("lesson", "title", "question"), row_head_style="")


def course_map() -> CourseMap:
    """Return the map of the course, read from the notebooks themselves."""
    return CourseMap(tuple(entry(path) for path in lessons().values()))


def navigation(path: Path) -> str:
    """Return the Markdown links at the end of a lesson: the previous one, the map, the next."""
    entries = course_map().entries
    here = next(index for index, entry in enumerate(entries) if entry.file == path.name)
    parts = ["[Map of the course](00_start_here.ipynb)"] if here else []
    if here:
        parts.insert(0, f"Back: {_link(entries[here - 1])}")
    if here + 1 < len(entries):
        parts.append(f"Next: {_link(entries[here + 1])}")
    return " | ".join(parts)


def _link(entry: Entry) -> str:
    return f"[{entry.number} · {entry.title}]({entry.file})"
