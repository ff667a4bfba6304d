"""What lesson 03 says without showing it in an output."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import (
    URL,
    Column,
    Engine,
    ForeignKey,
    MetaData,
    NullPool,
    String,
    Table,
    TypeDecorator,
    create_engine,
    engine_from_config,
    inspect,
    make_url,
    select,
)
from sqlalchemy.exc import MissingGreenlet, StatementError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from coursekit.course.alembic_command import run_alembic
from coursekit.course.catalog import lessons
from coursekit.course.notebooks import load
from coursekit.course.opening import start
from coursekit.errors import AlembicError
from coursekit.settings import ROOT

CELLS = {cell["id"]: "".join(cell["source"]) for cell in load(lessons()["alembic-init"])["cells"]}
ENV = "%%writefile alembic/env.py\n"
VERSIONS = [source.removeprefix(ENV) for source in CELLS.values() if source.startswith(ENV)][:3]
OWN_PROJECT = "ca1be3c1"
ALEMBIC = str(Path(sys.executable).with_name("alembic"))


@pytest.fixture
def project(workspace: Path) -> Path:
    """The project as the lesson leaves it."""
    return start("04").project


def blocks(cell: str, language: str) -> list[str]:
    """Return the code blocks of a cell of text."""
    return re.findall(rf"^```{language}\n(.*?)^```", CELLS[cell], re.M | re.S)


# -- The three versions of env.py
@pytest.mark.parametrize(("before", "after"), [(0, 1), (1, 2)])
def test_the_marks_show_what_is_new(before: int, after: int) -> None:
    """The body of a new function isn't marked line by line; its first line says so."""
    body = VERSIONS[after].partition("with its whole body\n")[2].partition("\n\n\n")[0]
    known = {line.partition("  # new")[0].strip() for line in VERSIONS[before].splitlines()}
    for line in VERSIONS[after].replace(body, "").splitlines():
        code, mark, _ = line.partition("  # new")
        assert (code.strip() in known) != bool(mark), line


# -- init, current, check
def test_init_refuses_to_run_twice(project: Path) -> None:
    with pytest.raises(AlembicError, match="Directory alembic already exists and is not empty"):
        run_alembic("init alembic", project)


def test_a_terminal_shows_seven_lines_with_absolute_paths(tmp_path: Path) -> None:
    command = [ALEMBIC, "init", "alembic"]
    printed = subprocess.check_output(command, cwd=tmp_path, text=True).splitlines()
    assert len([line for line in printed if str(tmp_path) in line]) == len(printed) == 7


def test_current_does_not_create_the_version_table(project: Path) -> None:
    run_alembic("current", project)
    assert inspect(start("04", resume=True).engine).get_table_names() == []


def test_prepend_sys_path_is_what_finds_the_projects_modules(project: Path) -> None:
    ini = (project / "alembic.ini").read_text()
    (project / "alembic.ini").write_text(ini.replace("prepend_sys_path = .", ""))
    with pytest.raises(AlembicError, match="No module named 'db'"):
        run_alembic("current", project)


def test_a_terminal_shows_six_lines_more(project: Path) -> None:
    done = subprocess.run([ALEMBIC, "check"], cwd=project, capture_output=True, text=True)
    plugins = [line for line in done.stderr.splitlines() if "[alembic.runtime.plugins]" in line]
    assert len(plugins) == 6


def test_in_another_folder_alembic_finds_no_script_location(tmp_path: Path) -> None:
    done = subprocess.run([ALEMBIC, "current"], cwd=tmp_path, capture_output=True, text=True)
    assert "No 'script_location' key found in configuration" in done.stdout + done.stderr


# -- Offline mode
def test_the_script_and_the_log_are_apart(project: Path) -> None:
    log = run_alembic("upgrade head --sql > deploy.sql", project)
    assert "Generating static SQL" in log
    assert (project / "deploy.sql").read_text().split() == ["BEGIN;", "COMMIT;"]


def test_offline_mode_opens_no_connection(project: Path) -> None:
    env = project / "alembic" / "env.py"
    env.write_text(env.read_text().replace("project_url()", "project_url().set(port=1)"))
    assert "COMMIT;" in run_alembic("upgrade head --sql", project)
    with pytest.raises(AlembicError, match="Connection refused"):
        run_alembic("current", project)


@pytest.mark.parametrize(
    ("options", "paramstyle", "value"),
    [
        ({}, "named", "VALUES (:name::VARCHAR)"),
        ({"literal_binds": True}, "pyformat", "'Ann, 50%% off'"),
        ({"literal_binds": True}, "named", "'Ann, 50% off'"),
    ],
)
def test_the_options_of_offline_mode(
    options: dict[str, Any], paramstyle: str, value: str, tmp_path: Path
) -> None:
    with (tmp_path / "script.sql").open("w+") as script:
        context = MigrationContext.configure(
            dialect_name="postgresql",
            dialect_opts={"paramstyle": paramstyle},
            opts={"as_sql": True, "output_buffer": script, **options},
        )
        table = Table("members", MetaData(), Column("name", String(50)))
        Operations(context).execute(table.insert().values(name="Ann, 50% off"))
        script.seek(0)
        assert value in script.read()


# -- Why each line
def test_types_are_compared_unless_one_forbids_it(engine: Engine) -> None:
    with engine.connect() as connection:
        assert MigrationContext.configure(connection)._user_compare_type is True


@pytest.mark.parametrize(("option", "disabled"), [("", True), ("keep", False)])
def test_existing_loggers_are_disabled_by_default(
    project: Path, option: str, disabled: bool
) -> None:
    argument = ", disable_existing_loggers=False" if option else ""
    program = (
        "import logging.config\n"
        "logger = logging.getLogger('shop.orders')\n"
        f"logging.config.fileConfig('alembic.ini'{argument})\n"
        "print(logger.disabled)"
    )
    printed = subprocess.check_output([sys.executable, "-c", program], cwd=project, text=True)
    assert printed.strip() == str(disabled)


def test_the_dictionary_of_older_files_accepts_a_url_object() -> None:
    url = URL.create("postgresql+psycopg2", "ann", "p@ss/%", "localhost", database="shop")
    engine = engine_from_config({"sqlalchemy.url": url}, prefix="sqlalchemy.", poolclass=NullPool)
    assert engine.url == url


# -- In older tutorials
def test_an_at_sign_or_a_percent_sign_breaks_a_url_string() -> None:
    found = [make_url(f"postgresql://ann:{password}@db/shop") for password in ("p@ss", "p%40ss")]
    assert [(url.password, url.host) for url in found] == [("p", "ss@db"), ("p@ss", "db")]


def test_the_short_form_means_psycopg_3() -> None:
    assert make_url("postgresql://localhost/shop").get_driver_name() == "psycopg"


# -- For the curious: what a long-lived project adds
def test_the_courses_own_environment_has_what_the_lesson_names() -> None:
    source = (ROOT / "alembic" / "env.py").read_text()
    listed = re.findall(r"^- `(\w+)`", CELLS["3e78e801"], re.M)
    assert listed == ["lock_timeout", "render_item", "compare_server_default", "CommandError"]
    assert [
        word for word in (*listed, "import models", "advisory_lock") if word not in source
    ] == []


class Shout(TypeDecorator[str]):
    """A custom type."""

    impl = String(50)
    cache_ok = True


def test_without_render_item_a_revision_names_a_class_that_it_does_not_import(
    engine: Engine,
) -> None:
    metadata = MetaData()
    Table("members", metadata, Column("name", Shout()))
    with engine.connect() as connection:
        found = produce_migrations(MigrationContext.configure(connection), metadata)
    assert f"{__name__}.Shout" in render_python_code(found.upgrade_ops)  # type: ignore[arg-type]


# -- For the curious: an async application
class Base(DeclarativeBase):
    """A base for these tests."""


class Author(Base):
    """It has books, which are loaded lazily."""

    __tablename__ = "authors"
    id: Mapped[int] = mapped_column(primary_key=True)
    books: Mapped[list[Book]] = relationship()


class Book(Base):
    """It has an author."""

    __tablename__ = "books"
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("authors.id"))


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
def test_create_engine_with_an_async_driver_lacks_a_greenlet(engine: Engine) -> None:
    url = engine.url.set(drivername="postgresql+psycopg_async")
    with pytest.raises(MissingGreenlet), create_engine(url, poolclass=NullPool).connect():
        pass
    gc.collect()  # the coroutine is in a cycle; Python warns of it here, not in another test


def test_psycopg_works_with_and_without_asyncio(engine: Engine) -> None:
    url = engine.url.set(drivername="postgresql+psycopg")
    with create_engine(url, poolclass=NullPool).connect() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1


def test_loading_lazily_in_an_async_session_lacks_a_greenlet(engine: Engine) -> None:
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(Author.__table__.insert().values(id=1))  # type: ignore[attr-defined]

    async def load_lazily() -> None:
        url = engine.url.set(drivername="postgresql+psycopg")
        async_engine = create_async_engine(url, poolclass=NullPool)
        async with AsyncSession(async_engine) as session:
            author = (await session.scalars(select(Author))).one()
            with pytest.raises(StatementError, match="MissingGreenlet"):
                _ = author.books

    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(load_lazily())


# -- In your own project
@pytest.fixture
def own(tmp_path: Path, url: URL, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the files that the section shows, before its commands are typed."""
    for name in [name for name in os.environ if name.startswith("DATABASE_")]:
        monkeypatch.delenv(name)
    values = {"USERNAME": url.username, "HOST": url.host, "PORT": url.port, "NAME": url.database}
    values["PASSWORD"] = f"'{url.password}'"
    (dotenv,) = blocks(OWN_PROJECT, "ini")
    names = [line.partition("=")[0] for line in dotenv.splitlines()]
    lines = [f"{name}={values[name.removeprefix('DATABASE_')]}" for name in names]
    (tmp_path / ".env").write_text("\n".join(lines))
    config, _ = blocks(OWN_PROJECT, "python")
    (tmp_path / "config.py").write_text(config)
    start_of = ROOT / "notebooks" / "starts" / "alembic-init" / "project" / "db.py"
    (tmp_path / "db.py").write_text(_outside_the_course(start_of.read_text()))
    (tmp_path / "requirements.txt").write_text(f"{_requirements()}python-dotenv\n")
    return tmp_path


def _requirements() -> str:
    (cell,) = [source for source in CELLS.values() if "writefile requirements.txt" in source]
    return cell.partition("\n")[2] + "\n"


def _outside_the_course(source: str) -> str:
    """Replace what the section says to replace."""
    _, new = blocks(OWN_PROJECT, "python")
    source = source.replace("project_url()", "DATABASE_URL")
    return source.replace("from coursekit import project_url\n", new)


def _typed(lines: str, project: Path) -> Iterator[str]:
    for line in lines.splitlines():
        program, *words = line.split()
        if program == "pip":
            assert words == ["install", "-r", "requirements.txt"]
            continue
        assert program == "alembic"
        yield subprocess.run(
            [ALEMBIC, *words], cwd=project, check=True, capture_output=True, text=True
        ).stdout


def test_the_commands_for_your_own_project_work_as_typed(own: Path) -> None:
    before, after = blocks(OWN_PROJECT, "console")
    (initialized,) = _typed(before, own)
    assert "Please edit configuration" in initialized
    (own / "alembic" / "env.py").write_text(_outside_the_course(VERSIONS[2]))
    current, checked = _typed(after, own)
    assert current == ""
    assert "No new upgrade operations detected." in checked


def test_a_variable_that_is_set_wins_over_the_file(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_NAME", "another")
    program = "import config, json; print(json.dumps(config.DATABASE_URL.database))"
    printed = subprocess.check_output([sys.executable, "-c", program], cwd=own, text=True)
    assert json.loads(printed) == "another"


def test_with_an_init_file_the_folder_hides_the_library(project: Path) -> None:
    command = [sys.executable, "-c", "from alembic import op"]
    assert subprocess.run(command, cwd=project).returncode == 0
    (project / "alembic" / "__init__.py").touch()
    failed = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert "cannot import name 'op'" in failed.stderr
