"""What an exercise is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from coursekit.exercises.initial_state import InitialState
from coursekit.exercises.items import CheckItem
from coursekit.exercises.submission import Submission


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes:
        number: `06.1`, the first one of lesson 06.
        title: As in the notebook's heading.
        check: Looks at a submission and yields a CheckItem for each thing it looked at. Raises
            NotStarted if there's nothing to look at yet.
        hints: A question first, then a pointer, then nearly the solution.
        why: The explanation that `solution()` shows below the code.
        names: What the solution defines. While none of them is defined, the exercise is not
            started.
        initial_state: What `begin()` sets up; None for an exercise without a database.
        points: Its weight, for nbgrader.

    """

    number: str
    title: str
    check: Callable[[Submission], Iterator[CheckItem]]
    hints: tuple[str, ...]
    why: str
    names: tuple[str, ...] = ()
    initial_state: InitialState | None = None
    points: int = 1

    @property
    def lesson(self) -> str:
        """The number of its lesson, `06`."""
        return self.number[:2]

    @property
    def slug(self) -> str:
        """Its number as used in the names of cells, databases and folders, `06-1`."""
        return self.number.replace(".", "-")

    @property
    def heading(self) -> str:
        """Its number and title, for messages."""
        return f"Exercise {self.number} · {self.title}"
