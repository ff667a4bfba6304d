"""The small shape that every origin gives: a PostgreSQL that answers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import psycopg2
from sqlalchemy import URL

from coursekit.errors import ServerError

Origin = Literal["embedded", "external", "container"]
OLDEST = 15


@dataclass(frozen=True)
class Server:
    """A PostgreSQL that answered.

    url      its address and maintenance database; repr and str hide the password
    origin   where it comes from: `embedded`, `own` or `container`
    version  as PostgreSQL numbers itself: 180006 is 18.6
    why      one sentence: why this server and no other
    """

    url: URL
    origin: Origin
    version: int
    why: str

    @property
    def release(self) -> str:
        """The version as people say it: `18.6`."""
        return f"{self.version // 10000}.{self.version % 10000}"

    @property
    def netloc(self) -> str:
        """Host and port, without user and password: `127.0.0.1:5432`."""
        return netloc(self.url)


def netloc(url: URL) -> str:
    """Host and port of an address, fit for a message: `127.0.0.1:5432`."""
    host = url.host or url.query.get("host") or "a local socket"
    return f"{host}:{url.port or 5432}"


@contextmanager
def admin(url: URL, timeout: int = 5) -> Iterator[psycopg2.extensions.connection]:
    """A connection outside any transaction, for CREATE and DROP DATABASE; closed after.

    Raises psycopg2.OperationalError when nobody answers within `timeout` seconds, or
    within the connect_timeout that the address asks for.
    """
    args = url.translate_connect_args(username="user", database="dbname")
    connection = psycopg2.connect(**{"connect_timeout": timeout, **url.query, **args})
    try:
        connection.autocommit = True
        yield connection
    finally:
        connection.close()


def one_sentence(text: str) -> str:
    """What another program says, on one line that ends like a sentence."""
    line = " ".join(text.split())
    return line if line.endswith((".", "?", "!")) else f"{line}."


def ask_version(url: URL) -> int:
    """The server's version number; raises psycopg2.OperationalError when nobody answers."""
    with admin(url) as connection:
        return int(connection.server_version)


def supported(version: int, where: str) -> int:
    """Give back `version`, or raise ServerError when it is older than the course allows."""
    if version >= OLDEST * 10000:
        return version
    raise ServerError(
        f"The server at {where} is PostgreSQL {version // 10000}.",
        f"The course needs {OLDEST} or later.",
        "Use a newer server, or none: without DATABASE_* the kit starts its own.",
    )


def shield_from_libpq_variables() -> None:
    """Take libpq's PG* variables out of this process and its children.

    PGOPTIONS, PGSERVICE, PGSSLMODE and their like, exported in a shell for another
    server, would otherwise reach one that the kit started.
    """
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]
