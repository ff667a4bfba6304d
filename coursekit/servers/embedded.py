"""The embedded origin: a real PostgreSQL from a wheel, kept in the user's data folder.

It listens on 127.0.0.1 only, on a private port, with a generated password, outlives the
kernels that use it, and is found again by the next process. What is found is proved by
SCRAM: only our own server knows our password.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg2
from filelock import FileLock, Timeout
from sqlalchemy import URL

from coursekit.errors import ServerError
from coursekit.servers import credentials
from coursekit.servers.cluster import Cluster
from coursekit.servers.server import (
    Server,
    admin,
    ask_version,
    one_sentence,
    shield_from_libpq_variables,
)
from coursekit.settings import Settings

WHY = "No DATABASE_* is set, so the kit runs its own."
START_TIMEOUT, LOCK_TIMEOUT = 30, 120  # seconds


class EmbeddedServer:
    """The server of one home folder, which holds `server.json` (mode 0600) and `lock`."""

    def __init__(self, home: Path, cluster: Cluster | None = None) -> None:
        self.home = home
        self.cluster = cluster or Cluster(home)
        self._file = home / "server.json"

    def answer(self) -> Server | None:
        """The server, when one answers to its own password."""
        state = credentials.load(self._file)
        if state is None:
            return None
        try:
            return Server(state.url, "embedded", ask_version(_proof(state.url)), WHY)
        except psycopg2.OperationalError:
            return None

    def ensure(self) -> Server:
        """The running server; started once, however many processes ask.

        Raises ServerError when it cannot be set up, started or reached.
        """
        found = self.answer()
        if found:
            return found
        with self._locked():
            return self.answer() or self._start()

    def stop(self) -> bool:
        """Stop the server and keep its data; False when none was running."""
        if not self.home.exists():
            return False
        with self._locked():
            running = self.cluster.running()
            if running:
                self.cluster.shut_down()
            return running

    def remove(self) -> None:
        """Stop the server and delete all that it has."""
        self.stop()
        if self.home.exists():
            self.cluster.remove()

    def _start(self) -> Server:
        state = credentials.load(self._file) or self._new_credentials()
        if not self.cluster.data.exists():
            self.cluster.set_up(state)
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            server = self._attempt(state)
            if server:
                return server
            time.sleep(0.2)
        raise ServerError(
            "PostgreSQL was started but does not answer.",
            one_sentence(f"The last lines of its log: {self.cluster.log_tail()}"),
            "Run: python3 start.py db stop. Then try again.",
        )

    def _attempt(self, state: credentials.Credentials) -> Server | None:
        """Launch what does not run, then ask."""
        if not self.cluster.running():
            state = credentials.save(self._file, credentials.with_free_port(state))
            self.cluster.launch(state.port)
        self._make_database(credentials.load(self._file) or state)
        return self.answer()

    def _make_database(self, state: credentials.Credentials) -> None:
        """The kit's own database, after the first start; later starts find it."""
        with (
            suppress(psycopg2.OperationalError, psycopg2.errors.DuplicateDatabase),
            admin(_proof(state.url).set(database="postgres")) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(f"CREATE DATABASE {credentials.DATABASE}")

    def _new_credentials(self) -> credentials.Credentials:
        """A new private file; a cluster that outlived its file gets the new password."""
        state = credentials.new_credentials()
        if self.cluster.data.exists():
            if self.cluster.running():
                self.cluster.shut_down()
            self.cluster.set_password(state)
        return credentials.save(self._file, state)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time starts or stops this server."""
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            with FileLock(self.home / "lock", timeout=LOCK_TIMEOUT):
                yield
        except Timeout:
            raise _busy() from None
        except OSError as error:  # now, or when a full disk takes no more
            raise _unusable(self.home, error) from None


def find(settings: Settings, start: bool = True) -> Server | None:
    """The embedded server of this clone; started when need be, if `start`."""
    shield_from_libpq_variables()
    server = EmbeddedServer(settings.server_home)
    return server.ensure() if start else server.answer()


def _proof(url: URL) -> URL:
    """The same address, for a server that proves that it knows the password.

    Else libpq would take one that lets everybody in, or hand it the password.
    """
    return url.update_query_dict({"require_auth": "scram-sha-256"})


def _busy() -> ServerError:
    return ServerError(
        f"Another process has been starting PostgreSQL for {LOCK_TIMEOUT} seconds.",
        "Only one may do so at a time.",
        "See whether it still works, or end it, and try again.",
    )


def _unusable(folder: Path, error: OSError) -> ServerError:
    return ServerError(
        f"The folder {folder} cannot be used: {error.strerror or error}.",
        "The server keeps its data there.",
        "Make room or make it writable, or name another folder in TUTORIAL_DATA.",
    )
