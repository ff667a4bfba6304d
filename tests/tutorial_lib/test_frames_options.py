"""pandas' options have pandas' meaning, and everything else that people try is refused."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine, Integer, Numeric, String, column, table, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from support import drivers
from support.assert_frames import assert_same
from tutorial_lib import frames
from tutorial_lib.errors import FrameError

QUERY = "SELECT * FROM sales ORDER BY id"


class Base(DeclarativeBase):
    """A base for this file's model."""


class Sale(Base):
    """A row of sales; one attribute isn't named like its column."""

    __tablename__ = "sales"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    who: Mapped[str] = mapped_column("name", String)
    amount: Mapped[Decimal] = mapped_column(Numeric(8, 2))


driver = drivers.each_driver


@pytest.fixture(scope="module")
def engine(shared: Engine) -> Engine:
    """A database with a table."""
    with shared.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE sales AS SELECT n AS id, 'n' || n AS name, "
            "(n * 1.1)::numeric(8, 2) AS amount, nullif(n, 2) AS items, n * 1000000 AS seconds, "
            "(2019 + n) AS year, to_char(date '2026-01-30' + n, 'DD.MM.YYYY') AS written, "
            "CASE n WHEN 2 THEN 'never' ELSE '2026-01-0' || n END AS maybe, "
            "date '2026-01-01' + n AS day, timestamptz '2026-01-01 00:00+00' + n * interval '1 h' "
            "AS at, timestamp '2026-01-01' + n * interval '1 s' AS local, n = 1 AS first, "
            "n * 0.5::float8 AS ratio, ARRAY[n * 1.5] AS list FROM generate_series(1, 4) AS n;"
            'CREATE SCHEMA shop; CREATE TABLE shop."dot.ted" AS SELECT 7 AS n;'
            'CREATE TABLE "dot.ted" AS SELECT 8 AS n; CREATE TABLE shop.plain AS SELECT 9 AS n'
        )
    return shared


@pytest.fixture(params=["few", "many"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few rows are read in a different way from many."""
    if request.param == "many":
        monkeypatch.setattr("tutorial_lib.frames.dispatch.FEW", 0)


def said(*call: Any, **options: Any) -> str:
    """Return the message of a call that fails."""
    with pytest.raises(FrameError) as caught:
        frames.read(*call, **options)
    return str(caught.value)


SAME: tuple[dict[str, Any], ...] = (
    {"index_col": "id"},
    {"index_col": ["id"]},
    {"index_col": ["name", "id"]},
    {"index_col": "at"},
    {"coerce_float": False},
    {"coerce_float": False, "index_col": "amount"},
    {"coerce_float": False, "dtype": {"amount": "str"}},
    {"dtype": {"id": "int8", "ratio": "float32"}},
    {"dtype": {"items": "Int64"}},
    {"dtype": {"amount": "str", "name": "category"}},
    {"dtype": "str"},
    {"dtype": object},
    {"dtype": {"at": "datetime64[us, Europe/Berlin]"}},
    {"dtype": {"id": "int64[pyarrow]"}},
    {"dtype": {"first": np.int8, "id": np.dtype("uint16")}},
    {"dtype": {}},
    {"parse_dates": ["written"]},
    {"parse_dates": ["maybe", "day"]},
    {"parse_dates": {"written": "%d.%m.%Y"}},
    {"parse_dates": {"written": {"dayfirst": True}}},
    {"parse_dates": {"maybe": {"errors": "coerce"}, "day": None}},
    {"parse_dates": ["seconds", "items", "ratio"]},
    {"parse_dates": {"seconds": "s", "id": "D", "items": "h"}},
    {"parse_dates": {"seconds": {"unit": "ms", "utc": True}}},
    {"parse_dates": {"year": "%Y"}},
    {"parse_dates": {"items": "%d", "ratio": "%H"}},
    {"parse_dates": {"at": "%d", "local": "s"}},
    {"parse_dates": ["at", "local"]},
    {"parse_dates": ["name"]},
    {"parse_dates": True},
    {"parse_dates": []},
    {"parse_dates": ["day"], "index_col": "day"},
    {"parse_dates": ["seconds"], "dtype": {"seconds": "float64"}},
)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.samples(20)
@pytest.mark.parametrize("options", SAME, ids=str)
def test_an_option_has_pandas_meaning(engine: Engine, way: None, options: dict[str, Any]) -> None:
    with warnings.catch_warnings(action="ignore"):  # formats that pandas guesses
        theirs = pd.read_sql(text(QUERY), engine, **options)
        ours = frames.read(QUERY, engine, **options)
    pd.testing.assert_frame_equal(ours, theirs)
    assert ours.index.names == theirs.index.names
    if "list" in ours:
        assert_same(ours.reset_index(), theirs.reset_index())


@pytest.mark.parametrize(
    "options", [{"index_col": "id"}, {"coerce_float": False}, {"parse_dates": ["written"]}]
)
@pytest.mark.parametrize("size", [1, 3, np.int64(4)])
def test_chunksize_is_pandas(engine: Engine, options: dict[str, Any], size: Any) -> None:
    with warnings.catch_warnings(action="ignore"):
        theirs = list(pd.read_sql(text(QUERY), engine, chunksize=int(size), **options))
        for name in ("chunks", "chunksize"):
            ours = list(frames.read(QUERY, engine, **{name: size}, **options))
            assert len(ours) == len(theirs)
            for mine, other in zip(ours, theirs, strict=True):
                assert_same(mine.reset_index(), other.reset_index())


@pytest.mark.parametrize("backend", ["numpy_nullable", "pyarrow"])
def test_options_work_with_a_backend(engine: Engine, backend: Any) -> None:
    options: dict[str, Any] = {
        "dtype_backend": backend,
        "index_col": "id",
        "dtype": {"year": "str"},
    }
    query = "SELECT id, name, items, year, written FROM sales ORDER BY id"
    theirs = pd.read_sql(text(query), engine, **options)
    pd.testing.assert_frame_equal(frames.read(query, engine, **options), theirs)


def test_coerce_float_keeps_decimals_in_every_place(engine: Engine, way: None) -> None:
    frame = frames.read("SELECT amount FROM sales", engine, coerce_float=False)
    assert frame["amount"].tolist() == [Decimal(each) for each in ("1.10", "2.20", "3.30", "4.40")]
    assert frame["amount"].sum() == Decimal("11.00")
    query = "SELECT sum(amount) AS n FROM sales"
    assert frames.read(query, engine, coerce_float=False)["n"].tolist() == [Decimal("11.00")]
    frame = frames.read("SELECT NULL::numeric AS n", engine, coerce_float=False)
    assert frame["n"].tolist() == [None]


TABLE: tuple[dict[str, Any], ...] = (
    {"columns": ["name", "id"]},
    {"columns": ["name"], "index_col": "id"},
    {"columns": ["name"], "index_col": ["year", "id"]},
    {"columns": []},
    {"index_col": "id"},
)


@pytest.mark.parametrize("options", TABLE, ids=str)
def test_columns_are_those_of_a_table(engine: Engine, options: dict[str, Any]) -> None:
    ours = frames.read("sales", engine, **options)
    theirs = pd.read_sql("sales", engine, **options)
    assert (list(ours), ours.index.names) == (list(theirs), theirs.index.names)
    # pandas reads the dates of tables as timestamps.
    ours, theirs = (frame.drop(columns="day", errors="ignore") for frame in (ours, theirs))
    pd.testing.assert_frame_equal(ours, theirs, check_dtype=False, check_index_type=False)


def test_columns_of_a_mapped_class_and_of_a_table(engine: Engine) -> None:
    expected = frames.read("SELECT name, id FROM sales", engine)
    for what in (Sale, Sale.__table__):
        assert_same(frames.read(what, engine, columns=["name", "id"]), expected)
    assert_same(frames.read(Sale, engine, columns=("who", "id")), expected)
    assert said(Sale, engine, columns=["nmae"]) == (
        "There is no column 'nmae' in columns=. Similar: name."
    )


def test_an_index_among_the_columns_is_read_once(engine: Engine) -> None:
    frame = frames.read("sales", engine, columns=["id", "name"], index_col="id")
    assert (list(frame), frame.index.name) == (["name"], "id")


def test_a_schema_is_that_of_the_table(engine: Engine) -> None:
    assert frames.read("plain", engine, schema="shop")["n"].tolist() == [9]
    assert_same(
        frames.read("plain", engine, schema="shop"), pd.read_sql_table("plain", engine, "shop")
    )
    assert frames.read("dot.ted", engine, schema="shop")["n"].tolist() == [7]
    assert frames.read("dot.ted", engine, schema="public")["n"].tolist() == [8]
    assert "does not exist" in said("plain", engine, schema="public")


def test_a_name_with_a_dot_is_quoted_as_in_sql(engine: Engine) -> None:
    assert frames.read('"dot.ted"', engine)["n"].tolist() == [8]
    assert frames.read('shop."dot.ted"', engine)["n"].tolist() == [7]
    assert frames.read('"shop"."plain"', engine)["n"].tolist() == [9]
    assert said("dot.ted", engine) == (
        "PostgreSQL says: relation \"dot.ted\" does not exist. There is a table 'dot.ted'. Quote "
        "the name, because it contains a dot: frames.read('\"dot.ted\"')."
    )


# -- what is refused

REFUSED = {
    ("index_col", "nmae"): "The result has no column 'nmae', which index_col= names. Similar: name",
    ("index_col", 0): "index_col is 0. It must be a column's name, or a list of names.",
    ("index_col", (1, 2)): "index_col is (1, 2). It must be a column's name, or a list of names.",
    ("parse_dates", "dya"): "The result has no column 'dya', which parse_dates= names.",
    ("parse_dates", 5): "parse_dates is 5. It must be a column's name, or a list of names.",
    ("dtype", "int65"): "dtype is 'int65', and pandas has no such dtype.",
    ("dtype", 5): "dtype is 5, and pandas has no such dtype.",
    ("dtype", "int8"): "dtype= can't be applied to the column 'name'. Its values are str, and",
    ("coerce_float", "no"): "coerce_float is 'no'. It must be True or False.",
    ("coerce_float", pd.NA): "coerce_float is <NA>. It must be True or False.",
    ("chunksize", "10"): "chunksize must be a whole number, not '10'. Pass a whole number, such as",
    ("chunksize", 0): "chunksize is 0, and must be at least 1.",
    ("chunks", "10"): "chunks must be a whole number, not '10'. Pass a whole number, such as",
    ("chunks", 1.5): "chunks must be a whole number, not 1.5.",
    ("chunks", True): "chunks must be a whole number, not True.",
    ("chunks", -1): "chunks is -1, and must be at least 1.",
    ("columns", "name"): "columns is a string. It must be a list of names.",
    ("columns", 5): "columns is 5. It must be a column's name, or a list of names.",
    ("schema", 5): "schema is of type int. It must be a name.",
    ("dtype_backend", "numpy"): "dtype_backend is 'numpy'. It must be 'pyarrow',",
    ("dtype_backend", 5): "dtype_backend is 5. It must be 'pyarrow',",
}


@pytest.mark.samples(8)
@pytest.mark.parametrize(("name", "value"), REFUSED)
def test_an_option_that_makes_no_sense_is_refused(engine: Engine, name: str, value: Any) -> None:
    message = REFUSED[name, value]
    assert said("sales", engine, **{name: value}).startswith(message)


def test_a_mapping_that_makes_no_sense_is_refused(engine: Engine) -> None:
    assert "no column 'nmae', which dtype= names" in said(QUERY, engine, dtype={"nmae": "int8"})
    assert said(QUERY, engine, dtype={"id": "int65"}).startswith("dtype is 'int65', and pandas")
    message = said(QUERY, engine, dtype={"items": "int64"})
    assert message == (
        "dtype= can't be applied to the column 'items'. Its values are float64, and not all of "
        "them can become int64. It contains NULLs. Convert it in the query: CAST(... AS ...)."
    )
    message = said(QUERY, engine, parse_dates={"maybe": {"errors": "raise"}})
    assert message.startswith("The column 'maybe' can't be parsed as dates. Its values are str")
    assert "never" not in message
    assert "can't be parsed" in said(QUERY, engine, parse_dates={"maybe": {"what": 1}})
    assert said(QUERY, engine, parse_dates={"maybe": 5}).startswith("parse_dates can't be used.")
    assert said("SELECT 1 AS n, 2 AS n", engine, index_col="n") == (
        "The result has 2 columns 'n'. index_col= needs one. Rename one of them: AS ..."
    )


def test_a_name_is_checked_before_the_rows_are_read(engine: Engine) -> None:
    query = "SELECT 1 / (id - 4) AS n FROM sales"
    assert "no column 'm'" in said(query, engine, index_col="m")


def test_table_options_are_refused_for_a_query(engine: Engine) -> None:
    what = "columns= is an option for tables, and this is a query."
    for query in (QUERY, text(QUERY), table("sales", column("id")).select()):
        assert said(query, engine, columns=["id"]).startswith(what)
        assert said(query, engine, schema="shop").startswith("schema= is an option for a table's")
    assert said(Sale, engine, schema="shop").startswith("schema= is an option for a table's name.")


def test_an_option_is_never_a_parameter(engine: Engine) -> None:
    names = ("chunksize", "index_col", "columns", "parse_dates", "dtype", "schema", "sql", "engine")
    query = f"SELECT {', '.join(f':{name} AS {name}' for name in names)}"
    frame = frames.read(query, engine, params=dict.fromkeys(names, 1))
    assert frame.iloc[0].tolist() == [1] * len(names)
    for name in ("engine", "bind", "connection", "conn", "sql", "table_name"):
        message = said(f"SELECT :{name} AS x", engine, **{name: 1})
        assert message.startswith(f"{name}= isn't an argument here. Pass the ")
        assert message.endswith(
            f"If it's a parameter of the query, pass it in params={{'{name}': ...}}."
        )


@pytest.mark.parametrize(
    ("name", "option"),
    [
        *(("chunk_size", "chunksize"), ("index_cols", "index_col"), ("dtypes", "dtype")),
        *(("Columns", "columns"), ("batch_size", "chunks"), ("url", "con"), ("sesion", "session")),
    ],
)
def test_a_misspelt_option_is_recognized(engine: Engine, name: str, option: str) -> None:
    assert said("sales", engine, **{name: 1}) == (
        f"The query has no parameter :{name}. Its parameters: none. "
        f"Do you mean the option {option}=?"
    )


@pytest.mark.parametrize("params", [(1,), [1], [{"x": 1}], (), "x", 5, {1: 2}, {"x"}])
def test_parameters_have_names(engine: Engine, params: Any) -> None:
    for query in ("SELECT %s", "SELECT %(x)s", "SELECT :x", "sales"):
        assert said(query, engine, params=params) == (
            f"params is of type {type(params).__name__}, but parameters have names here. There are "
            "no %s, %(x)s, ? or $1: a parameter is written as :x. Write "
            'frames.read("... WHERE id = :x", con, x=1), or pass params={"x": 1}.'
        )


@pytest.mark.parametrize("place", ["%(x)s", "%s", "?", "$1"])
def test_a_place_of_a_driver_is_no_parameter(engine: Engine, place: str) -> None:
    assert said(f"SELECT {place}", engine, params={"x": 1}) == (
        "The query has no parameter :x. Its parameters: none. "
        "A parameter is written as :x, not as %(x)s, %s, ? or $1."
    )


def test_a_parameter_with_two_values_is_refused(engine: Engine) -> None:
    message = said("SELECT :x AS x", engine, params={"x": 1}, x=2)
    assert message == "The parameter :x has two values. One is in params."


@pytest.fixture(autouse=True)
def nothing_stays(engine: Engine) -> Iterator[None]:
    """Every connection is returned, whatever was wrong."""
    yield
    assert engine.pool.checkedout() == 0
