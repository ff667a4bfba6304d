"""Test a connection: which server responds, as which user, and how fast."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from ..arguments import checked
from ..connections import Bind
from ..display import Card
from ..errors import ExplorerError
from .reader import Reader, reading


@dataclass(frozen=True, repr=False)
class ConnectionInfo(Card):
    """The result of a connection test.

    Attributes:
        version: The server's version.
        host: The host in the database URL.
        port: The port in the database URL.
        user: The current user.
        database: The current database.
        latency: The round-trip time of a query in milliseconds, median of five.

    """

    version: str
    host: str
    port: int
    user: str
    database: str
    latency: float

    @property
    def rows(self) -> Mapping[str, str]:
        """The values by label, in the order they're shown."""
        return {
            "server": f"PostgreSQL {self.version}",
            "host": self.host,
            "port": str(self.port),
            "user": self.user,
            "database": self.database,
            "latency": f"{self.latency:.1f} ms",
        }


@checked(ExplorerError)
def test_connection(bind: Bind) -> ConnectionInfo:
    """Connect to the server and return its version, the user, the database and the latency.

    Raises:
        ExplorerError: `bind` can't be used.
        sqlalchemy.exc.OperationalError: No server responds, or it refuses the connection.

    """
    with reading(bind) as reader:
        version = reader.run("SHOW server_version").scalar()
        who = reader.run("SELECT current_user AS name, current_database() AS database").one()
        latency = median(_round_trip(reader) for _ in range(5))
        url = reader.connection.engine.url
    return ConnectionInfo(
        version=str(version).split()[0],
        host=str(url.host or url.query.get("host", "a local socket")),
        port=url.port or 5432,
        user=who.name,
        database=who.database,
        latency=latency * 1000,
    )


test_connection.__test__ = False  # type: ignore[attr-defined]  # its name looks like a test's


def _round_trip(reader: Reader) -> float:
    started = time.perf_counter()
    reader.run("SELECT 1")
    return time.perf_counter() - started
