"""Find the files of a project that contain a password."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote, quote_plus

from sqlalchemy import URL

from coursekit.exercises.items import CheckItem, expect_that
from coursekit.exercises.submission import Submission

PLACEHOLDER = "driver://user:pass@localhost/dbname"  # init writes it into alembic.ini
# What another program replaces with a value.
VARIABLE = re.compile(r"%\(\w+\)s|\$\{[^{}]*\}|\{\w*\}|\$[A-Z_]{2,}\b|%s")
IN_URL = re.compile(r"://[^\s:/@'\"{}]*:(?!\*+@)[^\s@'\"{}]+@")
# `password: x`, `PGPASSWORD='x'`, and so on; what only stands for a password is left out.
NAMED = r"pass(?:word|wd)[\"']?\s*{}\s*[\"']?(?![\"'*<.&]|your|change)[^\s\"',;&]"
SETTING, IN_STRING = (re.compile(NAMED.format(sign), re.IGNORECASE) for sign in ("[=:]", "="))
PROSE = (".md", ".rst", ".txt", ".mako")
TAKE_OUT = "{}: take the password out. No file of this exercise needs one"


def no_passwords(submission: Submission, instead: str, where: str) -> CheckItem:
    """Return an item that holds if no file contains a password.

    Args:
        submission: The submission.
        instead: What a file may contain.
        where: Where to look if it's `alembic.ini` or `alembic/env.py`.

    """
    found = files_with_passwords(submission, submission.files)
    what = "no file of the project contains a password"
    if set(found) - {"alembic.ini", "alembic/env.py"}:
        where = TAKE_OUT.format(" and ".join(found))
    return expect_that(what, not found, instead, f"a password in {' and '.join(found)}", where)


def files_with_passwords(submission: Submission, files: Mapping[str, str]) -> list[str]:
    """Return the files in which a password is written out; any password, not only the right one.

    A file that is as `begin` wrote it is left out, and so are comments: only the right password
    is looked for in them.
    """
    url = submission.lesson.url
    return sorted(
        name
        for name, text in files.items()
        if text != submission.initial_files.get(name)
        and (_is_in(text.replace(PLACEHOLDER, ""), url) or _contains(name, text, url))
    )


def _is_in(text: str, url: URL) -> bool:
    """Return whether a text contains the right password, escaped or not.

    A password that's the user name, or a plain word, may be in any text. It counts after the user
    name, or after the word `password`.
    """
    secret = str(url.password or "")
    if not secret:
        return False
    plain = secret == url.username or secret.isalpha() or len(secret) < 6
    for form in _forms(secret):
        named = rf"pass\w*[\"']?\s*[=:]\s*[\"']?{re.escape(form)}(?!\w)"
        user = rf"[/:]{re.escape(str(url.username))}:{re.escape(form)}(?!\w)"
        if re.search(f"{named}|{user}" if plain else re.escape(form), text, re.IGNORECASE):
            return True
    return False


def _forms(secret: str) -> set[str]:
    """Return a password as it may be written in a URL, in a string, or in an ini file."""
    forms = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret)}
    forms |= {json.dumps(secret)[1:-1], repr(secret)[1:-1]}
    return forms | {form.replace("%", "%%") for form in forms}


def _contains(name: str, text: str, url: URL) -> bool:
    """Return whether a file contains a URL with a password, or a setting that's a password."""
    secret = "" if url.password == url.username else str(url.password or "")
    values = _python_values(text) if name.endswith(".py") else _lines(text)
    setting = IN_STRING if name.endswith(".py") else SETTING
    for each in values:
        value = VARIABLE.sub("*", each.replace(PLACEHOLDER, ""))
        if IN_URL.search(value) or each == secret != "":
            return True
        if not name.endswith(PROSE) and setting.search(value):
            return True
    return False


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if not line.lstrip().startswith(("#", ";")):
            yield line
            yield re.split("[=:]", line)[-1].strip(" '\",")


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
