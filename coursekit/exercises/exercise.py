"""What an exercise is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from coursekit.course.catalog import number_of
from coursekit.exercises.initial_state import InitialState
from coursekit.exercises.items import CheckItem
from coursekit.exercises.submission import Submission


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes:
        slug: Its permanent id: `rename-keeps-values`. Records, cells,
            projects and databases are keyed by it.
        title: As in the notebook's heading.
        check: Looks at a submission and yields a CheckItem for each thing it looked at. Raises
            NotStarted if there's nothing to look at yet.
        hints: A question first, then a pointer, then nearly the solution.
        why: The explanation that `solution()` shows below the code.
        names: What the solution defines. While none of them is defined, the exercise is not
            started.
        initial_state: What `begin()` sets up; None for an exercise without a database.
        points: Its weight, for nbgrader.
        lesson: The slug of its lesson; the manifest sets it.
        position: Its place in the lesson, from 1; the manifest sets it.

    """

    slug: str
    title: str
    check: Callable[[Submission], Iterator[CheckItem]]
    hints: tuple[str, ...]
    why: str
    names: tuple[str, ...] = ()
    initial_state: InitialState | None = None
    points: int = 1
    lesson: str = ""
    position: int = 0

    @property
    def number(self) -> str:
        """Its number in the notebook: `06.2`, the second exercise of lesson 06."""
        return f"{number_of(self.lesson)}.{self.position}"

    @property
    def heading(self) -> str:
        """Its number and title, for messages."""
        return f"Exercise {self.number} · {self.title}"
