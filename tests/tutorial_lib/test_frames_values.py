"""What comes out of a DataFrame goes back in as the value of a parameter."""

from __future__ import annotations

import enum
import uuid
from collections import deque
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sqlalchemy import (
    Engine,
    Enum,
    Integer,
    String,
    any_,
    bindparam,
    column,
    lambda_stmt,
    literal,
    select,
    table,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from support import drivers
from tutorial_lib import frames
from tutorial_lib.errors import FrameError

IDS = [1, 2, 3]


class Colour(enum.Enum):
    """A Python enumeration; SQLAlchemy stores the names of its members."""

    red = "#f00"
    blue = "#00f"


class Level(enum.IntEnum):
    """An enumeration whose members are numbers."""

    LOW = 1
    HIGH = 2


THINGS = table("things", column("id", Integer), column("name", String))


driver = drivers.each_driver


@pytest.fixture(scope="module")
def engine(shared: Engine) -> Engine:
    """A database with a table that has a column of many types."""
    with shared.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TYPE colour AS ENUM ('red', 'blue', 'green');"
            "CREATE TABLE things AS SELECT n AS id, 'n' || n AS name, n / 2.0 AS half, "
            "n * 1.5::float8 AS real, n = 2 AS first, date '2026-01-01' + n AS day, "
            "timestamp '2026-01-01' + n * interval '1 s' AS at, "
            "timestamptz '2026-01-01 00:00+00' + n * interval '1 s' AS zoned, "
            "n * interval '1 day' AS span, lpad(n::text, 32, '0')::uuid AS token, "
            "jsonb_build_object('n', n, 'l', jsonb_build_array(n, null)) AS doc, "
            "(ARRAY['red', 'blue', 'green']::colour[])[n] AS colour, ARRAY[n, n] AS list, "
            "decode(lpad(n::text, 2, '0'), 'hex') AS raw, time '10:00' + n * interval '1 s' AS t, "
            "n::int2 AS small, 3000000000 + n AS large, n::bpchar(3) AS padded "
            "FROM generate_series(1, 3) AS n"
        )
    return shared


def ids(engine: Engine, where: str, **values: Any) -> list[int]:
    """Return the ids of the rows that a condition is true for."""
    found = frames.read(f"SELECT id FROM things WHERE {where} ORDER BY id", engine, **values)
    return list(found["id"])


def said(engine: Engine, value: Any, query: str = "SELECT :x AS x") -> str:
    """Return the message of the error that a value causes."""
    with pytest.raises(FrameError) as caught:
        frames.read(query, engine, x=value)
    return str(caught.value)


# -- out of a DataFrame

NAMES = (
    *("id", "name", "half", "real", "first", "day", "at", "zoned", "span", "token", "doc"),
    *("colour", "list", "raw", "t", "small", "large", "padded"),
)
BACKENDS = (None, "pyarrow", "numpy_nullable")
# With numpy_nullable, pandas makes strings of objects that PostgreSQL can't read.
UNREADABLE = [(name, "numpy_nullable") for name in ("doc", "list", "raw")]
CELLS = [(name, how) for name in NAMES for how in BACKENDS if (name, how) not in UNREADABLE]


@pytest.mark.samples(10)
@pytest.mark.parametrize(("name", "backend"), CELLS)
def test_a_cell_finds_its_row(engine: Engine, name: str, backend: Any) -> None:
    frame = frames.read("things", engine, dtype_backend=backend)
    cast = {"doc": "::jsonb", "list": "::int[]"}.get(name, "")
    found = ids(engine, f"{name} = :x{cast}", x=frame[name].iloc[1])
    assert found == [2]


@pytest.mark.samples(10)
@pytest.mark.parametrize(
    ("name", "backend"), [(name, how) for name, how in CELLS if name not in ("doc", "list")]
)
@pytest.mark.parametrize("condition", ["= ANY(:x)", "IN :x", "IN (:x)"])
def test_a_column_finds_its_rows(engine: Engine, name: str, condition: str, backend: Any) -> None:
    frame = frames.read("things", engine, dtype_backend=backend)
    assert ids(engine, f"{name} {condition}", x=frame[name]) == IDS
    assert ids(engine, f"{name} {condition}", x=frame[name].iloc[[1]]) == [2]


def test_a_column_of_integers_with_null_is_of_floats(engine: Engine) -> None:
    frame = frames.read("SELECT id FROM things UNION ALL SELECT NULL", engine)
    assert frame["id"].dtype == "float64"
    assert ids(engine, "id IN :x", x=frame["id"]) == IDS
    assert ids(engine, "id = ANY(:x)", x=frame["id"]) == IDS
    assert ids(engine, "id NOT IN :x", x=frame["id"]) == []  # as in SQL: NULL may be any number


# -- one value

SCALARS = {
    "int64": (np.int64(2), 2),
    "uint8": (np.uint8(2), 2),
    "float64": (np.float64(0.5), 0.5),
    "float32": (np.float32(0.5), 0.5),
    "longdouble": (np.longdouble(0.5), 0.5),
    "bool": (np.bool_(True), True),
    "str": (np.str_("x"), "x"),
    "bytes": (np.bytes_(b"x"), b"x"),
    "0-d array": (np.array(2), 2),
    "Timestamp": (
        pd.Timestamp("2026-01-02 03:04:05.678901"),
        datetime(2026, 1, 2, 3, 4, 5, 678901),
    ),
    "nanoseconds": (
        pd.Timestamp("2026-01-01 00:00:00.123456789"),
        datetime(2026, 1, 1, 0, 0, 0, 123457),
    ),
    "Timedelta": (pd.Timedelta(days=1, seconds=2), timedelta(days=1, seconds=2)),
    "datetime64": (np.datetime64("2026-01-02T03:04:05"), datetime(2026, 1, 2, 3, 4, 5)),
    "datetime64[ns]": (np.datetime64("2026-01-02T03:04:05", "ns"), datetime(2026, 1, 2, 3, 4, 5)),
    "day": (np.datetime64("2026-01-02"), date(2026, 1, 2)),
    "month": (np.datetime64("2026-01"), date(2026, 1, 1)),
    "timedelta64": (np.timedelta64(90, "m"), timedelta(minutes=90)),
    "timedelta64[ns]": (np.timedelta64(10**9, "ns"), timedelta(seconds=1)),
    "arrow": (pa.scalar(2), 2),
    "arrow decimal": (pa.scalar(Decimal("1.50")), Decimal("1.50")),
    "arrow timestamp": (pa.scalar(datetime(2026, 1, 1), pa.timestamp("ns")), datetime(2026, 1, 1)),
    "name of a member": (Colour.red, "red"),
    "member with a number": (Level.HIGH, 2),
    "infinity": (np.float64("inf"), float("inf")),
    "Decimal": (Decimal("1.50"), Decimal("1.50")),
    "uuid": (uuid.UUID(int=1), uuid.UUID(int=1)),
}


@pytest.mark.samples(10)
@pytest.mark.parametrize("kind", SCALARS)
def test_a_scalar_is_sent_as_pythons_own(engine: Engine, kind: str) -> None:
    value, expected = SCALARS[kind]
    query = "SELECT :x AS x"
    theirs = pd.read_sql(text(query), engine, params={"x": expected})
    found = frames.read(query, engine, x=value)
    pd.testing.assert_frame_equal(found, theirs)


MISSING = {
    "None": None,
    "NA": pd.NA,
    "NaT": pd.NaT,
    "nan": float("nan"),
    "numpy.nan": np.float64("nan"),
    "float32 nan": np.float32("nan"),
    "datetime64 NaT": np.datetime64("NaT", "s"),
    "timedelta64 NaT": np.timedelta64("NaT", "s"),
    "masked": np.ma.masked,
    "arrow": pa.scalar(None, pa.int64()),
}


@pytest.mark.parametrize("kind", MISSING)
def test_a_missing_value_is_null(engine: Engine, kind: str) -> None:
    found = frames.read("SELECT :x::text IS NULL AS x", engine, x=MISSING[kind])
    assert found["x"].tolist() == [True]
    assert ids(engine, "id = ANY(:x)", x=[1, MISSING[kind]]) == [1]


def test_nan_of_decimal_is_not_missing(engine: Engine) -> None:
    assert frames.read("SELECT :x = 'NaN'::numeric AS x", engine, x=Decimal("NaN"))["x"][0]


def test_a_dictionary_is_sent_as_json(engine: Engine) -> None:
    value = {"a": np.int64(1), "b": [pd.NA, {"c": np.nan}], "é": "ü"}
    (found,) = frames.read("SELECT :x::jsonb AS x", engine, x=value)["x"]
    assert found == {"a": 1, "b": [None, {"c": None}], "é": "ü"}


# -- several values

COLUMNS = {
    "list": IDS,
    "tuple": (1, 2, 3),
    "set": {1, 2, 3},
    "frozenset": frozenset(IDS),
    "range": range(1, 4),
    "generator": (lambda: (n for n in IDS)),
    "map": (lambda: map(int, IDS)),
    "keys": dict.fromkeys(IDS).keys(),
    "values": dict(enumerate(IDS)).values(),
    "deque": deque(IDS),
    "array": np.array(IDS),
    "floats": np.array([1.0, 2.0, 3.0]),
    "objects": np.array([1, 2.0, Decimal(3)], dtype=object),
    "masked": np.ma.masked_equal([1, 2, 3, 9], 9),
    "Series": pd.Series(IDS),
    "Int64": pd.Series([1, 2, 3, None], dtype="Int64"),
    "Index": pd.Index(IDS),
    "RangeIndex": pd.RangeIndex(1, 4),
    "pandas array": pd.array(IDS),
    "Categorical": pd.Categorical([3, 1, 2]),
    "arrow-backed": pd.Series(IDS, dtype="int64[pyarrow]"),
    "arrow": pa.array(IDS),
    "chunked": pa.chunked_array([[1], [2, 3]]),
    "numpy scalars": [np.int64(1), np.int8(2), np.float32(3)],
    "mixed numbers": [1, 2.0, Decimal("3")],
    "with null": [1, 2, 3, None],
}


@pytest.mark.samples(20)
@pytest.mark.parametrize("kind", COLUMNS)
@pytest.mark.parametrize("condition", ["id = ANY(:x)", "id IN :x", "id IN (:x)", "id in(:x)"])
def test_values_of_any_kind_fit(engine: Engine, kind: str, condition: str) -> None:
    value = COLUMNS[kind]
    assert ids(engine, condition, x=value() if callable(value) else value) == IDS  # type: ignore[operator]


EMPTY = ([], (), set(), pd.Series([], dtype="int64"), np.array([]), pa.array([], pa.int8()))


@pytest.mark.samples(8)
@pytest.mark.parametrize("value", EMPTY, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("doc", "list")])
def test_no_value_at_all(engine: Engine, name: str, value: Any) -> None:
    assert ids(engine, f"{name} IN :x", x=value) == []
    assert ids(engine, f"{name} IN (:x)", x=value) == []
    assert ids(engine, f"{name} NOT IN :x", x=value) == IDS
    assert ids(engine, f"NOT {name} IN (:x) AND id > 1", x=value) == [2, 3]
    assert ids(engine, f"{name} = ANY(:x)", x=value) == []
    assert ids(engine, f"{name} <> ALL(:x)", x=value) == IDS


CONDITIONS = {
    "id NOT IN :x": [3],
    "id NOT  in (:x)": [3],
    "id IN /* :y */ :x": [1, 2],
    "id IN -- :y\n :x": [1, 2],
    "(id IN :x)": [1, 2],
    "(id + 0)IN(:x)": [1, 2],
    "id + 1 IN :x": [1],
    "id IN :x = true": [1, 2],
    "(id IN :x) IS FALSE": [3],
    "id IN :x AND id = ANY(:x) AND id = ANY ( :x )": [1, 2],
    "id IN :x OR id IN (:x)": [1, 2],
    "id = SOME(:x)": [1, 2],
    "id <> ALL (:x)": [3],
    "id IN (SELECT unnest(:x))": [1, 2],
    "id IN :x AND name <> 'x IN :x'": [1, 2],
    "CASE WHEN id IN :x THEN true END": [1, 2],
    "id <= array_length(:x, 1)": [1, 2],
    'id IN :x AND "id" NOT IN :y': [1],
}


@pytest.mark.parametrize("where", CONDITIONS)
def test_a_list_fits_wherever_it_is_written(engine: Engine, where: str) -> None:
    more = {"y": [2]} if ":y" in where.partition("NOT IN")[2] else {}
    assert ids(engine, where, x=[1, 2], **more) == CONDITIONS[where]


def test_a_name_that_looks_like_the_one_we_choose(engine: Engine) -> None:
    assert ids(engine, "id IN :x AND id < :x_list", x=[1, 2], x_list=2) == [1]
    assert ids(engine, "id IN :x AND id IN :x_list", x=[1, 2], x_list=[2, 3]) == [2]


def test_a_list_after_a_single_value(engine: Engine) -> None:
    """SQLAlchemy caches what it compiled by its text."""
    query = "SELECT position('b' IN :x) AS n"
    assert frames.read(query, engine, x="abc")["n"].tolist() == [2]
    assert ids(engine, "id IN (:x)", x=1) == [1]
    assert ids(engine, "id IN (:x)", x=[1, 2]) == [1, 2]
    assert ids(engine, "id IN (:x)", x=3) == [3]


def test_rows_of_several_columns(engine: Engine) -> None:
    rows = list(frames.read("SELECT id, name FROM things", engine).itertuples(index=False))
    assert ids(engine, "(id, name) IN :x", x=rows) == IDS
    assert ids(engine, "(id, name) IN (:x)", x=[(np.int64(1), "n1"), (2, "n1")]) == [1]
    assert ids(engine, "(id, name) NOT IN :x", x=[]) == IDS


def test_many_values(engine: Engine) -> None:
    assert ids(engine, "id IN :x", x=range(2, 5_000)) == [2, 3]
    assert ids(engine, "id = ANY(:x)", x=np.arange(2, 50_000)) == [2, 3]


def test_a_matrix_is_an_array_of_arrays(engine: Engine) -> None:
    found = frames.read("SELECT :x::int[] AS x", engine, x=np.array([[1, 2], [3, 4]]))
    assert found["x"].tolist() == [[[1, 2], [3, 4]]]


def test_strings_are_compared_with_any_type(engine: Engine) -> None:
    assert ids(engine, "colour = ANY(:x)", x=["blue", None]) == [2]
    assert ids(engine, "token = ANY(:x)", x=[f"{2:032}"]) == [2]
    assert ids(engine, "day = ANY(:x)", x=["2026-01-03"]) == [2]
    odd = ['a"b', "a\\b", "a,b", "{}", "NULL", "", " ", "'", "%s", ":x"]
    assert frames.read("SELECT 'NULL' = ANY(:x) AS n", engine, x=odd)["n"].tolist() == [True]
    for each in odd:
        query = "SELECT n FROM (SELECT :y AS n) AS _ WHERE n = ANY(:x)"
        assert frames.read(query, engine, x=odd, y=each)["n"].tolist() == [each]


# -- in constructs


@pytest.mark.parametrize("value", [np.int64(2), pa.scalar(2), np.float64(2.0)])
def test_a_scalar_inside_a_construct(engine: Engine, value: Any) -> None:
    query = select(THINGS.c.name).where(THINGS.c.id == value)
    assert frames.read(query, engine)["name"].tolist() == ["n2"]
    named = select(THINGS.c.name).where(THINGS.c.id == bindparam("x"))
    assert frames.read(named, engine, x=value)["name"].tolist() == ["n2"]
    assert frames.read(named.params(x=value), engine)["name"].tolist() == ["n2"]
    again = select(THINGS.c.name).where(THINGS.c.id == np.int64(3))
    assert frames.read(again, engine)["name"].tolist() == ["n3"]  # compiled before


@pytest.mark.parametrize("value", [pd.Series([2, 3]), np.array([2, 3]), {2, 3}, pd.array([2, 3])])
def test_a_column_inside_a_construct(engine: Engine, value: Any) -> None:
    query = select(THINGS.c.id).where(THINGS.c.id.in_(value)).order_by(THINGS.c.id)
    assert frames.read(query, engine)["id"].tolist() == [2, 3]
    named = select(THINGS.c.id).where(THINGS.c.id.in_(bindparam("x"))).order_by(THINGS.c.id)
    assert frames.read(named, engine, x=value)["id"].tolist() == [2, 3]
    assert frames.read(named, engine, x=[])["id"].tolist() == []
    array = literal(value, ARRAY(Integer))
    query = select(THINGS.c.id).where(THINGS.c.id == any_(array)).order_by(THINGS.c.id)
    assert frames.read(query, engine)["id"].tolist() == [2, 3]
    bound = bindparam("x", type_=ARRAY(Integer))
    query = select(THINGS.c.id).where(THINGS.c.id == any_(bound)).order_by(THINGS.c.id)
    assert frames.read(query, engine, x=value)["id"].tolist() == [2, 3]


def test_a_missing_value_inside_a_construct(engine: Engine) -> None:
    query = select(THINGS.c.id).where(THINGS.c.id.is_not_distinct_from(bindparam("x")))
    for value in MISSING.values():
        assert frames.read(query, engine, x=value)["id"].tolist() == []


def test_types_of_sqlalchemy_convert_their_values(engine: Engine) -> None:
    colour = table("things", column("id"), column("colour", Enum(Colour, name="colour")))
    query = select(colour.c.id).where(colour.c.colour == Colour.blue)
    assert frames.read(query, engine)["id"].tolist() == [2]
    query = select(colour.c.id).where(colour.c.colour == bindparam("x"))
    assert frames.read(query, engine, x=Colour.blue)["id"].tolist() == [2]
    query = select(literal({"a": np.int64(1)}, JSONB).label("doc"))
    with pytest.raises(Exception, match="The type raises TypeError"):
        frames.read(query, engine)
    query = select(bindparam("x", type_=JSONB).label("doc"))
    assert frames.read(query, engine, x={"a": [1]})["doc"].tolist() == [{"a": [1]}]


def test_text_with_parameters_of_its_own(engine: Engine) -> None:
    query = text("SELECT id FROM things WHERE id IN :x AND id > :y ORDER BY id")
    assert frames.read(query, engine, x=[1, 2], y=1)["id"].tolist() == [2]
    assert frames.read(query, engine, x=[], y=1)["id"].tolist() == []
    assert frames.read(query.bindparams(x=[2, 3]), engine, y=0)["id"].tolist() == [2, 3]
    own = query.bindparams(bindparam("x", expanding=True), bindparam("y", type_=Integer))
    assert frames.read(own, engine, x=np.array([1, 2]), y=np.int8(1))["id"].tolist() == [2]
    typed = query.columns(column("id", Integer))
    assert frames.read(typed, engine, x=pd.Series([3]), y=1)["id"].tolist() == [3]
    inside = select(THINGS.c.id).where(text("id IN (:x)"), THINGS.c.id > np.int64(1))
    assert frames.read(inside, engine, x={1, 2})["id"].tolist() == [2]


def test_a_statement_made_by_a_lambda(engine: Engine) -> None:
    wanted = 2
    query = lambda_stmt(lambda: select(THINGS.c.id).where(THINGS.c.id == wanted))
    assert frames.read(query, engine)["id"].tolist() == [2]


# -- what can't be sent


def test_a_whole_dataframe_is_refused(engine: Engine) -> None:
    for value in (pd.DataFrame({"a": [1]}), pa.table({"a": [1]})):
        assert said(engine, value) == (
            f"The value of the parameter :x is a whole {type(value).__name__}. "
            "Pass one of its columns, or a list of its rows as tuples."
        )


def test_what_has_no_equivalent_is_refused_without_its_value(engine: Engine) -> None:
    for value in (pd.Period("2026-01"), object(), 1j, Colour, pd.Interval(1, 2), lambda: 1):
        kind = type(value).__name__
        assert said(engine, value).startswith("The value of a parameter can't be sent")
        assert kind in said(engine, value)
        assert said(engine, [value]).startswith("The value of a parameter can't be sent")


def test_a_date_out_of_range_is_refused(engine: Engine) -> None:
    for value in (np.datetime64("20000-01-01"), pd.Timestamp("-0100-01-01T00:00:00")):
        assert said(engine, value).startswith("The value of the parameter :x is out of range.")


def test_a_zero_byte_is_refused(engine: Engine) -> None:
    message = "The value of the parameter :x contains a NUL character."
    assert said(engine, "a\0b").startswith(message)
    assert said(engine, ["a\0b"]).startswith(message)
    assert said(engine, np.str_("a\0b")).startswith(message)


def test_a_surrogate_is_refused(engine: Engine) -> None:
    message = "The value of the parameter :x contains a lone surrogate."
    for value in ("\ud800", ["\ud800"], {"\ud800": 1}, {"a": ["\ud800"]}):
        assert said(engine, value).startswith(message)


def test_a_document_that_is_no_json_is_refused(engine: Engine) -> None:
    message = "The value of the parameter :x is a dictionary, which is sent as JSON."
    assert said(engine, {"a": object()}).startswith(message)
    assert said(engine, {("a", 1): 1}).startswith(message)


def test_a_value_that_contains_itself_is_refused(engine: Engine) -> None:
    value: list[Any] = []
    value.append(value)
    assert said(engine, value) == "The value of a parameter is nested too deeply."


@pytest.mark.parametrize("value", [1, "a", None, {"a": 1}])
def test_a_single_value_after_in_is_explained(engine: Engine, value: Any) -> None:
    assert said(engine, value, "SELECT 1 WHERE 1 NOT IN :x") == (
        "The value of the parameter :x isn't a list. In the query, it comes after IN: IN :x. "
        "Pass a list."
    )
