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

    number  `06.1`: lesson and place
    title   as the notebook's heading says it
    check   looks at an answer and yields an Item for each thing it looked at; raises
            NotStarted when there is nothing to look at yet
    hints   a question first, then a pointer, then nearly the answer
    why     what `solution()` says below the code
    names   what the answer defines; while none of them is, it is not started
    initial_state   what `begin()` makes; None for an exercise without a database
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
        """The number of its lesson: `06`."""
        return self.number[:2]

    @property
    def slug(self) -> str:
        """The number as it stands in names of cells, databases and folders: `06-1`."""
        return self.number.replace(".", "-")

    @property
    def heading(self) -> str:
        """How it is called wherever it is mentioned."""
        return f"Exercise {self.number} · {self.title}"
