"""Tests for what lesson 08 claims in prose without showing it in an output."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import InternalError

from tutorial_lib import explorer, frames

QUERY = "SELECT items, amount, delivered FROM shop_orders ORDER BY id"


@pytest.fixture
def polars() -> Any:
    """Polars, which is installed with TUTORIAL_DEV=1."""
    return pytest.importorskip("polars")


@pytest.fixture
def shop(engine: Engine) -> Iterator[Engine]:
    """An engine for a database with two tables, of which one references the other."""
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE buyers (id integer PRIMARY KEY, name varchar(50))"))
        connection.execute(
            text(
                "CREATE TABLE shop_orders (id integer PRIMARY KEY, buyer integer REFERENCES buyers,"
                " items integer, amount numeric(8, 2), delivered date)"
            )
        )
        connection.execute(text("INSERT INTO buyers VALUES (1, 'Ann')"))
        connection.execute(
            text(
                "INSERT INTO shop_orders VALUES (1, 1, 2, 19.90, '2026-01-17'),"
                " (2, 1, NULL, 5.10, NULL)"
            )
        )
    yield engine
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS shop_orders, buyers"))


def test_polars_reads_the_types_without_options(shop: Engine, polars: Any) -> None:
    frame = polars.read_database(QUERY, shop)
    assert frame["items"].to_list() == [2, None]
    assert frame["amount"].to_list() == [Decimal("19.90"), Decimal("5.10")]
    assert frame["delivered"].to_list() == [datetime.date(2026, 1, 17), None]


def test_frames_reads_the_same_types_as_polars(shop: Engine, polars: Any) -> None:
    frame = frames.read(QUERY, shop, to="polars")
    assert frame.rows() == polars.read_database(QUERY, shop).rows()


def test_repeatable_read_shows_the_same_rows_to_every_query(shop: Engine) -> None:
    with shop.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        first = pd.read_sql(text("SELECT id FROM buyers"), connection)
        with shop.begin() as other:
            other.execute(text("INSERT INTO buyers VALUES (2, 'Ben')"))
        second = pd.read_sql(text("SELECT id FROM buyers"), connection)
    assert len(first) == len(second) == 1


def test_to_sql_commits_if_it_gets_an_engine(shop: Engine) -> None:
    buyers = pd.read_sql(text("SELECT * FROM buyers"), shop)
    with pytest.raises(InternalError, match="other objects depend on it"):
        buyers.to_sql("buyers", shop, if_exists="replace", index=False)
    with shop.begin() as connection:
        connection.execute(text("DROP TABLE shop_orders"))
    before = explorer.snapshot(shop)
    buyers.to_sql("buyers", shop, if_exists="replace", index=False)
    lost = [each.name for each in explorer.changes(before, explorer.snapshot(shop)).all]
    assert "buyers.buyers_pkey" in lost


def test_delete_rows_keeps_the_table(shop: Engine) -> None:
    before = explorer.snapshot(shop)
    ben = pd.DataFrame({"id": [1], "name": ["Ben"]})
    with shop.begin() as connection:
        connection.execute(text("DELETE FROM shop_orders"))
    ben.to_sql("buyers", shop, if_exists="delete_rows", index=False)
    assert not explorer.changes(before, explorer.snapshot(shop)).all
    assert pd.read_sql_table("buyers", shop)["name"].tolist() == ["Ben"]


def test_the_engine_of_your_own_project_has_a_time_zone_and_a_lock_timeout(engine: Engine) -> None:
    options = {"options": "-c timezone=UTC -c lock_timeout=5s"}
    own = create_engine(engine.url, connect_args=options)
    with own.connect() as connection:
        assert connection.scalar(text("SHOW timezone")) == "UTC"
        assert connection.scalar(text("SHOW lock_timeout")) == "5s"
    own.dispose()
