"""Lessons: each has its own database and folder, in a known starting state."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine, inspect, text

from coursekit import servers
from coursekit.course import databases
from coursekit.course.lesson_database import database_name
from coursekit.course.opening import start
from coursekit.course.project import project_url
from coursekit.course.workspace import identity
from coursekit.errors import LessonError
from coursekit.servers.server import Server, admin
from coursekit.settings import read_settings

SECOND_KERNEL = """
from coursekit import start
from coursekit.errors import LessonError
try:
    start("01")
except LessonError as error:
    print(error)
"""


def run(code: str) -> str:
    """Return what another process prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def kept(workspace: Path) -> list[str]:
    """Return the files of all kept project folders."""
    return sorted(path.name for path in (workspace / "kept").glob("connect-*/*"))


def test_a_lesson_has_an_empty_database_and_folder_of_its_own(workspace: Path) -> None:
    lesson = start("01")
    assert inspect(lesson.engine).get_table_names() == []
    assert lesson.project == workspace / "projects" / "connect"
    assert Path.cwd() == lesson.project
    assert start("00").url.database != lesson.url.database


def test_a_number_may_be_written_as_a_number(workspace: Path) -> None:
    assert start(1).number == "01"


def test_a_lesson_that_needs_a_host_says_so_at_its_start_over_a_socket(
    server: Server, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.url._replace(host=None).update_query_dict({"host": "sockets"})
    monkeypatch.setattr(servers, "find", lambda settings: Server(url, "external", 150018, "why"))
    with pytest.raises(LessonError) as caught:
        start("01")
    assert str(caught.value) == (
        "Lesson 01 needs a server with a host and a port. It builds a URL from them, and "
        f"sockets:{url.port} is a unix socket. The other lessons work on it. Name the server "
        "by its host in DATABASE_*, or set TUTORIAL_POSTGRES=embedded to use the kit's."
    )


def test_a_lesson_that_needs_a_newer_server_says_so_at_its_start(
    server: Server, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = Server(server.url, "external", 170006, "why")
    monkeypatch.setattr(servers, "find", lambda settings: old)
    with pytest.raises(LessonError) as caught:
        start("12")
    assert str(caught.value) == (
        f"Lesson 12 needs PostgreSQL 18. The server at {server.netloc} is PostgreSQL 17.6. The "
        "other lessons work on it. Set TUTORIAL_POSTGRES=embedded to use the kit's own, or name "
        "a newer server."
    )


def test_starting_again_resets_the_database(workspace: Path) -> None:
    lesson = start("01")
    with lesson.engine.begin() as connection:
        connection.execute(text("CREATE TABLE mine (n int)"))
    assert inspect(start("01").engine).get_table_names() == []


def test_starting_again_cuts_sessions_that_were_left_open(workspace: Path) -> None:
    connection = start("01").engine.connect()
    connection.execute(text("CREATE TABLE mine (n int)"))
    assert inspect(start("01").engine).get_table_names() == []


def test_starting_again_keeps_the_old_folder(workspace: Path) -> None:
    (start("01").project / "models.py").write_text("mine")
    again = start("01")
    assert kept(workspace) == [".lesson.json", "models.py"]
    assert [path.name for path in again.project.iterdir()] == [".lesson.json"]


def test_a_folder_without_work_is_not_kept(workspace: Path) -> None:
    start("01")
    start("01")
    assert kept(workspace) == []


def test_empty_folders_do_not_survive_a_reset(workspace: Path) -> None:
    (start("04").project / "migrations" / "versions").mkdir(parents=True)
    again = start("04")
    assert not (again.project / "migrations").exists()
    assert (again.project / "alembic" / "versions").is_dir()


def test_two_resets_in_one_second_keep_both_folders(workspace: Path) -> None:
    for name in ("a.py", "b.py", "c.py"):
        (start("01").project / name).write_text("mine")
    start("01")
    assert [name for name in kept(workspace) if name.endswith(".py")] == ["a.py", "b.py", "c.py"]


def test_resuming_keeps_database_and_folder(workspace: Path) -> None:
    lesson = start("01")
    (lesson.project / "models.py").write_text("mine")
    with lesson.engine.begin() as connection:
        connection.execute(text("CREATE TABLE mine (n int)"))
    resumed = start("01", resume=True)
    assert inspect(resumed.engine).get_table_names() == ["mine"]
    assert (resumed.project / "models.py").read_text() == "mine"
    assert resumed.rows["lesson"] == "01, continued where you left it"


def test_there_may_be_nothing_to_resume(workspace: Path) -> None:
    with pytest.raises(LessonError) as caught:
        start("01", resume=True)
    assert str(caught.value) == (
        "There is nothing of lesson 01 to resume. Its database does not exist. "
        'Run start("01") to begin it.'
    )


def test_the_error_of_an_unknown_lesson_lists_the_lessons() -> None:
    with pytest.raises(LessonError, match=r"There is no lesson '77'\. The lessons are 00, 01"):
        start("77")


def test_a_second_kernel_on_the_same_lesson_is_warned(workspace: Path) -> None:
    start("01")
    assert run(SECOND_KERNEL) == (
        f"Lesson 01 is open in another kernel (process {os.getpid()}). "
        "Two kernels would replace each other's database. "
        "Continue there; or shut that kernel down (in JupyterLab: Kernel, Shut Down All "
        "Kernels), then run this cell again.\n"
    )


def test_a_kernel_that_was_killed_does_not_block_the_lesson(workspace: Path) -> None:
    code = "import os, coursekit; coursekit.start('01'); os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == -9
    assert start("01").number == "01"


def test_a_database_that_the_kit_did_not_make_is_left_alone(
    workspace: Path, server: Server
) -> None:
    name = database_name(read_settings(), server, "lesson", "connect")
    with admin(server.url) as connection:
        connection.cursor().execute(f"CREATE DATABASE {name}")
        with pytest.raises(LessonError, match=f"There is a database {name} that the kit did not"):
            start("01")
        assert databases.mark_of(connection, name) == ""
        connection.cursor().execute(f"DROP DATABASE {name}")


def test_an_own_server_needs_consent(
    workspace: Path, external: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TUTORIAL_POSTGRES")
    with pytest.raises(LessonError) as caught:
        start("01")
    assert str(caught.value) == (
        "DATABASE_* names a server of your own. A lesson creates and drops databases on its "
        "server, and DATABASE_* may have been set for another purpose. "
        "Set TUTORIAL_POSTGRES=external to use that server, or TUTORIAL_POSTGRES=embedded to use "
        "the kit's."
    )


def test_with_consent_an_own_server_is_used(workspace: Path, external: URL) -> None:
    lesson = start("01")
    assert lesson.server.origin == "external"
    assert lesson.url.database == f"tutorial_lesson_connect_{identity(workspace)}"


def test_an_external_server_without_createdb_is_reported(
    workspace: Path, external: URL, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with admin(server.url) as connection:
        connection.cursor().execute("CREATE ROLE lesson_guest LOGIN PASSWORD 'canary'")
        guest = external.set(username="lesson_guest", password="canary")
        monkeypatch.setenv("DATABASE_URL", guest.render_as_string(hide_password=False))
        try:
            with pytest.raises(LessonError) as caught:
                start("01")
        finally:
            connection.cursor().execute("DROP ROLE lesson_guest")
    assert str(caught.value) == (
        "The user lesson_guest may not create databases on this server. Each lesson has a "
        "database of its own. Let an administrator run: ALTER ROLE lesson_guest CREATEDB; or "
        "take DATABASE_* out, and the kit starts a server of its own."
    )


def test_a_workspace_that_cannot_be_created_is_reported(
    tmp_path: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TUTORIAL_WORKSPACE", str(tmp_path / "file" / "workspace"))
    with pytest.raises(LessonError, match=r"can't be used: Not a directory\. The workspace keeps"):
        start("01")


def test_the_address_of_a_project_is_private_and_holds_no_password(workspace: Path) -> None:
    lesson = start("01")
    note = lesson.project / ".lesson.json"
    assert note.stat().st_mode & 0o777 == 0o600
    assert str(lesson.url.password) not in note.read_text()


def test_a_project_finds_its_address_again_from_any_folder_in_it(workspace: Path) -> None:
    lesson = start("01")
    deeper = lesson.project / "alembic" / "versions"
    deeper.mkdir(parents=True)
    assert project_url(deeper) == lesson.url


def test_a_project_finds_its_address_whatever_the_shell_exports(workspace: Path, url: URL) -> None:
    lesson = start("01")
    code = (
        f"import os; os.environ['DATABASE_URL'] = {url.render_as_string(hide_password=False)!r}\n"
        "os.environ.pop('TUTORIAL_WORKSPACE'); os.environ.pop('TUTORIAL_POSTGRES')\n"
        "from coursekit import project_url; print(project_url().database)"
    )
    assert run(code).strip() == lesson.url.database


def test_a_project_of_another_server_says_so(workspace: Path) -> None:
    lesson = start("01")
    note = lesson.project / ".lesson.json"
    address = json.loads(note.read_text())
    note.write_text(json.dumps({**address, "origin": "external", "netloc": "db.example:5432"}))
    with pytest.raises(LessonError, match=r"belongs to the external server at db\.example:5432"):
        project_url()


def test_the_note_of_an_earlier_edition_is_read(workspace: Path, external: URL) -> None:
    lesson = start("01")
    note = lesson.project / ".lesson.json"
    now = json.loads(note.read_text())
    assert now["origin"] == "external"
    then = {
        "database": now["database"],
        "origin": "own",
        "place": now["netloc"],
        "settings": {**now["settings"], "TUTORIAL_POSTGRES": "own"},
    }
    note.write_text(json.dumps(then))
    assert project_url() == lesson.url


def test_outside_a_project_there_is_no_address(tmp_path: Path) -> None:
    with pytest.raises(LessonError, match="is not in a lesson's project"):
        project_url(tmp_path)


def test_a_lesson_shows_where_it_is_and_no_password(workspace: Path) -> None:
    lesson = start("01")
    for shown in (repr(lesson), str(lesson), lesson._repr_html_()):
        assert str(lesson.url.database) in shown
        assert str(lesson.url.password) not in shown


def test_a_lesson_never_reaches_into_the_environment(workspace: Path) -> None:
    before = {name: text for name, text in os.environ.items() if name.startswith("DATABASE_")}
    lesson = start("01")
    after = {name: text for name, text in os.environ.items() if name.startswith("DATABASE_")}
    assert before == after
    assert not [name for name, text in os.environ.items() if str(lesson.url.database) in text]


def test_every_session_in_a_lesson_has_a_lock_timeout_and_reads_utc(workspace: Path) -> None:
    plain = create_engine(start("01").url)
    with plain.connect() as connection:
        assert connection.scalar(text("SHOW lock_timeout")) == "2s"
        assert connection.scalar(text("SHOW timezone")) == "UTC"
    plain.dispose()


def test_a_note_that_only_helps_other_kernels_stops_nothing(workspace: Path) -> None:
    (workspace / "open" / "01.pid").mkdir(parents=True)
    assert start("01").number == "01"


@pytest.mark.parametrize("name", ["open/01.lock", ".id"])
def test_a_file_of_the_workspace_that_cannot_be_used_is_named(workspace: Path, name: str) -> None:
    (workspace / name).mkdir(parents=True)
    with pytest.raises(LessonError) as caught:
        start("01")
    assert str(caught.value).startswith(f"{workspace / name} can't be used: ")
    assert str(caught.value).endswith(
        "The workspace keeps your notebooks and projects there. Free some disk space, make the "
        "folder writable, or set TUTORIAL_WORKSPACE to another folder."
    )


@pytest.mark.parametrize("damage", ["", "1234", "not hexadecimal"])
def test_a_damaged_identity_is_replaced(workspace: Path, damage: str) -> None:
    workspace.mkdir()
    (workspace / ".id").write_text(damage)
    found = identity(workspace)
    assert len(found) == 8
    assert identity(workspace) == found
