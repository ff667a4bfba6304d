"""frames.read returns Arrow's Tables and polars' DataFrames with exact types."""

from __future__ import annotations

import datetime
import re
import sys
from collections.abc import Iterator
from decimal import Decimal
from importlib.util import find_spec
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import Engine, String, TypeDecorator, column, text
from sqlalchemy.orm import Session
from test_frames_types import TYPES

from coursekit.settings import ROOT
from support import drivers
from tutorial_lib import frames
from tutorial_lib.errors import FrameError
from tutorial_lib.frames import outputs

pl = pytest.importorskip("polars")
PAGE = (ROOT / "docs" / "frames.md").read_text(encoding="utf-8")
LINE = re.compile(r"^\| ((?:`[^`]+`(?:, )?)+) \| `([^`]+)` \| `([A-Z][^`]+)` \|$", re.MULTILINE)
ROWS = LINE.findall(PAGE.partition("## Arrow and polars")[2].partition("## Drivers")[0])
KINDS = [
    (kind, arrow, polars) for kinds, arrow, polars in ROWS for kind in re.findall("`(.+?)`", kinds)
]
OWN = ("mood", "mood[]", "positive", "price", "pair")  # made in the file of types
# Python has no value for these, or Arrow hasn't.
BEYOND = re.compile(r"^'-?infinity'$|24:00|2700000|^'NaN'$")


driver = drivers.each_driver


@pytest.fixture(scope="module")
def engine(shared: Engine) -> Iterator[Engine]:
    """An engine for this file."""
    return shared


def read(query: Any, engine: Any, to: Any, **options: Any) -> Any:
    """Read into Arrow or polars."""
    found = frames.read(query, engine, to=to, **options)
    assert isinstance(found, pa.Table if to == "arrow" else pl.DataFrame)
    return found


def test_the_page_has_all_types() -> None:
    assert len(KINDS) == 29


@pytest.mark.parametrize(("kind", "arrow", "polars"), KINDS)
def test_a_type_is_as_the_page_says(engine: Engine, kind: str, arrow: str, polars: str) -> None:
    sure = [each for each in TYPES.get(kind, ["1"]) if not BEYOND.search(each)]
    full = f"VALUES ((NULL)::{kind}), (({sure[0]})::{kind})"
    for query in (full, f"SELECT NULL::{kind} AS c LIMIT 0", f"SELECT NULL::{kind} AS c"):
        assert str(read(query, engine, "arrow").schema[0].type) == arrow
        assert str(read(query, engine, "polars").dtypes[0]) == polars


VALUES = {
    "smallint": [-32768],
    "bigint": [9007199254740993],
    "real": [0.5],
    "numeric(8, 2)": [Decimal("19.90"), Decimal("-0.01")],
    "numeric(50, 2)": [Decimal("123456789012345678901234567890123456789012345678.25")],
    "numeric(3, -2)": [Decimal(12300)],
    "numeric(2, 5)": [Decimal("0.00012")],
    "date": [datetime.date(2020, 1, 31), datetime.date(9999, 12, 31), datetime.date(1, 1, 1)],
    "time": [datetime.time(23, 59, 59, 999999)],
    "timestamp": [datetime.datetime(2020, 1, 1, 10, 0, 0, 123456)],
    "timestamptz": [datetime.datetime(1890, 1, 1, tzinfo=datetime.UTC)],
    "interval": [datetime.timedelta(32, 11045, 678901), -datetime.timedelta(365)],
    "bytea": [b"\x00\xff", b""],
    "boolean": [True, False],
}


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Caracas"])
@pytest.mark.parametrize("kind", VALUES)
def test_values_are_exact(engine: Engine, kind: str, zone: str) -> None:
    query = f"VALUES {', '.join(f'(CAST(:v{n} AS {kind}))' for n in range(len(VALUES[kind])))}"
    given = {f"v{number}": value for number, value in enumerate(VALUES[kind])}
    with engine.connect() as connection:
        connection.execute(text(f"SET TimeZone = '{zone}'"))
        query += f", (NULL::{kind})"
        found = read(query, connection, "arrow", params=given)
        assert found["column1"].to_pylist() == [*VALUES[kind], None]
        series = read(query, connection, "polars", params=given)["column1"].to_list()
        if "50" not in kind:
            assert series == [*VALUES[kind], None]


@pytest.mark.parametrize("kind", [kind for kind in TYPES if kind not in OWN])
def test_what_has_no_type_is_postgresqls_text(engine: Engine, kind: str) -> None:
    literals = [each for each in TYPES[kind] if not BEYOND.search(each)]
    rows = ", ".join(f"(({each})::{kind})" for each in [*literals, "NULL"])
    found = read(f"VALUES {rows}", engine, "arrow")["column1"]
    if found.type == pa.string():
        shown = f"SELECT format('%s', n) AS n FROM (VALUES {rows}) AS _ (n) WHERE n IS NOT NULL"
        assert found.to_pylist() == [*frames.read(shown, engine)["n"], None]
    else:
        assert found.null_count == 1


@pytest.mark.parametrize("to", ["arrow", "polars"])
@pytest.mark.parametrize(
    "value",
    [
        *("date 'infinity'", "timestamp '-infinity'", "timestamptz 'infinity'", "time '24:00'"),
        *("date '0044-03-15 BC'", "timestamp '10000-01-01'", "'NaN'::numeric(8, 2)"),
        *("interval '2700000 years'", "timestamptz '0044-03-15 BC'"),
    ],
)
def test_what_a_type_cannot_hold_is_refused(engine: Engine, value: str, to: str) -> None:
    with pytest.raises(FrameError, match="The column 'far' has a value that Arrow's type") as said:
        read(f"SELECT 1 AS n, {value} AS far", engine, to)
    assert "infinity'" not in str(said.value)
    as_text = read(f"SELECT CAST({value} AS text) AS far", engine, to)
    assert as_text.shape == (1, 1)


def test_a_value_that_is_refused_leaves_nothing(engine: Engine) -> None:
    with pytest.raises(FrameError):
        read("SELECT date 'infinity' FROM generate_series(1, 99999)", engine, "arrow")
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]


@pytest.mark.parametrize("to", ["arrow", "polars"])
def test_chunks(engine: Engine, to: Any) -> None:
    query = "SELECT n, 'x\\y' AS word FROM generate_series(1, 5) AS n"
    parts = list(frames.read(query, engine, chunks=2, to=to))
    assert [len(part) for part in parts] == [2, 2, 1]
    with Session(engine) as session:
        session.execute(text("SELECT 1"))
        again = list(frames.read(query, session, chunksize=2, to=to))
    words = [list(part["word"]) if to == "polars" else part["word"].to_pylist() for part in again]
    assert words == [["x\\y"] * 2, ["x\\y"] * 2, ["x\\y"]]
    (empty,) = frames.read("SELECT 1 AS n WHERE false", engine, chunks=9, to=to)
    assert empty.shape == (0, 1)


def test_blocks_make_one_column(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tutorial_lib.frames.copy_reader.BLOCK", 1)
    query = """SELECT n, n::numeric(9, 3) AS d, 'x\\y' AS w, interval '1 h' AS i, now() AS t,
        '\\x00'::bytea AS b FROM generate_series(1, 50) AS n"""
    table = read(query, engine, "arrow")
    assert table["n"].to_pylist() == list(range(1, 51))
    assert table["w"].to_pylist() == ["x\\y"] * 50
    assert read(query, engine, "polars").shape == (50, 6)


@pytest.mark.parametrize("to", ["arrow", "polars"])
def test_what_cannot_be_copied(engine: Engine, to: Any) -> None:
    assert read("SHOW server_encoding", engine, to).shape == (1, 1)
    assert read("EXPLAIN (FORMAT JSON) SELECT 1", engine, to).shape == (1, 1)
    assert read("SELECT FROM generate_series(1, 3)", engine, to).shape == (3, 0)
    assert read("SELECT FROM generate_series(1, 0)", engine, to).shape == (0, 0)
    chunks = frames.read("SELECT FROM generate_series(1, :n)", engine, to=to, chunks=2, n=3)
    assert [chunk.shape for chunk in chunks] == [(2, 0), (1, 0)]


def test_another_encoding(engine: Engine) -> None:
    with engine.connect() as connection:
        driver: Any = connection.connection.dbapi_connection
        if hasattr(driver, "set_client_encoding"):
            driver.set_client_encoding("LATIN1")
        connection.execute(text("SET client_encoding = 'LATIN1'"))
        query = (
            "SELECT 'ü' || chr(8364) AS word, n FROM generate_series(1, 2) AS n WHERE :word = 'ü'"
        )
        assert read(query, connection, "arrow", word="ü")["word"].to_pylist() == ["ü€"] * 2
        connection.invalidate()


def test_two_columns_of_one_name(engine: Engine) -> None:
    assert read("SELECT 1 AS a, 2 AS a", engine, "arrow").column_names == ["a", "a"]
    with pytest.raises(FrameError, match=r"The result has 2 columns 'a'\. polars needs different"):
        read("SELECT 1 AS a, 2 AS a", engine, "polars")


class Shout(TypeDecorator[str]):
    """Text that an application converts to capitals."""

    impl = String
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Any) -> str | None:
        return value and value.upper()


def test_an_applications_own_types_are_not_applied(engine: Engine) -> None:
    query = text("SELECT 'a' AS a").columns(column("a", Shout))
    assert read(query, engine, "arrow")["a"].to_pylist() == ["a"]


@pytest.mark.parametrize(
    "options",
    [
        *({"dtype_backend": "pyarrow"}, {"index_col": "n"}, {"parse_dates": ["n"]}),
        *({"dtype": "Int64"}, {"coerce_float": False}),
    ],
)
def test_pandas_options_are_refused(engine: Engine, options: dict[str, Any]) -> None:
    (name,) = options
    with pytest.raises(FrameError, match=f"{name}= can't be used here. It's an option of pandas'"):
        frames.read("SELECT 1 AS n", engine, to="arrow", **options)


@pytest.mark.parametrize("to", ["numpy", None, 5, "Arrow"])
def test_another_output_is_refused(engine: Engine, to: Any) -> None:
    with pytest.raises(FrameError, match=r"It must be 'pandas', 'arrow' or 'polars'"):
        frames.read("SELECT 1 AS n", engine, to=to)


@pytest.mark.parametrize("package", ["pyarrow", "polars"])
def test_a_missing_package_is_named(
    engine: Engine, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = {name: find_spec(name) for name in ("pyarrow", "polars")}
    monkeypatch.setattr(outputs, "find_spec", lambda name: name != package and there[name])
    what = f'to="polars" needs {package}, which isn\'t installed. Run pip install {package}.'
    with pytest.raises(FrameError, match=re.escape(what)):
        frames.read("SELECT 1 AS n", engine, to="polars")


def test_arrow_needs_no_pandas(engine: Engine) -> None:
    """Neither Arrow nor polars goes through pandas' objects."""
    assert "polars" in sys.modules
    table = read("SELECT 1 AS n", engine, "arrow")
    assert table.schema.metadata is None  # pandas would have left its own


def test_without_a_to_it_is_pandas(engine: Engine) -> None:
    first = frames.read("SELECT 1 AS n", engine)
    assert first.equals(frames.read("SELECT 1 AS n", engine, to="pandas"))
