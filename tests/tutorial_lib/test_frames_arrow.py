"""Arrow columns hold PostgreSQL's values, in types that depend only on the query."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from sqlalchemy import ARRAY, Enum, Integer, String, TypeDecorator, column, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DataError
from test_frames_types import TYPES

from support import drivers
from support.assert_frames import assert_same
from tutorial_lib import frames

UTC = datetime.UTC
# A PostgreSQL type's Arrow type, and the first of its values in TYPES.
KINDS = {
    "smallint": (pa.int64(), 1),
    "integer": (pa.int64(), 1),
    "bigint": (pa.int64(), 9007199254740993),
    "oid": (pa.int64(), 4294967295),
    "real": (pa.float64(), 0.1),
    "double precision": (pa.float64(), 0.1),
    "numeric(8, 2)": (pa.decimal128(8, 2), Decimal("19.90")),
    "boolean": (pa.bool_(), True),
    "text": (pa.string(), ""),
    "char(3)": (pa.string(), "a  "),
    "date": (pa.date32(), datetime.date(2020, 1, 31)),
    "timestamp": (pa.timestamp("us"), datetime.datetime(2020, 1, 1, 10, 0, 0, 123456)),
    "timestamptz": (
        pa.timestamp("us", "UTC"),
        datetime.datetime(2020, 7, 1, 8, 0, 0, 100000, tzinfo=UTC),
    ),
    "time": (pa.time64("us"), datetime.time(10)),
    "timetz": (pa.string(), "10:00:00+02"),
    "interval": (pa.duration("us"), datetime.timedelta(32, 11045, 678901)),
    "jsonb": (pa.string(), '{"a": {"b": [1, null]}}'),
    "uuid": (pa.string(), "00000001-0000-4000-8000-000000000001"),
    "bytea": (pa.binary(), b"\x00\xff"),
    "inet": (pa.string(), "10.0.0.1/8"),
    "int4range": (pa.string(), "[1,5)"),
    "integer[]": (pa.string(), "{1,NULL,3}"),
    "text[]": (pa.string(), r"""{a,"b c",NULL,"NULL","x\"y",""}"""),
    "point": (pa.string(), "(1,2)"),
}
NO_DATETIME = ("infinity", "24:00")  # psycopg 3 refuses them, psycopg2 returns another value
OWN = ("mood", "mood[]", "positive", "price", "pair")  # made in that file


driver = drivers.each_driver


@pytest.fixture(scope="module")
def engine(shared: Engine) -> Iterator[Engine]:
    """An engine for this file."""
    return shared


def arrow(query: Any, engine: Engine, **options: Any) -> pd.DataFrame:
    """Read into Arrow columns; every column must be one."""
    frame = frames.read(query, engine, dtype_backend="pyarrow", **options)
    assert all(isinstance(kind, pd.ArrowDtype) for kind in frame.dtypes)
    return frame


@pytest.mark.parametrize("kind", KINDS)
def test_a_type_of_arrows_holds_the_value(engine: Engine, kind: str) -> None:
    expected, value = KINDS[kind]
    query = f"VALUES (({TYPES[kind][0]})::{kind}), (NULL::{kind})"
    found = pa.array(arrow(query, engine)["column1"])
    assert found.type == expected
    assert found.to_pylist() == [value, None]


@pytest.mark.parametrize("kind", KINDS)
def test_the_type_does_not_depend_on_the_rows(engine: Engine, kind: str) -> None:
    for rows in ("LIMIT 0", "LIMIT 1"):
        frame = arrow(f"SELECT NULL::{kind} AS c {rows}", engine)
        assert frame["c"].dtype.pyarrow_dtype == KINDS[kind][0]  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", [kind for kind in TYPES if kind not in OWN])
def test_no_type_is_lost(engine: Engine, kind: str) -> None:
    left_out = ("2700000", *(NO_DATETIME if engine.driver == "psycopg" else ()))
    literals = [each for each in TYPES[kind] if not any(part in each for part in left_out)]
    rows = ", ".join(f"(({each})::{kind})" for each in [*literals, "NULL"])
    frame = arrow(f"VALUES {rows}", engine)
    assert frame["column1"].isna().tolist() == [False] * len(literals) + [True]


@pytest.mark.parametrize(
    "kind", ["integer", "boolean", "text", "timestamp", "timestamptz", "interval"]
)
def test_pandas_own_arrow_form_has_the_same_columns(engine: Engine, kind: str) -> None:
    literals = [each for each in TYPES[kind] if each != "'infinity'"]
    rows = ", ".join(f"(({each})::{kind})" for each in literals[:2])
    query = text(f"VALUES {rows}".replace(":", r"\:"))
    with engine.connect() as connection:
        connection.execute(text("SET LOCAL TimeZone = 'UTC'"))
        expected = pd.read_sql(query, connection, dtype_backend="pyarrow")
    pd.testing.assert_frame_equal(arrow(query, engine), expected)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Caracas"])
def test_timestamps_are_in_utc_whatever_the_session_shows(engine: Engine, zone: str) -> None:
    moments = ["1890-01-01 00:00:00+00", "2020-01-01 00:00:00+00", "2020-07-01 00:00:00+00"]
    query = f"VALUES {', '.join(f'({each!r}::timestamptz)' for each in moments)}"
    with engine.connect() as connection:
        connection.execute(text(f"SET LOCAL TimeZone = '{zone}'"))
        found = frames.read(query, connection, dtype_backend="pyarrow")["column1"]
    assert [str(moment) for moment in found] == [f"{each}:00" for each in moments]


# -- numeric


@pytest.mark.parametrize(
    ("literals", "kind"),
    [
        (["1.5", "22.25", "-3"], pa.decimal128(38, 2)),
        (["1e-30", "12345678"], pa.decimal128(38, 30)),
        (["123456789012345678901234567890.123456789"], pa.decimal256(76, 9)),
        (["1e-30", "123456789012345678901234567890"], pa.decimal256(76, 30)),
        (["0"], pa.decimal128(38, 0)),
    ],
)
def test_a_number_without_declared_digits_gets_those_it_needs(
    engine: Engine, literals: list[str], kind: pa.DataType
) -> None:
    query = f"VALUES {', '.join(f'({each}::numeric)' for each in literals)}, (NULL)"
    found = pa.array(arrow(query, engine)["column1"])
    assert found.type == kind
    assert found.to_pylist() == [*map(Decimal, literals), None]


@pytest.mark.parametrize("literal", ["'NaN'", "'Infinity'", "1e80", "1e-90"])
def test_a_number_that_no_decimal_holds_stays_text(engine: Engine, literal: str) -> None:
    found = pa.array(arrow(f"VALUES (1.5), ({literal}::numeric)", engine)["column1"])
    assert found.type == pa.string()
    assert Decimal(found[0].as_py()) == Decimal("1.5")
    assert str(Decimal(found[1].as_py())) == str(Decimal(f"{Decimal(literal.strip(chr(39))):f}"))


@pytest.mark.parametrize("declared", ["numeric(3, -2)", "numeric(2, 5)", "numeric(100, 50)"])
def test_unusual_declarations_are_exact(engine: Engine, declared: str) -> None:
    query = f"VALUES (0.00012::{declared}), (NULL)"
    plain = frames.read(f"SELECT 0.00012::{declared}::text", engine)
    found = arrow(query, engine)["column1"].iloc[0]
    assert Decimal(found) == Decimal(plain.iloc[0, 0])


def test_sums_are_exact(engine: Engine) -> None:
    amounts = arrow("SELECT 0.10::numeric(8, 2) AS n FROM generate_series(1, 30)", engine)["n"]
    assert amounts.sum() == Decimal("3.00")
    assert frames.read("SELECT 0.10 AS n FROM generate_series(1, 3)", engine)["n"].sum() != 0.3


# -- batches, chunks, an application's types


def test_blocks_make_one_column(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tutorial_lib.frames.copy_reader.BLOCK", 1)
    query = "SELECT n, n / 8.0 AS part, 'x\\y' AS word, interval '1 h' AS span FROM "
    frame = arrow(f"{query} generate_series(1, 5) AS n", engine)
    assert frame["n"].tolist() == [1, 2, 3, 4, 5]
    assert frame["part"].tolist()[0] == Decimal("0.125")
    assert frame["word"].tolist() == ["x\\y"] * 5


def test_a_piece_that_arrow_cannot_read_is_read_by_the_driver(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tutorial_lib.frames.copy_reader.BLOCK", 1)
    query = "VALUES (timestamp '2020-01-01'), ('infinity')"
    if engine.driver == "psycopg":
        with pytest.raises(DataError, match="timestamp too large"):
            arrow(query, engine)
        return
    found = arrow(query, engine)["column1"]
    assert found.tolist() == [pd.Timestamp("2020-01-01"), pd.Timestamp(datetime.datetime.max)]


def test_chunks_have_one_type(engine: Engine) -> None:
    query = "SELECT nullif(n, 2) AS n, n::numeric(9, 3) AS price FROM generate_series(1, 3) AS n"
    for frame in frames.read(query, engine, chunks=1, dtype_backend="pyarrow"):
        assert [str(k) for k in frame.dtypes] == ["int64[pyarrow]", "decimal128(9, 3)[pyarrow]"]


class Shout(TypeDecorator[str]):
    """Text that an application converts to capitals."""

    impl = String
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Any) -> str | None:
        return value and value.upper()


def test_an_applications_own_types_are_applied(engine: Engine) -> None:
    types = column("a", Shout), column("b", Integer), column("c", ARRAY(String))
    rows = "VALUES ('a', 1, '{x}'::text[], 'red'), (NULL, NULL, NULL, NULL)"
    query = text(rows).columns(*types, column("d", Enum("red")))
    frame = arrow(query, engine)
    assert frame.iloc[0].tolist() == ["A", 1, "{x}", "red"]
    assert frame.isna().iloc[1].all()


class Point(TypeDecorator[complex]):
    """A type that has no Arrow equivalent."""

    impl = String
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Any) -> complex | None:
        return value and complex(value)


def test_what_arrow_cannot_hold_stays_an_object(engine: Engine) -> None:
    query = text("SELECT '1+2j' AS p, interval '2700000 years' AS span").columns(p=Point)
    frame = frames.read(query, engine, dtype_backend="pyarrow")
    assert frame.iloc[0].tolist() == [1 + 2j, datetime.timedelta(days=985_500_000)]


def test_nullable_columns_of_numpy_are_those_of_pandas(engine: Engine) -> None:
    query = text("SELECT 1 AS n, NULL::int AS m, true AS b, 'x' AS word")
    expected = pd.read_sql(query, engine, dtype_backend="numpy_nullable")
    found = frames.read(query, engine, dtype_backend="numpy_nullable")
    pd.testing.assert_frame_equal(found, expected)
    (chunk,) = frames.read(query, engine, dtype_backend="numpy_nullable", chunks=9)
    pd.testing.assert_frame_equal(chunk, expected)


def test_a_switch_of_pandas_counts(engine: Engine) -> None:
    with pd.option_context("mode.string_storage", "python"):
        for query in ("SELECT 'x' AS word", "SELECT repeat('x', 9999) AS word"):
            assert_same(frames.read(query, engine), pd.read_sql(text(query), engine))
            kind: Any = frames.read(query, engine)["word"].dtype
            assert kind.storage == "python"
