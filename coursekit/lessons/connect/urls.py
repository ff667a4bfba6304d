"""What the checks of this lesson read from a URL, and what they say about it."""

from __future__ import annotations

from typing import Any

from coursekit.exercises.items import CheckItem, ProbeResult, expect_that

DRIVERS = ("postgresql+psycopg2", "postgresql+psycopg")
A_DRIVER = " or ".join(DRIVERS)
DECOMPOSED = "e\N{COMBINING ACUTE ACCENT}"  # looks like é, and is another string
PLACES = ("username", "host", "port", "database")
# The driver's name for each part. A URL's parameters, after its ?, take precedence over its parts.
SENT_AS = {
    **{"username": "user", "password": "password", "host": "host"},
    **{"port": "port", "database": "dbname"},
}
ELSEWHERE = ("hostaddr", "service", "dsn")  # other parameters that decide where a URL leads
REPLACED = "A parameter after the ? of the URL replaces what's before it. Leave it out."
PARTS_WHERE = "Is each value passed on, and to the part of the URL that it belongs to?"
DRIVER_WHERE = "the part before ://, which names the driver: the first argument of URL.create"
RAISED = "the error. Call the function yourself, with your own values, to see which line raises it"
NONE = "the last line of the function: it must `return` the URL"
ESCAPED = "The {} is escaped twice: URL.create needs no escaping, and a string needs it once."
NOT_A_URL = "the string: it has to look like postgresql+psycopg2://user:password@host:port/database"
DELIMITER = (
    "A character of the password was taken for a delimiter. Which function takes each value "
    "separately?"
)


def url_sent(url: Any) -> dict[str, str]:
    """Return a URL as a string: what a notebook sends, so that the check reads its parts."""
    from sqlalchemy import URL

    if isinstance(url, URL):
        url = url.render_as_string(hide_password=False)
    return {"text": str(url)} if isinstance(url, str) else {"returned": type(url).__name__}


def parts_of(sent: dict[str, str]) -> dict[str, Any]:
    """Return the parts SQLAlchemy reads from a URL's string, or why it can't."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    if "text" not in sent:  # trust no other key: a notebook may send any
        return {"returned": str(sent.get("returned"))}
    try:
        return _parts(make_url(sent["text"]))
    except (ArgumentError, ValueError) as error:
        return {"unusable": f"a string that isn't a URL: {error}"}


def _parts(url: Any) -> dict[str, Any]:
    """Return the parts of a URL, as the driver gets them."""
    parts = {part: getattr(url, part) for part in ("drivername", "password", *PLACES)}
    return {**parts, **_replaced(url, parts)} if url.drivername in DRIVERS else parts


def _replaced(url: Any, parts: dict[str, Any]) -> dict[str, Any]:
    """Return the parts that the driver gets another value for, and their names as `replaced`."""
    _, sent = url.get_dialect()().create_connect_args(url)
    own = {part: parts[part] for part in SENT_AS if parts[part] is not None}
    arrives = {part: sent.get(SENT_AS[part]) for part in own}
    changed = {part: value for part, value in arrives.items() if str(value) != str(own[part])}
    for name in ELSEWHERE:
        if name in sent:
            changed["host"] = f"{name}={sent[name]}"
    return {**changed, "replaced": [*changed]}


def where_moved(parts: dict[str, Any], got: Any, wanted: Any) -> str:
    """Return where to look if a part other than the password isn't what it should be."""
    if parts.get("replaced"):
        return REPLACED
    if str(got).lower() == str(wanted).lower():
        return "The function changes upper and lower case. Pass each value on as it is."
    return PARTS_WHERE


def changed_values(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Return the names of the values that differ, or are in one of the dictionaries only."""
    return [name for name in {**before, **after} if before.get(name) != after.get(name)]


def no_url(result: ProbeResult, read: dict[str, Any]) -> tuple[Any, str]:
    """Return what the function returned instead of a URL, and where to look."""
    if result.error:
        return result, RAISED
    if "unusable" in read:
        return read["unusable"], NOT_A_URL
    kind = read["returned"]
    return f"a value of type {kind}", NONE if kind == "NoneType" else "what the function returns"


def names_driver(parts: dict[str, Any]) -> CheckItem:
    """Report whether a URL names its driver, one of the two."""
    name = parts.get("drivername", "")
    what = "the URL names its driver, psycopg2 or psycopg"
    return expect_that(what, name in DRIVERS, A_DRIVER, name, DRIVER_WHERE)
