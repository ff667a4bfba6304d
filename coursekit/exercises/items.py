"""What a check reports about a submission: items with expected and actual values."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any

SHOWN = 200  # characters of a value; more helps no one
GONE = "Something that the exercise created is gone. Begin the exercise again and run your answer."


@dataclass(frozen=True)
class CheckItem:
    """One thing that a check looked at.

    Attributes:
        what: A claim that holds when the exercise is done: "the table users is there".
        good: Whether it holds.
        expected: The expected value, as text.
        got: The actual value, as text.
        where: Where to look if it doesn't hold.

    """

    what: str
    good: bool
    expected: str = ""
    got: str = ""
    where: str = ""


@dataclass(frozen=True)
class ProbeResult:
    """What a call of the learner's code, or a command on the project, resulted in.

    Attributes:
        value: What it returned, as plain data.
        error: The exception's class and first line, or that it didn't end; "" if all went well.
        ended: Whether it ended in time. If not, `error` says so.

    """

    value: Any = None
    error: str = ""
    ended: bool = True

    def __str__(self) -> str:
        return shorten(self.error) if self.error else shown(self.value)


class NotStarted(Exception):
    """The learner hasn't written anything for this exercise yet."""


class Unreadable(Exception):
    """A table is missing, or the server's catalog was changed; `where` says what to do."""

    def __init__(self, what: str, where: str = GONE) -> None:
        super().__init__(what)
        self.where = where


def expect_equal(what: str, got: Any, expected: Any, where: str) -> CheckItem:
    """Return an item that holds if `got`, a value or a ProbeResult, equals `expected`."""
    result = _as_result(got)
    good = not result.error and _same(result.value, expected)
    return CheckItem(what, good, shown(expected), str(result), where)


def expect_that(what: str, good: bool, expected: str, got: Any, where: str) -> CheckItem:
    """Return an item whose expectation is described in words."""
    return CheckItem(what, good, expected, str(_as_result(got)), where)


def shown(value: Any) -> str:
    """Return a value as text of limited length."""
    return shorten(value if isinstance(value, str) and value else repr(value))


def shorten(text: str) -> str:
    """Return a text as one line of at most SHOWN characters."""
    line = " ".join("".join(map(_visible, text)).split())
    return line if len(line) <= SHOWN else line[: SHOWN - 4].rstrip() + " ..."


def _visible(character: str) -> str:
    """Return a space in place of a control character, which could rewrite a terminal's screen."""
    return " " if unicodedata.category(character) == "Cc" else character


def _as_result(got: Any) -> ProbeResult:
    return got if isinstance(got, ProbeResult) else ProbeResult(got)


def _same(got: Any, expected: Any) -> bool:
    """Compare value and type, inside lists and tuples too: here, 2.0 isn't 2."""
    if type(got) is not type(expected):
        return False
    if isinstance(got, list | tuple):
        return len(got) == len(expected) and all(map(_same, got, expected))
    return bool(got == expected)
