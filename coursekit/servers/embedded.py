"""The `embedded` origin: a real PostgreSQL from a wheel, with its data in the user's data folder.

It listens on a free port of 127.0.0.1 only and has a random password. It keeps running when the
kernels that use it end, and the next process finds it through `server.json`. SCRAM authenticates
both sides: only our own server can prove that it knows our password.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psycopg2
from filelock import FileLock, Timeout
from psycopg2.extensions import connection as Connection
from sqlalchemy import URL

from coursekit.errors import ServerError
from coursekit.servers import credentials
from coursekit.servers.cluster import Cluster
from coursekit.servers.configuration import make_durable
from coursekit.servers.failures import is_final, is_locked_out, refused, suspended
from coursekit.servers.server import Server, admin, shield_from_libpq_variables
from coursekit.settings import Settings

WHY = "No DATABASE_* is set, so the kit runs its own."
START_TIMEOUT = 120  # seconds in which PostgreSQL has to start and respond
LOCK_TIMEOUT = 300  # seconds to wait for another process that starts or stops it
POLL_INTERVAL = 0.2


class EmbeddedServer:
    """The embedded server of one folder, which holds `server.json` (mode 0600) and `lock`."""

    def __init__(self, home: Path, cluster: Cluster | None = None) -> None:
        self.home = home
        self.cluster = cluster or Cluster(home)
        self._file = home / "server.json"

    def probe(self) -> Server | None:
        """Return the server, or None if it isn't running; change nothing.

        Raises:
            ServerError: It's running, but doesn't accept a connection.

        """
        self._refuse_suspended()
        state = credentials.load(self._file)
        try:
            return _connect(state) if state else None
        except psycopg2.OperationalError as error:
            if self.cluster.alive():
                raise self._failure(error) from None
            return None

    def ensure(self) -> Server:
        """Return the running server; start it if needed, once even if several processes try.

        Raises:
            ServerError: It can't be created or started, or it doesn't accept a connection.

        """
        self._refuse_suspended()
        found = self._respond()
        if found:
            return found
        with self._locked():
            return self._respond() or self._start()

    def stop(self) -> bool:
        """Stop the server and keep its data; return whether it was running."""
        if not self.home.exists():
            return False
        with self._locked():
            running = self.cluster.running()
            if running:
                locked_out = self._locked_out()
                self.cluster.shut_down()
                if locked_out:  # the next start then sets a new password
                    self._file.unlink(missing_ok=True)
            return running

    def remove(self) -> None:
        """Stop the server and delete its data, its log and its private file."""
        self.stop()
        if self.home.exists():
            self.cluster.remove()

    def _refuse_suspended(self) -> None:
        """Raise an error if the postmaster is suspended: a connection to it would only time out."""
        if credentials.load(self._file) and self.cluster.suspended():
            raise suspended(self.cluster.pid())

    def _respond(self) -> Server | None:
        """Make the server durable and return it; None if it doesn't accept a connection."""
        state = credentials.load(self._file)
        with suppress(psycopg2.OperationalError):
            return _connect(state, make_durable) if state else None
        return None

    def _start(self) -> Server:
        state = credentials.load(self._file) or self._new_credentials()
        if not self.cluster.data.exists():
            self.cluster.create(state)
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            try:
                return self._attempt()
            except psycopg2.OperationalError as error:
                last_chance = time.monotonic() > deadline or self.cluster.suspended()
                if is_final(error) or last_chance:
                    raise self._failure(error) from None
            time.sleep(POLL_INTERVAL)

    def _attempt(self) -> Server:
        """Launch the postmaster if it isn't running, and return the server.

        Raises:
            psycopg2.OperationalError: It doesn't accept a connection, or not yet.

        """
        state = credentials.load(self._file) or self._new_credentials()
        if self.cluster.running():
            port = self.cluster.port() or state.port
        else:
            port = credentials.with_free_port(state).port
            self.cluster.launch(port)
        if port != state.port:
            state = credentials.save(self._file, replace(state, port=port))
        _restore_database(state)
        return _connect(state, make_durable)

    def _failure(self, error: psycopg2.OperationalError) -> ServerError:
        pid = self.cluster.pid()
        return suspended(pid) if self.cluster.suspended() else refused(error, pid)

    def _locked_out(self) -> bool:
        """Return whether the server refuses the user and the password in `server.json`."""
        state = credentials.load(self._file)
        try:
            if state and not self.cluster.suspended():
                _connect(state)
        except psycopg2.OperationalError as error:
            return is_locked_out(error)
        return False

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


def _connect(
    state: credentials.Credentials, prepare: Callable[[Connection], None] | None = None
) -> Server:
    """Return the server of these credentials, which has accepted a connection.

    Args:
        state: The credentials.
        prepare: Called with that connection.

    Raises:
        psycopg2.OperationalError: It doesn't accept one.

    """
    with admin(_require_scram(state.url)) as connection:
        if prepare:
            prepare(connection)
        return Server(state.url, "embedded", int(connection.server_version), WHY)


def _restore_database(state: credentials.Credentials) -> None:
    """Create the course's database if it's missing, and let it accept connections."""
    with _maintenance(state.url) as connection, connection.cursor() as cursor:
        query = "SELECT datallowconn FROM pg_database WHERE datname = %s"
        cursor.execute(query, [credentials.DATABASE])
        found = cursor.fetchone()
        if found is None:
            cursor.execute(f"CREATE DATABASE {credentials.DATABASE}")
        elif not found[0]:
            cursor.execute(f"ALTER DATABASE {credentials.DATABASE} ALLOW_CONNECTIONS true")


@contextmanager
def _maintenance(url: URL) -> Iterator[Connection]:
    """Connect to the `postgres` database, or to `template1` if `postgres` was dropped."""
    safe = _require_scram(url)
    try:
        with admin(safe.set(database="postgres")):
            name = "postgres"
    except psycopg2.OperationalError as error:
        if "does not exist" not in str(error):
            raise
        name = "template1"
    with admin(safe.set(database=name)) as connection:
        yield connection


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
