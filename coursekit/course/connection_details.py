"""How to open a lesson's database in another tool, and whose server it is on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import URL, Engine

from coursekit.servers import credentials
from coursekit.settings import read_settings
from tutorial_lib.display import Card


@dataclass(frozen=True, repr=False)
class ConnectionDetails(Card):
    """What another tool needs to open the same database.

    Attributes:
        url: The database; repr and str hide its password.
        origin: Whose server it is: embedded, external, container, or another one.

    """

    url: URL
    origin: str

    @property
    def rows(self) -> Mapping[str, str]:
        """What is shown, in order; the password is printed by a command in a terminal."""
        return {
            "origin": self.origin,
            "psql": f"python3 start.py db psql {self.url.database}",
            "DataGrip, PyCharm, DBeaver": "new data source, PostgreSQL, with:",
            "host": str(self.url.host),
            "port": str(self.url.port),
            "user": str(self.url.username),
            "database": str(self.url.database),
            "password": "in the output of: python3 start.py db url --show-password",
        }


def connection_details(engine: Engine) -> ConnectionDetails:
    """Return how to open the engine's database in psql, DataGrip or another explorer."""
    return ConnectionDetails(engine.url, _origin(engine.url))


def _origin(url: URL) -> str:
    settings = read_settings()
    embedded = credentials.load(settings.server_home / "server.json")
    if embedded and (embedded.url.host, embedded.port) == (url.host, url.port):
        return "embedded"
    external = settings.url
    if external and (external.host, external.port) == (url.host, url.port):
        return "external"
    return "container" if settings.postgres == "container" else "another server"
