"""The one private file of the embedded server: its port and its password."""

from __future__ import annotations

import json
import os
import secrets
import socket
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import URL

from coursekit.files import write_atomic
from tutorial_lib.config import DRIVER

USER, DATABASE, HOST = "learner", "tutorial", "127.0.0.1"


@dataclass(frozen=True)
class Credentials:
    """What the file holds; its repr hides the password."""

    port: int
    password: str

    @property
    def url(self) -> URL:
        """The address of the kit's own database on this server."""
        return URL.create(DRIVER, USER, self.password, HOST, self.port, DATABASE)

    def __repr__(self) -> str:
        return f"State(port={self.port}, password='***')"


def new_credentials() -> Credentials:
    """A free port and a password nobody has seen."""
    return Credentials(free_port(), secrets.token_urlsafe(24))


def with_free_port(state: Credentials) -> Credentials:
    """The same state, or one with another port when something else listens on its own."""
    return state if _is_free(state.port) else replace(state, port=free_port())


def load(path: Path) -> Credentials | None:
    """What the file says, or None when there is no readable one."""
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        state = Credentials(int(read["port"]), str(read["password"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return state if 0 < state.port < 65536 else None


def save(path: Path, state: Credentials) -> Credentials:
    """Write the file, whole or not at all."""
    text = json.dumps({"port": state.port, "password": state.password})
    write_atomic(path, text, private=True)
    return state


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        if os.name == "posix":  # as PostgreSQL does; elsewhere it means something else
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
