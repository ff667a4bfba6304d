"""on_conflict skips or updates rows whose key exists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from support.drivers import both_drivers
from tutorial_lib import frames
from tutorial_lib.errors import FrameError, WriteError

pytestmark = both_drivers
TABLES = """
CREATE TABLE stock (
    shop int, item text, amount int CHECK (amount >= 0), note text DEFAULT 'new',
    id int GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (shop, item));
CREATE TABLE slow (id int PRIMARY KEY, code text CONSTRAINT late UNIQUE DEFERRABLE);
CREATE UNIQUE INDEX one_lower ON stock (shop, lower(item));
CREATE UNIQUE INDEX one_open ON stock (note) WHERE amount > 100;
CREATE TABLE plain (id int);
INSERT INTO stock (shop, item, amount, note) VALUES (1, 'pen', 5, 'old'), (1, 'cup', 7, 'old');
"""


class Base(DeclarativeBase):
    """Models of the tests."""


class Stock(Base):
    """A class whose attribute has another name than its column."""

    __tablename__ = "stock"
    shop: Mapped[int] = mapped_column(primary_key=True)
    thing: Mapped[str] = mapped_column("item", primary_key=True)
    amount: Mapped[int]


@pytest.fixture(scope="module")
def created(shared: Engine) -> Engine:
    """A database with the tables."""
    with shared.begin() as connection:
        connection.execute(text(TABLES))
    return shared


@pytest.fixture
def connection(created: Engine) -> Iterator[Connection]:
    """A transaction that's rolled back."""
    with created.connect() as connection:
        connection.execute(text("SELECT 1"))
        yield connection


def stock(*items: str, **columns: Any) -> pd.DataFrame:
    """Return rows of the table."""
    return pd.DataFrame({"shop": 1, "item": list(items), **columns})


def rows(connection: Connection) -> list[tuple[Any, ...]]:
    """Return the table."""
    found = connection.execute(text("SELECT item, amount, note FROM stock ORDER BY item"))
    return [tuple(row) for row in found]


@pytest.mark.parametrize("key", [None, "stock_pkey", ["shop", "item"], ("item", "shop")], ids=str)
def test_update_overwrites_the_columns_of_the_frame(connection: Connection, key: Any) -> None:
    frame = stock("cup", "jug", amount=[1, 2])
    assert frames.write(frame, "stock", connection, on_conflict="update", key=key) == 2
    assert rows(connection) == [("cup", 1, "old"), ("jug", 2, "new"), ("pen", 5, "old")]


@pytest.mark.parametrize("key", [None, "stock_pkey", "one_lower", ["shop", "item"]], ids=str)
def test_nothing_skips_rows(connection: Connection, key: Any) -> None:
    frame = stock("cup", "jug", amount=[1, 2])
    assert frames.write(frame, "stock", connection, on_conflict="nothing", key=key) == 1
    assert rows(connection) == [("cup", 7, "old"), ("jug", 2, "new"), ("pen", 5, "old")]


def test_an_index_on_an_expression(connection: Connection) -> None:
    frame = stock("CUP", amount=[1])
    assert frames.write(frame, "stock", connection, on_conflict="update", key="one_lower") == 1
    assert rows(connection)[0] == ("CUP", 1, "old")


def test_a_partial_index(connection: Connection) -> None:
    frame = stock("a", "b", amount=[500, 600], note=["x", "y"])
    for _ in range(2):
        assert frames.write(frame, "stock", connection, on_conflict="nothing", key="note") < 3
    frames.write(frame.assign(amount=700), "stock", connection, on_conflict="update", key=["note"])
    assert [row[1] for row in rows(connection)] == [700, 700, 7, 5]


def test_only_the_key_is_counted_as_updated(connection: Connection) -> None:
    assert frames.write(stock("cup"), "stock", connection, on_conflict="update") == 1
    assert rows(connection)[0] == ("cup", 7, "old")


def test_names_of_a_class(connection: Connection) -> None:
    frame = pd.DataFrame({"shop": 1, "thing": ["cup"], "amount": 3})
    key = ["shop", "thing"]
    assert frames.write(frame, Stock, connection, on_conflict="update", key=key) == 1
    assert rows(connection)[0] == ("cup", 3, "old")


def test_a_session_sees_the_updated_rows(created: Engine) -> None:
    with Session(created) as session:
        cup = session.get_one(Stock, (1, "cup"))
        frames.write(stock("cup", amount=[1]), Stock, session, on_conflict="update")
        assert cup.amount == 1


def test_duplicates_in_the_frame_are_named(connection: Connection) -> None:
    frame = stock("a", "cup", "b", "cup", "a", amount=1)
    with pytest.raises(WriteError, match=r"Rows 0, 4 have the same key") as caught:
        frames.write(frame, "stock", connection, on_conflict="update")
    assert caught.value.row == 4
    assert len(rows(connection)) == 2
    assert frames.write(frame, "stock", connection, on_conflict="nothing") == 2


def test_duplicates_of_an_expression_are_named(connection: Connection) -> None:
    frame = stock("a", "b", "B", amount=1)
    with pytest.raises(WriteError, match=r"Rows 1, 2 have the same key"):
        frames.write(frame, "stock", connection, on_conflict="update", key="one_lower")


@pytest.mark.parametrize("position", [0, 1, 6, 9])
def test_a_violation_of_another_constraint_names_the_row(
    connection: Connection, position: int
) -> None:
    amounts = [1] * 10
    amounts[position] = -1
    frame = stock(*"abcdefghij", amount=amounts)
    with pytest.raises(WriteError, match=f"Row {position} violates the check constraint") as caught:
        frames.write(frame, "stock", connection, on_conflict="update")
    assert (caught.value.row, caught.value.constraint) == (position, "stock_amount_check")
    assert len(rows(connection)) == 2


def test_another_unique_key_is_an_error(connection: Connection) -> None:
    frame = pd.DataFrame({"id": [1, 2, 3], "code": ["x", "y", "x"]})
    with pytest.raises(WriteError, match="Row 2 violates the unique constraint late"):
        frames.write(frame, "slow", connection, on_conflict="update")


@pytest.mark.parametrize(
    ("name", "key", "message"),
    [
        ("slow", "late", "The key late is deferrable"),
        ("slow", ["code"], "The key late is deferrable"),
        ("slow", None, r"The key late is deferrable.* Name another one"),
        ("stock", ["amount"], r"No unique constraint or index of stock is on amount\. There are: "),
        ("stock", "stock_pky", r"stock_pkey \(shop, item\)"),
    ],
)
def test_a_key_that_cannot_be_used(
    connection: Connection, name: str, key: Any, message: str
) -> None:
    frame = stock("cup", amount=1) if name == "stock" else pd.DataFrame({"id": [1], "code": "x"})
    with pytest.raises(FrameError, match=message):
        frames.write(frame, name, connection, on_conflict="nothing", key=key)


def test_a_table_without_a_key(connection: Connection) -> None:
    frame = pd.DataFrame({"id": [1]})
    with pytest.raises(FrameError, match=r"plain has no primary key to update by\. There are none"):
        frames.write(frame, "plain", connection, on_conflict="update")
    assert frames.write(frame, "plain", connection, on_conflict="nothing") == 1


def test_no_privilege_for_temporary_tables_is_the_servers_error(created: Engine) -> None:
    with created.connect() as connection:
        database = created.url.database
        connection.execute(
            text(
                f"REVOKE TEMP ON DATABASE {database} FROM public; CREATE ROLE guest;"
                "GRANT INSERT, SELECT ON stock TO guest; SET ROLE guest"
            )
        )
        frame = stock("a", "b", amount=[1, -1])
        with pytest.raises(WriteError, match="Row 1 violates"):
            frames.write(frame, "stock", connection)
        with pytest.raises(Exception, match="permission denied to create temporary tables"):
            frames.write(frame, "stock", connection, on_conflict="update")
