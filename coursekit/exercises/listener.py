"""Receive the messages that transactions send with `pg_notify`, in a clean session.

A message arrives when its transaction commits. From then on nothing in the database can change it
or take it back, unlike a row in a table of messages.
"""

from __future__ import annotations

import secrets
import select
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, text
from sqlalchemy.exc import DBAPIError

from coursekit.exercises.clean_session import clean_engine

SEND = text("SELECT pg_catalog.pg_notify(:channel, :message)")
READY = 1.0  # seconds to wait for the socket before the next look


class Listener:
    """A session that receives the messages of one channel.

    Attributes:
        pid: The process of its session in the server.
        ended: Whether somebody has ended the session: no message arrives any more.

    """

    def __init__(self, connection: Connection, channel: str) -> None:
        self._connection = connection
        self._channel = channel
        self.ended = False
        driver: Any = connection.connection.driver_connection
        self._driver = driver
        self.pid = int(self._driver.info.backend_pid)

    def messages(self) -> list[str]:
        """Return what was committed since the last call, in that order."""
        # Messages keep the order of the commits, so a last one of our own tells that all are here.
        last, found = secrets.token_hex(8), []
        if not self._sent(last):
            return []
        while last not in found:
            self._driver.poll()
            found += [each.payload for each in self._driver.notifies]
            self._driver.notifies.clear()
            if last not in found:
                select.select([self._driver], [], [], READY)
        return found[: found.index(last)]

    def _sent(self, message: str) -> bool:
        if self.ended:
            return False
        try:
            self._connection.execute(SEND, {"channel": self._channel, "message": message})
        except DBAPIError:
            self.ended = True
        return not self.ended


@contextmanager
def listening(url: URL, channel: str) -> Iterator[Listener]:
    """Yield a listener to a channel of a database, with a clean session of its own."""
    with clean_engine(url).connect() as connection:
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.exec_driver_sql(f'LISTEN "{channel}"')
        yield Listener(connection, channel)
