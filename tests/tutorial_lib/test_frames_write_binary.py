"""COPY's binary format stores the same as its text format, and the text format takes the rest."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sqlalchemy import Engine, text

from support import drivers
from tutorial_lib import frames
from tutorial_lib.errors import WriteError
from tutorial_lib.frames.writing import rows, writer

driver = drivers.each_driver
NONE = [None] * 150  # more than are tried before the COPY
ID = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")
INT = pa.int64()
UTC = pa.timestamp("us", "UTC")


def decimals_of(*values: str | None) -> Any:
    """Return an array with as many decimal places as needed."""
    return pa.array([None if value is None else decimal.Decimal(value) for value in values])


BINARY: list[tuple[str, Any]] = [
    ("bool", pa.array([True, False, None])),
    ("int2", pa.array([-(2**15), 2**15 - 1, None, 0], INT)),
    ("int4", pa.array([-(2**31), 2**31 - 1, None, 0], pa.int32())),
    ("int8", pa.array([-(2**63), 2**63 - 1, None, -1], INT)),
    ("int8", pa.array([2.0**60, None, -3.0])),
    ("oid", pa.array([0, 2**32 - 1], INT)),
    ("float4", pa.array([0.1, -0.0, float("nan"), float("-inf"), 3.4e38, 1e-45], pa.float32())),
    ("float8", pa.array([0.1, -0.0, float("nan"), float("inf"), 5e-324, None])),
    ("float8", pa.array([2**53, -1], INT)),
    ("text", pa.array(["", "ä\t\\N\n", None, "\U0001f40d", "\\."])),
    ("text", pa.array([1, None], INT)),
    ("varchar(3)", pa.array(["abc", "ab ", "äöü", "abc   "])),
    ("char(3)", pa.array(["a", None])),
    ("json", pa.array(['{"a":  [1]}', None, "null"])),
    ("jsonb", pa.array(['{"a":  [1]}', None, "null", "1e3"])),
    ("uuid", pa.array([str(ID), None, str(ID).upper()])),
    ("date", pa.array([dt.date.min, dt.date.max, None, dt.date(2000, 1, 1)])),
    ("date", pa.array([dt.datetime(1999, 12, 31), None], pa.timestamp("ns"))),
    ("time", pa.array([dt.time.min, dt.time.max, None])),
    ("timestamp", pa.array([dt.datetime.min, dt.datetime.max, None], pa.timestamp("us"))),
    ("timestamp", pa.array([28_000 * 366 * 86_400], pa.timestamp("s"))),
    ("timestamptz", pa.array([0, None, -1, 946_684_800_000_001], UTC)),
    ("timestamptz", pa.array([1_600_000_000], pa.timestamp("s", "Asia/Kathmandu"))),
    ("positive", pa.array([1, 2], INT)),
    ("numeric", pa.array([0, -1, 9999, 10_000, -(10**15) + 1, None, 10**15 - 1], INT)),
    ("numeric(6, 2)", pa.array([9999, -1], INT)),
    ("numeric", decimals_of("1.50", "-0.05", "0.00", None, "12345678901.99")),
    ("numeric", decimals_of("0.000000000000001", "-0.123456789012345")),
    ("numeric(6, 2)", decimals_of("0.125", "-0.125", "0.124", "9999.994")),
    ("numeric", pa.array([0.0, -0.0, 0.5, 12.34, -1e-6, 123456789.012345, 1e14, None])),
    ("numeric(6, 2)", pa.array([0.125, -0.125, 0.135, 2.675, 1.005, 0.1])),
]
# The text format takes these, or refuses them.
TEXT: list[tuple[str, Any]] = [
    ("numeric", pa.array([10**15, -(10**15)], INT)),
    ("numeric", pa.array([2**63], pa.uint64())),
    ("numeric", decimals_of("12345678901234567890.5", "-99999999999999999999.5")),
    ("numeric", decimals_of("-9223372036854775807")),
    ("numeric", decimals_of("0.0000000000000001")),
    ("numeric", pa.array([decimal.Decimal(1)], pa.decimal256(50, 2))),
    ("numeric", pa.array([decimal.Decimal(1200)], pa.decimal128(5, -2))),
    ("numeric", pa.array([0.1 + 0.2, 1 / 3, 1e15, 1e300, -1e-7])),
    ("numeric", pa.array([float("nan"), float("inf")])),
    ("numeric", pa.array([0.1], pa.float32())),
    ("numeric", pa.array([None, "NaN", "1.50"])),
    *((kind, pa.array([None, None])) for kind in ("numeric", "int8", "uuid", "date", "jsonb")),
    *((kind, pa.array([None, "1"])) for kind in ("int8", "float8", "bool")),
    ("timestamptz", pa.array([None, "2020-01-01"])),
    ("numeric(4, 2)", pa.array([*NONE, 100.0])),
    ("float4", pa.array([0.1])),
    ("int4", pa.array(["12", None])),
    ("float8", pa.array([*NONE, 2**53 + 1], INT)),
    ("interval", pa.array([dt.timedelta(1, 2, 3)])),
    ("timestamptz", pa.array([0], pa.timestamp("us"))),
    ("timestamptz", pa.array([dt.date(2020, 1, 2)])),
    ("uuid", pa.array([*NONE, ID.hex])),
    ("uuid", pa.array([*NONE, f"{{{ID}}}"])),
    ("uuid", pa.array([*NONE, "0" * 8 + "-" * 28])),
    ("uuid", pa.array([*NONE, f"{ID}"[:-1] + "g"])),
    ("int2", pa.array([*NONE, 2**15], INT)),
    ("int8", pa.array([*NONE, 2**64 - 1], pa.uint64())),
    ("int8", pa.array([*NONE, 0.5])),
    ("timestamp", pa.array([*NONE, 1], pa.timestamp("ns"))),
    ("timestamp", pa.array([*NONE, -(2**62)], pa.timestamp("us"))),
    ("date", pa.array([*NONE, 1], pa.timestamp("us"))),
    ("varchar(3)", pa.array([*NONE, "abcd"])),
    ("jsonb", pa.array([*NONE, "{"])),
    ("jsonb", pa.array([*NONE, '"\\u0000"'])),
    ("text", pa.array([*NONE, "a\0b"])),
    ("positive", pa.array([*NONE, 0], INT)),
    ("int4[]", pa.array(["{1,2}"])),
    ("mood", pa.array(["glad", None])),
]
SIZES = [(0, 2), (3, 2), (6, 4), (8, 5), (12, 1), (1, 6)]  # powers of ten, decimal places
Spy = Callable[[], list[bool]]


def named(cases: Sequence[tuple[str, Any]]) -> Any:
    """Parametrize a test."""
    names = [f"{kind}-{cells.type}-{number}" for number, (kind, cells) in enumerate(cases)]
    return pytest.mark.parametrize(("kind", "cells"), cases, ids=names)


@pytest.fixture(scope="module")
def created(shared: Engine) -> Engine:
    """A database with a domain and an enum."""
    with shared.begin() as connection:
        connection.execute(text("CREATE DOMAIN positive AS int CHECK (VALUE > 0)"))
        connection.execute(text("CREATE TYPE mood AS ENUM ('sad', 'glad')"))
    return shared


@pytest.fixture
def formats(monkeypatch: pytest.MonkeyPatch) -> Spy:
    """Return which COPYs were binary since the last call."""
    seen: list[bool] = []
    made = writer.copy_sql

    def spy(relation: str, columns: Sequence[str], binary: bool) -> str:
        seen.append(binary)
        return made(relation, columns, binary)

    def taken() -> list[bool]:
        found = seen.copy()
        seen.clear()
        return found

    monkeypatch.setattr(writer, "copy_sql", spy)
    return taken


def stored(engine: Engine, kind: str, frame: Any) -> Any:
    """Write a column; return what is stored, or what the error says."""
    with engine.connect() as connection:
        connection.execute(text("SET LOCAL TimeZone = 'Asia/Tokyo'"))
        connection.execute(text(f"CREATE TEMP TABLE t (v {kind})"))
        try:
            frames.write(frame, "t", connection)
        except WriteError as error:
            return str(error), error.row, error.column, error.sqlstate
        every = "SELECT CAST(v AS text) FROM t ORDER BY ctid"
        return list(connection.execute(text(every)).scalars())


def both(monkeypatch: pytest.MonkeyPatch, engine: Engine, kind: str, cells: Any) -> None:
    """Check that both formats store the same, or raise the same error."""
    frame = pa.table({"v": cells})
    found = stored(engine, kind, frame)
    with monkeypatch.context() as patch:
        patch.setattr(writer, "can_be_binary", lambda *_: False)
        assert found == stored(engine, kind, frame)


@named(BINARY)
def test_values_are_the_same_as_with_the_text_format(
    created: Engine, formats: Spy, monkeypatch: pytest.MonkeyPatch, kind: str, cells: Any
) -> None:
    both(monkeypatch, created, kind, cells)
    assert formats() == [True, False]


@named(TEXT)
def test_the_text_format_takes_all_else(
    created: Engine, monkeypatch: pytest.MonkeyPatch, kind: str, cells: Any
) -> None:
    both(monkeypatch, created, kind, cells)


def test_a_value_without_a_binary_form_ends_the_binary_copy(created: Engine, formats: Spy) -> None:
    late = pd.DataFrame({"v": [1.0] * 150 + [2.0**53]})
    assert len(stored(created, "int8", late)) == 151
    assert formats() == [True]
    late.loc[150, "v"] = 2.0**63
    message, row, column, sqlstate = stored(created, "int8", late)
    assert (row, column, sqlstate) == (150, "v", "22003"), message
    assert formats() == [True, False]


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"v": ["a", None, "b"]}),
        pd.DataFrame({"v": pd.Series(["a", None, 1], dtype=object)}),
        pd.DataFrame({"v": pd.Categorical(["a", None, "b"])}),
        pd.DataFrame({"v": pd.Series([ID, None], dtype=object)}),
    ],
    ids=["str", "object", "category", "uuid"],
)
def test_strings_of_all_kinds_are_binary(created: Engine, formats: Spy, frame: Any) -> None:
    expected = [None if value is None or value is pd.NA else str(value) for value in frame["v"]]
    assert stored(created, "text", frame) == [
        None if value == "nan" else value for value in expected
    ]
    assert formats() == [True]


def test_several_blocks_with_and_without_missing_values(
    created: Engine, formats: Spy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "ROWS", 7)
    numbers = np.arange(30)
    frame = pd.DataFrame(
        {
            "n": numbers,
            "m": np.where(numbers % 3 > 0, numbers, np.nan),
            "s": [f"{'x' * n}" if n % 4 else None for n in numbers],
            "t": pd.date_range("2020", periods=30, tz="UTC").as_unit("us"),
        }
    )
    with created.connect() as connection:
        connection.execute(text("CREATE TEMP TABLE t (n int, m int, s text, t timestamptz)"))
        assert frames.write(frame, "t", connection) == 30
        assert formats() == [True]
        connection.execute(text("SET LOCAL DateStyle = 'ISO'"))  # psycopg reads no other dates
        found = frames.read("SELECT * FROM t ORDER BY n", connection)
    pd.testing.assert_frame_equal(found, frame, check_dtype=False)


def test_on_conflict_goes_through_a_binary_copy(created: Engine) -> None:
    frame = pd.DataFrame({"id": [1, 2], "s": ["a", "b"]})
    with created.connect() as connection:
        connection.execute(text("CREATE TEMP TABLE t (id int PRIMARY KEY, s text)"))
        for expected in (2, 0):
            assert frames.write(frame, "t", connection, on_conflict="nothing") == expected
        frame["s"] = ["c", "c"]
        assert frames.write(frame, "t", connection, on_conflict="update") == 2
        assert connection.scalar(text("SELECT string_agg(s, '' ORDER BY id) FROM t")) == "cc"


def test_a_type_that_changes_before_the_copy_is_noticed(
    engine: Engine, formats: Spy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As int8, the bytes of a number are another number as float8."""
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (v int8)"))
    sent = writer.copy_in

    def altered(*arguments: Any) -> int:
        with engine.begin() as other:
            other.execute(text("SET LOCAL lock_timeout = '60s'"))
            other.execute(text("ALTER TABLE t ALTER v TYPE float8"))
        monkeypatch.setattr(writer, "copy_in", sent)
        return sent(*arguments)

    monkeypatch.setattr(writer, "copy_in", altered)
    assert frames.write(pd.DataFrame({"v": [1, 2]}), "t", engine) == 2
    assert formats() == [True, False]
    with engine.connect() as connection:
        assert connection.scalars(text("SELECT v FROM t ORDER BY v")).all() == [1, 2]


@pytest.mark.parametrize(
    "setting",
    [
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
        "SET LOCAL client_encoding = 'LATIN1'",
    ],
)
def test_the_text_format_when_binary_is_not_safe(
    created: Engine, formats: Spy, setting: str
) -> None:
    with created.connect() as connection:
        connection.execute(text(setting))
        connection.execute(text("CREATE TEMP TABLE t (v text)"))
        frames.write(pd.DataFrame({"v": ["ä"]}), "t", connection)
        assert formats() == [False]
        assert connection.scalar(text("SELECT length(v) FROM t")) == 1


def test_an_error_in_a_binary_copy_names_row_and_column(created: Engine, formats: Spy) -> None:
    frame = pd.DataFrame({"w": [1, 2, 3], "v": ["abc", "abc", "secret"]})
    with created.connect() as connection:
        connection.execute(text("CREATE TEMP TABLE t (v varchar(3), w int)"))
        with pytest.raises(WriteError) as caught:
            frames.write(frame, "t", connection)
    assert formats() == [True]
    assert (caught.value.row, caught.value.column) == (2, "v")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("kind", ["numeric", "numeric(20, 3)"])
def test_many_amounts_are_the_same_as_with_the_text_format(
    created: Engine, formats: Spy, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    chance = np.random.default_rng(5)
    amounts = [chance.normal(scale=10.0**size, size=300).round(p) for size, p in SIZES]
    cells = pa.array(np.concatenate(amounts))
    both(monkeypatch, created, kind, cells)
    assert formats() == [True, False]
