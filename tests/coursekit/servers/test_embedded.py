"""The embedded server: closed to others, found again, and the same on every machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import pytest

from coursekit.servers import credentials, embedded
from coursekit.servers.binaries import wheel_version
from coursekit.servers.cluster import THROWAWAY
from coursekit.servers.embedded import EmbeddedServer
from coursekit.servers.server import Server, admin
from coursekit.settings import ROOT, Settings, read_settings

# What a shell may export for another server, another country or another clock.
EXPORTED = {
    "PGOPTIONS": "-c nonsense=1",
    "PGSERVICE": "nowhere",
    "PGSSLMODE": "require",
    "PGPASSFILE": "nowhere",
    "PGREQUIREAUTH": "password",
    "PGPORT": "1",
    "PGDATA": "nowhere",
    "PGCLIENTENCODING": "LATIN1",
    "TZ": "Asia/Tokyo",
    "LC_ALL": "de_DE.UTF-8",
}
# Another process: it says when it is ready, waits for a word, then asks for the server.
ASK = """
import sys
from pathlib import Path
from coursekit.servers.embedded import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
print(server.ensure().netloc, server.cluster.pid())
"""

posix_only = pytest.mark.skipif(os.name == "nt", reason="Windows has no modes of files")


@pytest.fixture(scope="module", autouse=True)
def outside_a_run() -> Iterator[None]:
    """The servers here are started as a learner's is, not as one that is thrown away."""
    with pytest.MonkeyPatch.context() as shell:
        shell.delenv(THROWAWAY, raising=False)
        yield


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """A server that was started from a shell full of variables; tests may stop it."""
    home = tmp_path_factory.mktemp("embedded") / "server"
    with pytest.MonkeyPatch.context() as shell:
        for name, value in EXPORTED.items():
            shell.setenv(name, value)
        embedded.find(settings_for(home))
    yield EmbeddedServer(home)
    EmbeddedServer(home).remove()


@pytest.fixture
def server(running: EmbeddedServer) -> Server:
    """What that server gives; it runs."""
    return running.ensure()


@pytest.fixture
def new(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """A server of this test's own, not yet set up."""
    yield EmbeddedServer(tmp_path / "server")
    EmbeddedServer(tmp_path / "server").remove()


def settings_for(home: Path) -> Settings:
    return read_settings({"TUTORIAL_SERVER_HOME": str(home)}, home / "no.env")


def call(server: Server, query: str) -> Any:
    """The row that a query gives."""
    with admin(server.url) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()


def keep(server: Server, word: str) -> None:
    """Write a word into the database, to be looked for later."""
    with admin(server.url) as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT '{word}' AS word")


def ask_at_once(home: Path, count: int) -> list[str]:
    """What so many processes are given that ask for the server in the same moment."""
    command = [sys.executable, "-W", "error", "-c", ASK, str(home)]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    askers: list[Any] = [subprocess.Popen(command, cwd=ROOT, **pipes) for _ in range(count)]
    assert [process.stdout.readline() for process in askers] == ["ready\n"] * count
    for process in askers:
        process.stdin.write("now\n")
        process.stdin.flush()
    return [process.communicate(timeout=60)[0].strip() for process in askers]


def postmaster(server: EmbeddedServer) -> psutil.Process:
    return psutil.Process(server.cluster.pid())


def command_lines() -> dict[int, list[str]]:
    """The command line of every process of this machine that can be read."""
    return {p.pid: p.info["cmdline"] or [] for p in psutil.process_iter(["cmdline"])}


def postmasters(server: EmbeddedServer) -> list[int]:
    """The processes that were told to serve this cluster; its children rename themselves."""
    data = str(server.cluster.data)
    return [pid for pid, command in command_lines().items() if data in command]


# What it is


def test_a_cold_start_gives_a_database_that_answers(server: Server) -> None:
    assert call(server, "SELECT current_user, current_database()") == ("learner", "tutorial")


def test_says_which_server_it_is_and_why(server: Server) -> None:
    assert server.origin == "embedded"
    assert server.release == wheel_version().rpartition(".")[0]
    assert server.netloc == f"127.0.0.1:{server.url.port}"
    assert server.why == "No DATABASE_* is set, so the kit runs its own."


def test_text_sorts_by_code_point_and_knows_its_accents(server: Server) -> None:
    query = "SELECT lower('É'), string_agg(word, '' ORDER BY word) FROM (VALUES {}) AS t(word)"
    row = call(server, query.format("('a'), ('B'), ('é'), ('z'), ('Z')"))
    assert row == ("é", "BZazé")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        *(("timezone", "UTC"), ("log_timezone", "UTC"), ("client_encoding", "UTF8")),
        *(("lc_messages", "C"), ("datestyle", "ISO, MDY"), ("fsync", "on")),
    ],
)
def test_settings_are_the_same_whatever_the_shell_says(
    server: Server, setting: str, value: str
) -> None:
    assert call(server, f"SHOW {setting}") == (value,)


# Closed to others


def test_listens_on_the_loopback_and_on_nothing_else(
    server: Server, running: EmbeddedServer
) -> None:
    sockets = postmaster(running).net_connections("all")
    assert [(socket.laddr, socket.status) for socket in sockets] == [
        (("127.0.0.1", server.url.port), "LISTEN")
    ]


@pytest.mark.parametrize(
    ("password", "refusal"),
    [
        ("wrong", 'password authentication failed for user "learner"'),
        (None, "no password supplied"),
    ],
)
def test_refuses_whoever_has_not_its_password(
    server: Server, password: str | None, refusal: str
) -> None:
    with (
        pytest.raises(psycopg2.OperationalError, match=refusal),
        admin(server.url._replace(password=password)),
    ):
        pass


def test_asks_for_passwords_by_scram_alone(server: Server) -> None:
    query = "SELECT array_agg(DISTINCT auth_method) FROM pg_hba_file_rules"
    assert call(server, query) == (["scram-sha-256"],)
    kept = call(server, "SELECT rolpassword FROM pg_authid WHERE rolname = 'learner'")
    assert kept[0].startswith("SCRAM-SHA-256$")


def test_a_server_that_lets_everybody_in_is_not_taken_for_it(
    new: EmbeddedServer, tmp_path: Path
) -> None:
    port = new.ensure().url.port
    new.stop()
    (new.cluster.data / "pg_hba.conf").write_text("host all all 127.0.0.1/32 trust\n")
    assert port is not None
    new.cluster.launch(port)
    (tmp_path / "other").mkdir()
    credentials.save(tmp_path / "other" / "server.json", credentials.Credentials(port, "unlike"))
    assert EmbeddedServer(tmp_path / "other").answer() is None


@posix_only
def test_its_private_file_is_for_its_owner_only(server: Server, running: EmbeddedServer) -> None:
    assert (running.home / "server.json").stat().st_mode & 0o777 == 0o600
    assert running.home.stat().st_mode & 0o777 == 0o700


def test_no_text_of_its_objects_shows_the_password(server: Server, running: EmbeddedServer) -> None:
    state = credentials.load(running.home / "server.json")
    assert state is not None
    assert state.password == server.url.password
    assert (
        state.password not in f"{server!r} {server} {server.url!r} {server.url} {state!r} {state}"
    )


def test_no_log_and_no_command_line_shows_the_password(
    server: Server, running: EmbeddedServer
) -> None:
    password = str(server.url.password)
    with pytest.raises(psycopg2.Error), admin(server.url.set(database="nowhere")):
        pass
    with pytest.raises(psycopg2.Error):
        call(server, f"SELECT no_such_function('{password}')")
    assert "nowhere" in running.cluster.log_tail()
    assert password not in running.cluster.log.read_text(encoding="utf-8")
    assert not any(password in " ".join(command) for command in command_lines().values())


def test_no_file_but_the_private_one_holds_the_password(
    server: Server, running: EmbeddedServer
) -> None:
    password = str(server.url.password).encode()
    files = {p for top in (running.home, running.cluster.area) for p in top.rglob("*")}
    holders = [p.name for p in files if p.is_file() and password in p.read_bytes()]
    assert holders == ["server.json"]


@pytest.mark.parametrize("name", [name for name in EXPORTED if name.startswith("PG")])
def test_no_libpq_variable_of_the_shell_reaches_it(
    server: Server, running: EmbeddedServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, EXPORTED[name])
    assert embedded.find(settings_for(running.home), start=False) == server
    assert name not in os.environ


# Started, found again, stopped


def test_the_next_process_finds_it_again(server: Server, running: EmbeddedServer) -> None:
    assert ask_at_once(running.home, 1) == [f"{server.netloc} {running.cluster.pid()}"]


@pytest.mark.slow
def test_is_started_once_when_ten_processes_ask_at_the_same_moment(new: EmbeddedServer) -> None:
    given = ask_at_once(new.home, 10)
    assert given == [f"{new.ensure().netloc} {new.cluster.pid()}"] * 10
    assert postmasters(new) == [new.cluster.pid()]
    assert new.cluster.log.read_text().count("starting PostgreSQL") == 1


def test_looking_for_it_starts_nothing(new: EmbeddedServer) -> None:
    assert embedded.find(settings_for(new.home), start=False) is None
    assert not new.home.exists()


def test_data_survive_a_stop(running: EmbeddedServer) -> None:
    keep(running.ensure(), "before the stop")
    assert running.stop() is True
    assert call(running.ensure(), "SELECT word FROM kept") == ("before the stop",)


def test_stop_says_whether_anything_ran_and_leaves_no_process(running: EmbeddedServer) -> None:
    running.ensure()
    family = [postmaster(running), *postmaster(running).children()]
    assert len(family) > 1
    assert [running.stop(), running.stop()] == [True, False]
    _, left = psutil.wait_procs(family, timeout=5)
    assert [p for p in left if p.status() != psutil.STATUS_ZOMBIE] == []


def test_stopping_what_never_was_makes_nothing(new: EmbeddedServer) -> None:
    assert new.stop() is False
    assert not new.home.exists()


def test_remove_stops_it_and_leaves_no_folder(server: Server, running: EmbeddedServer) -> None:
    area = running.cluster.area
    running.remove()
    assert postmasters(running) == []
    assert not running.home.exists()
    assert not area.exists()
