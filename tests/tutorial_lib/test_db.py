"""Engine, session, Base and get_db."""

from __future__ import annotations

import subprocess
import sys

import pytest
from sqlalchemy import URL, Column, Engine, Integer, String, Table, select, text
from sqlalchemy.exc import IntegrityError, OperationalError, UnboundExecutionError

from tutorial_lib import db


def test_importing_connects_to_nothing_and_starts_nothing() -> None:
    code = (
        "import socket; socket.socket.connect = None; import subprocess; subprocess.Popen = None\n"
        "import tutorial_lib.db, tutorial_lib.models, coursekit.servers"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_session_without_an_engine_says_so() -> None:
    db.SessionLocal.configure(bind=None)
    with db.SessionLocal() as session, pytest.raises(UnboundExecutionError):
        session.execute(text("SELECT 1"))


def test_connect_binds_the_sessions(url: URL) -> None:
    engine = db.connect(url)
    with db.SessionLocal() as session:
        assert session.scalar(text("SELECT current_database()")) == url.database
    engine.dispose()


def test_get_db_closes_its_session_at_the_end(url: URL) -> None:
    engine = db.connect(url)
    for session in db.get_db():
        session.execute(text("SELECT 1"))
        assert engine.pool.checkedout() == 1
    assert engine.pool.checkedout() == 0
    engine.dispose()


def test_get_db_closes_its_session_when_the_caller_fails(url: URL) -> None:
    engine = db.connect(url)
    giving = db.get_db()
    next(giving).execute(text("SELECT 1"))
    with pytest.raises(ValueError, match="the request failed"):
        giving.throw(ValueError("the request failed"))
    assert engine.pool.checkedout() == 0
    engine.dispose()


def test_errors_never_show_the_values_of_a_statement(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("CREATE TEMP TABLE t (email text UNIQUE)"))
        insert = text("INSERT INTO t VALUES (:email)")
        connection.execute(insert, {"email": "a@x.io"})
        with pytest.raises(IntegrityError) as caught:
            connection.execute(insert, {"email": "a@x.io"})
    assert "[SQL parameters hidden due to hide_parameters=True]" in str(caught.value)


def test_a_lock_timeout_reaches_the_server(url: URL) -> None:
    with db.make_engine(url, lock_timeout=3).connect() as connection:
        assert connection.scalar(text("SHOW lock_timeout")) == "3s"


@pytest.mark.parametrize("place", ["address", "arguments"])
def test_a_lock_timeout_is_added_to_other_options(url: URL, place: str) -> None:
    options = "-c search_path=elsewhere"
    if place == "address":
        engine = db.make_engine(url.update_query_dict({"options": options}), lock_timeout=3)
    else:
        engine = db.make_engine(url, lock_timeout=3, connect_args={"options": options})
    with engine.connect() as connection:
        assert connection.scalar(text("SHOW search_path")) == "elsewhere"
        assert connection.scalar(text("SHOW lock_timeout")) == "3s"


def test_constraints_get_predictable_names() -> None:
    metadata = type(
        "Fresh",
        (db.DeclarativeBase,),
        {"metadata": db.MetaData(naming_convention=db.NAMING_CONVENTION)},
    ).metadata
    table = Table(
        "things",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("name", String, unique=True),
    )
    assert {str(c.name) for c in table.constraints} == {"pk_things", "uq_things_name"}


def test_a_half_typed_password_reaches_the_message_of_a_url_made_as_text() -> None:
    broken = db.make_engine("postgresql+psycopg2://ann:p@ss@127.0.0.1:5432/shop")
    with pytest.raises(OperationalError, match=r"ss@127\.0\.0\.1"):
        broken.connect()


def test_uncommitted_work_is_rolled_back(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (n int)"))
    db.SessionLocal.configure(bind=engine)
    for session in db.get_db():
        session.execute(text("INSERT INTO t VALUES (1)"))
    with engine.connect() as connection:
        assert connection.scalar(select(text("count(*)")).select_from(text("t"))) == 0
