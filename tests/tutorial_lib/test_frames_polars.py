"""DataFrames of polars: they're written, their columns are parameters, and they're read."""

from __future__ import annotations

import datetime as dt
import decimal
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from support import drivers
from tutorial_lib import frames
from tutorial_lib.db import make_engine
from tutorial_lib.errors import FrameError

pl = pytest.importorskip("polars", reason="polars is installed with TUTORIAL_DEV=1")

driver = drivers.each_driver
TABLES = """
CREATE TABLE things (id bigint, taken interval, at timestamp, n numeric);
INSERT INTO things VALUES (7, '1 day', '2026-01-01', 1.5), (8, NULL, NULL, NULL);
"""


@pytest.fixture(scope="module")
def engine(shared: Engine) -> Engine:
    """A database with a table."""
    with shared.begin() as connection:
        connection.execute(text(TABLES))
    return shared


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("text", pl.DataFrame({"v": ["a", None]}), ["a", None]),
        ("text", pl.DataFrame({"v": pl.Series(["a", "b"], dtype=pl.Categorical)}), ["a", "b"]),
        ("text", pl.DataFrame({"v": pl.Series(["a", "b"], dtype=pl.Enum(["a", "b"]))}), ["a", "b"]),
        ("time", pl.DataFrame({"v": [dt.time(1, 2, 3)]}), ["01:02:03"]),
        ("int[]", pl.DataFrame({"v": [[1, None], []]}), ["{1,NULL}", "{}"]),
        ("jsonb", pl.DataFrame({"v": [{"a": 1}, {"a": None}]}), ['{"a": 1}', '{"a": null}']),
        ("numeric", pl.DataFrame({"v": [decimal.Decimal("1.50")]}), ["1.50"]),
        ("float8", pl.DataFrame({"v": [float("nan"), None]}), ["NaN", None]),
        ("interval", pl.DataFrame({"v": [dt.timedelta(hours=-25)]}), ["-2 days +23:00:00"]),
    ],
)
def test_values_are_stored_as_they_are(
    engine: Engine, kind: str, values: Any, expected: list[str | None]
) -> None:
    with engine.connect() as connection:
        connection.execute(text(f"CREATE TEMP TABLE t (v {kind})"))
        assert frames.write(values, "t", connection) == len(values)
        every = text("SELECT CAST(v AS text) FROM t ORDER BY ctid")
        assert list(connection.execute(every).scalars()) == expected


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("id", pl.Series([1, 2**70], dtype=pl.Int128)),
        ("n", pl.Series([1, 2**70], dtype=pl.Int128)),
        ("id", pl.Series([1, 2**64 - 1], dtype=pl.UInt64)),
        ("taken", pl.Series([1, 2**62], dtype=pl.Duration("ms"))),
        ("at", pl.Series([1, 2**62], dtype=pl.Datetime("ms"))),
        ("at", pl.Series([1, object()], dtype=pl.Object)),
    ],
)
def test_what_polars_has_and_the_table_has_not_names_the_column(
    engine: Engine, column: str, values: Any
) -> None:
    df = pl.DataFrame([pl.Series("n" if column == "id" else "id", [1, 2]), values.alias(column)])
    with pytest.raises(FrameError, match=f"column {column}"):
        frames.write(df, "things", engine)
    assert frames.read("things", engine)["id"].tolist() == [7, 8]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pl.DataFrame({"n": pl.Series([b"x"], dtype=pl.Object)}), "column n contains Python"),
        (pl.LazyFrame({"n": [1]}), r"Call collect\(\) first"),
    ],
)
def test_what_cannot_be_written(engine: Engine, frame: Any, message: str) -> None:
    with pytest.raises(FrameError, match=message):
        frames.write(frame, "things", engine)


@pytest.mark.parametrize("condition", ["id = ANY(:x)", "id IN :x"])
def test_a_column_is_a_parameter(engine: Engine, condition: str) -> None:
    query = f"SELECT id FROM things WHERE {condition} ORDER BY id"
    assert frames.read(query, engine, x=pl.Series([8, 9]))["id"].tolist() == [8]


def test_a_whole_dataframe_is_refused(engine: Engine) -> None:
    with pytest.raises(FrameError, match=r"parameter :x is a whole DataFrame\. Pass one of its"):
        frames.read("SELECT 1 WHERE 1 IN :x", engine, x=pl.DataFrame({"a": [1]}))


def test_a_timeout_in_the_middle(engine: Engine) -> None:
    sleeping = "pg_sleep(CASE n WHEN 9000 THEN 60 ELSE 0 END)::text"
    slow = f"SELECT n, repeat('x', 100) AS filling, {sleeping} FROM generate_series(1, 10000) AS n"
    limited = make_engine(engine.url, connect_args={"options": "-c statement_timeout=500"})
    with pytest.raises(OperationalError, match="statement timeout"):
        frames.read(slow, limited, to="polars")
    with pytest.raises(OperationalError, match="statement timeout"):
        list(frames.read(slow, limited, to="polars", chunks=100))
    assert limited.pool.checkedout() == 0  # type: ignore[attr-defined]
    limited.dispose()
