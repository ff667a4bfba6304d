"""The embedded server: private, found again, and the same on every machine."""

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

from coursekit.files import THROWAWAY_VARIABLE
from coursekit.servers import credentials, embedded
from coursekit.servers.binaries import wheel_version
from coursekit.servers.embedded import EmbeddedServer
from coursekit.servers.server import Server, admin
from coursekit.settings import ROOT, Settings, read_settings

# Variables that a shell may export for another server, locale or time zone.
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
# Another process: it reports that it is ready, waits for a line, then gets the server.
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
    """Start the servers as a learner's, not as those of an isolated run."""
    with pytest.MonkeyPatch.context() as shell:
        shell.delenv(THROWAWAY_VARIABLE, raising=False)
        yield


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """A server started from a shell with all these variables; tests may stop it."""
    home = tmp_path_factory.mktemp("embedded") / "server"
    with pytest.MonkeyPatch.context() as shell:
        for name, value in EXPORTED.items():
            shell.setenv(name, value)
        embedded.find(settings_for(home))
    yield EmbeddedServer(home)
    EmbeddedServer(home).remove()


@pytest.fixture
def server(running: EmbeddedServer) -> Server:
    """That server, running."""
    return running.ensure()


@pytest.fixture
def new(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """A server for one test, not created yet."""
    yield EmbeddedServer(tmp_path / "server")
    EmbeddedServer(tmp_path / "server").remove()


def settings_for(home: Path) -> Settings:
    return read_settings({"TUTORIAL_SERVER_HOME": str(home)}, home / "no.env")


def fetch(server: Server, query: str) -> Any:
    """Run a query and return its first row."""
    with admin(server.url) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()


def keep(server: Server, word: str) -> None:
    """Store a word in the database, to find it later."""
    with admin(server.url) as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT '{word}' AS word")


def find_at_once(home: Path, count: int) -> list[str]:
    """Return what each of `count` processes gets that need the server at the same time."""
    command = [sys.executable, "-W", "error", "-c", ASK, str(home)]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    finders: list[Any] = [subprocess.Popen(command, cwd=ROOT, **pipes) for _ in range(count)]
    assert [process.stdout.readline() for process in finders] == ["ready\n"] * count
    for process in finders:
        process.stdin.write("now\n")
        process.stdin.flush()
    return [process.communicate(timeout=600)[0].strip() for process in finders]


def postmaster(server: EmbeddedServer) -> psutil.Process:
    return psutil.Process(server.cluster.pid())


def command_lines() -> dict[int, list[str]]:
    """Return the command line of every process on this machine."""
    return {p.pid: p.info["cmdline"] or [] for p in psutil.process_iter(["cmdline"])}


def postmasters(server: EmbeddedServer) -> list[int]:
    """Return the processes of this cluster, without the postmaster's children."""
    data = str(server.cluster.data)
    return [pid for pid, command in command_lines().items() if data in command]


# The server


def test_a_cold_start_creates_a_database_that_responds(server: Server) -> None:
    assert fetch(server, "SELECT current_user, current_database()") == ("learner", "tutorial")


def test_says_which_server_it_is_and_why(server: Server) -> None:
    assert server.origin == "embedded"
    assert server.release == wheel_version().rpartition(".")[0]
    assert server.netloc == f"127.0.0.1:{server.url.port}"
    assert server.why == "No DATABASE_* is set, so the kit runs its own."


def test_strings_sort_by_code_point_and_accents_have_lower_case(server: Server) -> None:
    query = "SELECT lower('É'), string_agg(word, '' ORDER BY word) FROM (VALUES {}) AS t(word)"
    row = fetch(server, query.format("('a'), ('B'), ('é'), ('z'), ('Z')"))
    assert row == ("é", "BZazé")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        *(("timezone", "UTC"), ("log_timezone", "UTC"), ("client_encoding", "UTF8")),
        *(("lc_messages", "C"), ("datestyle", "ISO, MDY")),
        *(("fsync", "on"), ("synchronous_commit", "on"), ("full_page_writes", "on")),
    ],
)
def test_settings_do_not_depend_on_the_shell(server: Server, setting: str, value: str) -> None:
    assert fetch(server, f"SHOW {setting}") == (value,)


# Access


def test_listens_on_the_loopback_address_only(server: Server, running: EmbeddedServer) -> None:
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
def test_refuses_a_wrong_or_missing_password(
    server: Server, password: str | None, refusal: str
) -> None:
    with (
        pytest.raises(psycopg2.OperationalError, match=refusal),
        admin(server.url._replace(password=password)),
    ):
        pass


def test_uses_scram_only(server: Server) -> None:
    query = "SELECT array_agg(DISTINCT auth_method) FROM pg_hba_file_rules"
    assert fetch(server, query) == (["scram-sha-256"],)
    kept = fetch(server, "SELECT rolpassword FROM pg_authid WHERE rolname = 'learner'")
    assert kept[0].startswith("SCRAM-SHA-256$")


def test_a_server_without_authentication_is_not_accepted(
    new: EmbeddedServer, tmp_path: Path
) -> None:
    port = new.ensure().url.port
    new.stop()
    (new.cluster.data / "pg_hba.conf").write_text("host all all 127.0.0.1/32 trust\n")
    assert port is not None
    new.cluster.launch(port)
    (tmp_path / "other").mkdir()
    credentials.save(tmp_path / "other" / "server.json", credentials.Credentials(port, "unlike"))
    assert EmbeddedServer(tmp_path / "other").probe() is None


@posix_only
def test_only_the_owner_can_read_the_private_file(server: Server, running: EmbeddedServer) -> None:
    assert (running.home / "server.json").stat().st_mode & 0o777 == 0o600
    assert running.home.stat().st_mode & 0o777 == 0o700


def test_no_repr_shows_the_password(server: Server, running: EmbeddedServer) -> None:
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
        fetch(server, f"SELECT no_such_function('{password}')")
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
def test_libpq_variables_are_ignored(
    server: Server, running: EmbeddedServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, EXPORTED[name])
    assert embedded.find(settings_for(running.home), start=False) == server
    assert name not in os.environ


# Started, found again, stopped


def test_the_next_process_finds_it_again(server: Server, running: EmbeddedServer) -> None:
    assert find_at_once(running.home, 1) == [f"{server.netloc} {running.cluster.pid()}"]


@pytest.mark.slow
def test_ten_processes_at_once_start_it_once(new: EmbeddedServer) -> None:
    given = find_at_once(new.home, 10)
    assert given == [f"{new.ensure().netloc} {new.cluster.pid()}"] * 10
    assert postmasters(new) == [new.cluster.pid()]
    assert new.cluster.log.read_text().count("starting PostgreSQL") == 1


def test_probing_starts_nothing(new: EmbeddedServer) -> None:
    assert embedded.find(settings_for(new.home), start=False) is None
    assert not new.home.exists()


def test_data_survives_a_stop(running: EmbeddedServer) -> None:
    keep(running.ensure(), "before the stop")
    assert running.stop() is True
    assert fetch(running.ensure(), "SELECT word FROM kept") == ("before the stop",)


def test_stop_returns_whether_it_was_running_and_leaves_no_process(running: EmbeddedServer) -> None:
    running.ensure()
    family = [postmaster(running), *postmaster(running).children()]
    assert len(family) > 1
    assert [running.stop(), running.stop()] == [True, False]
    _, left = psutil.wait_procs(family, timeout=600)
    assert [p for p in left if p.status() != psutil.STATUS_ZOMBIE] == []


def test_stopping_a_server_that_does_not_exist_creates_nothing(new: EmbeddedServer) -> None:
    assert new.stop() is False
    assert not new.home.exists()


def test_remove_stops_it_and_leaves_no_folder(server: Server, running: EmbeddedServer) -> None:
    area = running.cluster.area
    running.remove()
    assert postmasters(running) == []
    assert not running.home.exists()
    assert not area.exists()
