"""The `embedded` origin: a real PostgreSQL from a wheel, with its data in the user's data folder.

It listens on a free port of 127.0.0.1 only and has a random password. It keeps running when the
kernels that use it end, and the next process finds it through `server.json`. SCRAM authenticates
both sides: only our own server can prove that it knows our password.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg2
from filelock import FileLock, Timeout
from psycopg2.extensions import connection as Connection
from sqlalchemy import URL

from coursekit.errors import ServerError
from coursekit.servers import credentials
from coursekit.servers.cluster import Cluster
from coursekit.servers.configuration import make_durable
from coursekit.servers.server import (
    Server,
    admin,
    one_sentence,
    shield_from_libpq_variables,
)
from coursekit.settings import Settings

WHY = "No DATABASE_* is set, so the kit runs its own."
START_TIMEOUT = 30  # seconds in which PostgreSQL has to start and respond
LOCK_TIMEOUT = 120  # seconds to wait for another process that starts or stops it
POLL_INTERVAL = 0.2


class EmbeddedServer:
    """The embedded server of one folder, which holds `server.json` (mode 0600) and `lock`."""

    def __init__(self, home: Path, cluster: Cluster | None = None) -> None:
        self.home = home
        self.cluster = cluster or Cluster(home)
        self._file = home / "server.json"

    def probe(self) -> Server | None:
        """Return the server if it's running and knows its own password, otherwise None."""
        return self._respond()

    def ensure(self) -> Server:
        """Return the running server; start it if needed, once even if several processes try.

        Raises:
            ServerError: It can't be created or started, or it doesn't respond.

        """
        found = self._respond(make_durable)
        if found:
            return found
        with self._locked():
            return self._respond(make_durable) or self._start()

    def stop(self) -> bool:
        """Stop the server and keep its data; return whether it was running."""
        if not self.home.exists():
            return False
        with self._locked():
            running = self.cluster.running()
            if running:
                self.cluster.shut_down()
            return running

    def remove(self) -> None:
        """Stop the server and delete its data, its log and its private file."""
        self.stop()
        if self.home.exists():
            self.cluster.remove()

    def _respond(self, *prepare: Callable[[Connection], None]) -> Server | None:
        """Return the server if it accepts a connection, with which it's prepared."""
        state = credentials.load(self._file)
        if state is None:
            return None
        try:
            with admin(_require_scram(state.url)) as connection:
                for each in prepare:
                    each(connection)
                return Server(state.url, "embedded", int(connection.server_version), WHY)
        except psycopg2.OperationalError:
            return None

    def _start(self) -> Server:
        state = credentials.load(self._file) or self._new_credentials()
        if not self.cluster.data.exists():
            self.cluster.create(state)
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            server = self._attempt(state)
            if server:
                return server
            time.sleep(POLL_INTERVAL)
        raise ServerError(
            "PostgreSQL was started but doesn't respond.",
            one_sentence(f"The last lines of its log: {self.cluster.log_tail()}"),
            "Run `python3 start.py db stop`, then try again.",
        )

    def _attempt(self, state: credentials.Credentials) -> Server | None:
        """Launch the postmaster if it isn't running, and return the server if it responds."""
        if not self.cluster.running():
            state = credentials.save(self._file, credentials.with_free_port(state))
            self.cluster.launch(state.port)
        self._make_database(credentials.load(self._file) or state)
        return self._respond(make_durable)

    def _make_database(self, state: credentials.Credentials) -> None:
        """Create the course's database after the first start; later it exists already."""
        with (
            suppress(psycopg2.OperationalError, psycopg2.errors.DuplicateDatabase),
            admin(_require_scram(state.url).set(database="postgres")) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(f"CREATE DATABASE {credentials.DATABASE}")

    def _new_credentials(self) -> credentials.Credentials:
        """Create `server.json`. If its data folder exists already, change the password there."""
        state = credentials.new_credentials()
        if self.cluster.data.exists():
            if self.cluster.running():
                self.cluster.shut_down()
            self.cluster.set_password(state)
        return credentials.save(self._file, state)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock that lets one process at a time start or stop this server."""
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            with FileLock(self.home / "lock", timeout=LOCK_TIMEOUT):
                yield
        except Timeout:
            raise _busy() from None
        except OSError as error:  # when the folder is created, or later, when the disk is full
            raise _unusable(self.home, error) from None


def find(settings: Settings, start: bool = True) -> Server | None:
    """Return the embedded server of this clone.

    Args:
        settings: They name its folder.
        start: Start it if it isn't running; otherwise return None then.

    Raises:
        ServerError: It can't be created or started, or it doesn't respond.

    """
    shield_from_libpq_variables()
    server = EmbeddedServer(settings.server_home)
    return server.ensure() if start else server.probe()


def _require_scram(url: URL) -> URL:
    """Return a URL that requires SCRAM: the server must prove that it knows the password.

    Otherwise libpq would accept a server without authentication, or send it the password.
    """
    return url.update_query_dict({"require_auth": "scram-sha-256"})


def _busy() -> ServerError:
    return ServerError(
        f"Another process has been starting PostgreSQL for {LOCK_TIMEOUT} seconds.",
        "Only one process can do that at a time.",
        "Wait for that process or end it, then try again.",
    )


def _unusable(folder: Path, error: OSError) -> ServerError:
    return ServerError(
        f"Can't use the folder {folder}: {error.strerror or error}.",
        "The server keeps its data there.",
        "Free some disk space, make the folder writable, or set TUTORIAL_DATA to another folder.",
    )
