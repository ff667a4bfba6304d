"""The check of the exercise about a URL with any password."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from random import Random
from typing import Any
from urllib.parse import quote

from coursekit.exercises import draws
from coursekit.exercises.items import CheckItem, expect_equal, expect_that
from coursekit.exercises.submission import Submission
from coursekit.lessons.connect.traces import alone
from coursekit.lessons.connect.urls import (
    DECOMPOSED,
    DELIMITER,
    ESCAPED,
    PARTS_WHERE,
    PLACES,
    names_driver,
    no_url,
    parts_of,
    url_sent,
    where_moved,
)

LOOPBACK = "::1"
IPV6 = (
    "In a URL, a colon separates the host from the port, and brackets keep an IPv6 address "
    "together: [::1]. Which function adds them when they're needed?"
)


def _urls(names: dict[str, Any], five: dict[str, Any], calls: list[dict[str, str]]) -> Any:
    """Return the URLs of calls in which some of the five values differ, and what they changed."""
    with alone() as traces:
        sent = [url_sent(names["build_url"](**{**five, **call})) for call in calls]
    return {"sent": sent, "changed": [*traces.variables, *traces.files]}


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
    calls = [{"password": word} for word in kinds.values()]
    calls += [{"user": user, "password": draws.word(random)} for user in users]
    calls += [{"host": LOOPBACK, "password": draws.word(random)}]
    result = submission.call(_urls, five, calls)
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
    yield _any_user(users, read[len(kinds) : -1], plain)
    yield _any_host(read[-1], five)
    for place, (kind, password) in enumerate(kinds.items()):
        earlier = [*kinds.values()][:place]
        yield _unchanged(kind, password, read[place], plain, earlier)
    if result.value["changed"]:
        yield _changed(result.value["changed"])


def _kinds(random: Random) -> dict[str, str]:
    """Return values that are hard to pass on, by what makes them so."""
    some = draws.token(random)
    return {
        "letters and digits": draws.word(random, 2) + draws.word(random, 2).upper(),
        "@, : and /": f"p@{some}:w/{draws.word(random)}@",
        "% and +": f"{random.randrange(10, 99)}%25+{some}",
        "#, ?, a space and é": f"é #{some}? x{DECOMPOSED}{draws.word(random, 1)}",
        "spaces around it": f" {some} ",
        "quotes and \\": f"'{some}\" \\{draws.word(random, 1)}''\"",
        "100 characters": draws.token(random, 100),
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


def _any_host(parts: dict[str, Any], five: dict[str, Any]) -> CheckItem:
    """Report whether a host with colons in it arrives, and the port after it."""
    host, port = parts.get("host"), parts.get("port")
    got = parts.get("unusable") or f"host={host} port={port}"
    where = PARTS_WHERE if (host, port) == (five["host"], five["port"]) else IPV6
    wanted = f"host={LOOPBACK} port={five['port']}"
    return expect_equal("the host may be an IPv6 address", got, wanted, where)


def _changed(names: list[str]) -> CheckItem:
    """Report what the function has changed or written besides the URL."""
    where = "The whole program shares the environment. Return the URL, and change nothing else."
    if any(name.startswith("the file") for name in names):
        where = "A file keeps the values, and others may read them. Return the URL, and write none."
    return expect_equal("nothing else changes", ", ".join(names), "nothing", where)


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
    if got and value.startswith(got):
        return f"The function cuts off the end of the {name}."
    if got.lower() == value.lower():
        return f"The function changes upper and lower case. They're different {name}s."
    return f"The function changes the {name}. Pass it on as it is."
