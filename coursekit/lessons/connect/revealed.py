"""What a learner's function prints, logs and raises, and whether a password is in it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from traceback import TracebackException
from unittest.mock import patch
from urllib.parse import quote

from coursekit.exercises.items import CheckItem, expect_that

PART, FEW = 5, 3  # characters of a password that give it away; if one of them is SPECIAL
SPECIAL = set("@%!~")
RARE = ("¤", "¦")  # characters that no message contains: a single one gives the password away


@contextmanager
def written_to(printed: StringIO) -> Iterator[None]:
    """Write what is printed or logged into a string, whichever handlers a logger has."""
    root, formatter = logging.getLogger(), logging.Formatter()

    def handle(_: logging.Logger, record: logging.LogRecord) -> None:
        printed.write(f"{formatter.format(record)}\n")

    level = root.level
    root.setLevel(logging.DEBUG)  # as in a program that logs everything
    try:
        with (
            patch.object(logging.Logger, "callHandlers", handle),
            redirect_stdout(printed),
            redirect_stderr(printed),
        ):
            yield
    finally:
        root.setLevel(level)


def logged(error: BaseException) -> str:
    """Return what a traceback says about an error, without the lines of code."""
    parts: list[str] = []
    todo = [TracebackException.from_exception(error, lookup_lines=False)]
    while todo:
        one = todo.pop()
        parts += one.format_exception_only()
        context = None if one.__suppress_context__ else one.__context__
        todo += [each for each in (one.__cause__, context) if each is not None]
    return "".join(parts).strip()


def hidden(secrets: Sequence[str], said: list[str], others: list[str]) -> CheckItem:
    """Report whether no message shows a password or a part of it, plain or escaped.

    Args:
        secrets: The passwords.
        said: The errors' own messages.
        others: What else a log or a file would contain: what was printed, notes, earlier errors.

    """
    forms = set().union(*map(_forms, secrets))
    where = "Name the setting in the message. Don't print the settings, or a URL as a string."
    shown = next((text for text in said if any(form in text for form in forms)), "")
    if not shown:
        shown = next((text for text in others if any(form in text for form in forms)), "")
        where = (
            "A log contains what the function prints, and also an exception's notes and the "
            "exceptions that it was raised from. Leave the settings out of all of them, and out "
            "of files."
        )
    what = "no message shows the password"
    return expect_that(what, not shown, "no password", shown, where)


def _forms(secret: str) -> set[str]:
    """Return what a password can be recognized by."""
    plain = secret.strip()
    if not plain:
        return set()
    forms = {plain, quote(plain), quote(plain, safe="")}
    forms |= {secret[place : place + PART] for place in range(len(secret) - PART + 1)}
    short = {secret[place : place + FEW] for place in range(len(secret) - FEW + 1)}
    forms |= {each for each in short if SPECIAL & {*each}}
    rare = {each for each in RARE if each in secret}
    return forms | rare | {quote(each) for each in rare} | {ascii(each)[1:-1] for each in rare}
