"""Values are equal on reading back, or refused with the row's position."""

from __future__ import annotations

import datetime as dt
import decimal
import ipaddress
import uuid
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.dialects.postgresql import Range

from support.drivers import both_drivers
from tutorial_lib import frames
from tutorial_lib.db import make_engine
from tutorial_lib.errors import WriteError
from tutorial_lib.frames.writing import rows

pytestmark = both_drivers
BERLIN = ZoneInfo("Europe/Berlin")
NOON = dt.datetime(2020, 1, 2, 12, 30, 0, 123456)
ways = pytest.mark.parametrize(
    "arrow", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["arrow", "python"]
)
NAN = pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([[float("nan"), None]])))
ID = uuid.UUID(int=5)
SETTINGS = ("TimeZone = 'UTC'", "IntervalStyle = 'sql_standard'", "DateStyle = 'SQL, DMY'")
TYPES = """
CREATE DOMAIN small AS int CHECK (VALUE < 10);
CREATE DOMAIN smaller AS small NOT NULL;
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE TYPE pair AS (a int, b text);
"""


@pytest.fixture(scope="module")
def created(shared: Engine) -> Engine:
    """A database with types."""
    with shared.begin() as connection:
        connection.execute(text(TYPES))
    return shared


@pytest.fixture
def connection(created: Engine) -> Iterator[Connection]:
    """A transaction with settings that change how values are written, rolled back."""
    with created.connect() as connection:
        for setting in SETTINGS:
            connection.execute(text(f"SET LOCAL {setting}"))
        yield connection


def stored(connection: Connection, kind: str, values: Any) -> list[str | None]:
    """Write a column, and return its values as PostgreSQL's text."""
    connection.execute(text(f"DROP TABLE IF EXISTS t; CREATE TEMP TABLE t (v {kind})"))
    frame = values if isinstance(values, pa.Table) else pd.DataFrame({"v": values})
    assert frames.write(frame, "t", connection) == len(frame)
    connection.execute(text("SET LOCAL DateStyle = 'ISO'; SET LOCAL IntervalStyle = 'postgres'"))
    return list(connection.execute(text("SELECT CAST(v AS text) FROM t ORDER BY ctid")).scalars())


def objects(*values: Any) -> pd.Series[Any]:
    """Return a column of Python objects."""
    return pd.Series(list(values), dtype=object)


@ways
@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("int", [1, -2], ["1", "-2"]),
        ("bigint", pd.Series([2**63 - 1, None], dtype="Int64"), ["9223372036854775807", None]),
        ("int", [1.0, np.nan], ["1", None]),
        ("int", objects(1, None, np.int8(3), 4.0), ["1", None, "3", "4"]),
        ("int", objects(decimal.Decimal("5"), "6"), ["5", "6"]),
        ("numeric", np.array([2**64 - 1], "uint64"), [str(2**64 - 1)]),
        ("numeric", objects(10**30, decimal.Decimal("1E+3")), [str(10**30), "1000"]),
        ("float8", [0.1, np.inf, -np.inf, np.nan], ["0.1", "Infinity", "-Infinity", None]),
        ("float8", np.array([0.1], "float32"), ["0.10000000149011612"]),
        ("float4", np.array([0.1], "float32"), ["0.1"]),
        ("float8", NAN, ["NaN", None]),
        ("numeric(9, 2)", [1.5, 2.0], ["1.50", "2.00"]),
        ("bool", [True, False], ["true", "false"]),
        ("bool", objects(True, None, np.False_), ["true", None, "false"]),
        ("bool", pd.Series([True, None], dtype="boolean"), ["true", None]),
        ("text", ["", "\\N", "\t\n\r\\", None, "\\.", "é\U0001f600"], ["", "\\N", "\t\n\r\\", None,
         "\\.", "é\U0001f600"]),
        ("text", pd.Series(["a", None, "b"], dtype="category"), ["a", None, "b"]),
        ("int", pd.Series([2**60, None], dtype="Int64").astype("category"), None),
        ("text", objects("a", ID, 5, decimal.Decimal("1.50"), dt.date(2020, 1, 2)),
         ["a", str(ID), "5", "1.50", "2020-01-02"]),
        ("text", [1, 2], ["1", "2"]),
        ("varchar(3)", ["abc"], ["abc"]),
        ("date", objects(dt.date(2020, 1, 2), None, pd.NaT, "infinity"),
         ["2020-01-02", None, None, "infinity"]),
        ("date", pd.to_datetime(["2020-01-02", None]), ["2020-01-02", None]),
        ("timestamp", [NOON, None], ["2020-01-02 12:30:00.123456", None]),
        ("timestamp", pd.to_datetime(["2020-01-02"]).as_unit("s"), ["2020-01-02 00:00:00"]),
        ("timestamp", pd.to_datetime(["2020-01-02 03:04:05.6"]).as_unit("ns"),
         ["2020-01-02 03:04:05.6"]),
        ("timestamp", objects(dt.date(2020, 1, 2), NOON), ["2020-01-02 00:00:00",
         "2020-01-02 12:30:00.123456"]),
        ("timestamptz", pd.to_datetime(["2020-01-02", None]).tz_localize("Europe/Berlin"),
         ["2020-01-01 23:00:00+00", None]),
        ("timestamptz", [NOON], ["2020-01-02 12:30:00.123456+00"]),
        ("timestamptz", objects(NOON.replace(tzinfo=BERLIN), NOON),
         ["2020-01-02 11:30:00.123456+00", "2020-01-02 12:30:00.123456+00"]),
        ("timestamptz", objects(dt.datetime(1, 1, 1, tzinfo=dt.UTC)), ["0001-01-01 00:00:00+00"]),
        ("time", objects(dt.time(1, 2, 3, 4), "24:00"), ["01:02:03.000004", "24:00:00"]),
        ("timetz", objects(dt.time(1, 2, tzinfo=dt.UTC)), ["01:02:00+00"]),
        ("interval", pd.to_timedelta(["1 days 02:00:00", "-1 days +00:00:01", None, "-1us"]),
         ["1 day 02:00:00", "-1 days +00:00:01", None, "-1 days +23:59:59.999999"]),
        ("interval", objects(dt.timedelta(days=-1, seconds=1), "2 years"),
         ["-1 days +00:00:01", "2 years"]),
        ("uuid", objects(ID, str(ID), None), [str(ID), str(ID), None]),
        ("bytea", objects(b"\0\xff", bytearray(b"x"), memoryview(b"y"), b""),
         ["\\x00ff", "\\x78", "\\x79", "\\x"]),
        ("jsonb", objects({"a": [1, None, True]}, [1], 5, None), ['{"a": [1, null, true]}', "[1]",
         "5", None]),
        ("json", objects({"é\n": np.int64(5), "x": np.array([1.5])}), ['{"é\\n": 5, "x": [1.5]}']),
        ("jsonb", ['{"a": 1}', "5", "null"], ['{"a": 1}', "5", "null"]),
        ("text[]", objects(["a", None, 'q"\\,{}', "NULL", ""], [], None),
         ['{a,NULL,"q\\"\\\\,{}","NULL",""}', "{}", None]),
        ("int[]", objects([1, None, 2], (3,), np.array([4, 5])), ["{1,NULL,2}", "{3}", "{4,5}"]),
        ("int[][]", objects([[1, 2], [3, 4]], np.eye(2, dtype=int)), ["{{1,2},{3,4}}",
         "{{1,0},{0,1}}"]),
        ("jsonb[]", objects([{"a": 1}, [1]]), ['{"{\\"a\\": 1}",[1]}']),
        ("timestamp[]", objects([NOON, pd.NaT]), ['{"2020-01-02 12:30:00.123456",NULL}']),
        ("float8[]", objects([1.5, float("nan")]), ["{1.5,NaN}"]),
        ("smaller", [1, 2], ["1", "2"]),
        ("small[]", objects([1, 2]), ["{1,2}"]),
        ("mood", ["sad", None], ["sad", None]),
        ("mood[]", objects(["sad", "glad"]), ["{sad,glad}"]),
        ("int4range", objects(Range(1, 5), Range(empty=True), Range(None, 3, bounds="(]"), "[1,2)",
         pd.Interval(1, 4, "left")), ["[1,5)", "empty", "(,4)", "[1,2)", "[1,4)"]),
        ("tsrange", objects(Range(NOON, None)), ['["2020-01-02 12:30:00.123456",)']),
        ("int4multirange", objects([Range(1, 3), Range(5, 7)]), ["{[1,3),[5,7)}"]),
        ("inet", objects(ipaddress.ip_address("::1"), "10.0.0.1/8"), ["::1/128", "10.0.0.1/8"]),
        ("pair", ["(1,x)"], ["(1,x)"]),
        ("bit(3)", ["101"], ["101"]),
        ("money", [1.5], ["$1.50"]),
        ("int", objects(None, None), [None, None]),
        ("int", pd.Series([None, None], dtype="null[pyarrow]"), [None, None]),
        ("text", pa.table({"v": pa.array(["a", None], pa.string_view())}), ["a", None]),
        ("bytea", pa.table({"v": [b"\0", None]}), ["\\x00", None]),
        ("date", pa.table({"v": [dt.date(2020, 1, 2)]}), ["2020-01-02"]),
    ],
)  # fmt: skip
def test_values_are_stored_as_they_are(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, arrow: bool, kind: str, values: Any,
    expected: list[str | None] | None,
) -> None:  # fmt: skip
    if not arrow:
        monkeypatch.setattr(rows, "_has_pyarrow", lambda: False)
    if expected is None:
        kind, expected = "bigint", [str(2**60), None]
    assert stored(connection, kind, values) == expected


@ways
@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        ("int", [1, 1.5], "a number that isn't whole"),
        ("int", [1, np.inf], "a number that isn't finite"),
        ("int", objects(1, True), "a bool"),
        ("int", [True, False], "a bool"),
        ("int", objects(1, dt.date(2020, 1, 1)), "a date"),
        ("float8", objects(1.5, b"1"), "a bytes"),
        ("bool", [1, 0], "a int"),
        ("text", [1.0, 2.5], "a float"),
        ("text", objects("a", b"b"), "a bytes"),
        ("text", objects("a", {"b": 1}), "a dict"),
        ("date", [dt.datetime(2020, 1, 1), NOON], "a timestamp with a time of day"),
        ("date", [20200101, 20200102], "a int"),
        ("timestamp", pd.to_datetime(["2020-01-01"]).tz_localize("UTC"),
         "a timestamp with a time zone"),
        ("timestamp", objects(NOON, NOON.replace(tzinfo=BERLIN)), "a timestamp with a time zone"),
        ("timestamp", [pd.Timestamp(1), pd.Timestamp(1)], "a timestamp with nanoseconds"),
        ("time", objects(dt.time(1), dt.time(1, tzinfo=dt.UTC)), "a time with a time zone"),
        ("interval", [pd.Timedelta(0), pd.Timedelta(1)], "a duration with nanoseconds"),
        ("interval", [5, 6], "a int"),
        ("uuid", [5, 6], "a int"),
        ("bytea", objects(b"", 5), "a int"),
        ("jsonb", objects({}, {"a": float("nan")}), "a document that JSON can't represent"),
        ("jsonb", objects({}, {"a": decimal.Decimal(1)}), "a document that JSON can't represent"),
        ("int[]", objects([1], 5), "a int"),
        ("int[]", objects([1], [1.5]), "a number that isn't whole"),
        ("text[]", objects(["a"], ["\0"]), "a string with a NUL character"),
        ("int4range", objects(Range(1, 2), 5), "a int"),
        ("mood", objects("sad", 5), "a int"),
        ("text", objects("a", object()), "a object"),
        ("float8", np.array([1j]), "a complex"),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_refused_before_it_is_sent(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, arrow: bool, kind: str, values: Any,
    message: str,
) -> None:  # fmt: skip
    if not arrow:
        monkeypatch.setattr(rows, "_has_pyarrow", lambda: False)
    with pytest.raises(WriteError, match=rf"Row \d doesn't fit the column v: it has {message}"):
        stored(connection, kind, values)


@pytest.mark.parametrize("style", ["Row 25 doesn't fit", "Row 25 has a value"])
def test_a_position_counts_across_blocks(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, style: str
) -> None:
    monkeypatch.setattr(rows, "ROWS", 10)
    values = objects(*range(30))
    values[25] = 1.5 if "doesn't" in style else "x"
    with pytest.raises(WriteError, match=style):
        stored(connection, "int", values)


def test_dates_of_arrow_before_the_year_1_are_refused(connection: Connection) -> None:
    values = pa.table({"v": pa.array([0, -(2**56)], pa.timestamp("us"))})
    with pytest.raises(WriteError, match=r"Row 1 .* a date before the year 1"):
        stored(connection, "timestamp", values)


def test_a_connection_with_another_encoding(created: Engine) -> None:
    engine = make_engine(created.url, client_encoding="latin1")
    with engine.connect() as connection:
        assert stored(connection, "text", ["\u00e9"]) == ["\u00e9"]
    engine.dispose()
