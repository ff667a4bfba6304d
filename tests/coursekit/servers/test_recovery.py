"""The embedded server recovers from crashes and damage, or reports why it can't start."""

from __future__ import annotations

import errno
import os
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from coursekit.errors import ServerError
from coursekit.servers import credentials
from coursekit.servers.cluster import Cluster
from coursekit.servers.embedded import EmbeddedServer
from coursekit.servers.server import Server, admin
from coursekit.settings import ROOT

UNUSABLE = (
    "Can't use the folder {folder}: {reason}. The server keeps its data there. "
    "Free some disk space, make the folder writable, or set TUTORIAL_DATA to another folder."
)
# A process that can create files but not write into them, as on a full disk.
ON_A_FULL_DISK = """
import resource, sys
from pathlib import Path
from coursekit.errors import ServerError
from coursekit.servers.embedded import EmbeddedServer
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
try:
    EmbeddedServer(Path(sys.argv[1])).ensure()
except ServerError as error:
    message = str(error)
sys.exit(message)
"""

posix_only = pytest.mark.skipif(os.name == "nt", reason="Windows has no modes and no such limits")


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """One server for all tests of this module; a test that breaks it removes it."""
    embedded = EmbeddedServer(tmp_path_factory.mktemp("recovery") / "server")
    yield embedded
    embedded.remove()


@pytest.fixture
def used(embedded: EmbeddedServer) -> Iterator[EmbeddedServer]:
    """The server, running, with a table in it."""
    with admin(embedded.ensure().url) as connection, connection.cursor() as cursor:
        # An isolated run's server is fast, not durable; otherwise a crash may lose the table.
        cursor.execute("SET synchronous_commit TO on")
        cursor.execute("DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT 'kept' AS word")
    yield embedded
    if embedded.probe() is None:
        embedded.remove()


def kept(server: Server) -> bool:
    """Return whether the table is still there."""
    with admin(server.url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT word FROM kept")
        return bool(cursor.fetchall() == [("kept",)])


def failure(embedded: EmbeddedServer) -> str:
    with pytest.raises(ServerError) as caught:
        embedded.ensure()
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


# After a crash


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[str]]:
    """An unrelated process, which waits."""
    command = [sys.executable, "-c", "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("state", ["alive", "dead"])
def test_starts_if_its_old_pid_belongs_to_another_process(
    used: EmbeddedServer, stranger: subprocess.Popen[str], state: str
) -> None:
    file = used.cluster.data / "postmaster.pid"
    text = file.read_text()
    used.stop()
    if state == "dead":
        stranger.kill()
        stranger.wait()
    file.write_text(text.replace(text.splitlines()[0], str(stranger.pid), 1))
    assert kept(used.ensure())
    assert (stranger.poll() is None) == (state == "alive")


@pytest.mark.parametrize("text", ["", "-4242\n"], ids=["empty", "of a killed single user"])
def test_starts_with_a_damaged_postmaster_pid(used: EmbeddedServer, text: str) -> None:
    used.stop()
    (used.cluster.data / "postmaster.pid").write_text(text)
    assert kept(used.ensure())


def test_starts_again_after_its_postmaster_was_killed(used: EmbeddedServer) -> None:
    killed = psutil.Process(used.cluster.pid())
    killed.kill()
    assert kept(used.ensure())
    assert used.cluster.pid() != killed.pid


@posix_only
def test_waits_for_a_killed_postmasters_children(used: EmbeddedServer) -> None:
    postmaster = psutil.Process(used.cluster.pid())
    child = postmaster.children()[0]
    child.suspend()  # it can't notice the postmaster's end, and holds the shared memory
    postmaster.kill()
    waker = threading.Thread(target=resume_when_reported, args=(child, used.cluster.log))
    waker.start()
    try:
        assert kept(used.ensure())
    finally:
        waker.join()


def resume_when_reported(child: psutil.Process, log: Path) -> None:
    """Resume a process once PostgreSQL reports that it blocks the start."""
    end = time.monotonic() + 600
    while "pre-existing shared memory block" not in log.read_text() and time.monotonic() < end:
        time.sleep(0.01)
    child.resume()


def test_an_incomplete_cluster_is_created_again(embedded: EmbeddedServer) -> None:
    embedded.remove()
    embedded.home.mkdir(mode=0o700)
    half = Cluster(embedded.home).area / "fresh"
    half.mkdir(mode=0o700)
    (half / "PG_VERSION").write_text("18\n")
    assert embedded.ensure().origin == "embedded"
    assert not half.exists()


# Interference


class Stranger(socketserver.TCPServer):
    """Another program's server; like PostgreSQL, it can reuse a port immediately."""

    allow_reuse_address = os.name == "posix"


@contextmanager
def taken(port: int) -> Iterator[None]:
    """Let another program listen on a port; it closes every connection."""
    with Stranger(("127.0.0.1", port), socketserver.BaseRequestHandler) as other:
        thread = threading.Thread(target=other.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            other.shutdown()
            thread.join()


def test_uses_another_port_if_its_own_is_taken(used: EmbeddedServer) -> None:
    before = used.ensure().url.port
    used.stop()
    assert before is not None
    with taken(before):
        server = used.ensure()
        assert kept(server)
    assert server.url.port != before
    assert used.ensure() == server


@pytest.mark.parametrize("text", [None, '{"port": 50'], ids=["lost", "damaged"])
def test_losing_the_private_file_changes_only_the_password(
    used: EmbeddedServer, text: str | None
) -> None:
    before, file = used.ensure(), used.home / "server.json"
    file.unlink() if text is None else file.write_text(text)
    after = used.ensure()
    assert kept(after)
    assert after.url.password != before.url.password
    assert credentials.load(file) == credentials.Credentials(
        after.url.port or 0, str(after.url.password)
    )


def test_losing_the_private_file_of_a_stopped_server_keeps_the_data(
    used: EmbeddedServer,
) -> None:
    used.stop()
    (used.home / "server.json").unlink()
    assert kept(used.ensure())


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "7", "null", '{"port": 50000}', '{"port": "x", "password": "y"}'),
        *('{"port": 0, "password": "y"}', '{"port": 650000, "password": "y"}'),
    ],
)
def test_an_invalid_private_file_counts_as_missing(tmp_path: Path, text: str) -> None:
    (tmp_path / "server.json").write_text(text)
    assert credentials.load(tmp_path / "server.json") is None


# Failures


def test_shows_the_cause_when_postgresql_fails(used: EmbeddedServer) -> None:
    used.stop()
    settings = used.cluster.data / "postgresql.auto.conf"
    with settings.open("a") as file:
        file.write("nonsense = on\n")
    message = failure(used)
    assert message.startswith("PostgreSQL doesn't start. It reports: ")
    assert 'LOG: unrecognized configuration parameter "nonsense" in file' in message
    assert message.endswith(
        f'FATAL: configuration file "{settings}" contains errors. Fix the problem it reports, '
        f"then try again; your data is still there. Values set with ALTER SYSTEM are in {settings}."
    )


def test_reports_a_file_in_place_of_its_folder(tmp_path: Path) -> None:
    home = tmp_path / "server"
    home.touch()
    reason = os.strerror(errno.EEXIST)
    assert failure(EmbeddedServer(home)) == UNUSABLE.format(folder=home, reason=reason)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Make a folder read-only; root, who can always write, becomes another user."""
    folder.chmod(0o555)
    me = os.geteuid()
    os.seteuid(me or 65534)
    try:
        yield
    finally:
        os.seteuid(me)
        folder.chmod(0o755)


@posix_only
def test_reports_a_folder_that_is_not_writable(tmp_path: Path) -> None:
    home = tmp_path / "server"
    with read_only(tmp_path):
        message = failure(EmbeddedServer(home))
    assert message == UNUSABLE.format(folder=home, reason=os.strerror(errno.EACCES))


@posix_only
def test_reports_a_full_disk(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ON_A_FULL_DISK, str(tmp_path / "server")]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True)
    reason = os.strerror(errno.EFBIG)
    assert done.stderr.strip() == UNUSABLE.format(folder=tmp_path / "server", reason=reason)
    EmbeddedServer(tmp_path / "server").remove()
