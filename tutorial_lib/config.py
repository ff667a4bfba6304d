"""Settings: which server, which workspace, which data folder; checked and frozen."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_data_path
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from tutorial_lib.errors import SettingsError

ROOT = Path(__file__).resolve().parents[1]
APP = "database-setup-tutorial"
DRIVER = "postgresql+psycopg2"
ORIGINS = ("embedded", "own", "container")
PARTS = (
    *("DATABASE_HOST", "DATABASE_PORT", "DATABASE_USERNAME"),
    *("DATABASE_PASSWORD", "DATABASE_NAME"),
)
# What belongs before the ?; behind it, it would be shown, or win over what stands before.
ELSEWHERE = {"user", "password", "dbname", "port", "service", "passfile"}
URL_FORM = "postgresql+psycopg2://USER:PASSWORD@HOST:PORT/DATABASE"


@dataclass(frozen=True)
class Settings:
    """What the environment and `.env` say, checked.

    url          the server that DATABASE_* names, or None when nothing is set
    postgres     the origin asked for by TUTORIAL_POSTGRES, or None
    image        the container image that TUTORIAL_POSTGRES_IMAGE names, or None
    workspace    the folder of a learner's notebooks, projects and progress
    data         the kit's own data folder, outside the clone
    server_home  the folder of the embedded server, inside `data`
    """

    url: URL | None
    postgres: str | None
    image: str | None
    workspace: Path
    data: Path
    server_home: Path

    @property
    def alone(self) -> bool:
        """Whether no other workspace can share the embedded server: it is the clone's."""
        return self.workspace == ROOT / "workspace"


def short_hash(text: str) -> str:
    """Eight hexadecimal characters that stand for `text`."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def read_settings(environ: Mapping[str, str] | None = None, dotenv: Path | None = None) -> Settings:
    """Read the settings; a variable of the environment wins over the same one in `.env`.

    Raises SettingsError for a half-named server, another database or driver, a port
    that is no port, or an unknown TUTORIAL_POSTGRES. No message shows a password.
    """
    shell = dict(os.environ if environ is None else environ)
    file = _read_dotenv(ROOT / ".env" if dotenv is None else dotenv)
    both = {**file, **shell}
    data = _folder(both.get("TUTORIAL_DATA")) or user_data_path(APP, appauthor=False).resolve()
    postgres = _origin(both.get("TUTORIAL_POSTGRES"))
    home = _folder(both.get("TUTORIAL_SERVER_HOME"))
    return Settings(
        # What is not used is not read: a shell's DATABASE_URL may be for another program.
        url=None if postgres in ("embedded", "container") else _database_url(shell, file),
        postgres=postgres,
        image=both.get("TUTORIAL_POSTGRES_IMAGE") or None,
        workspace=_folder(both.get("TUTORIAL_WORKSPACE")) or ROOT / "workspace",
        data=data,
        server_home=home or data / "servers" / short_hash(str(ROOT)),
    )


def _read_dotenv(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    from dotenv import dotenv_values

    return {key: value for key, value in dotenv_values(path).items() if value is not None}


def _folder(value: str | None) -> Path | None:
    """A folder; a relative one is meant from the clone, wherever a lesson works now."""
    return (ROOT / Path(value).expanduser()).resolve() if value else None


def _origin(value: str | None) -> str | None:
    if not value or value in ORIGINS:
        return value or None
    raise SettingsError(
        f"TUTORIAL_POSTGRES is {value!r}.",
        f"It names where PostgreSQL comes from: {', '.join(ORIGINS)}.",
        "Set it to one of these, or leave it out.",
    )


def _database_url(shell: Mapping[str, str], file: Mapping[str, str]) -> URL | None:
    """DATABASE_URL before the five parts, the environment before `.env`.

    Parts in the environment are completed from `.env` (a secret often stands apart);
    they are not overruled by a DATABASE_URL there.
    """
    if shell.get("DATABASE_URL"):
        return check_url(shell["DATABASE_URL"])
    if not any(shell.get(name) for name in PARTS) and file.get("DATABASE_URL"):
        return check_url(file["DATABASE_URL"])
    return _url_of_parts({**file, **shell})


def _url_of_parts(values: Mapping[str, str]) -> URL | None:
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
            "Half an address would reach some other server than the one you mean.",
            "Set what is missing, or set none of them to use the kit's own server.",
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
        "PostgreSQL's usual port is 5432.",
    )


def check_url(text: str) -> URL:
    """Turn the text of a PostgreSQL URL into a `sqlalchemy.URL` for psycopg2.

    `postgres://` and `postgresql://`, which many hosts hand out, are accepted too.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise _bad_url("cannot be read") from None
    if url.drivername not in (DRIVER, "postgresql", "postgres"):
        raise _bad_url(f"begins with {url.drivername}://, which this kit does not use")
    if any("@" in (part or "") for part in (url.host, url.database, *map(str, url.query))):
        raise _bad_url("has an @ too many")
    if not url.database:
        raise _bad_url("names no database")
    if ELSEWHERE & set(url.query) or not all(isinstance(v, str) for v in url.query.values()):
        raise _bad_url("holds user, password, port or database, or several hosts, after the ?")
    return url.set(drivername=DRIVER)


def _bad_url(what: str) -> SettingsError:
    return SettingsError(
        f"DATABASE_URL {what}.",
        "In a URL, the characters @ : / % # ? and spaces of a password must be written "
        "as %40 %3A %2F %25 %23 %3F %20.",
        f"The form that works is {URL_FORM}; or set {', '.join(PARTS)}, "
        "where nothing has to be rewritten.",
    )
