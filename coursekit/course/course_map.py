"""The map of the course: every lesson's title and question, and links between lessons."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path

from coursekit.course.catalog import Entry, entry, lessons
from tutorial_lib.display import table


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
