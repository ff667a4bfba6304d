"""Odd values and odd tables: each is read as PostgreSQL has it, or refused by name."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import (
    Engine,
    MetaData,
    Numeric,
    String,
    Table,
    TypeDecorator,
    column,
    literal,
    select,
    table,
    text,
)

from support import drivers
from support.assert_frames import assert_same
from tutorial_lib import frames
from tutorial_lib.errors import FrameError, WriteError

HALF, NUL = "a\ud800b", "a\0b"
TABLES = """
CREATE SCHEMA shop;
CREATE TABLE users (id int, name text, password text);
CREATE TABLE shop."Or.ders" (id bigint, taken interval, at timestamp, n numeric);
INSERT INTO users VALUES (1, 'Ann', 'x');
INSERT INTO shop."Or.ders" VALUES (7, '1 day', '2026-01-01', 1.5), (8, NULL, NULL, NULL);
"""

driver = drivers.each_driver


class Hashed(TypeDecorator[str]):
    """A type that needs bytes, as one that hashes passwords."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str:
        """Raise an error that contains the value."""
        if value == "secret":
            raise LookupError(value)
        return (value or "").encode().hex()


USERS = table("users", column("id"), column("password", Hashed))


@pytest.fixture(scope="module")
def engine(shared: Engine) -> Engine:
    """A database with two tables."""
    with shared.begin() as connection:
        connection.execute(text(TABLES))
    return shared


# -- characters


@pytest.mark.parametrize("value", [HALF, "secret"])
def test_a_type_that_raises_names_the_row_and_no_value(engine: Engine, value: str) -> None:
    df = pd.DataFrame({"id": [1, 2], "password": pd.Series(["x", value], dtype=object)})
    with pytest.raises(WriteError, match="Row 1 doesn't fit the column password") as raised:
        frames.write(df, USERS, engine)
    assert (raised.value.row, raised.value.column) == (1, "password")
    assert (raised.value.__cause__, raised.value.__context__) == (None, None)
    assert value not in str(raised.value)
    assert len(frames.read("users", engine)) == 1


def test_a_type_that_raises_for_a_parameter_shows_no_value(engine: Engine) -> None:
    with pytest.raises(FrameError, match="The type raises LookupError") as raised:
        frames.read(select(USERS.c.id).where(USERS.c.password == "secret"), engine)
    assert "secret" not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize("odd", [HALF, NUL])
def test_names_and_sql_that_cannot_be_sent(engine: Engine, odd: str) -> None:
    one = pd.DataFrame({"id": [1]})
    reads: list[Any] = [odd, f"SELECT '{odd}'", text(f"SELECT '{odd}'"), table(odd)]
    for query in reads:
        with pytest.raises(FrameError, match=r"contains a (lone surrogate|NUL character)"):
            frames.read(query, engine)
    with pytest.raises(FrameError, match="contains"):
        frames.read("users", engine, schema=odd)
    with pytest.raises(FrameError, match="contains"):
        frames.read("users", engine, columns=["id", odd])
    with pytest.raises(FrameError, match="contains"):
        frames.write(one, odd, engine)
    with pytest.raises(FrameError, match="contains"):
        frames.write(one, "users", engine, schema=odd)
    with pytest.raises(FrameError, match="No unique constraint"):
        frames.write(one, "users", engine, on_conflict="nothing", key=odd)


# -- tables of which only the name is known


def test_a_table_without_columns_is_read_like_a_name(engine: Engine) -> None:
    users, orders = table("users"), table("Or.ders", schema="shop")
    bare: list[Any] = [users, users.alias("u"), Table("users", MetaData())]
    for query in bare:
        assert_same(frames.read(query, engine), frames.read("users", engine))
    assert frames.read(orders, engine)["id"].tolist() == [7, 8]
    assert frames.read(table("Or.ders"), engine, schema="shop")["id"].tolist() == [7, 8]
    assert list(frames.read(users, engine, columns=["name", "id"])) == ["name", "id"]
    with pytest.raises(FrameError, match="users2"):
        frames.read(table("users2"), engine)


# -- numbers


@pytest.mark.parametrize("value", ["Infinity", "-Infinity", "NaN", "sNaN", "-sNaN", "-NaN"])
def test_a_decimal_that_is_not_a_number(engine: Engine, value: str) -> None:
    sent, expected = Decimal(value), "NaN" if "NaN" in value else value

    def read(sql: str, x: Any) -> list[Any]:
        return frames.read(sql, engine, x=x).iloc[0].tolist()

    assert read("SELECT CAST(:x AS numeric)::text", sent) == [expected]
    assert read("SELECT CAST(pg_typeof(:x) AS text)", sent) == ["numeric"]
    assert read("SELECT CAST(:x AS numeric[])::text", [1, sent]) == [f"{{1,{expected}}}"]
    assert read("SELECT 1 IN :x", [sent]) == [False]
    query = select(literal(sent, Numeric(asdecimal=True)).cast(String))
    assert frames.read(query, engine).iloc[0].tolist() == [expected]


def test_a_document_with_an_infinite_number_is_refused(engine: Engine) -> None:
    with pytest.raises(FrameError, match="can be written as JSON"):
        frames.read("SELECT CAST(:x AS jsonb)", engine, x={"a": float("inf")})


@pytest.mark.parametrize(
    "how",
    [["taken"], {"taken": "s"}, {"taken": "%Y"}, {"taken": "D"}, {"taken": {"errors": "coerce"}}],
)
def test_parse_dates_of_an_interval_is_as_with_pandas(engine: Engine, how: Any) -> None:
    query = text('SELECT taken FROM shop."Or.ders"')
    with engine.connect() as connection:
        expected = pd.read_sql(query, connection, parse_dates=how)
    assert_same(frames.read(query, engine, parse_dates=how), expected)


def test_parse_dates_of_an_interval_that_pandas_refuses(engine: Engine) -> None:
    with pytest.raises(FrameError, match=r"'taken' can't be parsed as dates"):
        frames.read(table("Or.ders"), engine, schema="shop", parse_dates={"taken": {"unit": "s"}})
