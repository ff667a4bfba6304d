"""Every unit takes the same things for a database, and refuses the rest in the same words."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Any

import pandas as pd
import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    mapped_column,
    scoped_session,
    sessionmaker,
)

from support import drivers
from tutorial_lib import advisory_lock, backfill, errors, explorer, frames, locks, workload
from tutorial_lib.db import SessionLocal

driver = drivers.each_driver


class Base(DeclarativeBase):
    """The base of one model."""


class User(Base):
    """A row that violates a constraint."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)


def hold(bind: Any) -> None:
    with advisory_lock.advisory_lock(bind, "test"):
        pass


def work(bind: Any) -> None:
    with workload.run(bind, readers=lambda connection: connection.scalar(text("SELECT 1"))) as seen:
        pass
    assert seen.errors == []


UNITS: dict[str, tuple[type[errors.Problem], Callable[[Any], object]]] = {
    "frames.read": (errors.FrameError, lambda bind: frames.read("users", bind)),
    "chunks": (errors.FrameError, lambda bind: list(frames.read("users", bind, chunks=1))),
    "frames.write": (
        errors.FrameError,
        lambda bind: frames.write(pd.DataFrame({"id": [1]}), "added", bind),
    ),
    "explorer": (errors.ExplorerError, explorer.tables),
    "snapshot": (errors.ExplorerError, lambda bind: explorer.snapshot(bind, rows=True)),
    "queue": (errors.LockError, locks.queue),
    "retries": (
        errors.LockError,
        lambda bind: locks.with_lock_retries(bind, "ALTER TABLE changed ALTER id SET NOT NULL"),
    ),
    "advisory_lock": (errors.AdvisoryLockError, hold),
    "backfill": (
        errors.BackfillError,
        lambda bind: backfill.run(bind, "users", set={"id": text("2")}, where="id = 1"),
    ),
    "workload": (errors.WorkloadError, work),
}
# These send statements on a connection that they're passed; the others use only its engine.
ON_IT = ("frames.read", "chunks", "frames.write", "explorer", "snapshot", "backfill")


@pytest.fixture(scope="module")
def engine(shared: Engine) -> Engine:
    """A database with a few tables."""
    with shared.begin() as connection:
        connection.execute(text("CREATE TABLE users (id int PRIMARY KEY)"))
        connection.execute(text("CREATE TABLE added (id int)"))
        connection.execute(text("CREATE TABLE changed (id int)"))
        connection.execute(text("INSERT INTO users VALUES (2)"))
    return shared


@pytest.fixture(autouse=True)
def nothing_stays(engine: Engine) -> Iterator[None]:
    """Every connection is returned."""
    yield
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]


KINDS: dict[str, Callable[[Engine], Any]] = {
    "engine": lambda engine: engine,
    "options": lambda engine: engine.execution_options(isolation_level="SERIALIZABLE"),
    "sessionmaker": sessionmaker,
    "URL": lambda engine: engine.url,
    "string": lambda engine: engine.url.render_as_string(hide_password=False),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_takes(engine: Engine, unit: str, kind: str) -> None:
    UNITS[unit][1](KINDS[kind](engine))


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_takes_a_connection_and_sessions(engine: Engine, unit: str) -> None:
    use = UNITS[unit][1]
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        use(connection)
    with Session(engine) as session:
        use(session)
    registry = scoped_session(sessionmaker(engine))
    use(registry)
    registry.remove()
    with SessionLocal(bind=engine) as session:
        use(session)


def said(unit: str, bind: Any) -> str:
    """Return the message of a unit that's passed something else."""
    error, use = UNITS[unit]
    with pytest.raises(error) as caught:
        use(bind)
    assert type(caught.value) is error
    assert "s3cret" not in repr(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


def offline() -> Any:
    """What op.get_bind() returns in Alembic's offline mode."""
    options: Any = {"as_sql": True}
    context = MigrationContext.configure(dialect_name="postgresql", opts=options)
    return Operations(context).get_bind()


WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "None": (lambda: None, " is None. In Alembic's offline mode (--sql), there's no connection."),
    "offline": (offline, "MockConnection. In Alembic's offline mode (--sql), there's no connec"),
    "a number": (lambda: 5, " is of type int. The database is reached through SQLAlchemy."),
    "a list": (lambda: [create_engine("postgresql+psycopg2://")], " is of type list."),
    "a class": (lambda: Session, " is the class Session, not an instance."),
    "no URL": (lambda: "me:s3cret", " is a string that isn't a database URL."),
    "a port": (lambda: "postgresql://me:s3cret@h:x/d", " is a string that isn't a database URL."),
    "another URL": (lambda: "mysql://me:s3cret@h/d", " is a URL that starts with mysql://."),
    "no driver": (
        lambda: "postgresql+pg8000://me:s3cret@h/d",
        ", pg8000, isn't installed. Python says: No module named 'pg8000'.",
    ),
    "an option": (
        lambda: "postgresql+psycopg2://me:s3cret@h/d?plugin=x",
        "No engine can be created for the URL in ",
    ),
    "SQLite": (lambda: create_engine("sqlite://"), "The engine connects to sqlite with pysqlite."),
    "unbound": (Session, "There is no database: "),
    "an unbound maker": (sessionmaker, " isn't bound to an engine. Pass an engine, or bind"),
    "a string in a session": (lambda: Session(bind="x"), " is bound to is of type str."),  # type: ignore[arg-type]
    "asynchronous": (
        lambda: ASYNC,
        ", which is asynchronous. The call blocks, and would block the",
    ),
    "an async session": (lambda: AsyncSession(ASYNC), "AsyncSession, which is asynchronous."),
    "an async maker": (
        lambda: async_sessionmaker(ASYNC),
        "async_sessionmaker, which is asynchronous.",
    ),
    "its inner engine": (lambda: ASYNC.sync_engine, "The engine is asynchronous. The call"),
}
ASYNC = create_async_engine("postgresql+psycopg://nobody@127.0.0.1/nothing")


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_refuses(unit: str) -> None:
    for wrong, (make, message) in WRONG.items():
        if unit in ("frames.read", "chunks") and wrong == "None":
            message = "There is no database: SessionLocal isn't bound"
        assert message in said(unit, make()), wrong


@pytest.mark.parametrize("unit", UNITS)
def test_a_connection_of_the_driver_is_refused(engine: Engine, unit: str) -> None:
    with closing(engine.raw_connection()) as raw:
        for connection in (raw, raw.driver_connection):
            assert ". The database is reached through SQLAlchemy." in said(unit, connection)


def closed(engine: Engine) -> Iterator[Any]:
    with engine.connect() as connection:
        pass
    yield connection
    yield Session(connection)


def lost(engine: Engine) -> Iterator[Any]:
    with engine.connect() as connection:
        pid = connection.scalar(text("SELECT pg_backend_pid()"))
        with engine.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid, 60000)"), {"pid": pid})
        with pytest.raises(DBAPIError):
            connection.execute(text("SELECT 1"))
        yield connection


def failed(engine: Engine) -> Iterator[Any]:
    with engine.connect() as connection, Session(engine) as session, Session(connection) as joined:
        for each in (connection, session):
            with pytest.raises(DBAPIError):
                each.execute(text("SELECT 1 / 0"))
        yield connection
        yield session
        yield joined


def unflushed(engine: Engine) -> Iterator[Any]:
    with Session(engine) as session:
        session.add(User(id=2))
        with pytest.raises(DBAPIError):
            session.flush()
        yield session


def idle(engine: Engine) -> Iterator[Any]:
    with engine.connect() as connection:
        connection.invalidate()  # it connects again
        yield connection
        yield Operations(MigrationContext.configure(connection))


@pytest.mark.parametrize("unit", [unit for unit in UNITS if unit != "backfill"])
def test_what_alembic_has_and_a_connection_that_was_lost_are_taken(
    engine: Engine, unit: str
) -> None:
    for bind in idle(engine):
        UNITS[unit][1](bind)


def test_a_backfill_needs_autocommit_mode(engine: Engine) -> None:
    assert said("backfill", next(idle(engine))).startswith(
        "This connection isn't in autocommit mode. Each batch has to be committed before the next"
    )


@pytest.mark.parametrize("unit", ON_IT)
def test_a_pipeline_is_refused(engine: Engine, unit: str) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        driver: Any = connection.connection.dbapi_connection
        if hasattr(driver, "pipeline"):
            with driver.pipeline():
                assert said(unit, connection).startswith("The connection is in pipeline mode.")
            UNITS[unit][1](connection)


def ended(engine: Engine) -> Iterator[Any]:
    with engine.connect() as connection, connection.begin() as transaction:
        transaction.rollback()
        yield connection


STATES = {
    closed: "The connection is closed. ",
    lost: "The connection's transaction has failed. ",
    failed: "The connection's transaction has failed. ",
    unflushed: "The connection's transaction has failed. ",
    ended: "The connection can't be used now. SQLAlchemy says: ",
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("unit", ON_IT)
def test_what_cannot_be_used_now_is_refused(engine: Engine, unit: str, state: Any) -> None:
    for bind in state(engine):
        if unit == "backfill" and isinstance(bind, Session) and not bind.in_transaction():
            UNITS[unit][1](bind)  # on a connection of its engine
        elif unit == "backfill" and (isinstance(bind, Session) or state is ended):
            assert said(unit, bind).startswith("This ")
        else:
            assert said(unit, bind).startswith(STATES[state])


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("unit", [unit for unit in UNITS if unit not in ON_IT])
def test_the_state_of_a_connection_whose_engine_is_used_does_not_matter(
    engine: Engine, unit: str, state: Any
) -> None:
    for bind in state(engine):
        UNITS[unit][1](bind)


def test_a_url_leaves_no_session(engine: Engine) -> None:
    url = engine.url.set(query={"application_name": "by URL"})
    for error, use in UNITS.values():
        with suppress(error, DBAPIError):
            use(url)
        with suppress(error, DBAPIError, AssertionError):
            use(url.set(query={"application_name": "by URL", "options": "-c role=nobody"}))
    count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'by URL'"
    deadline = time.monotonic() + 300  # the server notices a closed connection late
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while connection.scalar(text(count)):
            assert time.monotonic() < deadline
            time.sleep(0.02)
