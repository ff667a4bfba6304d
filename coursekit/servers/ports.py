"""Find a TCP port on 127.0.0.1 that no program is using."""

from __future__ import annotations

import os
import socket

HOST = "127.0.0.1"


def free_port() -> int:
    """Return a free port on 127.0.0.1, picked by the operating system."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Return whether a server could listen on this port of 127.0.0.1."""
    with socket.socket() as probe:
        if os.name == "posix":  # as PostgreSQL does; on Windows the option means something else
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
