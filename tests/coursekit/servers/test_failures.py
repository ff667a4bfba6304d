"""A server that runs but refuses a connection isn't called stopped, and no advice loses data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import psutil
import psycopg2
import pytest

from coursekit.errors import ServerError
from coursekit.servers import credentials
from coursekit.servers.embedded import EmbeddedServer
from coursekit.servers.failures import not_started
from coursekit.servers.server import admin
from support.waiting import until

FULL_DISK = """
2026-01-01 UTC [7] LOG:  starting PostgreSQL 18.6
2026-01-01 UTC [7] PANIC:  could not write to file "pg_wal/xlogtemp.7": No space left on device
2026-01-01 UTC [6] LOG:  startup process (PID 7) was terminated by signal 6: Aborted
2026-01-01 UTC [6] LOG:  aborting startup due to startup process failure
2026-01-01 UTC [6] LOG:  database system is shut down
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """A server for this module, with a table in the database `template1` that must survive."""
    server = EmbeddedServer(tmp_path_factory.mktemp("failures") / "server")
    server.ensure()
    run(server, "template1", "CREATE TABLE kept (n int)")
    yield server
    server.remove()


def run(server: EmbeddedServer, database: str, *statements: str) -> None:
    """Run statements in a database of a server that's running."""
    with admin(server.ensure().url.set(database=database)) as connection:
        for statement in statements:
            connection.cursor().execute(statement)


def failure(call: Callable[[], object]) -> ServerError:
    with pytest.raises(ServerError) as caught:
        call()
    return caught.value


def assert_refuses(server: EmbeddedServer, reason: str, advice: str) -> None:
    """Both `db status` and `start` show PostgreSQL's own words, and what helps."""
    for call in (server.probe, server.ensure):
        assert str(failure(call)) == (
            f"PostgreSQL is running (process {server.cluster.pid()}), but it doesn't accept a "
            f"connection. It reports: {reason} {advice}"
        )


def assert_nothing_is_lost(server: EmbeddedServer) -> None:
    assert server.ensure().origin == "embedded"
    run(server, "template1", "SELECT n FROM kept")


@pytest.mark.slow
def test_connections_that_are_used_up(server: EmbeddedServer) -> None:
    url = server.ensure().url
    with ExitStack() as sessions:
        with suppress(psycopg2.OperationalError):
            while True:
                sessions.enter_context(admin(url))
        assert_refuses(
            server,
            "sorry, too many clients already.",
            "Shut down kernels that you don't need, or run `python3 start.py db stop`, which ends "
            "all sessions.",
        )
    assert_nothing_is_lost(server)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("ALTER ROLE learner PASSWORD 'x'", 'password authentication failed for user "learner".'),
        ("ALTER ROLE learner NOLOGIN", 'role "learner" is not permitted to log in.'),
    ],
)
def test_a_user_that_was_changed_is_restored_by_a_restart(
    server: EmbeddedServer, statement: str, reason: str
) -> None:
    run(server, "postgres", statement)
    assert_refuses(
        server,
        reason,
        "Run `python3 start.py db stop`, then `python3 start.py db start`; this restores the user "
        "and its password.",
    )
    assert server.stop()
    assert_nothing_is_lost(server)


@pytest.mark.slow
def test_a_wrong_password_in_the_private_file_is_replaced_by_a_restart(
    server: EmbeddedServer,
) -> None:
    server.ensure()
    file = server.home / "server.json"
    state = credentials.load(file)
    assert state is not None
    credentials.save(file, replace(state, password="wrong"))
    assert "password authentication failed" in str(failure(server.ensure))
    assert server.stop()
    assert_nothing_is_lost(server)


@pytest.mark.slow
def test_a_wrong_port_in_the_private_file_is_corrected(server: EmbeddedServer) -> None:
    before, file = server.ensure(), server.home / "server.json"
    state = credentials.load(file)
    assert state is not None
    credentials.save(file, replace(state, port=credentials.free_port()))
    assert "Connection refused" in str(failure(server.probe))
    assert server.ensure() == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("statements", "reason"),
    [
        (["DROP DATABASE tutorial"], 'database "tutorial" does not exist.'),
        (
            ["ALTER DATABASE tutorial ALLOW_CONNECTIONS false"],
            'database "tutorial" is not currently accepting connections.',
        ),
        (
            ["DROP DATABASE tutorial", "DROP DATABASE postgres"],
            'database "tutorial" does not exist.',
        ),
    ],
)
def test_a_database_that_is_gone_is_restored_by_the_next_start(
    server: EmbeddedServer, statements: list[str], reason: str
) -> None:
    run(server, "template1", *statements)
    assert str(failure(server.probe)).endswith(
        f"It reports: {reason} Run `python3 start.py db start` to restore the database."
    )
    assert_nothing_is_lost(server)


@pytest.mark.slow
def test_a_suspended_server_is_named(server: EmbeddedServer) -> None:
    server.ensure()
    pid = server.cluster.pid()
    postmaster = psutil.Process(pid)
    postmaster.suspend()
    try:
        until(server.cluster.suspended)
        for call in (server.probe, server.ensure):
            assert str(failure(call)) == (
                f"PostgreSQL is suspended (process {pid}). Something has suspended that process, "
                f"so it doesn't respond. Resume it (on Linux and macOS: `kill -CONT {pid}`) or "
                "end it, then try again."
            )
    finally:
        postmaster.resume()
    assert_nothing_is_lost(server)


# A server that doesn't start


def test_the_first_fatal_error_is_shown_and_no_deletion_suggested(tmp_path: Path) -> None:
    error = not_started("pg_ctl: could not start server", FULL_DISK, tmp_path)
    assert str(error) == (
        "PostgreSQL doesn't start. It reports: 2026-01-01 UTC [7] LOG: starting PostgreSQL 18.6 | "
        '2026-01-01 UTC [7] PANIC: could not write to file "pg_wal/xlogtemp.7": No space left on '
        "device. Fix the problem it reports, then try again; your data is still there."
    )


def test_what_pg_ctl_says_is_shown_if_nothing_is_logged(tmp_path: Path) -> None:
    error = not_started("unshare: failed to execute pg_ctl: Permission denied\n", "", tmp_path)
    assert error.why == "It reports: unshare: failed to execute pg_ctl: Permission denied."


def test_the_file_of_alter_system_is_named_if_it_sets_anything(tmp_path: Path) -> None:
    settings = tmp_path / "postgresql.auto.conf"
    settings.write_text("# Do not edit\n")
    assert "ALTER SYSTEM" not in not_started("", "", tmp_path).do
    settings.write_text("# Do not edit\nmax_connections = '1000000'\n")
    assert not_started("", "", tmp_path).do.endswith(
        f"Values set with ALTER SYSTEM are in {settings}."
    )
