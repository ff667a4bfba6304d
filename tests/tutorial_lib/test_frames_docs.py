"""Every row of the tables in docs/frames.md is true when read in either way."""

from __future__ import annotations

import re
from inspect import signature
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import Engine, insert, select, text
from sqlalchemy.exc import DataError
from sqlalchemy.orm import Session

from coursekit.settings import ROOT
from support import drivers
from tutorial_lib import frames
from tutorial_lib.models import User

PAGE = (ROOT / "docs" / "frames.md").read_text(encoding="utf-8")
LINE = re.compile(r"^\| `([^`]+)`[^|]*\| `([^`]+)` \| `([^`]+)`[^|]*\|$", re.MULTILINE)
PARTS = re.split(r'## Drivers|## Differences from pandas|With `dtype_backend="pyarrow"`', PAGE)
DRIVERS_DIFFER, FIRST, SECOND = map(LINE.findall, PARTS[1:])


driver = drivers.each_driver


@pytest.fixture(scope="module")
def engine(shared: Engine) -> Engine:
    """A database with the page's tables."""
    with shared.begin() as connection:
        connection.execute(text("CREATE TABLE a_date AS SELECT date '2020-01-31' AS n"))
        connection.execute(text("CREATE TABLE no_text AS SELECT NULL::text AS n"))
    return shared


def test_the_page_has_all_tables() -> None:
    assert (len(DRIVERS_DIFFER), len(FIRST), len(SECOND)) == (9, 8, 7)


@pytest.mark.parametrize(("what", "old", "new"), DRIVERS_DIFFER)
def test_the_drivers_differ_as_the_page_says(engine: Engine, what: str, old: str, new: str) -> None:
    expected = {"psycopg2": old, "psycopg": new}[engine.driver]
    try:
        found = frames.read(what, engine).iloc[0, 0]
    except (ValueError, DataError) as error:
        found = error
    assert type(found).__name__ == expected


@pytest.mark.parametrize(("what", "usual", "ours"), FIRST)
def test_a_difference_is_as_the_page_says(engine: Engine, what: str, usual: str, ours: str) -> None:
    theirs = pd.read_sql(text(what) if " " in what else what, engine)
    assert str(theirs["n"].dtype) == usual
    assert str(frames.read(what, engine)["n"].dtype) == ours


@pytest.mark.parametrize(("what", "usual", "ours"), SECOND)
def test_a_difference_of_arrow_columns_is_as_the_page_says(
    engine: Engine, what: str, usual: str, ours: str
) -> None:
    query = text(re.sub(r":(?=\w)|(?<=:):", r"\:", what))
    assert str(pd.read_sql(query, engine, dtype_backend="pyarrow")["n"].dtype) == usual
    assert str(frames.read(what, engine, dtype_backend="pyarrow")["n"].dtype) == ours


def test_what_is_not_null_stays_so(engine: Engine) -> None:
    query = text("SELECT 'NaN'::float8 AS n")
    theirs = pd.read_sql(query, engine, dtype_backend="pyarrow")
    assert theirs["n"].isna().tolist() == [True]
    found = frames.read(query, engine, dtype_backend="pyarrow")
    assert found["n"].isna().tolist() == [False]


def test_pandas_keeps_text_in_pyarrows_memory() -> None:
    kind = pd.Series(["x"]).dtype
    assert (str(kind), kind.storage) == ("str", "pyarrow")  # type: ignore[union-attr]


def test_every_word_of_pandas_is_on_the_page() -> None:
    table = PAGE.split("## Coming from pandas")[1].split("## ")[0]
    words = re.findall(r"`(\w+)`", "".join(re.findall(r"^\|([^|]+)\|", table, re.MULTILINE)))
    functions = (pd.read_sql, pd.read_sql_table)
    assert set(words) == {name for each in functions for name in signature(each).parameters}
    assert set(words) - {"sql", "table_name"} <= {*signature(frames.read).parameters}


def test_the_first_example_works(engine: Engine) -> None:
    with engine.begin() as connection:
        User.metadata.tables["users"].create(connection)
        connection.execute(insert(User.__table__).values(name="Ann", email="a@x.io", password="$x"))
        orders = "CREATE TABLE orders AS SELECT id AS user_id, true AS paid FROM users"
        connection.execute(text(orders))
    with Session(engine) as db:
        names: dict[str, Any] = {"engine": engine, "db": db, "User": User, "select": select}
        exec(PAGE.split("```python")[1].split("```")[0], names)
    assert names["users"].index.tolist() == [1]
    assert names["part"]["paid"].tolist() == [True]
