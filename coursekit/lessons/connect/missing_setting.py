"""The check of the exercise about missing settings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from coursekit.exercises import draws
from coursekit.exercises.items import CheckItem, ProbeResult, expect_equal, expect_that
from coursekit.exercises.submission import Submission
from coursekit.lessons.connect.urls import (
    DELIMITER,
    NOT_A_URL,
    PARTS_WHERE,
    RAISED,
    names_driver,
    no_url,
    parts_of,
    url_sent,
)

SETTINGS = {
    "DATABASE_USERNAME": "username",
    "DATABASE_PASSWORD": "password",
    "DATABASE_HOST": "host",
    "DATABASE_PORT": "port",
    "DATABASE_NAME": "database",
}


def _from_complete(names: dict[str, Any], settings: dict[str, str]) -> Any:
    """Return the URL, and what the function has changed in the settings and the environment."""
    given, before = dict(settings), dict(os.environ)
    try:
        sent = url_sent(names["address_from"](given))
        changed = _changed(settings, given)
        changed += [f"{name} in os.environ" for name in _changed(before, dict(os.environ))]
    finally:
        os.environ.clear()
        os.environ.update(before)
    return {**sent, "changed": changed}


def _changed(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return [name for name in {**before, **after} if before.get(name) != after.get(name)]


def _from_broken(names: dict[str, Any], settings: dict[str, str]) -> Any:
    """Return the errors when each setting in turn is missing or empty; '' for no error."""
    said: dict[str, list[str]] = {"missing": [], "empty": []}
    for name in SETTINGS:
        without = {key: value for key, value in settings.items() if key != name}
        for kind, broken in (("missing", without), ("empty", {**settings, name: ""})):
            try:
                names["address_from"](broken)
            except SystemExit as error:
                said[kind].append(f"SystemExit: {error}")
            except Exception as error:  # any kind of error is fine
                said[kind].append(f"{type(error).__name__}: {error}")
            else:
                said[kind].append("")
    return said


def from_settings(submission: Submission) -> Iterator[CheckItem]:
    """Check that the error names a missing setting, but never shows the password."""
    random = submission.random
    user, host, shop = (draws.word(random) for _ in range(3))
    secret = f" p@s%20s{draws.token(random)} "
    values = (user, secret, f"{host}.example.com", str(random.randrange(6000, 7000)), shop)
    settings = {**dict(zip(SETTINGS, values, strict=True)), "LANG": "C"}
    result = submission.call(_from_complete, settings)
    read = parts_of(result.value or {})
    if result.error or "drivername" not in read:
        yield _not_from_settings(result, read)
        return
    yield names_driver(read)
    yield _described(read, dict(zip(SETTINGS.values(), values, strict=True)))
    changed = ", ".join(result.value["changed"]) or "nothing"
    where = "the caller's dictionary: pop, del and = change it. Read it with [ ] or get."
    if "os.environ" in changed:
        where = "The function changes the environment of the whole program. Only read."
    yield expect_equal("settings and environment stay as they were", changed, "nothing", where)
    result = submission.call(_from_broken, settings)
    if result.error:
        what = "a missing setting raises an exception"
        yield expect_that(what, False, "an exception", result, RAISED)
        return
    for kind, said in result.value.items():
        yield _refused(kind, said)
    yield _hidden(secret, [text for said in result.value.values() for text in said])


def _not_from_settings(result: ProbeResult, read: dict[str, Any]) -> CheckItem:
    """Report that five settings don't result in a URL."""
    what = "the function returns the URL that five settings describe"
    if "unusable" in read:
        where = NOT_A_URL if "Could not parse" in read["unusable"] else DELIMITER
        return expect_that(what, False, "a URL", read["unusable"], where)
    got, where = no_url(result, read)
    if result.error.startswith("KeyError"):
        where = "Read from the argument `settings`. The names in it are those of `example`."
    return expect_that(what, False, "a URL", got, where)


def _described(read: dict[str, Any], wanted: dict[str, Any]) -> CheckItem:
    """Report whether a URL has the values of the settings."""
    wanted["port"] = int(wanted["port"])
    wrong = [part for part, value in wanted.items() if read[part] != value]
    where = (
        "URL.create keeps each value as it is. In a string that you build, or in str(url), a "
        "password can change."
    )
    if wrong and wrong != ["password"]:
        where = DELIMITER if "@" in str(read["host"]) else PARTS_WHERE
    if (read["username"], read["database"]) == ("ann", "shop"):
        where = "These are the values of `example`. Read from the argument `settings`."
    if read["password"] == wanted["password"].strip():
        where = "The function removes spaces. They're part of the password."
    got = ", ".join(f"{part} {read[part]!r}" for part in wrong)
    should = ", ".join(f"{part} {wanted[part]!r}" for part in wrong)
    return expect_that("every value arrives unchanged", not wrong, should, got, where)


def _hidden(secret: str, said: list[str]) -> CheckItem:
    """Report whether no message shows the password, plain or escaped."""
    forms = {secret.strip(), quote(secret.strip()), quote(secret.strip(), safe="")}
    shown = next((text for text in said if any(form in text for form in forms)), "")
    what = "no message shows the password"
    where = "Name the setting in the message. Don't print the settings, or a URL as a string."
    return expect_that(what, not shown, "no password", shown, where)


def _refused(kind: str, said: list[str]) -> CheckItem:
    """Report whether each setting's exception names that setting and no other."""
    unnamed = [
        (name, text)
        for name, text in zip(SETTINGS, said, strict=True)
        if name not in text or said.count(text) > 1 or text.startswith("SystemExit")
    ]
    name, text = unnamed[0] if unnamed else ("", "")
    where = f"What does the function do when {name} is {kind}? Raise an exception that names it."
    if text and name not in text:
        where = f"The message has to contain the setting's name, {name}."
    if kind == "empty" and not text:
        where = f"An empty string isn't a value: with {name} set to '', the URL would be wrong."
    if text.startswith("SystemExit"):
        where = "sys.exit ends the whole program. Raise an exception that the caller can catch."
    elif said.count(text) > 1 and name in text:
        text += f" (the same for {said.count(text)} settings)"
    what = f"when a setting is {kind}, an exception names it"
    expected = f"an exception that names {name}"
    return expect_that(what, not unnamed, expected, text or "no exception", where)
