"""The one private file of the embedded server: its port and its password."""

from __future__ import annotations

import json
import os
import secrets
import socket
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import URL

from tutorial_lib.config import DRIVER

USER, DATABASE, HOST = "learner", "tutorial", "127.0.0.1"


@dataclass(frozen=True)
class State:
    """What the file holds; its repr hides the password."""

    port: int
    password: str

    @property
    def url(self) -> URL:
        """The address of the kit's own database on this server."""
        return URL.create(DRIVER, USER, self.password, HOST, self.port, DATABASE)

    def __repr__(self) -> str:
        return f"State(port={self.port}, password='***')"


def new_state() -> State:
    """A free port and a password nobody has seen."""
    return State(free_port(), secrets.token_urlsafe(24))


def with_free_port(state: State) -> State:
    """The same state, or one with another port when something else listens on its own."""
    return state if _is_free(state.port) else replace(state, port=free_port())


def load(path: Path) -> State | None:
    """What the file says, or None when there is no readable one."""
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        state = State(int(read["port"]), str(read["password"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return state if 0 < state.port < 65536 else None


def save(path: Path, state: State) -> State:
    """Write the file, whole or not at all."""
    fresh = path.with_suffix(".new")
    write_private(fresh, json.dumps({"port": state.port, "password": state.password}))
    fresh.replace(path)
    return state


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, from its first byte on (mode 0600)."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


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
