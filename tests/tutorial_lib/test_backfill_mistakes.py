"""A mistake in the call of a backfill is one clear error, and nothing is written."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine, column, literal, text
from sqlalchemy.orm import Session

from support.backfills import ORDERS, TAX, do, fill, rows
from support.drivers import both_drivers
from tutorial_lib import backfill
from tutorial_lib.errors import BackfillError

pytestmark = both_drivers


@pytest.fixture(scope="module")
def table(shared: Engine) -> Engine:
    do(shared, ORDERS)
    do(shared, "DROP SCHEMA IF EXISTS shop CASCADE; CREATE SCHEMA shop")
    do(shared, "CREATE TABLE shop.accounts (id int PRIMARY KEY, tax int)")
    return shared


@pytest.fixture
def orders(table: Engine) -> Iterator[Engine]:
    yield table
    assert rows(table, "SELECT count(tax) FROM orders") == [0]


# The options of a call, what is wrong with it, and a part of the rest of the message.
WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "no values": ({"set": {}}, "set= must name at least one column", "It's empty."),
    "no dictionary": ({"set": "tax = 1"}, "set= must name at least one column", "Got str."),
    "a string as a value": (
        {"set": {"tax": "amount * 2"}},
        "The new value of tax is a string, which could be SQL or a text.",
        '{"tax": text(...)}; for a text, {"tax": literal(...)}',
    ),
    "an unknown column": ({"set": {"taxx": 1}}, "orders has no column taxx.", "Did you mean tax?"),
    "an unknown key": ({"key": "idd"}, "There is no key", "It has no column idd. Did you mean id?"),
    "a set as a key": ({"key": {"id"}}, "There is no key", "key= is {'id'}."),
    "no key": ({"key": []}, "There is no key", "key= names no column."),
    "a number as a key": ({"key": 1}, "There is no key", "key= is 1."),
    "an empty condition": ({"where": " "}, "where= is empty.", "a second call can't resume"),
    "an empty text": ({"where": text("")}, "where= is empty.", ""),
    "no condition": ({"where": None}, "where= must be an SQL condition.", "Got NoneType."),
    "a boolean condition": ({"where": True}, "where= must be an SQL condition.", "Got bool."),
    "a list of conditions": ({"where": [text("a")]}, "where= must be", "sa.and_(...)"),
    "a parameter without a value": (
        {"where": text("id > :id")},
        "The backfill of orders stopped after 0 rows.",
        "A value is required for bind parameter 'id'",
    ),
    "a condition that is wrong": ({"where": "taxx IS NULL"}, "stopped after 0", '"taxx" does not'),
    "a semicolon": ({"where": "tax IS NULL;"}, "stopped after 0 rows", "Nothing was written."),
    "a value with a NUL": ({"set": {"tax": literal("a\0b")}}, "", ""),
    "half a character": ({"where": "tax = '\udce4'"}, "A value can't be sent", "surrogates not"),
    "two statements": ({"where": "true); DROP TABLE orders; --"}, "stopped after 0 rows", ""),
    "size 0": ({"size": 0}, "size is 0, and must be at least 1.", "Pass a whole number"),
    "size as a float": ({"size": 1e3}, "size must be a whole number, not 1000.0.", ""),
    "size as a boolean": ({"size": True}, "size must be a whole number, not True.", ""),
    "no attempts": ({"attempts": 0}, "attempts is 0, and must be at least 1.", ""),
    "no limit": ({"lock_timeout": 0}, "lock_timeout must be at least 0.001", "=0.5"),
    "a negative limit": ({"lock_timeout": -1}, "lock_timeout must be at least 0.001", ""),
    "a limit as a string": ({"lock_timeout": "1s"}, "lock_timeout must be a number", ""),
    "an infinite limit": ({"lock_timeout": math.inf}, "lock_timeout must be at least", ""),
    "a negative pause": ({"pause": -1}, "pause must be at least 0", ""),
    "no target": ({"target_time": 0}, "target_time must be at least 0.001", ""),
    "a lag of NaN": ({"max_lag": math.nan}, "max_lag must be at least 0 seconds, not nan.", ""),
    "a bar by name": ({"progress": "bar"}, "progress= must be True or a function.", "Got str."),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_in_the_call_is_one_clear_error(orders: Engine, name: str) -> None:
    options, what, more = WRONG[name]
    with pytest.raises(BackfillError) as caught:
        fill(orders, **options)
    assert what in caught.value.what
    assert more in f"{caught.value.why} {caught.value.do}"


TARGETS: dict[str, tuple[Any, str]] = {
    "a typo": ("order", "Did you mean orders?"),
    "another case": ("Orders", "Did you mean orders?"),
    "a table in a schema": ("accounts", "Did you mean shop.accounts?"),
    "a typo in a schema": ("shop.acounts", "Did you mean shop.accounts?"),
    "nothing like it": ("zzzz", "Check the spelling, or write schema.name."),
    "a name with a NUL": ("or\0ders", "Check the spelling."),
    "half a character": ("ord\udce4rs", "Check the spelling."),
    "an empty name": ("", "Check the spelling, or write schema.name."),
    "a table object": (sa.table("order", column("id"), column("tax")), "Did you mean orders?"),
}


@pytest.mark.parametrize("name", TARGETS)
def test_a_table_that_is_not_there_is_told_with_names_like_it(orders: Engine, name: str) -> None:
    target, advice = TARGETS[name]
    with pytest.raises(BackfillError, match="There is no table") as caught:
        backfill.run(orders, target, set={"tax": 1}, where="tax IS NULL")
    assert caught.value.do == advice


@pytest.mark.parametrize("target", [None, 5, ["orders"], text("orders"), sa.select(column("id"))])
def test_what_is_no_table_is_refused(orders: Engine, target: Any) -> None:
    with pytest.raises(BackfillError, match=r"backfill\.run needs a table"):
        backfill.run(orders, target, set=TAX, where="tax IS NULL")


def test_a_bind_without_an_engine_is_refused(orders: Engine) -> None:
    closed = orders.connect()
    closed.close()
    with Session(orders) as session:
        session.execute(text("SELECT 1"))
        for bind in ("sqlite://x", session, sa.create_engine("sqlite://"), closed):
            with pytest.raises(BackfillError):
                fill(bind)  # type: ignore[arg-type]


def test_a_table_object_that_lacks_a_column_is_told_to_name_it(orders: Engine) -> None:
    with pytest.raises(BackfillError, match=r'Add sa\.column\("tax"\) to the table'):
        backfill.run(orders, sa.table("orders", column("id")), set={"tax": 1}, where="tax IS NULL")
    with pytest.raises(BackfillError, match=r'Add sa\.column\("id"\) to the table'):
        backfill.run(orders, sa.table("orders", column("tax")), set={"tax": 1}, where="tax IS NULL")
