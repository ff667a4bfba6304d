"""The embedded server's private file, `server.json`: its port and its password."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import URL

from coursekit.files import write_atomic
from coursekit.servers.ports import HOST, free_port, is_free
from tutorial_lib.config import DRIVER

USER, DATABASE = "learner", "tutorial"


@dataclass(frozen=True)
class Credentials:
    """The port and password of the embedded server; the repr hides the password."""

    port: int
    password: str

    @property
    def url(self) -> URL:
        """The URL of the course's own database on this server."""
        return URL.create(DRIVER, USER, self.password, HOST, self.port, DATABASE)

    def __repr__(self) -> str:
        return f"Credentials(port={self.port}, password='***')"


def new_credentials() -> Credentials:
    """Return a free port and a random password."""
    return Credentials(free_port(), secrets.token_urlsafe(24))


def with_free_port(credentials: Credentials) -> Credentials:
    """Return the credentials, with another port if a program already listens on theirs."""
    return credentials if is_free(credentials.port) else replace(credentials, port=free_port())


def load(path: Path) -> Credentials | None:
    """Read the file; return None if it's missing or unreadable."""
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        found = Credentials(int(read["port"]), str(read["password"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if 0 < found.port < 65536 else None


def save(path: Path, credentials: Credentials) -> Credentials:
    """Write the file, completely or not at all, with mode 0600; return the credentials."""
    text = json.dumps({"port": credentials.port, "password": credentials.password})
    write_atomic(path, text, private=True)
    return credentials
