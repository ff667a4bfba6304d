"""frames.read finds the database as pandas does, and says what else was passed."""

from __future__ import annotations

import inspect
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from sqlalchemy import Engine, StaticPool, create_engine, make_url, select, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from coursekit.settings import ROOT
from support import drivers
from tutorial_lib import frames
from tutorial_lib.errors import FrameError
from tutorial_lib.models import User

KINDS = "Pass an engine, a connection, a session, a sessionmaker or a database URL."
USAGE = "Pass the query, then con, and the rest by name: frames.read(query, con, chunks=1000)."
SECRET = "postgresql+psycopg2://me:s3cret@127.0.0.1:1/db"


driver = drivers.each_driver


@pytest.fixture(scope="module")
def engine(shared: Engine) -> Engine:
    """A database with a table."""
    with shared.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE users AS SELECT 1 AS id, 'Ann' AS name")
    return shared


@pytest.fixture(autouse=True)
def nothing_stays(engine: Engine) -> Iterator[None]:
    """Every connection is returned, and those of other engines are closed."""
    yield
    assert engine.pool.checkedout() == 0
    deadline = time.monotonic() + 300  # the server notices a closed connection late
    while sessions(engine) > 1 + engine.pool.checkedin():  # type: ignore[attr-defined]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def sessions(engine: Engine) -> int:
    """Return how many sessions use the database."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        return int(connection.scalar(text(query)) or 0)


def said(*call: Any, **options: Any) -> str:
    """Return the message of a call that fails, which shows no password."""
    with pytest.raises(FrameError) as caught:
        frames.read(*call, **options)
    assert "s3cret" not in repr(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


# -- what can be passed


def test_an_engine_and_a_connection(engine: Engine) -> None:
    with engine.connect() as connection:
        for con in (engine, connection, engine.execution_options(isolation_level="SERIALIZABLE")):
            assert len(frames.read("users", con)) == len(frames.read("users", con=con)) == 1


def test_a_session_and_what_makes_one(engine: Engine) -> None:
    maker = sessionmaker(engine)
    scoped = scoped_session(maker)
    with Session(engine) as session:
        for con in (session, maker, scoped):
            assert len(frames.read("users", con)) == len(frames.read("users", session=con)) == 1
            assert len(frames.read(select(text("id")).select_from(text("users")), con=con)) == 1
    scoped.remove()


def test_a_session_with_an_engine_for_each_table(engine: Engine) -> None:
    with Session(binds={User: engine}) as session:
        assert frames.read(select(User.id), session)["id"].tolist() == [1]
        assert "isn't bound to an engine" in said("SELECT 1", session)


def test_a_sessionmaker_that_is_bound_to_a_connection(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("INSERT INTO users VALUES (2, 'Ben')"))
        assert len(frames.read("users", sessionmaker(connection))) == 2
        assert len(frames.read("users", engine)) == 1


def test_a_url_has_an_engine_of_its_own(engine: Engine) -> None:
    url = engine.url.render_as_string(hide_password=False)
    for con in (engine.url, url, make_url(url)):
        assert frames.read("users", con=con)["name"].tolist() == ["Ann"]
        chunks = frames.read("SELECT generate_series(1, 9) AS n", con, chunks=2)
        assert len(next(chunks)) == 2
        chunks.close()  # type: ignore[attr-defined]


def test_a_url_without_a_driver_uses_that_of_sqlalchemy(engine: Engine) -> None:
    pytest.importorskip("psycopg")
    assert len(frames.read("users", engine.url.set(drivername="postgresql"))) == 1


def test_an_engine_whose_connections_are_shared(engine: Engine) -> None:
    single = create_engine(engine.url, poolclass=StaticPool)
    with single.connect() as connection:
        connection.execute(text("INSERT INTO users VALUES (2, 'Ben')"))
        assert len(frames.read("users", single)) == 2
        connection.rollback()
    single.dispose()


# -- what can't


def test_what_is_no_database_is_named(engine: Engine) -> None:
    assert said("users", 5) == (
        f"con is of type int. The database is reached through SQLAlchemy. {KINDS}"
    )
    assert said("users", session=[engine]).startswith("session is of type list.")
    assert said("users", Session).startswith("con is the class Session, not an instance.")
    assert said("users", User).startswith("con is the class User, not an instance.")
    assert said("users", select(User.id)).startswith("con is of type sqlalchemy.sql.selectable.")
    assert said("users", type).startswith("con is the class type, not an instance.")


def test_a_connection_of_a_driver_is_named(engine: Engine) -> None:
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(psycopg2.connect(url)) as connection:
        assert said("users", connection).startswith("con is of type psycopg2.extensions.connection")
    with closing(engine.raw_connection()) as raw:
        assert said("users", raw).startswith("con is of type sqlalchemy.pool.base._Connection")
    psycopg = pytest.importorskip("psycopg")
    with closing(psycopg.connect(url)) as connection:
        assert said("users", connection).startswith("con is of type psycopg.Connection. ")


def test_what_is_asynchronous_is_named(engine: Engine) -> None:
    asynchronous = create_async_engine(engine.url.set(drivername="postgresql+psycopg"))
    for con in (asynchronous, AsyncSession(asynchronous), async_sessionmaker(asynchronous)):
        message = said("users", con)
        assert type(con).__name__ in message
        assert ", which is asynchronous. " in message
        assert "await asyncio.to_thread(function, ...)" in message
    assert said("users", asynchronous.sync_engine).startswith("The engine is asynchronous")


def test_another_database_is_named() -> None:
    assert said("users", create_engine("sqlite://")).startswith("The engine connects to sqlite")
    for start in ("sqlite", "mysql", "postgres", "postgresql2"):
        assert said("users", f"{start}://me:s3cret@127.0.0.1/db") == (
            f"con is a URL that starts with {start}://. This works only with PostgreSQL, and its "
            "URLs start with postgresql."
        )


@pytest.mark.parametrize(
    "url",
    [
        *("postgresql://me:s3cret@@127.0.0.1:x/db", "postgresql://me:s3cret@127.0.0.1:12x/db"),
        *("host=127.0.0.1 password=s3cret", "SELECT 's3cret'", "s3cret", "", "://s3cret"),
        "jdbc:postgresql://127.0.0.1/db?user=me&password=s3cret",
    ],
)
def test_a_string_that_is_no_url_is_not_shown(url: str) -> None:
    message = said("users", url)
    assert message.startswith("con is a string that isn't a database URL.")
    assert message.endswith(KINDS)


def test_a_driver_that_is_not_there_is_named() -> None:
    message = said("users", SECRET.replace("psycopg2", "pg8000"))
    assert message.startswith("The driver of the URL in con, pg8000, isn't installed.")
    message = said("users", SECRET.replace("psycopg2", "nothing"))
    assert message.startswith("No engine can be created for the URL in con.")
    message = said("users", SECRET + "?plugin=nothing")
    assert message.startswith("No engine can be created for the URL in con.")


def test_a_server_that_does_not_answer_is_sqlalchemys_error() -> None:
    with pytest.raises(Exception, match=r"psycopg2.OperationalError") as caught:
        frames.read("users", SECRET)
    assert "s3cret" not in str(caught.value)


# -- calls that don't fit


def test_arguments_in_the_wrong_order_are_recognized(engine: Engine) -> None:
    what = f"The first argument is a database, not a query. {USAGE}"
    assert said(engine, "users") == said(engine.url, "users") == said(engine) == what
    assert said(SECRET, "users") == said(Session(engine), "users") == what
    assert said(create_async_engine("postgresql+psycopg://"), "users") == what


def test_a_call_that_does_not_fit_is_explained(engine: Engine) -> None:
    fit = "The arguments of the call don't fit. Python says: "
    assert said() == f"{fit}missing a required argument: 'query'. {USAGE}"
    assert said("users", engine, "id") == f"{fit}too many positional arguments. {USAGE}"
    assert said("users", engine, con=engine) == f"{fit}multiple values for argument 'con'. {USAGE}"
    assert said(query="users", con=engine).startswith(fit)


@pytest.mark.parametrize("name", ["engine", "bind", "connection", "conn"])
def test_another_word_for_con_is_refused(engine: Engine, name: str) -> None:
    assert said("users", **{name: engine}) == (
        f"{name}= isn't an argument here. Pass the engine as con: frames.read(query, con). "
        f"If it's a parameter of the query, pass it in params={{'{name}': ...}}."
    )


def test_pandas_word_for_the_query_is_refused(engine: Engine) -> None:
    assert said(sql="users", con=engine).startswith(f"sql= isn't an argument here. {USAGE}")
    assert said(table_name="users", con=engine).startswith("table_name= isn't an argument here.")


@pytest.mark.parametrize(
    "query", ["", "  ", "\n", ";", "\0", 5, None, b"users", ["users"], object()]
)
def test_what_is_no_query_is_refused(engine: Engine, query: Any) -> None:
    assert said(query, engine)


# -- for readers and for type checkers


def test_help_shows_the_arguments() -> None:
    parameters = inspect.signature(frames.read).parameters
    assert [*parameters][:4] == ["query", "con", "session", "chunks"]
    assert {"chunksize", "params", "index_col", "dtype_backend", "values"} <= {*parameters}
    assert "pandas.read_sql" in (frames.read.__doc__ or "")


TYPED = """
from collections.abc import Iterator
import pandas as pd
from sqlalchemy import URL, Engine
from sqlalchemy.orm import Session, sessionmaker
from tutorial_lib import frames

def usual(
    engine: Engine, session: Session, maker: sessionmaker[Session], url: URL, rows: int | None
) -> None:
    one: pd.DataFrame = frames.read("users", engine)
    one = frames.read("SELECT :x", con=engine, x=1)
    one = frames.read("users", session=session, params={"x": 1}, index_col="id")
    one = frames.read("users", maker, dtype_backend="pyarrow", coerce_float=False)
    one = frames.read("users", url, chunks=None)
    one = frames.read("users")
    many: Iterator[pd.DataFrame] = frames.read("users", engine, chunks=5)
    many = frames.read("users", "postgresql://", chunksize=5, index_col=["id"])
    either: pd.DataFrame | Iterator[pd.DataFrame] = frames.read("users", engine, chunks=rows)

frames.read("users", 5)  # refused
frames.read()  # refused
frames.read("users", chunks="5")  # refused
wrong: int = frames.read("users", chunks=5)  # refused
"""


@pytest.mark.slow
@pytest.mark.weekly  # half a minute
def test_mypy_knows_what_is_returned(tmp_path: Path) -> None:
    (tmp_path / "usual.py").write_text(TYPED)
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "usual.py"]
    settings = ["--config-file", str(ROOT / "pyproject.toml")]
    environment = {"MYPYPATH": str(ROOT), "PATH": ""}
    done = subprocess.run(
        [*command, *settings], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    refused = [number for number, line in enumerate(TYPED.splitlines(), 1) if "# refused" in line]
    errors = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert [int(line.split(":")[1]) for line in errors] == refused, done.stdout + done.stderr
