"""The map of the course, with what a learner has done, tried, and not begun."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path

from coursekit.course.catalog import course_map
from coursekit.exercises.manifest import exercises_of
from coursekit.exercises.records import DONE, OPEN, TRIED, Record, Records, records


@dataclass(frozen=True)
class Progress:
    """The map of the course, with what is done, tried and open; every state is a word."""

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
        """How many exercises are done, tried and open."""
        states = [state for *_, row in self.rows for _, state in row]
        return ", ".join(f"{states.count(state)} {state}" for state in (DONE, TRIED, OPEN)) + "."

    def _repr_html_(self) -> str:
        left = 'style="text-align: left"'
        head = "".join(f'<th scope="col" {left}>{t}</th>' for t in ("lesson", "title", "exercises"))
        body = "".join(
            f'<tr><th scope="row">{number}</th>'
            f'<td {left}><a href="{file}">{html.escape(title)}</a></td>'
            f"<td {left}>{_describe(states)}</td></tr>"
            for number, title, file, states in self.rows
        )
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        return f"{table}<p>{self.summary}</p>"


def progress_of(workspace: Path) -> Progress:
    """The map of the course for the learner of a workspace."""
    found = records(workspace)
    return Progress(
        tuple(
            (entry.number, entry.title, entry.file, _states(entry.number, found))
            for entry in course_map().entries
        )
    )


def _states(lesson: str, found: Records) -> tuple[tuple[str, str], ...]:
    return tuple((e.number, found.get(e.number, Record()).state) for e in exercises_of(lesson))


def _describe(states: tuple[tuple[str, str], ...]) -> str:
    return ", ".join(f"{number} {state}" for number, state in states)
