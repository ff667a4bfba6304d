"""What runs when, a real PostgreSQL for the session, a fresh database or workspace for a test.

The course's pytest plugin has put this process into an isolated run: it has its own server and
folders, whatever the shell exports.
"""

from __future__ import annotations

import os
import signal
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine

from coursekit import servers
from coursekit.course.catalog import slug_of
from coursekit.instructor.isolated_run import use_workspace
from coursekit.servers.embedded import EmbeddedServer
from coursekit.servers.server import Server
from coursekit.settings import read_settings
from support.databases import fresh_database
from tutorial_lib.db import make_engine

# A run that was started in the background ignores Ctrl-C, and all that it starts would, too;
# some tests press it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A change runs the samples and the lessons it touches; TUTORIAL_FULL=1, every week, runs all.
FULL = bool(os.environ.get("TUTORIAL_FULL"))
CHANGED = os.environ.get("TUTORIAL_CHANGED", "").split()  # lessons; noxfile.py sets it
# The files that take longest start first, so that all processes end together.
LONGEST = (
    "test_failures.py",  # it waits for servers that don't respond
    *("test_right_answers.py", "test_fail_closed.py", "test_wrong_answers.py", "test_verify.py"),
    *("test_rehearsal.py", "test_cli.py", "test_alembic_root.py", "test_jupyterlab.py"),
    *("12_without_stopping_the_site.ipynb", "09_change_the_schema.ipynb", "13_in_ci.ipynb"),
    *("test_databases.py", "test_isolated_run.py", "11_move_data.ipynb", "test_fork_server.py"),
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what only the weekly run needs, and start the longest files first."""
    chosen = items if FULL else [item for item in items if not item.get_closest_marker("weekly")]
    if not FULL:
        left_out = _beyond_the_samples(chosen)
        chosen = [item for item in chosen if item not in left_out]
    config.hook.pytest_deselected(items=list(set(items) - set(chosen)))
    place = {name: number for number, name in enumerate(LONGEST)}
    items[:] = sorted(chosen, key=lambda item: place.get(item.path.name, len(place)))


def _beyond_the_samples(items: list[pytest.Item]) -> set[pytest.Item]:
    """Return the cases of `samples(count)` tests that a change doesn't run.

    A family is a test's cases; with `samples(count, each="exercise")` those of one exercise.
    `count` of them run, spread evenly, and all of a lesson that changed.
    """
    families: dict[tuple[object, ...], list[pytest.Item]] = defaultdict(list)
    for item in items:
        if marker := item.get_closest_marker("samples"):
            each = str(_parameters(item).get(marker.kwargs.get("each")))
            test = getattr(item, "originalname", item.name)
            families[item.path, test, each, *marker.args].append(item)
    left_out = set()
    for (*_, count), family in families.items():
        chosen = {number * len(family) // count for number in range(count)}
        left_out |= {item for number, item in enumerate(family) if number not in chosen}
    return {item for item in left_out if not _is_changed(item)}


def _is_changed(item: pytest.Item) -> bool:
    """Return whether a case is about a changed lesson: about its exercise or its notebook."""
    for value in _parameters(item).values():
        slug = slug_of(value) if isinstance(value, Path) else getattr(value, "lesson", value)
        if isinstance(slug, str) and slug in CHANGED:
            return True
    return False


def _parameters(item: pytest.Item) -> dict[str | None, object]:
    return getattr(getattr(item, "callspec", None), "params", {})


@pytest.fixture(scope="session")
def server() -> Server:
    """The embedded server of this run."""
    return servers.find()


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An embedded server for one module; `servers.find()` returns it, too.

    What a test sets on a role would hold in all databases of the run's server, and with it for
    all tests that run at the same time.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TUTORIAL_SERVER_HOME", str(tmp_path_factory.mktemp("own") / "server"))
        patch.setenv("TUTORIAL_POSTGRES", "embedded")
        yield servers.find()
        EmbeddedServer(read_settings().server_home).remove()


@pytest.fixture(scope="module")
def driver() -> str:
    """SQLAlchemy's name of the driver; tests/support/drivers.py runs a test with both."""
    return "psycopg2"


@pytest.fixture
def url(server: Server, driver: str) -> Iterator[URL]:
    """The address of a fresh, empty database, dropped at the end."""
    with fresh_database(server) as url:
        yield url.set(drivername=f"postgresql+{driver}")


@pytest.fixture
def engine(url: URL) -> Iterator[Engine]:
    """An engine for a fresh database."""
    engine = make_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def shared(server: Server, driver: str) -> Iterator[Engine]:
    """An engine for a fresh database that the tests of a module share."""
    with fresh_database(server) as url:
        engine = make_engine(url.set(drivername=f"postgresql+{driver}"))
        yield engine
        engine.dispose()


@pytest.fixture
def external(url: URL, monkeypatch: pytest.MonkeyPatch) -> URL:
    """The same database, set as an external server in DATABASE_URL."""
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
