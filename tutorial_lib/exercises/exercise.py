"""What an exercise is, and what a check says of an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tutorial_lib.exercises.answer import Answer

SHOWN = 200  # characters of a value; more of it helps nobody


@dataclass(frozen=True)
class Item:
    """One thing that a check looked at.

    what      a claim that holds when the exercise is done: "the table users is there"
    good      whether it holds
    expected  what it should be, and `got`, what it is; both as text
    where     where to look, when it does not hold
    """

    what: str
    good: bool
    expected: str = ""
    got: str = ""
    where: str = ""


@dataclass(frozen=True)
class Outcome:
    """What came of asking the learner's own code something: plain data, or an error.

    error  the error's name and first line, or that it did not end; nothing when it went well
    """

    value: Any = None
    error: str = ""

    def __str__(self) -> str:
        return shorten(self.error) if self.error else shown(self.value)


@dataclass(frozen=True)
class Wrong:
    """An answer of a kind that people give, and what the check must say to it.

    says  words of the item that is meant for it
    """

    name: str
    code: str
    says: str


@dataclass(frozen=True)
class Begin:
    """The database and the project that an exercise begins with.

    lesson  the lesson whose beginning it is; the end of 06 is the beginning of `07`
    sql     statements that are run in the database then
    files   path in the project to text, added to the lesson's
    """

    lesson: str
    sql: str = ""
    files: Mapping[str, str] = field(default_factory=dict)


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
    begin   what `begin()` makes; None for an exercise without a database
    right   further answers that are right, beside the one in the reference notebook
    wrong   answers that are not
    """

    number: str
    title: str
    check: Callable[[Answer], Iterator[Item]]
    hints: tuple[str, ...]
    why: str
    names: tuple[str, ...] = ()
    begin: Begin | None = None
    points: int = 1
    right: tuple[str, ...] = ()
    wrong: tuple[Wrong, ...] = ()

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


class NotStarted(Exception):
    """There is nothing of an answer yet."""


def expect(what: str, got: Any, expected: Any, where: str) -> Item:
    """An item that holds when `got`, a value or an Outcome, is `expected`."""
    outcome = got if isinstance(got, Outcome) else Outcome(got)
    good = not outcome.error and _same(outcome.value, expected)
    return Item(what, good, shown(expected), str(outcome), where)


def claim(what: str, good: bool, expected: str, got: Any, where: str) -> Item:
    """An item whose expectation is told in words."""
    return Item(what, good, expected, str(got if isinstance(got, Outcome) else Outcome(got)), where)


def _same(got: Any, expected: Any) -> bool:
    """Equal, and of one type, inside of lists and tuples too: 2.0 is not 2 here."""
    if type(got) is not type(expected):
        return False
    if isinstance(got, list | tuple):
        return len(got) == len(expected) and all(map(_same, got, expected))
    return bool(got == expected)


def shown(value: Any) -> str:
    """A value as text, not too long."""
    return shorten(value if isinstance(value, str) and value else repr(value))


def shorten(text: str) -> str:
    """One line of at most SHOWN characters."""
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else line[: SHOWN - 4].rstrip() + " ..."
