"""What an exercise starts from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

from coursekit.course.starting_state import starting_state


@dataclass(frozen=True)
class InitialState:
    """The database and the project that an exercise starts from.

    Attributes:
        lesson: The slug of the lesson whose starting state it builds on. A lesson starts where the
            previous one ends.
        sql: Statements to run in the database afterwards.
        files: Files to add to the lesson's project, path to content.
        draw: Returns more statements, with values that no one knows before `begin`.

    """

    lesson: str
    sql: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    draw: Callable[[Random], str] | None = None

    @property
    def all_files(self) -> dict[str, str]:
        """The project's files: the lesson's, and the exercise's own."""
        return {**starting_state(self.lesson).files, **self.files}

    def statements(self, seed: str) -> str:
        """Return all statements, with the values that this seed draws."""
        return self.sql + (self.draw(Random(seed)) if self.draw else "")  # noqa: S311
