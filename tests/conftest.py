"""A real PostgreSQL for the session, a fresh database or workspace for a test.

The plugin of the kit has put this process into a reference run: its server and folders
are its own, whatever the shell exports.
"""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine

from coursekit import servers
from coursekit.instructor.isolated_run import use_workspace
from coursekit.servers.server import Server, admin
from tutorial_lib.db import make_engine

# A run that was started in the background ignores Ctrl-C, and all that it starts would, too;
# some tests press it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def fresh_database(server: Server) -> Iterator[URL]:
    """The address of a new, empty database, which is gone afterwards."""
    name = f"test_{secrets.token_hex(4)}"
    with admin(server.url) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    yield server.url.set(database=name)
    with admin(server.url) as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def server() -> Server:
    """The embedded server of this run."""
    return servers.find()


@pytest.fixture
def url(server: Server) -> Iterator[URL]:
    """The address of a fresh, empty database, dropped at the end."""
    with fresh_database(server) as url:
        yield url


@pytest.fixture
def engine(url: URL) -> Iterator[Engine]:
    """An engine for a fresh database."""
    engine = make_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def shared(server: Server) -> Iterator[Engine]:
    """An engine for a fresh database that the tests of a module share."""
    with fresh_database(server) as url:
        engine = make_engine(url)
        yield engine
        engine.dispose()


@pytest.fixture
def own(url: URL, monkeypatch: pytest.MonkeyPatch) -> URL:
    """The same database as a server of one's own, named by DATABASE_URL."""
    monkeypatch.setenv("DATABASE_URL", url.render_as_string(hide_password=False))
    monkeypatch.setenv("TUTORIAL_POSTGRES", "external")
    return url


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A workspace of this test's own; the working directory comes back at the end."""
    before = Path.cwd()
    monkeypatch.setenv("TUTORIAL_WORKSPACE", str(tmp_path / "workspace"))
    yield tmp_path / "workspace"
    os.chdir(before)


@pytest.fixture(scope="module")
def answers(request: pytest.FixtureRequest) -> Iterator[None]:
    """One workspace for all answers of a module, whose beginnings are made once."""
    before, folder = os.environ["TUTORIAL_WORKSPACE"], Path.cwd()
    use_workspace(request.path.stem)
    yield
    os.environ["TUTORIAL_WORKSPACE"] = before
    os.chdir(folder)
