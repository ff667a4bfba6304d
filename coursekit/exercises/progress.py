"""The course map with a learner's progress: what's done, tried and open."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path

from coursekit.course.course_map import course_map
from coursekit.exercises.manifest import exercises_of
from coursekit.exercises.records import DONE, OPEN, TRIED, Record, Records, records
from coursekit.settings import read_settings
from tutorial_lib.display import table


@dataclass(frozen=True)
class Progress:
    """The course map with the state of every exercise, in words.

    Attributes:
        rows: For each lesson its number, title and file, and its exercises with their states.

    """

    rows: tuple[tuple[str, str, str, tuple[tuple[str, str], ...]], ...]

    def __repr__(self) -> str:
        width = max(len(title) for _, title, _, _ in self.rows) + 2
        lines = [
            f"{number}  {title:<{width}}{_describe(states)}"
            for number, title, _, states in self.rows
        ]
        return "\n".join([*(line.rstrip() for line in lines), self.summary])

    @property
    def summary(self) -> str:
        """The number of exercises that are done, tried and open."""
        states = [state for *_, row in self.rows for _, state in row]
        return ", ".join(f"{states.count(state)} {state}" for state in (DONE, TRIED, OPEN)) + "."

    def _repr_html_(self) -> str:
        rows = (
            (number, f'<a href="{file}">{html.escape(title)}</a>', _describe(states))
            for number, title, file, states in self.rows
        )
        head = ("lesson", "title", "exercises")
        return f"{table(rows, head, row_head_style='')}<p>{self.summary}</p>"


def progress() -> Progress:
    """Return the course map with what you've done, tried and not begun."""
    return progress_of(read_settings().workspace)


def progress_of(workspace: Path) -> Progress:
    """Return the course map for the learner of a workspace."""
    found = records(workspace)
    return Progress(
        tuple(
            (entry.number, entry.title, entry.file, _states(entry.slug, found))
            for entry in course_map().entries
        )
    )


def _states(lesson: str, found: Records) -> tuple[tuple[str, str], ...]:
    return tuple((e.number, found.get(e.slug, Record()).state) for e in exercises_of(lesson))


def _describe(states: tuple[tuple[str, str], ...]) -> str:
    return ", ".join(f"{number} {state}" for number, state in states)
