"""What the first edition left running, and its settings: found again, or refused by name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from filelock import FileLock
from sqlalchemy import URL, text

from coursekit import project_url, start
from coursekit.errors import LessonError
from coursekit.servers.server import Server, admin
from coursekit.settings import ROOT, Settings, read_settings
from tutorial_lib.errors import SettingsError

DATABASE = "tutorial_lesson_06_b6594b4e"
MARK = "database-setup-tutorial: lesson 06 of workspace b6594b4e"
# The command, with this folder's `.env` in place of the clone's.
COMMAND = """
import sys; from pathlib import Path; from coursekit import settings
settings.ROOT = Path(sys.argv.pop(1))
from coursekit.cli import main; main()
"""
RENAMED = [
    ("TUTORIAL_POSTGRES", "own", "external"),
    ("TUTORIAL_KERNEL", "usual", "default"),
]


@pytest.fixture
def old_server(
    old_workspace: Path, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """The home of a server that the first edition started: its file, and a lesson's database."""
    home = tmp_path / "old_server"
    home.mkdir(mode=0o700)
    written = {"port": server.url.port, "password": server.url.password}
    (home / "server.json").write_text(json.dumps(written))
    monkeypatch.setenv("TUTORIAL_SERVER_HOME", str(home))
    with admin(server.url) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {DATABASE}")
        cursor.execute(f"COMMENT ON DATABASE {DATABASE} IS %s", [MARK])
    yield home
    with admin(server.url) as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")


def command(folder: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command of a clone whose `.env` is in this folder."""
    shell = {name: value for name, value in os.environ.items() if name != "TUTORIAL_POSTGRES"}
    shell.pop("TUTORIAL_KERNEL", None)
    return subprocess.run(
        [sys.executable, "-c", COMMAND, str(folder), *words],
        env={**shell, "COLUMNS": "300", **environ},
        capture_output=True,
        text=True,
    )


def test_the_server_is_looked_for_in_the_same_folder(tmp_path: Path) -> None:
    clone = sha256(str(ROOT).encode()).hexdigest()[:8]
    home = read_settings({"TUTORIAL_DATA": str(tmp_path)}, tmp_path / "no.env").server_home
    assert home == tmp_path.resolve() / "servers" / clone


def test_a_server_that_still_runs_is_found_again(old_server: Path, server: Server) -> None:
    before = (old_server / "server.json").read_bytes()
    shown = command(old_server, "db", "status").stdout
    assert f"(embedded) is running at {server.netloc}." in shown
    assert (old_server / "server.json").read_bytes() == before
    assert [path.name for path in old_server.iterdir()] == ["server.json"]


def test_a_lesson_goes_on_in_its_database_and_project(old_server: Path, server: Server) -> None:
    with admin(server.url.set(database=DATABASE)) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE mine AS SELECT 42 AS answer")
    lesson = start("06", resume=True)
    assert (lesson.url.database, (lesson.project / "mine.py").read_text()) == (
        DATABASE,
        'MINE = "kept"\n',
    )
    with lesson.engine.connect() as connection_:
        assert connection_.scalar(text("SELECT answer FROM mine")) == 42
    lesson.engine.dispose()


def test_a_kernel_of_the_first_edition_still_has_its_lesson(
    old_server: Path, settings: Settings
) -> None:
    (settings.workspace / "open").mkdir()
    with (
        FileLock(settings.workspace / "open" / "06.lock"),
        pytest.raises(LessonError, match="Lesson 06 is open in another kernel"),
    ):
        start("06", resume=True)


def test_starting_a_lesson_again_keeps_the_old_project(
    old_server: Path, settings: Settings
) -> None:
    start("06").engine.dispose()
    kept = list((settings.workspace / "kept").glob("the-first-revision-*/mine.py"))
    assert [path.read_text() for path in kept] == ['MINE = "kept"\n']


def test_an_old_project_knows_its_database(old_server: Path, settings: Settings) -> None:
    assert project_url(settings.workspace / "projects" / "06").database == DATABASE


def test_an_old_project_on_an_external_server_knows_it(settings: Settings, external: URL) -> None:
    note = settings.workspace / "projects" / "06" / ".lesson.json"
    old = json.loads(note.read_text()) | {"origin": "own"}
    old["settings"]["TUTORIAL_POSTGRES"] = "own"
    note.write_text(json.dumps(old))
    url = project_url(note.parent)
    assert (url.database, url.port) == (DATABASE, external.port)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "old", "new"), RENAMED)
@pytest.mark.parametrize("words", [["db", "status"], ["doctor"]], ids=" ".join)
def test_an_old_word_in_dotenv_is_refused_with_the_new_one(
    words: list[str], name: str, old: str, new: str, old_workspace: Path, tmp_path: Path
) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text(
        f"{name}={old}\nDATABASE_URL=postgresql+psycopg2://ann:canary-7f3a@localhost:1/shop\n"
    )
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    done = command(tmp_path, *words)
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert f"{name} is '{old}', which is called '{new}' now." in said
    assert f"{name}={new}" in said
    assert "Traceback" not in said
    assert "canary" not in said
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize(("name", "old", "new"), RENAMED)
def test_an_old_word_in_the_environment_is_refused_too(
    name: str, old: str, new: str, tmp_path: Path
) -> None:
    done = command(tmp_path, "db", "status", **{name: old})
    assert done.returncode == 1
    assert f"{name} is '{old}', which is called '{new}' now." in done.stderr


def test_a_lesson_refuses_the_old_word_and_keeps_everything(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {p: p.read_bytes() for p in settings.workspace.rglob("*") if p.is_file()}
    monkeypatch.setenv("TUTORIAL_POSTGRES", "own")
    with pytest.raises(SettingsError, match="called 'external' now"):
        start("06", resume=True)
    assert {p: p.read_bytes() for p in settings.workspace.rglob("*") if p.is_file()} == before
