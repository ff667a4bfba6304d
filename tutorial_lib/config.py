"""Build the application's database URL from the DATABASE_* environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from .errors import SettingsError

DRIVER = "postgresql+psycopg2"
PARTS = (
    *("DATABASE_HOST", "DATABASE_PORT", "DATABASE_USERNAME"),
    *("DATABASE_PASSWORD", "DATABASE_NAME"),
)
# These belong before the `?`. After it, they'd be shown in messages or override what's before.
MISPLACED = {"user", "password", "dbname", "port", "service", "passfile"}
URL_FORM = "postgresql+psycopg2://USER:PASSWORD@HOST:PORT/DATABASE"


def database_url(
    environ: Mapping[str, str] | None = None, dotenv: Mapping[str, str] | None = None
) -> URL | None:
    """Return the URL that DATABASE_URL or the five DATABASE_* variables describe.

    DATABASE_URL wins over the five parts, and the environment wins over `dotenv`. Parts set
    in the environment are completed from `dotenv` (a secret is often kept separately);
    a DATABASE_URL there doesn't override them.

    Args:
        environ: The environment; `os.environ` by default.
        dotenv: Variables read from a `.env` file, if the application has one.

    Returns:
        A URL for psycopg2, or None if no DATABASE_* variable is set.

    Raises:
        SettingsError: The variables are incomplete or invalid. No message shows a password.

    """
    shell = os.environ if environ is None else environ
    file = dotenv or {}
    if shell.get("DATABASE_URL"):
        return check_url(shell["DATABASE_URL"])
    if not any(shell.get(name) for name in PARTS) and file.get("DATABASE_URL"):
        return check_url(file["DATABASE_URL"])
    return _url_from_parts({**file, **shell})


def _url_from_parts(values: Mapping[str, str]) -> URL | None:
    given = {name: values[name] for name in PARTS if values.get(name)}
    if "DATABASE_PASSWORD" in values and given:
        given["DATABASE_PASSWORD"] = values["DATABASE_PASSWORD"]  # may be empty on purpose
    if not given:
        return None
    missing = [name for name in PARTS if name not in given]
    if missing:
        raise SettingsError(
            f"{' and '.join(given)} {'is' if len(given) == 1 else 'are'} set, "
            f"but {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not.",
            "An incomplete set could reach a different server from the one you mean.",
            "Set the missing ones too, or unset them all.",
        )
    return URL.create(
        DRIVER,
        username=given["DATABASE_USERNAME"],
        password=given["DATABASE_PASSWORD"],
        host=given["DATABASE_HOST"],
        port=_port(given["DATABASE_PORT"]),
        database=given["DATABASE_NAME"],
    )


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and 0 < int(text) < 65536:
        return int(text)
    raise SettingsError(
        f"DATABASE_PORT is {text!r}.",
        "A port is a number from 1 to 65535.",
        "PostgreSQL's default port is 5432.",
    )


def check_url(text: str) -> URL:
    """Parse a PostgreSQL URL into a `sqlalchemy.URL` for psycopg2.

    `postgres://` and `postgresql://`, which many hosting providers use, are accepted too.

    Raises:
        SettingsError: It's invalid or ambiguous. The message doesn't show the password.

    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise _bad_url("isn't a valid URL") from None
    if url.drivername not in (DRIVER, "postgresql", "postgres"):
        raise _bad_url(
            f"starts with {url.drivername}://, not with postgresql:// or postgresql+psycopg2://"
        )
    if any("@" in (part or "") for part in (url.host, url.database, *map(str, url.query))):
        raise _bad_url("has too many @ characters")
    if not url.database:
        raise _bad_url("has no database name")
    if MISPLACED & set(url.query) or not all(isinstance(v, str) for v in url.query.values()):
        raise _bad_url("has a user, password, port, database or several hosts after the ?")
    return url.set(drivername=DRIVER)


def _bad_url(what: str) -> SettingsError:
    return SettingsError(
        f"DATABASE_URL {what}.",
        "In a URL, a password's @ : / % # ? and spaces must be escaped "
        "as %40 %3A %2F %25 %23 %3F %20.",
        f"Write {URL_FORM}; or set {', '.join(PARTS)}, which need no escaping.",
    )
