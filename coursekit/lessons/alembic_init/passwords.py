"""Find the files of a project that contain a password."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from coursekit.exercises.items import CheckItem, expect_that
from coursekit.exercises.submission import Submission

PLACEHOLDER = "driver://user:pass@localhost/dbname"  # init writes it into alembic.ini
# What another program replaces with a value.
VARIABLE = re.compile(r"%\(\w+\)s|\$\{\w+\}|\$[A-Z_]{2,}\b")
IN_URL = re.compile(r"://[^\s:/@'\"{}]*:(?!\*+@)[^\s@'\"{}]+@")


def no_passwords(submission: Submission, instead: str, where: str) -> CheckItem:
    """Return an item that holds if no file contains a password."""
    found = _files_with_passwords(submission)
    what = "no file of the project contains a password"
    return expect_that(what, not found, instead, f"a password in {' and '.join(found)}", where)


def _files_with_passwords(submission: Submission) -> list[str]:
    """Return the files in which a password is written out; any password, not only the right one.

    A file that is as `begin` wrote it is left out, and so are comments.
    """
    url = submission.lesson.url
    secret = "" if url.password == url.username else str(url.password or "")
    return sorted(
        name
        for name, text in submission.files.items()
        if text != submission.initial_files.get(name) and _contains(name, text, secret)
    )


def _contains(name: str, text: str, secret: str) -> bool:
    values = _python_values(text) if name.endswith(".py") else _lines(text)
    return any(
        bool(IN_URL.search(VARIABLE.sub("", value.replace(PLACEHOLDER, ""))))
        or value == secret != ""
        for value in values
    )


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if not line.lstrip().startswith(("#", ";")):
            yield line
            yield line.partition("=")[2].strip(" '\"")


def _python_values(text: str) -> Iterator[str]:
    """Yield a module's strings, and its `password="..."` as the end of a URL."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(value)) if id(node) not in docstrings:
                yield value
            case ast.keyword(arg="password", value=ast.Constant(value=str(value))) if value:
                yield f"://:{value}@"
