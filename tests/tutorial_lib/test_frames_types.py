"""Every PostgreSQL type is read the way `pandas.read_sql` reads it."""

from __future__ import annotations

import pickle
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DataError, SQLAlchemyError

from coursekit.servers.server import Server
from support import drivers
from support.assert_frames import assert_same
from tutorial_lib import frames
from tutorial_lib.db import make_engine

MADE = """
CREATE TYPE mood AS ENUM ('happy', 'sad');
CREATE DOMAIN positive AS int CHECK (value > 0);
CREATE DOMAIN price AS numeric(8, 2);
CREATE TYPE pair AS (a int, b text)"""
TYPES = {
    "smallint": ["1", "-32768"],
    "integer": ["1", "2147483647"],
    "bigint": ["9007199254740993", "-9223372036854775808"],
    "oid": ["4294967295"],
    "real": ["0.1", "'NaN'", "'Infinity'", "1e-30"],
    "double precision": ["0.1", "'NaN'", "'-Infinity'", "5e-324", "1.7976931348623157e308"],
    "numeric": ["1e-30", "123456789012345678901234567890.5", "'NaN'", "'Infinity'", "1e400"],
    "numeric(8, 2)": ["19.90", "-0.01", "'NaN'"],
    "money": ["'1.50'"],
    "boolean": ["true", "false"],
    "text": [
        *("''", r"'\N'", r"'\.'", r"E'\\\\N'", "'NULL'", "'  '", "'a\"b''c,d'", "'ü€😀'"),
        *("'100% :x %s %(y)s'", r"E'l1\nl2\r\nl3\rl4\tx\\n\b\f\v\x01\x7f'", r"E'\uFEFFmark'"),
    ],
    "varchar(5)": ["'ab'", "''"],
    "char(3)": ["'a'"],
    "name": ["'n'"],
    '"char"': ["'c'"],
    "date": ["'2020-01-31'", "'infinity'", "'-infinity'", "'9999-12-31'", "'0001-01-01'"],
    "timestamp": ["'2020-01-01 10:00:00.123456'", "'infinity'", "'9999-12-31 23:59:59.999999'"],
    "timestamptz": ["'2020-07-01 10:00:00.1+02'", "'2020-01-01Z'", "'1890-01-01Z'"],
    "time": ["'10:00'", "'24:00:00'", "'23:59:59.999999'"],
    "timetz": ["'10:00+02'"],
    "interval": ["'1 mon 2 days 03:04:05.678901'", "'-1 year'", "'2700000 years'"],
    "json": ["'{\"a\": 1}'", "'null'", r"""'[1, 2.5, {"b": "x\ny"}]'"""],
    "jsonb": ['\'{"a": {"b": [1, null]}}\'', "'null'", "'1.5'", r"""'"s\u00e9\n"'"""],
    "uuid": [f"'{n:08}-0000-4000-8000-00000000000{n}'" for n in range(1, 4)],
    "bytea": [r"'\x00ff'", "''"],
    "inet": ["'10.0.0.1/8'", "'::1'"],
    "cidr": ["'10.0.0.0/8'"],
    "macaddr": ["'08:00:2b:01:02:03'"],
    "int4range": ["'[1,5)'", "'empty'"],
    "numrange": ["'[1.5,)'"],
    "daterange": ["'[2020-01-01,)'"],
    "tstzrange": ["'[2020-01-01Z,2021-01-01Z)'"],
    "int4multirange": ["'{[1,3),[5,6)}'"],
    "integer[]": ["'{1,NULL,3}'", "'{{1,2},{3,4}}'", "'{}'", "'[0:1]={1,2}'"],
    "text[]": [r"""E'{a,"b c",NULL,"NULL","x\\"y",""}'""", "'{}'", "'{{a},{b}}'"],
    "numeric[]": ["'{1.50,NULL}'"],
    "boolean[]": ["'{t,f}'"],
    "timestamptz[]": ["'{2020-01-01Z}'"],
    "uuid[]": ["'{00000000-0000-4000-8000-000000000001}'"],
    "jsonb[]": ["""ARRAY['{"a": 1}']::jsonb[]"""],
    "bytea[]": [r"ARRAY['\x01']::bytea[]"],
    "mood": ["'happy'", "'sad'"],
    "mood[]": ["'{happy,sad}'"],
    "positive": ["5"],
    "price": ["1.10"],
    "pair": ["""'(1,"a,b")'""", "'(,)'"],
    "point": ["'(1,2)'"],
    "bit(3)": ["B'101'"],
    "varbit": ["B'1'"],
    "tsvector": ["'a b'"],
    "pg_lsn": ["'0/1'"],
    "regclass": ["'pg_class'"],
    "xid": ["'1'"],
    "jsonpath": ["'$.a'"],
}
HEIGHT = max(map(len, TYPES.values()))
PATTERNS = {
    "one value": lambda literals: literals[:1],
    "one value twice": lambda literals: literals[:1] * 2,
    "all values": lambda literals: (literals * HEIGHT)[:HEIGHT],
    "all values and NULL": lambda literals: (literals + ["NULL"] * HEIGHT)[: HEIGHT + 1],
    "NULL and all values": lambda literals: ["NULL", *(literals * HEIGHT)[:HEIGHT]],
    "one NULL": lambda literals: ["NULL"],
    "nothing but NULL": lambda literals: ["NULL"] * 3,
}
ZONES = ("UTC", "Europe/Berlin", "Europe/London", "Asia/Kolkata")


driver = drivers.each_driver


@pytest.fixture(scope="module")
def connection(server: Server, driver: str) -> Iterator[Connection]:
    """One connection for all tests; user-defined types exist until it closes."""
    engine = make_engine(server.url.set(drivername=f"postgresql+{driver}"))
    with engine.connect() as connection:
        connection.execute(text(f"SET search_path = pg_temp, public;{MADE}"))
        connection.commit()
        yield connection
    engine.dispose()


@pytest.fixture(params=["few", "many", "in pieces"], autouse=True)
def way(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, connection: Connection
) -> Iterator[None]:
    """A few rows are read in a different way from many, and many in blocks; here, one row each."""
    if request.param != "few":
        monkeypatch.setattr("tutorial_lib.frames.dispatch.FEW", 0)
    if request.param == "in pieces":
        monkeypatch.setattr("tutorial_lib.frames.copy_reader.BLOCK", 1)
    yield
    connection.rollback()


def values(kind: str, literals: list[str]) -> str:
    """Return a query with one column of a type."""
    return f"VALUES {', '.join(f'(({each})::{kind})' for each in literals)}"


@contextmanager
def setting(connection: Connection, name: str, value: str) -> Iterator[None]:
    """Change a setting of the session, and restore it at the end."""
    connection.execute(text(f"SET {name} = '{value}'"))
    yield
    connection.execute(text(f"RESET {name}"))


def compare(connection: Connection, query: str) -> None:
    """Assert that both read a query alike; a colon in it isn't a parameter."""
    try:
        expected = pd.read_sql(text(query.replace(":", r"\:")), connection)
    except (SQLAlchemyError, NotImplementedError) as error:  # psycopg 3 doesn't know infinity
        with pytest.raises(type(error), match=re.escape(str(getattr(error, "orig", error)))):
            frames.read(query, connection)
    else:
        assert_same(frames.read(query, connection), expected)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_all_types_arrive_as_pandas_has_them(connection: Connection, pattern: str) -> None:
    assert len(TYPES) > 50
    rows = zip(*(PATTERNS[pattern](literals) for literals in TYPES.values()), strict=True)
    cells = (
        ", ".join(f"({literal})::{kind}" for literal, kind in zip(row, TYPES, strict=True))
        for row in rows
    )
    names = ", ".join(kind if kind.isalpha() else f'"{kind.strip(chr(34))}!"' for kind in TYPES)
    compare(connection, f"SELECT * FROM (VALUES ({'), ('.join(cells)})) AS every ({names})")


@pytest.mark.parametrize("zone", ZONES)
def test_moments_keep_their_offsets_as_in_pandas(connection: Connection, zone: str) -> None:
    january, july = "'2020-01-01Z'", "'2020-07-01Z'"
    with setting(connection, "TimeZone", zone):
        for literals in ([january], [january, july], ["NULL", july], ["'1800-01-01Z'", july]):
            compare(connection, values("timestamptz", literals))
        compare(connection, values("timestamptz", [january, "'infinity'"]))


@pytest.mark.parametrize("literal", ["'0044-03-15 BC'", "'10000-01-01'"])
@pytest.mark.parametrize("kind", ["date", "timestamp", "timestamptz"])
def test_a_year_that_python_does_not_know_raises_what_pandas_raises(
    connection: Connection, kind: str, literal: str
) -> None:
    query = values(kind, ["'2020-01-01'", literal])
    said = r"year .*(out of range|must be in)|too (large|small)"
    with pytest.raises((ValueError, DataError), match=said) as expected:
        pd.read_sql(text(query), connection)
    with pytest.raises(type(expected.value), match=said) as caught:
        frames.read(query, connection)
    errors = [getattr(each.value, "orig", each.value) for each in (caught, expected)]
    assert str(errors[0]) == str(errors[1])
    assert frames.read("SELECT 1 AS one", connection)["one"].tolist() == [1]


def test_columns_of_one_name_stay_apart(connection: Connection) -> None:
    compare(connection, "SELECT 1 AS a, 'x' AS a, NULL AS a, 2 AS \"?column?\"")


def test_no_column_at_all(connection: Connection) -> None:
    compare(connection, "SELECT FROM generate_series(1, 3)")


def test_empty_texts_and_nulls_of_a_single_column(connection: Connection) -> None:
    compare(connection, "VALUES (''), (NULL), (''), (NULL)")


@pytest.mark.parametrize(
    "setting_", ["extra_float_digits = 0", "bytea_output = escape", "DateStyle = German"]
)
def test_settings_of_the_session_count(connection: Connection, setting_: str) -> None:
    name, _, value = setting_.partition(" = ")
    with setting(connection, name, value):
        compare(connection, r"SELECT 0.1::float8 + 0.2 AS f, '\x5c00ff27'::bytea AS b")
        compare(connection, "SELECT date '2020-01-31' AS d, timestamptz '2020-01-31 10:00Z' AS t")


def test_another_encoding_of_the_session_is_no_obstacle(connection: Connection) -> None:
    connection.exec_driver_sql("SET client_encoding = 'LATIN1'")
    compare(connection, "SELECT 'ü' AS word")


@pytest.mark.parametrize(
    "name", ["pg_type", "pg_attribute", "pg_index", "information_schema.tables"]
)
def test_tables_of_the_server_itself_arrive_as_pandas_has_them(
    connection: Connection, name: str
) -> None:
    compare(connection, f"SELECT * FROM {name} ORDER BY 1, 2, 3 LIMIT 400")


def test_a_mark_at_the_very_beginning_is_data(connection: Connection) -> None:
    compare(connection, r"VALUES (E'\uFEFF'), (E'\uFEFF\uFEFFx')")


def test_uuids_are_whole(connection: Connection) -> None:
    query = "SELECT '12345678-1234-5678-1234-567812345678'::uuid AS u FROM generate_series(1, 2)"
    found, again = frames.read(query, connection)["u"]
    assert pickle.loads(pickle.dumps(found)) == again
    assert found.is_safe is uuid.SafeUUID.unknown
    assert repr(found) == "UUID('12345678-1234-5678-1234-567812345678')"
    assert len({found, again, uuid.UUID(str(found))}) == 1


def test_a_value_longer_than_a_block(connection: Connection) -> None:
    query = "SELECT n, repeat('ü\n', 900000) AS long FROM generate_series(1, 2) AS n"
    compare(connection, query)


def test_as_many_columns_as_there_can_be(connection: Connection) -> None:
    compare(connection, f"SELECT {', '.join(f'{n} AS c{n}' for n in range(1600))}")


def test_names_full_of_what_means_something(connection: Connection) -> None:
    compare(connection, """SELECT 1 AS "a%b", 2 AS "%(x)s", 3 AS "c d", 4 AS "e""f", 5 AS "É" """)


def test_without_pyarrow_pandas_reads(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tutorial_lib.frames.dispatch._has_pyarrow", lambda: False)
    monkeypatch.delattr("tutorial_lib.frames.dispatch._by_copy")
    compare(connection, "SELECT n, ARRAY[n] AS list FROM generate_series(1, 5) AS n")
    parts = frames.read("SELECT 1 AS n UNION ALL SELECT 2", connection, chunks=1)
    assert [part["n"].tolist() for part in parts] == [[1], [2]]
