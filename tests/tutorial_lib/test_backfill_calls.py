"""What a backfill can be called with: conditions, values, tables, a progress bar."""

from __future__ import annotations

import enum
import sys
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine, column, func, literal, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from support.backfills import ORDERS, do, fill, rows
from support.drivers import both_drivers
from tutorial_lib import backfill
from tutorial_lib.backfill import bars
from tutorial_lib.errors import BackfillError

pytestmark = [both_drivers, pytest.mark.slow]


class Base(DeclarativeBase):
    """The base of this module's model."""


class Order(Base):
    """An order whose attribute has another name than its column."""

    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    amount: Mapped[int]
    vat: Mapped[int | None] = mapped_column("tax")


class Status(enum.StrEnum):
    """A string that is a value, and not SQL."""

    PAID = "paid"


@pytest.fixture
def orders(shared: Engine) -> Engine:
    do(shared, ORDERS)
    return shared


WHERES = {
    "SQL": "tax IS NULL",
    "SQL with OR": "tax IS NULL OR tax < 0",
    "SQL with a colon and a %": "tax IS NULL AND ':b' LIKE '%:b%' AND '9:30'::time > '1:00'",
    "SQL with a comment": "tax IS NULL -- all of them",
    "SQL with a backslash": r"tax IS NULL AND '\:x' = E'\\:x'",
    "text": text("tax IS NULL"),
    "text with a parameter": text("tax IS NULL AND id > :id").bindparams(id=0),
    "an expression": column("tax").is_(None),
    "a mapped attribute": Order.vat.is_(None),
    "several": sa.and_(Order.vat.is_(None), Order.id > 0),
    "a subquery": text("id IN (SELECT id FROM orders AS o WHERE o.tax IS NULL)"),
}


@pytest.mark.parametrize("name", WHERES)
def test_a_condition_is_sql_or_an_expression(orders: Engine, name: str) -> None:
    target = Order if name in ("a mapped attribute", "several") else "orders"
    done = backfill.run(orders, target, set={"tax": 1}, where=WHERES[name], size=400)
    assert (done.rows, done.batches, done.left) == (1000, 3, 0)


VALUES: dict[str, dict[Any, Any]] = {
    "text": {"tax": text("amount * 2")},
    "an expression": {"tax": column("amount") * 2},
    "a mapped attribute": {Order.vat: Order.amount * 2},
    "a function": {"tax": func.abs(column("amount"))},
    "a number": {"tax": 7},
    "two columns": {"tax": 7, "amount": text("amount + 1")},
}


@pytest.mark.parametrize("name", VALUES)
def test_a_value_is_an_expression_or_a_plain_value(orders: Engine, name: str) -> None:
    target = Order if "mapped" in name else "orders"
    assert backfill.run(orders, target, set=VALUES[name], where="tax IS NULL").left == 0


def test_a_string_for_each_row_is_a_literal_or_an_enum(orders: Engine) -> None:
    do(orders, "ALTER TABLE orders ADD status text")
    fill(orders, set={"status": literal("upper('x')")}, where="status IS NULL")
    assert rows(orders, "SELECT DISTINCT status FROM orders") == ["upper('x')"]
    fill(orders, set={"status": literal(Status.PAID)}, where="status <> 'paid'")
    assert rows(orders, "SELECT DISTINCT status FROM orders") == ["paid"]


def test_a_session_without_a_transaction_is_taken_for_its_engine(orders: Engine) -> None:
    with Session(orders) as session:
        assert fill(session).left == 0


@pytest.mark.parametrize("tax", ["tax", "vat"])
def test_a_column_has_a_key_in_its_table_and_a_name_in_the_database(
    orders: Engine, tax: str
) -> None:
    number, vat = sa.Column("id", sa.Integer, key="number"), sa.Column("tax", key="vat")
    table = sa.Table("orders", sa.MetaData(), number, vat)
    for key in (None, "number", "id", number):
        where = table.c.vat.is_(None) if key is None else table.c.vat == 1
        done = backfill.run(
            orders, table, set={tax: 1}, where=where, key=key, size=400, strict=False
        )
        assert (done.rows, done.batches) == (1000, 3)


def test_a_name_with_a_dot_is_found(orders: Engine) -> None:
    do(orders, 'CREATE TABLE "a.b" (id int PRIMARY KEY, tax int); INSERT INTO "a.b" VALUES (1)')
    do(orders, "DROP SCHEMA IF EXISTS a CASCADE; CREATE SCHEMA a")
    assert backfill.run(orders, "a.b", set={"tax": 1}, where="tax IS NULL").rows == 1
    do(orders, "CREATE TABLE a.b (id int PRIMARY KEY, tax int)")
    with pytest.raises(BackfillError, match=r"The name a\.b can mean 2 tables"):
        backfill.run(orders, "a.b", set={"tax": 1}, where="tax IS NULL")


def test_the_table_of_a_tenant_is_found_by_the_schema_translate_map(orders: Engine) -> None:
    do(orders, "DROP SCHEMA IF EXISTS tenant CASCADE; CREATE SCHEMA tenant")
    do(orders, "CREATE TABLE tenant.bills (id int PRIMARY KEY, tax int)")
    do(orders, "INSERT INTO tenant.bills VALUES (1), (2)")
    table = sa.Table("bills", sa.MetaData(), sa.Column("id", sa.Integer), sa.Column("tax"))
    tenant = orders.execution_options(schema_translate_map={None: "tenant"})
    done = backfill.run(tenant, "bills", set={"tax": 1}, where="tax IS NULL", size=1)
    assert (done.rows, done.batches) == (2, 2)
    assert backfill.run(tenant, table, set={"tax": 2}, where=table.c.tax == 1).rows == 2
    named = orders.execution_options(schema_translate_map={"shop": "tenant"})
    assert backfill.run(named, "shop.bills", set={"tax": 3}, where="tax = 2").rows == 2


def test_a_block_that_was_begun_by_hand_is_a_transaction(orders: Engine) -> None:
    with orders.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("BEGIN"))
        with pytest.raises(BackfillError, match="This connection is in a transaction"):
            fill(connection)
        connection.execute(text("ROLLBACK"))
        assert fill(connection).left == 0


def test_a_value_that_the_server_refuses_is_not_in_the_message(orders: Engine) -> None:
    do(orders, "ALTER TABLE orders ADD secret text DEFAULT 'hunter2'")
    with pytest.raises(BackfillError) as caught:
        fill(orders, set={"tax": text("secret::int")}, size=1)
    assert caught.value.why == (
        "It can't update the row with id 1: invalid input syntax for type integer."
    )


def test_a_progress_bar_is_shown_only_where_it_can_be(
    orders: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fill(orders, progress=True).left == 0
    assert capsys.readouterr() == ("", "")


def test_a_terminal_shows_a_bar(
    orders: Engine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    fill(orders, size=500, progress=True)
    assert "orders: 1,000 rows in 2 batches, 0 left" in capsys.readouterr().err


def test_a_notebook_stores_the_last_state_of_its_bar(
    orders: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs: list[tuple[str, str]] = []

    class Handle:
        def update(self, bar: bars._NotebookBar) -> None:
            outputs.append((repr(bar), bar._repr_html_()))

    monkeypatch.setattr(bars, "_in_notebook", lambda: True)
    monkeypatch.setattr("IPython.display.display", lambda bar, display_id: Handle())
    fill(orders, size=500, progress=True)
    words = "orders: 1,000 rows in 2 batches, 0 left"
    bar = '<progress max="1" value="1.000" aria-label="backfill"></progress>'
    assert outputs[-1] == (words, f"{bar} {words}")


def test_without_rich_the_message_says_how_to_get_it(
    orders: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    with pytest.raises(BackfillError, match="pip install rich"):
        fill(orders, progress=True)
