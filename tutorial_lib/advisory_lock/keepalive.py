"""Notice within about a minute that the other end of a connection is gone."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, text

IDLE, INTERVAL, COUNT = 30, 10, 3  # seconds until the first probe, between two, and how many
GIVE_UP = 60  # seconds that sent data may stay without an answer

# What one system calls by another name, or doesn't have, is left out.
OPTIONS = {
    "TCP_KEEPIDLE": IDLE,
    "TCP_KEEPALIVE": IDLE,
    "TCP_KEEPINTVL": INTERVAL,
    "TCP_KEEPCNT": COUNT,
    "TCP_USER_TIMEOUT": GIVE_UP * 1000,
}
# A server whose client has vanished would hold the lock for hours. Over a Unix socket, it
# ignores these.
SERVER = text(f"""
SELECT set_config('tcp_keepalives_idle', '{IDLE}', false),
       set_config('tcp_keepalives_interval', '{INTERVAL}', false),
       set_config('tcp_keepalives_count', '{COUNT}', false),
       set_config('tcp_user_timeout', '{GIVE_UP}s', false)
""")


def keep_alive(connection: Connection) -> None:
    """Turn TCP keepalives on, at both ends of an open connection."""
    driver: Any = connection.connection.driver_connection
    with suppress(OSError):  # an option that the system knows and doesn't support
        _set_options(driver.fileno())
    connection.execute(SERVER)


def _set_options(descriptor: int) -> None:
    ours = socket.socket(fileno=descriptor)
    try:
        if ours.family not in (socket.AF_INET, socket.AF_INET6):
            return
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in OPTIONS.items():
            if (option := getattr(socket, name, None)) is not None:
                ours.setsockopt(socket.IPPROTO_TCP, option, value)
    finally:
        ours.detach()  # it's the driver's socket, and stays open
