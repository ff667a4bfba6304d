"""A PostgreSQL server that responds, whatever its origin, and connections to it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import psycopg2
from psycopg2.extensions import connection as Connection
from sqlalchemy import URL

from coursekit.errors import ServerError
from coursekit.limits import CONNECT_TIMEOUT, FIRST_CONNECT_TIMEOUT

Origin = Literal["embedded", "external", "container"]
OLDEST = 15


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server that has responded.

    Attributes:
        url: The URL of its maintenance database; repr and str hide the password.
        origin: Where it comes from: `embedded`, `external` or `container`.
        version: PostgreSQL's version number: 180006 is 18.6.
        why: Why this server was chosen, as one sentence.

    """

    url: URL
    origin: Origin
    version: int
    why: str

    @property
    def release(self) -> str:
        """The version for people: `18.6`."""
        return f"{self.version // 10000}.{self.version % 10000}"

    @property
    def netloc(self) -> str:
        """Host and port, without the user and password: `127.0.0.1:5432`."""
        return netloc(self.url)


def netloc(url: URL) -> str:
    """Return a URL's host and port, safe to show in a message: `127.0.0.1:5432`."""
    host = url.host or url.query.get("host") or "a local socket"
    return f"{host}:{url.port or 5432}"


@contextmanager
def admin(url: URL, timeout: float = CONNECT_TIMEOUT) -> Iterator[Connection]:
    """Open an autocommit connection, as CREATE and DROP DATABASE need it; close it at the end.

    Args:
        url: The database URL; its `connect_timeout`, if any, wins over `timeout`.
        timeout: Seconds to wait for the connection.

    Raises:
        psycopg2.OperationalError: The server refuses the connection or doesn't respond in time.

    """
    args = url.translate_connect_args(username="user", database="dbname")
    connection = psycopg2.connect(**{"connect_timeout": round(timeout), **url.query, **args})
    try:
        connection.autocommit = True
        yield connection
    finally:
        connection.close()


def one_sentence(text: str) -> str:
    """Return another program's message on one line that ends with a full stop."""
    line = " ".join(text.split())
    return line if line.endswith((".", "?", "!")) else f"{line}."


def fetch_version(url: URL) -> int:
    """Connect and return the server's version number.

    Raises:
        psycopg2.OperationalError: The server refuses the connection or doesn't respond.

    """
    with admin(url, FIRST_CONNECT_TIMEOUT) as connection:
        return int(connection.server_version)


def require_supported(version: int, where: str) -> int:
    """Return `version` unchanged.

    Raises:
        ServerError: It's older than the course supports.

    """
    if version >= OLDEST * 10000:
        return version
    raise ServerError(
        f"The server at {where} is PostgreSQL {version // 10000}.",
        f"The course needs {OLDEST} or later.",
        "Use a newer server, or unset DATABASE_*: then the kit starts its own.",
    )


def shield_from_libpq_variables() -> None:
    """Remove libpq's PG* variables from this process and its children.

    A shell exports PGOPTIONS, PGSERVICE or PGSSLMODE for another server. Without this they would
    apply to connections to the kit's own.
    """
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]
