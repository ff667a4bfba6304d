"""What a learner commits, and what `start` has returned, survives a crash of the server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg2
import pytest

from coursekit import start
from coursekit.errors import ServerError
from coursekit.files import THROWAWAY_VARIABLE
from coursekit.servers import configuration, credentials
from coursekit.servers.embedded import EmbeddedServer
from coursekit.servers.server import Server, admin

DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


@pytest.fixture(scope="module", autouse=True)
def outside_a_run() -> Iterator[None]:
    """Start the servers as a learner's, not as those of an isolated run."""
    with pytest.MonkeyPatch.context() as shell:
        shell.delenv(THROWAWAY_VARIABLE, raising=False)
        yield


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """A learner's server, on a real disk."""
    embedded = EmbeddedServer(tmp_path_factory.mktemp("durability") / "server")
    yield embedded
    embedded.remove()


@pytest.fixture
def of_an_earlier_edition(embedded: EmbeddedServer) -> EmbeddedServer:
    """The same server, stopped, with the configuration that an earlier edition gave it."""
    embedded.ensure()
    embedded.stop()
    (embedded.cluster.data / "postgresql.auto.conf").unlink(missing_ok=True)
    with (embedded.cluster.data / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write("synchronous_commit = off\n")
    return embedded


def launch_as_before(embedded: EmbeddedServer) -> None:
    """Start the server as an earlier edition did: all but the port is in its files."""
    kept, cluster = credentials.load(embedded.home / "server.json"), embedded.cluster
    assert kept is not None
    words = ("start", "-D", cluster.data, "-l", cluster.log, "-w", "-s", "-o", f"-p {kept.port}")
    assert cluster.programs.run("pg_ctl", *words, pipe=False).returncode == 0


def fetch(server: Server, query: str) -> list[tuple[object, ...]]:
    with admin(server.url) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def shown(connection: psycopg2.extensions.connection) -> dict[str, str]:
    """Return the settings on which durability depends, as a session sees them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, setting FROM pg_settings WHERE name IN %s", [tuple(DURABLE)])
        return dict(cursor.fetchall())


def kill_backend(embedded: EmbeddedServer, backend: int) -> None:
    psutil.Process(backend).kill()


def kill_postmaster(embedded: EmbeddedServer, backend: int) -> None:
    psutil.Process(embedded.cluster.pid()).kill()


def kill_all(embedded: EmbeddedServer, backend: int) -> None:
    postmaster = psutil.Process(embedded.cluster.pid())
    for process in (postmaster, *postmaster.children()):
        process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("kill", [kill_backend, kill_postmaster, kill_all])
def test_a_committed_row_survives_a_kill(
    embedded: EmbeddedServer, kill: Callable[[EmbeddedServer, int], None]
) -> None:
    with admin(embedded.ensure().url) as connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS kept; CREATE TABLE kept (n int); CHECKPOINT")
        cursor.execute("INSERT INTO kept VALUES (42)")
        kill(embedded, connection.info.backend_pid)
    assert fetch(embedded.ensure(), "SELECT n FROM kept") == [(42,)]


@pytest.mark.slow
def test_a_lesson_that_was_started_survives_a_crash(
    embedded: EmbeddedServer, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUTORIAL_SERVER_HOME", str(embedded.home))
    lesson = start("01")
    kill_postmaster(embedded, 0)
    lesson.engine.dispose()
    assert start("01", resume=True).url.database == lesson.url.database


@pytest.mark.slow
def test_a_cluster_from_an_earlier_edition_is_durable_from_its_next_start(
    of_an_earlier_edition: EmbeddedServer,
) -> None:
    with admin(of_an_earlier_edition.ensure().url) as connection:
        assert shown(connection) == DURABLE


@pytest.mark.slow
def test_a_running_server_from_an_earlier_edition_is_durable_once_it_is_found(
    of_an_earlier_edition: EmbeddedServer,
) -> None:
    launch_as_before(of_an_earlier_edition)
    found = of_an_earlier_edition.probe()
    assert found is not None
    with admin(found.url) as connection:
        assert shown(connection) == {**DURABLE, "synchronous_commit": "off"}
        postmaster = of_an_earlier_edition.cluster.pid()
        assert of_an_earlier_edition.ensure() == found
        assert shown(connection) == DURABLE
    assert of_an_earlier_edition.cluster.pid() == postmaster


@pytest.mark.slow
def test_a_database_that_turns_it_off_itself_is_left_alone(embedded: EmbeddedServer) -> None:
    before = embedded.ensure()
    with admin(before.url) as connection, connection.cursor() as cursor:
        cursor.execute("ALTER DATABASE tutorial SET synchronous_commit = off")
        embedded.ensure()
        assert fetch(before, "SHOW synchronous_commit") == [("off",)]
        cursor.execute("ALTER DATABASE tutorial RESET synchronous_commit")


@pytest.mark.slow
def test_a_running_server_that_cannot_be_made_durable_says_so(
    of_an_earlier_edition: EmbeddedServer,
) -> None:
    launch_as_before(of_an_earlier_edition)
    conf = of_an_earlier_edition.cluster.data / "postgresql.auto.conf"
    conf.mkdir()
    try:
        with pytest.raises(ServerError) as caught:
            of_an_earlier_edition.ensure()
    finally:
        conf.rmdir()
    assert str(caught.value).startswith("The running PostgreSQL keeps its old settings: ")
    assert str(caught.value).endswith(
        "With these settings, a crash can lose the last half second of commits. Run `python3 "
        "start.py db stop`, then try again; PostgreSQL starts with the new settings."
    )


def test_an_isolated_run_trades_it_for_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert configuration.parameters().items() >= DURABLE.items()
    monkeypatch.setenv(THROWAWAY_VARIABLE, "1")
    assert configuration.parameters().items() >= dict.fromkeys(DURABLE, "off").items()
