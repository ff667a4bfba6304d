"""The check of the exercise about missing settings."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from io import StringIO
from random import Random
from typing import Any

from coursekit.exercises import draws
from coursekit.exercises.items import CheckItem, ProbeResult, expect_equal, expect_that
from coursekit.exercises.submission import Submission
from coursekit.lessons.connect.revealed import RARE, hidden, logged, written_to
from coursekit.lessons.connect.traces import alone
from coursekit.lessons.connect.urls import (
    DECOMPOSED,
    DELIMITER,
    NOT_A_URL,
    RAISED,
    changed_values,
    names_driver,
    no_url,
    parts_of,
    url_sent,
    where_moved,
)

SETTINGS = {
    "DATABASE_USERNAME": "username",
    "DATABASE_PASSWORD": "password",
    "DATABASE_HOST": "host",
    "DATABASE_PORT": "port",
    "DATABASE_NAME": "database",
}


def _from_complete(names: dict[str, Any], settings: list[dict[str, str]]) -> Any:
    """Return the URLs, what the function has printed, and what it has changed.

    The last URL is that of the first settings again, in os.environ.
    """
    printed = StringIO()
    sent: list[Any] = []
    changed: list[str] = []
    with alone() as first, written_to(printed):
        for each in settings:
            given = dict(each)
            sent.append(url_sent(names["url_from"](given)))
            changed += changed_values(each, given)
    with alone(**settings[0]) as second, written_to(printed):
        sent.append(url_sent(names["url_from"](os.environ)))
    changed += [*first.variables, *second.variables]
    shown = printed.getvalue() + first.content + second.content
    return {"sent": sent, "changed": changed, "shown": shown}


def _from_broken(names: dict[str, Any], settings: dict[str, str]) -> Any:
    """Return the errors when each setting in turn is missing or empty; '' for no error.

    Under `shown` is everything that a log would contain: what was printed, and each error with
    its notes and with the errors that it was raised from. The environment has all the settings.
    """
    said: dict[str, list[str]] = {"missing": [], "empty": [], "shown": [], "changed": []}
    for name in SETTINGS:
        without = {key: value for key, value in settings.items() if key != name}
        for kind, broken in (("missing", without), ("empty", {**settings, name: ""})):
            printed, given = StringIO(), dict(broken)
            try:
                with alone(**settings) as traces, written_to(printed):
                    names["url_from"](given)
            except (Exception, SystemExit) as error:  # any kind of error is fine
                said[kind].append(f"{type(error).__name__}: {error}")
                said["shown"].append(logged(error))
            else:
                said[kind].append("")
            said["changed"] += [*changed_values(broken, given), *traces.variables]
            said["shown"].append(printed.getvalue() + traces.content)
    return said


def from_settings(submission: Submission) -> Iterator[CheckItem]:
    """Check that the error names a missing setting, but never shows the password."""
    given = _drawn(submission.random)
    settings = given[0]
    secrets = [each["DATABASE_PASSWORD"] for each in given]
    result = submission.call(_from_complete, given)
    broken = submission.call(_from_broken, settings)
    read = [parts_of(sent) for sent in (result.value or {}).get("sent", [])]
    if result.error or "drivername" not in read[0]:
        yield _not_from_settings(result, next(iter(read), {}))
        return
    yield names_driver(read[0])
    yield _described(read, [*given, settings])
    both = [*result.value["changed"], *(broken.value or {"changed": []})["changed"]]
    changed = ", ".join(dict.fromkeys(both)) or "nothing"
    where = "the caller's dictionary: pop, del and = change it. Read it with [ ] or get."
    if both and all(each.endswith(" in os.environ") for each in both):
        where = "The function changes the environment of the whole program. Only read."
    yield expect_equal("settings and environment stay as they were", changed, "nothing", where)
    if broken.error:
        what = "a missing setting raises an exception"
        yield expect_that(what, False, "an exception", broken, RAISED)
        return
    said = broken.value
    yield _refused("missing", said["missing"])
    yield _refused("empty", said["empty"])
    others = [*said["shown"], result.value["shown"]]
    yield hidden(secrets, [*said["missing"], *said["empty"]], others)


def _drawn(random: Random) -> list[dict[str, str]]:
    """Return complete settings that differ in every value; one password is only spaces."""
    found = []
    start, end = RARE
    for password in (
        f" {start}p@s%20s{draws.token(random)}~!{end} ",
        f"{start}é+{DECOMPOSED}{draws.word(random)}{end}",
        f"'\"{draws.token(random)}'\\{draws.word(random)}\"'",
        "  ",
    ):
        user, host, shop = (draws.word(random) for _ in range(3))
        port = str(random.randrange(6000, 7000))
        values = (
            f"{user.title()}/{DECOMPOSED}",
            password,
            f"{host}.example.com",
            port,
            shop.title(),
        )
        found.append({**dict(zip(SETTINGS, values, strict=True)), "LANG": "C", "LC_ALL": ""})
    return found


def _not_from_settings(result: ProbeResult, read: dict[str, Any]) -> CheckItem:
    """Report that five settings don't result in a URL."""
    what = "the function returns the URL that five settings describe"
    if "unusable" in read:
        where = NOT_A_URL if "Could not parse" in read["unusable"] else DELIMITER
        return expect_that(what, False, "a URL", read["unusable"], where)
    got, where = no_url(result, read)
    if "DATABASE_PASSWORD" in result.error:
        where = "A password of spaces is a password: only an empty string counts as missing."
    if "LC_ALL" in result.error:
        where = "Only the five settings have to be there. Others may be empty."
    if result.error.startswith(("TypeError", "AttributeError")):
        where = "The settings may be os.environ: it works like a dictionary, but isn't a dict."
    if result.error.startswith("KeyError"):
        where = "Read from the argument `settings`. The names in it are those of `example`."
    return expect_that(what, False, "a URL", got, where)


def _described(read: list[dict[str, Any]], given: list[dict[str, str]]) -> CheckItem:
    """Report whether each URL has the values of its settings."""
    what = "every value arrives unchanged"
    before: dict[str, Any] = {}
    for parts, settings in zip(read, given, strict=True):
        wanted: dict[str, Any] = {part: settings[name] for name, part in SETTINGS.items()}
        wanted["port"] = int(wanted["port"])
        wrong = [part for part, value in wanted.items() if parts.get(part) != value]
        if wrong:
            where = _why_wrong(parts, wanted, wrong, before)
            got = ", ".join(f"{part} {parts.get(part)!r}" for part in wrong)
            should = ", ".join(f"{part} {wanted[part]!r}" for part in wrong)
            return expect_that(what, False, should, parts.get("unusable") or got, where)
        before = wanted
    return expect_that(what, True, "", "", "")


def _why_wrong(
    parts: dict[str, Any], wanted: dict[str, Any], wrong: list[str], before: dict[str, Any]
) -> str:
    """Return where to look if parts are wrong; `before` is what an earlier call was given."""
    values = [(str(parts.get(part)), str(wanted[part])) for part in wrong]
    if (parts.get("username"), parts.get("database")) == ("ann", "shop"):
        return "These are the values of `example`. Read from the argument `settings`."
    if before and all(parts.get(part) == before[part] for part in wrong):
        return "These are the values of an earlier call. Read from the argument `settings`."
    if all(got == value.strip() for got, value in values):
        return "The function removes spaces. They're part of the password."
    if all(map(_same_but_for_form, values)):
        return "The function changes the Unicode form: a different value that looks the same."
    if "unusable" in parts or any("@" in str(parts[part]) for part in ("host", "database")):
        return DELIMITER.replace("the password", "a value")
    if wrong != ["password"] or parts.get("replaced"):
        return where_moved(parts, *map(str, zip(*values, strict=True)))
    if all(got and got in value for got, value in values):
        return "The function removes characters. They're part of the password."
    return (
        "URL.create keeps each value as it is. In a string that you build, or in str(url), a "
        "password can change."
    )


def _same_but_for_form(pair: tuple[str, str]) -> bool:
    return len({unicodedata.normalize("NFC", each) for each in pair}) == 1


def _refused(kind: str, said: list[str]) -> CheckItem:
    """Report whether each setting's exception names that setting and no other."""
    unnamed = [
        (name, text)
        for name, text in zip(SETTINGS, said, strict=True)
        if name not in text or _others(name, text) or text.startswith("SystemExit")
    ]
    name, text = unnamed[0] if unnamed else ("", "")
    where = (
        f"What does the function do when {name} is {kind}? Raise an exception that names it. A "
        "default or the environment doesn't replace it."
    )
    if text and name not in text:
        where = f"The message has to contain the setting's name, {name}."
    if kind == "empty" and not text:
        where = f"An empty string isn't a value: with {name} set to '', the URL would be wrong."
    if text.startswith("SystemExit"):
        where = "sys.exit ends the whole program. Raise an exception that the caller can catch."
    elif name in text and _others(name, text):
        where = f"The message names other settings, which have a value. Name only {name}."
    what = f"when a setting is {kind}, an exception names it"
    expected = f"an exception that names {name}"
    return expect_that(what, not unnamed, expected, text or "no exception", where)


def _others(name: str, text: str) -> list[str]:
    """Return the other settings that a message names."""
    return [other for other in SETTINGS if other != name and other in text]
