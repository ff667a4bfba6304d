"""The configuration of the embedded PostgreSQL. Everything a learner commits is on disk.

Every launch passes the configuration on the postmaster's command line, which overrides the files in
the data folder. So it also applies to clusters from earlier editions, from their next start on, and
no damaged or edited file changes it.
"""

from __future__ import annotations

import time

import psycopg2
from psycopg2.extensions import connection as Connection

from coursekit.errors import ServerError
from coursekit.files import throwaway
from coursekit.servers.ports import HOST
from coursekit.servers.server import one_sentence

PARAMETERS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # PostgreSQL's own defaults, made explicit: a commit survives a crash or a power cut.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    # Keep statements and rows out of the log: they can contain hashes and passwords.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
    # Small enough to run beside a browser, and without replicas.
    "shared_buffers": "32MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "min_wal_size": "16MB",
    "max_wal_size": "128MB",
}
# For an isolated run, whose server is deleted at the end.
THROWAWAY_PARAMETERS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    # More SCRAM iterations make a weak password harder to guess. This one is random and as long
    # as a key, so they would only add a third to the time of each connection.
    "scram_iterations": "1",
}
# An earlier edition wrote this to postgresql.conf, so a crash could lose half a second of commits.
OUTDATED = (
    "SELECT FROM pg_settings WHERE name = 'synchronous_commit' AND setting = 'off' "
    "AND source = 'configuration file'"
)
RELOAD_TIMEOUT = 60.0  # seconds in which a running server has to read its files again
POLL_INTERVAL = 0.01


def parameters() -> dict[str, str]:
    """Return the configuration for this process's servers: durable, unless it's an isolated run."""
    return {**PARAMETERS, **(THROWAWAY_PARAMETERS if throwaway() else {})}


def options() -> tuple[str, ...]:
    """Return the configuration as command-line options of `postgres`."""
    return tuple(word for pair in parameters().items() for word in ("-c", "=".join(pair)))


def make_durable(connection: Connection) -> None:
    """Turn on synchronous commits, if an earlier edition started this server without them.

    No restart is needed, and no connection is closed: every session, open or new, waits for the
    disk from its next statement on.

    Raises:
        ServerError: The server can't be reconfigured.

    """
    if throwaway():
        return
    with connection.cursor() as cursor:
        cursor.execute(OUTDATED)
        if cursor.fetchone() is None:
            return
        try:
            cursor.execute("ALTER SYSTEM SET synchronous_commit = 'on'")
            cursor.execute("SELECT pg_reload_conf()")
        except psycopg2.Error as error:
            raise _not_durable(str(error)) from None
        deadline = time.monotonic() + RELOAD_TIMEOUT
        while time.monotonic() < deadline:
            cursor.execute(OUTDATED)
            if cursor.fetchone() is None:
                return
            time.sleep(POLL_INTERVAL)
    raise _not_durable("it didn't reload its configuration in time")


def _not_durable(reason: str) -> ServerError:
    return ServerError(
        one_sentence(f"The running PostgreSQL keeps its old settings: {reason}"),
        "With these settings, a crash can lose the last half second of commits.",
        "Run `python3 start.py db stop`, then try again; PostgreSQL starts with the new settings.",
    )
