"""Nothing that a query does to its session outlives the read; what was there before does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, StaticPool, create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from support import drivers
from support.databases import ADVISORY_LOCKS
from support.pooler import pooler
from tutorial_lib import frames
from tutorial_lib.db import make_engine
from tutorial_lib.errors import FrameError

FUNCTIONS = {
    "prepares": 'PREPARE "a b" AS SELECT 1',
    "listens": "LISTEN somewhere",
    "opens": "DECLARE kept CURSOR WITH HOLD FOR SELECT 1",
    "sets": "SET work_mem = ''5MB''",
    "becomes": "SET SESSION AUTHORIZATION DEFAULT",
    "calls": "NOTIFY somewhere",
    "locks": "LOCK TABLE things",
}
QUERIES = (
    "SELECT pg_advisory_lock(77)",
    "SELECT pg_advisory_lock(-77), pg_advisory_lock(9223372036854775807), pg_advisory_lock(0)",
    "SELECT pg_advisory_lock(7, -7), pg_advisory_lock(-2147483648, 2147483647)",
    "SELECT pg_advisory_lock_shared(77), pg_advisory_lock_shared(7, 7)",
    "SELECT pg_advisory_lock(77), pg_advisory_lock_shared(77) FROM generate_series(1, 3)",
    "SELECT pg_try_advisory_lock(77), pg_advisory_xact_lock(77), pg_advisory_xact_lock_shared(78)",
    "SELECT set_config('work_mem', '5MB', false), set_config('a.b', 'c', false)",
    "SELECT prepares(), listens(), opens(), sets(), becomes(), calls()",
    "SELECT pg_advisory_lock(77) AS n FROM things",
    "SELECT locked()",
    "locking",
    "EXPLAIN ANALYZE SELECT pg_advisory_lock(77), prepares()",
)
WAYS = ("{}", "{} UNION ALL SELECT 1 / 0", "SELECT 1 / n FROM ({}) AS _, (SELECT 0 AS n) AS zero")


driver = drivers.each_driver


@pytest.fixture(scope="module")
def engine(shared: Engine) -> Iterator[Engine]:
    """An engine with one connection, in a database with functions that change their session."""
    with shared.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE things AS SELECT 1 AS n;"
            "CREATE VIEW locking AS SELECT pg_advisory_lock(77)::text;"
            "CREATE FUNCTION locked() RETURNS void LANGUAGE sql AS 'SELECT pg_advisory_lock(77)'"
        )
        for name, statement in FUNCTIONS.items():
            body = f"BEGIN EXECUTE '{statement}'; RETURN 1; END"
            head = f"CREATE FUNCTION {name}() RETURNS int LANGUAGE plpgsql AS"
            connection.exec_driver_sql(f"{head} $${body}$$")
    engine = make_engine(shared.url, pool_size=1, max_overflow=0)
    yield engine
    engine.dispose()


def state(connection: Connection) -> list[Any]:
    """Return what a query could have left in a session."""
    return [
        connection.execute(text(each)).all()
        for each in (
            "SELECT classid, objid, objsubid, mode FROM pg_locks WHERE locktype = 'advisory' "
            "AND pid = pg_backend_pid() ORDER BY 1, 2, 3, 4",
            "SELECT name FROM pg_prepared_statements WHERE from_sql ORDER BY 1",
            "SELECT pg_listening_channels()",
            "SELECT name FROM pg_cursors WHERE name <> '' AND is_holdable",
            "SHOW work_mem",
            "SELECT relation::regclass::text FROM pg_locks WHERE relation = 'things'::regclass",
        )
    ]


@pytest.mark.parametrize("query", QUERIES)
def test_nothing_stays_with_an_engines_connection(engine: Engine, query: str) -> None:
    with engine.connect() as connection:
        before = state(connection)
    for way in WAYS:
        with suppress(FrameError, SQLAlchemyError):
            frames.read(way.format(query), engine)
        with suppress(FrameError, SQLAlchemyError):
            list(frames.read(way.format(query), engine, chunks=1))
    with engine.connect() as connection:
        assert state(connection) == before


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("query", QUERIES)
def test_a_callers_connection_keeps_what_it_had(engine: Engine, query: str, inside: bool) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql(
            "SELECT pg_advisory_lock(1), pg_advisory_lock_shared(2, 3);"
            "PREPARE mine AS SELECT 1; LISTEN elsewhere; SET work_mem = '6MB'"
        )
        if inside:
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(4)")
            before = state(connection)
        else:
            connection.commit()
            before = state(connection)
            connection.commit()
        for way in WAYS:
            with suppress(FrameError, SQLAlchemyError):
                frames.read(way.format(query), connection)
            assert connection.in_transaction() == inside
        after = state(connection)
        connection.rollback()
        connection.exec_driver_sql("SELECT pg_advisory_unlock_all()")
        connection.invalidate()
    assert after == before


def test_the_lock_of_another_session_is_not_touched(engine: Engine) -> None:
    other = make_engine(engine.url)
    with other.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(5)"))
        frames.read("SELECT pg_advisory_lock(6)", engine)
        assert len(state(connection)[0]) == 1
    other.dispose()


def test_a_connection_that_is_shared_keeps_its_locks(engine: Engine) -> None:
    single = create_engine(engine.url, poolclass=StaticPool)
    with single.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(5)"))
        connection.commit()
        before = state(connection)
        connection.commit()
        frames.read("SELECT pg_advisory_lock(6)", single)
        assert state(connection) == before
    single.dispose()


def test_a_session_keeps_its_locks(engine: Engine) -> None:
    with Session(engine) as session:
        session.execute(text("SELECT pg_advisory_lock(5)"))
        before = state(session.connection())
        frames.read("SELECT pg_advisory_lock(6)", session)
        list(
            frames.read("SELECT pg_advisory_lock(6) FROM generate_series(1, 9)", session, chunks=2)
        )
        assert state(session.connection()) == before
        session.execute(text("SELECT pg_advisory_unlock_all()"))


def test_behind_a_pooler_the_locks_of_others_stay(engine: Engine) -> None:
    held = f"{ADVISORY_LOCKS} AND objid = 5"
    with pooler(engine.url, shares=True) as url:
        first, second = make_engine(url), make_engine(url)
        with first.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(5)"))
            connection.commit()  # its server session is now free for others
        with second.connect() as connection:
            for place in (second, connection):
                frames.read("SELECT pg_try_advisory_lock(6)", place)
        with engine.connect() as connection:
            assert connection.scalar(text(held)) == 1
        first.dispose()
        second.dispose()


# -- what a query must not do at all

WRITERS = {
    "watched": ("nextval()", ""),
    "SELECT nextval('numbers')": ("nextval()", ""),
    "SELECT * FROM things FOR UPDATE": ("SELECT FOR UPDATE", ""),
    "SELECT seen()": ("INSERT", " It's in the function seen."),
    "SELECT does('SELECT seen()')": ("INSERT", " It's in the function seen."),
    "SELECT does('DELETE FROM things')": ("DELETE", " It's in the function does."),
    "audited": ("INSERT", " It's in the function seen."),
    "WITH x AS (DELETE FROM things RETURNING n) TABLE x": ("SELECT", ""),
    "EXPLAIN ANALYZE DELETE FROM things": ("DELETE", ""),
}


@pytest.fixture(scope="module")
def audit(engine: Engine) -> Engine:
    """The same, with views that write."""
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE SEQUENCE numbers; CREATE VIEW watched AS SELECT nextval('numbers') AS n;"
            "CREATE FUNCTION seen() RETURNS int LANGUAGE sql AS "
            "'INSERT INTO things VALUES (2) RETURNING n';"
            "CREATE FUNCTION does(sql text) RETURNS int LANGUAGE plpgsql AS "
            "'BEGIN EXECUTE sql; RETURN 1; END';"
            "CREATE VIEW audited AS SELECT seen() AS n"
        )
    return engine


@pytest.mark.parametrize("query", WRITERS)
def test_a_query_that_writes_is_refused_honestly(audit: Engine, query: str) -> None:
    command, where = WRITERS[query]
    with pytest.raises(FrameError) as caught:
        frames.read(query, audit)
    assert str(caught.value) == (
        "frames.read changes nothing, and this would change data, or lock rows. PostgreSQL says: "
        f"cannot execute {command} in a read-only transaction.{where} Nothing was changed. If "
        "that's what you want, run it with connection.execute()."
    )
    assert frames.read("things", audit)["n"].tolist() == [1]
