"""`tutorial remove`: what's removed, what stays, and that it asks first."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from coursekit.course import databases
from coursekit.course.lesson_database import clone_starting_state, database_name
from coursekit.servers.embedded import EmbeddedServer
from coursekit.servers.server import Server, admin
from coursekit.settings import read_settings
from support.command import Tutorial


@pytest.fixture
def tutorial(capfd: pytest.CaptureFixture[str]) -> Tutorial:
    return Tutorial(capfd)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone with an environment, a learner's work and a data folder."""
    (tmp_path / ".venv" / "lib").mkdir(parents=True)
    (tmp_path / ".venv" / "lib" / "package.py").write_bytes(b"#" * 3_000_000)
    for name in ("notebooks", "projects"):
        (tmp_path / "workspace" / name).mkdir(parents=True)
    (tmp_path / "workspace" / "projects" / "models.py").write_text("mine")
    (tmp_path / "workspace" / "thesis.txt").write_text("not the kit's")
    (tmp_path / "data" / "jupyter" / "runtime").mkdir(parents=True)
    monkeypatch.setattr(sys.modules["coursekit.cli.remove"], "ROOT", tmp_path)
    for name, folder in {"WORKSPACE": "workspace", "DATA": "data"}.items():
        monkeypatch.setenv(f"TUTORIAL_{name}", str(tmp_path / folder))
    monkeypatch.setenv("TUTORIAL_SERVER_HOME", str(tmp_path / "data" / "servers" / "home"))
    monkeypatch.setenv("TUTORIAL_POSTGRES", "embedded")
    return tmp_path


def left(folder: Path) -> set[str]:
    """Return every file that's left, and every folder that's empty."""
    paths = [p for p in folder.rglob("*") if p.is_file() or not any(p.iterdir())]
    return {path.relative_to(folder).as_posix() for path in paths}


def test_it_shows_what_and_how_much_and_removes_all_but_the_work(
    machine: Path, tutorial: Tutorial
) -> None:
    home = machine / "data" / "servers" / "home"
    EmbeddedServer(home).ensure()
    shown = tutorial("remove", "--yes").stdout.splitlines()
    assert shown[0] == "This will be removed:"
    assert shown[1].startswith("  PostgreSQL's data with the lessons' databases, ")
    assert shown[1].endswith(f" MB: {home}")
    assert shown[2].startswith("  Jupyter's own files and the list of fonts")
    assert shown[3:] == [
        f"  the environment, 3 MB: {machine / '.venv'}",
        f"Your work stays in {machine / 'workspace'}. To remove that too, add --work.",
        "Everything has been removed.",
    ]
    kept = {"workspace/notebooks", "workspace/projects/models.py", "workspace/thesis.txt"}
    assert left(machine) == kept


def test_with_work_it_removes_the_work_but_no_other_file(machine: Path, tutorial: Tutorial) -> None:
    shown = tutorial("remove", "--work", "--yes").stdout
    assert "your notebooks, projects and progress" in shown
    assert {path.name for path in (machine / "workspace").iterdir()} == {"thesis.txt"}


@pytest.mark.parametrize("reply", ["n\n", "\n"])
def test_it_asks_first(
    machine: Path, tutorial: Tutorial, monkeypatch: pytest.MonkeyPatch, reply: str
) -> None:
    before = left(machine)
    monkeypatch.setattr("typer.confirm", lambda question: reply == "y\n")
    done = tutorial("remove")
    assert done.stdout.endswith("Nothing was removed.\n")
    assert done.returncode == 1
    assert left(machine) == before


def test_a_second_time_there_is_nothing_to_remove(machine: Path, tutorial: Tutorial) -> None:
    tutorial("remove", "--yes")
    assert tutorial("remove", "--yes").stdout == "There's nothing to remove.\n"


def test_what_another_clone_uses_stays(machine: Path, tutorial: Tutorial) -> None:
    (machine / "data" / "servers" / "another").mkdir(parents=True)
    tutorial("remove", "--yes")
    assert (machine / "data" / "jupyter").exists()
    assert (machine / "data" / "servers" / "another").exists()


def test_what_cannot_be_removed_is_named_and_the_rest_is_removed(
    machine: Path, tutorial: Tutorial, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = sys.modules["shutil"].rmtree

    def held(path: Path) -> None:
        if path.name == ".venv":
            raise PermissionError(13, "Permission denied")
        true(path)

    monkeypatch.setattr("shutil.rmtree", held)
    done = tutorial("remove", "--yes")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-2:] == [
        f"{machine / '.venv'} can't be removed: Permission denied. Delete it yourself.",
        "The rest has been removed.",
    ]
    assert not (machine / "data" / "jupyter").exists()


def test_on_an_external_server_only_this_workspaces_databases_are_dropped(
    machine: Path, tutorial: Tutorial, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.url.render_as_string(hide_password=False)
    monkeypatch.setenv("TUTORIAL_POSTGRES", "external")
    monkeypatch.setenv("DATABASE_URL", url)
    names = []
    for workspace in ("workspace", "another"):
        monkeypatch.setenv("TUTORIAL_WORKSPACE", str(machine / workspace))
        settings = read_settings()
        names.append(database_name(settings, server, "lesson", "connect"))
        clone_starting_state(settings, server, "connect", names[-1])
    mine, others = names
    monkeypatch.setenv("TUTORIAL_WORKSPACE", str(machine / "workspace"))
    assert f"  database: {mine} at {server.netloc}" in tutorial("remove", "--yes").stdout
    with admin(server.url) as connection:
        after = databases.made_by_the_kit(connection)
        assert mine not in after
        assert others in after
        databases.drop(connection, others)
