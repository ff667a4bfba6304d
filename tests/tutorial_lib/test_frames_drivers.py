"""What frames needs of psycopg2 and psycopg 3 is the same with both."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Iterator
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pandas as pd
import psycopg
import pytest
from sqlalchemy import URL, Connection, Engine, create_engine, select, text
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql import ENUM, INT4RANGE, JSONB
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import literal
from test_take_home import CONNECT, UNITS, USE, copy_files, modules_of, run

from support import drivers
from support.assert_frames import assert_same
from support.drivers import DRIVERS
from tutorial_lib import frames
from tutorial_lib.connections import check_driver
from tutorial_lib.errors import FrameError
from tutorial_lib.frames.drivers import Driver, driver_of

driver = drivers.each_driver


@pytest.fixture
def connection(shared: Engine) -> Iterator[Connection]:
    """A connection whose changes are rolled back."""
    with shared.connect() as connection:
        yield connection


@pytest.fixture
def adapted(connection: Connection) -> Driver:
    """The connection's driver, in a transaction."""
    connection.exec_driver_sql("CREATE TEMP TABLE cells (n int, word text)")
    return driver_of(connection)


# -- values


VALUES: list[Any] = [
    *(5, -5, 40_000, -(2**31), 2**40, 10**25, True, None, 1.5, -1.5, float("-inf")),
    *(Decimal("-1.50"), "it's \\ 100% %(x)s :b", b"\x00'", [1, -2], [1.5, None]),
    *(datetime.date(2020, 1, 31), datetime.datetime(2020, 1, 31, 10), datetime.time(10)),
    *(datetime.datetime(2020, 1, 31, 10, tzinfo=datetime.UTC), datetime.timedelta(-1)),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_reaches_the_server_as_the_driver_sends_it(shared: Engine, value: Any) -> None:
    sql = "SELECT :a AS n"
    if value is not None and not isinstance(value, str):  # psycopg 3 leaves these to the server
        sql += ", pg_typeof(:a) AS kind"
    expected = pd.read_sql(text(sql), shared, params={"a": value})
    assert_same(frames.read(sql, shared, a=value), expected)


@pytest.mark.parametrize(
    "value",
    [
        literal({"it's": ["%", ":x"]}, JSONB),
        literal("b", ENUM("a", "b", name="letter")),
        literal("[1,5)", INT4RANGE),
        literal(-32768) - literal(-1),
    ],
    ids=lambda value: str(value.type),
)
def test_a_value_of_sqlalchemys_types_too(connection: Connection, value: Any) -> None:
    connection.exec_driver_sql("CREATE TYPE pg_temp.letter AS ENUM ('a', 'b')")
    connection.exec_driver_sql("SET search_path = pg_temp, public")
    query = select(value.label("n"), text("pg_typeof(1) AS kind"))
    assert_same(frames.read(query, connection), pd.read_sql(query, connection))


def test_a_bound_number_is_no_column_to_order_by(shared: Engine) -> None:
    query = "SELECT n FROM generate_series(1, 3) AS n ORDER BY :a DESC"
    assert_same(frames.read(query, shared, a=1), pd.read_sql(text(query), shared, params={"a": 1}))


# -- statements


def test_the_same_read_many_times(shared: Engine) -> None:
    with shared.connect() as connection:  # psycopg 3 prepares what comes often
        for number in range(12):
            assert frames.read("SELECT :n::int AS n", connection, n=number)["n"][0] == number
            connection.execute(text("SELECT 1"))


def test_cursors_are_the_connections_own_afterwards(connection: Connection) -> None:
    driver: Any = connection.connection.dbapi_connection
    before = driver.cursor_factory
    frames.read("SELECT 1", connection)
    with pytest.raises(DBAPIError):
        frames.read("SELECT 1 / 0", connection)
    assert driver.cursor_factory is before


def test_a_cursor_that_binds_on_the_client_is_welcome(shared: Engine) -> None:
    if shared.driver == "psycopg":
        options = {"cursor_factory": psycopg.ClientCursor}
        engine = create_engine(shared.url, connect_args=options)
        assert frames.read("SELECT :n AS n", engine, n=5)["n"][0] == 5
        engine.dispose()


def test_a_pipeline_is_refused_by_the_driver(connection: Connection) -> None:
    driver: Any = connection.connection.dbapi_connection
    if hasattr(driver, "pipeline"):
        with driver.pipeline(), pytest.raises(FrameError, match="is in pipeline mode"):
            frames.read("SELECT 1", connection)
        assert frames.read("SELECT 1 AS n", connection)["n"][0] == 1


@pytest.mark.parametrize("name", ["asyncpg", "pg8000", "psycopg2cffi"])
def test_other_drivers_are_refused(name: str) -> None:
    dialect = registry.load(f"postgresql.{name}")
    engine: Any = SimpleNamespace(dialect=dialect())
    words = (
        "is asynchronous" if name == "asyncpg" else "works only with .*, with psycopg2 or psycopg"
    )
    with pytest.raises(FrameError, match=words):
        check_driver(engine, FrameError)


# -- COPY


def test_copy_sends_blocks_of_any_size(connection: Connection, adapted: Driver) -> None:
    rows = b"".join(b"%d\tword %d\n" % (n, n) for n in range(50_000))
    for size in (7, 1000, len(rows)):
        connection.exec_driver_sql("TRUNCATE cells")
        blocks = (rows[start : start + size] for start in range(0, len(rows), size))
        assert adapted.copy_in(b"COPY cells FROM STDIN", blocks) == 50_000
        found: list[bytes] = []
        adapted.copy_out(b"COPY cells TO STDOUT", found.append, 1 << 16)
        assert b"".join(found) == rows
        assert 1 < len(found) < 99


def test_copy_of_nothing(adapted: Driver) -> None:
    assert adapted.copy_in(b"COPY cells FROM STDIN", iter(())) == 0
    found: list[bytes] = []
    adapted.copy_out(b"COPY cells TO STDOUT", found.append, 99)
    assert found == []


def test_an_error_while_blocks_are_made_ends_the_copy(
    connection: Connection, adapted: Driver
) -> None:
    def fail() -> Iterator[bytes]:
        yield b"1\ta\n"
        raise LookupError("no more")

    connection.exec_driver_sql("SAVEPOINT before")
    with pytest.raises(LookupError, match="no more"):
        adapted.copy_in(b"COPY cells FROM STDIN", fail())
    connection.exec_driver_sql("ROLLBACK TO before")
    assert connection.scalar(text("SELECT count(*) FROM cells")) == 0


def test_an_error_of_the_server_is_the_drivers(connection: Connection, adapted: Driver) -> None:
    error: Any = connection.dialect.loaded_dbapi.Error
    connection.exec_driver_sql("SAVEPOINT before")
    with pytest.raises(error, match="invalid input syntax"):
        adapted.copy_in(b"COPY cells FROM STDIN", iter([b"x\ta\n"]))
    connection.exec_driver_sql("ROLLBACK TO before")
    with pytest.raises(error, match="division by zero"):
        adapted.copy_out(
            b"COPY (SELECT 1 / (n - 3) FROM generate_series(1, 5) n) TO STDOUT", len, 9
        )
    connection.exec_driver_sql("ROLLBACK TO before")


def test_another_thread_cancels(connection: Connection, adapted: Driver) -> None:
    error: Any = connection.dialect.loaded_dbapi.Error
    started = threading.Event()

    def cancel(block: bytes) -> None:
        if not started.is_set():
            started.set()
            threading.Thread(target=adapted.cancel).start()

    rows = b"SELECT pg_sleep(n), repeat('x', 9999) FROM generate_series(0, 60) n"
    with pytest.raises(error, match="cancel"):
        adapted.copy_out(b"COPY (" + rows + b") TO STDOUT", cancel, 1)


# -- one driver alone


def test_frames_works_with_one_driver_alone(tmp_path: Any, url: URL, driver: str) -> None:
    """The other one can't be imported."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").touch()
    copy_files(UNITS["frames"].files, tmp_path / "app")
    distribution = {"psycopg": ["psycopg", "psycopg-binary"], "psycopg2": ["psycopg2-binary"]}
    packages = modules_of(["SQLAlchemy", "pandas", "pyarrow", *distribution[driver]])
    allowed = set().union(*packages.values())
    other = DRIVERS[driver == "psycopg2"]
    code = f"{CONNECT}{USE['frames']}import sys\nprint({other!r} in sys.modules)"
    assert run(tmp_path, "app", code, url, allowed) == "False\n"
