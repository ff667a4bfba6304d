"""Errors of the server and of the driver are SQLAlchemy's, as with pandas; nothing stays open."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from support import drivers
from tutorial_lib import frames

# Values that the drivers can't cast.
CAST = {
    "date[] with infinity": ("", "SELECT '{infinity}'::date[] AS a"),
    "date before the year 1": ("", "SELECT date '0044-03-15 BC' AS a"),
    "timestamp before the year 1": ("", "SELECT timestamp '0044-03-15 BC' AS a"),
    "timestamp after 9999": ("", "SELECT timestamptz '20000-01-01 00:00+00' AS a"),
    "infinity": ("", "SELECT 'infinity'::timestamptz AS a, '-infinity'::date AS b"),
    "interval": ("SET LOCAL intervalstyle = 'iso_8601'", "SELECT interval '1 day' AS a"),
    "long interval": ("", "SELECT interval '9999999 years' AS a"),
    "date": ("SET LOCAL datestyle = 'German'", "SELECT date '2026-01-31' AS a"),
    "timestamptz": ("SET LOCAL datestyle = 'SQL'", "SELECT now() AS a"),
    "24:00": ("", "SELECT time '24:00' AS a"),
}
# What the server refuses.
REFUSED = (
    *("SELECT 1 / 0", "SELECT n / (n - 2) FROM few", "SELECT n::text::date FROM few"),
    *("SELEC", "SELECT FROM WHERE", "SELECT ')", "SELECT nothing(1)", "SELECT 1 + 'a'"),
    *(
        "SELECT count(*) FROM few WHERE sum(n) > 1",
        "SELECT * FROM pg_authid",
        "SELECT fails(n) FROM few",
    ),
    *("SELECT raises()", "SHOW nothing", "EXPLAIN SELECT nothing(1)", "SELECT pg_read_file('x')"),
)


driver = drivers.each_driver


@pytest.fixture(scope="module")
def engine(shared: Engine) -> Engine:
    """A database with a table and functions that fail, for a user without rights."""
    with shared.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE few AS SELECT generate_series(1, 3) AS n;"
            "CREATE FUNCTION fails(n int) RETURNS int LANGUAGE sql AS 'SELECT 1 / (n - 3)';"
            "CREATE FUNCTION raises() RETURNS int LANGUAGE plpgsql AS "
            "$$BEGIN RAISE 'it failed' USING DETAIL = 'why', HINT = 'do'; END$$"
        )
    return shared


@pytest.fixture(autouse=True)
def nothing_stays(engine: Engine) -> Iterator[None]:
    """No connection, transaction or lock remains."""
    yield
    assert engine.pool.checkedout() == 0
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        open_ones = (
            "SELECT state, query FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND state <> 'idle'"
        )
        assert connection.execute(text(open_ones)).all() == []


def error_of(read: Any, *call: Any, **options: Any) -> type[BaseException] | None:
    """Return the class of the error of a read, or None."""
    try:
        found = read(*call, **options)
        if "chunks" in options or "chunksize" in options:
            list(found)
    except Exception as error:
        if isinstance(error, pd.errors.DatabaseError) and error.__cause__:
            return type(error.__cause__)
        return type(error)
    return None


@pytest.fixture(params=["few", "many"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few rows are read in a different way from many."""
    if request.param == "many":
        monkeypatch.setattr("tutorial_lib.frames.dispatch.FEW", 0)


@pytest.mark.parametrize("kind", CAST)
def test_what_a_driver_cannot_cast_is_the_error_of_pandas(
    engine: Engine, way: None, kind: str
) -> None:
    setting, query = CAST[kind]
    with engine.connect() as connection:
        connection.execute(text(setting or "SELECT 1"))
        expected = error_of(pd.read_sql, text(query.replace(":", r"\:")), connection)
        for options in ({}, {"chunks": 1}, {"coerce_float": False}):
            assert error_of(frames.read, query, connection, **options) is expected
        if not setting:
            assert error_of(frames.read, query, engine) is expected
            assert error_of(frames.read, query, engine, chunks=1) is expected
        frames.read("few", connection)


@pytest.mark.parametrize("sql", REFUSED)
def test_what_the_server_refuses_is_the_error_of_pandas(engine: Engine, sql: str) -> None:
    query = text(sql.replace(":", r"\:"))
    with engine.connect() as connection:
        connection.execute(text("SET LOCAL ROLE pg_monitor; SET LOCAL search_path = public"))
        connection.execute(text("SAVEPOINT before"))
        expected = error_of(pd.read_sql, query, connection)
        connection.execute(text("ROLLBACK TO SAVEPOINT before"))
        if sql == "SELEC":  # a table's name
            return
        for options in ({}, {"chunks": 1}, {"dtype_backend": "pyarrow"}):
            assert error_of(frames.read, sql, connection, **options) is expected


def message_of(place: Engine | Connection, query: Any, **values: Any) -> str:
    """Return the message of SQLAlchemy's error."""
    with pytest.raises(DBAPIError) as caught:
        frames.read(query, place, **values)
    return str(caught.value)


def test_a_message_is_about_the_callers_query(engine: Engine) -> None:
    query = "SELECT n, nothing(n) FROM few WHERE n = "
    message = message_of(engine, query + "1")
    assert message.splitlines()[0].endswith("function nothing(integer) does not exist")
    assert f"LINE 1: {query}1" in message
    assert f"[SQL: {query}1]" in message
    message += message_of(engine, query + ":x", x=1)
    assert f"[SQL: {query}%(x)s" in message
    for own in ("QUERY", "CONTEXT", "inline_code_block", "_frames", "DO ", "REPEATABLE"):
        assert own not in message


def test_a_message_keeps_what_the_server_says_besides(engine: Engine) -> None:
    message = message_of(engine, "SELECT raises() FROM few")
    for part in ("it failed", "DETAIL:  why", "HINT:  do", "PL/pgSQL function raises() line 1"):
        assert part in message
    assert 'SQL function "fails" during inlining' in message_of(engine, "SELECT fails(3)")


def test_an_error_keeps_what_the_driver_says(engine: Engine) -> None:
    with pytest.raises(ProgrammingError) as caught:
        frames.read("SELECT nothing(1)", engine)
    assert caught.value.orig.diag.sqlstate == "42883"  # type: ignore[union-attr]
    assert caught.value.statement == "SELECT nothing(1)"


def test_parameters_are_shown_only_as_sqlalchemy_would(engine: Engine) -> None:
    query = "SELECT nothing(n) FROM few WHERE n::text = :x"
    assert "s3cret" not in message_of(engine, query, x="s3cret")
    shown = create_engine(engine.url)
    assert "[parameters: {'x': 's3cret'}]" in message_of(shown, query, x="s3cret")
    shown.dispose()
