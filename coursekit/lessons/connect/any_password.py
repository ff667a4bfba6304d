"""The check of the exercise about a URL with any password."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from random import Random
from typing import Any
from urllib.parse import quote

from coursekit.exercises import draws
from coursekit.exercises.items import CheckItem, expect_equal, expect_that
from coursekit.exercises.submission import Submission
from coursekit.lessons.connect.urls import (
    DECOMPOSED,
    DELIMITER,
    ESCAPED,
    PLACES,
    changed_values,
    names_driver,
    no_url,
    parts_of,
    url_sent,
    where_moved,
)


def _urls(names: dict[str, Any], five: dict[str, Any], pairs: list[list[str]]) -> Any:
    make, before = names["build_url"], dict(os.environ)
    try:
        sent = [url_sent(make(**{**five, "user": user}, password=word)) for user, word in pairs]
        return {"sent": sent, "changed": changed_values(before, dict(os.environ))}
    finally:
        os.environ.clear()
        os.environ.update(before)


def any_password(submission: Submission) -> Iterator[CheckItem]:
    """Check that a URL keeps its parts, whatever the user name and the password contain."""
    random = submission.random
    five = {
        "user": draws.word(random).title(),
        "host": f"{draws.word(random)}.example.com",
        "port": random.randrange(6000, 7000),
        "database": draws.word(random).title(),
    }
    kinds, users = _kinds(random), list(_kinds(random).values())[1:]
    pairs = [[five["user"], word] for word in kinds.values()]
    pairs += [[user, draws.word(random)] for user in users]
    result = submission.call(_urls, five, pairs)
    read = [parts_of(sent) for sent in (result.value or {}).get("sent", [])]
    if result.error or not {"drivername", "unusable"} & set(read[0]) or _is_no_url(read):
        got, where = no_url(result, next(iter(read), {}))
        what = "build_url returns a database URL"
        yield expect_that(what, False, "a URL, or a string", got, where)
        return
    plain = read[0]
    if "unusable" not in plain:
        yield names_driver(plain)
    yield _in_places(plain, five)
    yield _any_user(users, read[len(kinds) :], plain)
    for place, (kind, password) in enumerate(kinds.items()):
        earlier = [*kinds.values()][:place]
        yield _unchanged(kind, password, read[place], plain, earlier)
    if result.value["changed"]:
        where = "The whole program shares the environment. Return the URL, and change nothing else."
        got = ", ".join(map(str, result.value["changed"]))
        yield expect_equal("os.environ is unchanged", got, "nothing", where)


def _kinds(random: Random) -> dict[str, str]:
    """Return values that are hard to pass on, by what makes them so."""
    some = draws.token(random)
    return {
        "letters and digits": draws.word(random, 2) + draws.word(random, 2).upper(),
        "@, : and /": f"p@{some}:w/{draws.word(random)}@",
        "% and +": f"{random.randrange(10, 99)}%25+{some}",
        "#, ?, a space and é": f"é #{some}? x{DECOMPOSED}{draws.word(random, 1)}",
        "spaces around it": f" {some} ",
    }


def _is_no_url(read: list[dict[str, Any]]) -> bool:
    """Return whether no password results in a URL: the string has another format."""
    return all("unusable" in parts for parts in read)


def _in_places(parts: dict[str, Any], five: dict[str, Any]) -> CheckItem:
    """Report whether the parts other than the password are what the function was given."""
    got = parts.get("unusable") or " ".join(f"{part}={parts.get(part)}" for part in PLACES)
    wanted = " ".join(f"{part}={value}" for part, value in zip(PLACES, five.values(), strict=True))
    where = where_moved(parts, got, wanted)
    return expect_equal("the other four values arrive unchanged", got, wanted, where)


def _any_user(users: list[str], read: list[dict[str, Any]], plain: dict[str, Any]) -> CheckItem:
    """Report whether every user name arrives; `plain` is the URL with a user name of letters."""
    what = "a user name with such characters arrives unchanged"
    for user, parts in zip(users, read, strict=True):
        name, host = parts.get("username"), parts.get("host")
        moved = host != plain.get("host")
        if name == user and not moved:
            continue
        got = parts.get("unusable") or repr(name) + (f", and the host {host!r}" if moved else "")
        where = _where(user, parts, "username", "user name")
        if name == plain.get("username"):
            where = "This is the user name of an earlier call."
        if "unusable" in parts or moved or user.startswith(f"{name}:"):
            where = DELIMITER.replace("password", "user name")
        return expect_equal(what, got, repr(user), where)
    return expect_that(what, True, "", "", "")


def _unchanged(
    kind: str, password: str, parts: dict[str, Any], plain: dict[str, Any], earlier: list[str]
) -> CheckItem:
    """Report whether a password arrives; `plain` is the URL with a password of letters."""
    got = parts.get("unusable") or repr(parts.get("password"))
    moved = parts.get("host") != plain.get("host")
    if moved and "host" in parts:
        got += f", and the host {parts.get('host')!r}"
    where = _where(password, parts, "password", "password")
    if moved or "unusable" in parts:
        where = DELIMITER
    if "unusable" not in parts and parts.get("password") is None:
        where = "The URL has no password: it belongs between the user name and the host."
    if parts.get("password") == "***":
        where = "str(url) replaces the password with ***. Return the URL object."
    if parts.get("password") in earlier:
        where = "This is the password of an earlier call."
    return expect_equal(f"a password with {kind} arrives unchanged", got, repr(password), where)


def _where(value: str, parts: dict[str, Any], part: str, name: str) -> str:
    """Return what has happened to a value on its way into a URL."""
    got = parts.get(part)
    if part in parts.get("replaced", ()):
        return where_moved(parts, got, value)
    if not isinstance(got, str):
        return f"Is the {name} passed on?"
    if got in (quote(value), quote(value, safe="")):
        return ESCAPED.format(name)
    if got == value.strip():
        return f"The function removes spaces. They're part of the {name}."
    if got == value.replace(" ", "+"):
        return "A + means a space only in forms: quote_plus is for those, and quote for a URL."
    if unicodedata.normalize("NFC", got) == unicodedata.normalize("NFC", value):
        return f"The function changes the Unicode form: a different {name} that looks the same."
    if got.lower() == value.lower():
        return f"The function changes upper and lower case. They're different {name}s."
    return f"The function changes the {name}. Pass it on as it is."
