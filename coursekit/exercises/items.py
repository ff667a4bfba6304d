"""What a check reports of a submission: items, each with what was expected and found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SHOWN = 200  # characters of a value; more helps no one


@dataclass(frozen=True)
class CheckItem:
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
class ProbeResult:
    """What came of asking the learner's own code something: plain data, or an error.

    error  the error's name and first line, or that it did not end; nothing when it went well
    """

    value: Any = None
    error: str = ""

    def __str__(self) -> str:
        return shorten(self.error) if self.error else shown(self.value)


class NotStarted(Exception):
    """There is nothing of an answer yet."""


def expect_equal(what: str, got: Any, expected: Any, where: str) -> CheckItem:
    """An item that holds when `got`, a value or an Outcome, is `expected`."""
    outcome = got if isinstance(got, ProbeResult) else ProbeResult(got)
    good = not outcome.error and _same(outcome.value, expected)
    return CheckItem(what, good, shown(expected), str(outcome), where)


def expect_that(what: str, good: bool, expected: str, got: Any, where: str) -> CheckItem:
    """An item whose expectation is told in words."""
    return CheckItem(
        what, good, expected, str(got if isinstance(got, ProbeResult) else ProbeResult(got)), where
    )


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
