"""Rows that are left at the end of a backfill are an error that says why."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text

from support.backfills import ORDERS, do, fill, rows
from support.drivers import both_drivers
from tutorial_lib import backfill
from tutorial_lib.errors import BackfillError

pytestmark = [both_drivers, pytest.mark.slow]

BEFORE = """
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.id % 10 = 0 THEN {} END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER audit {} UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION f();
"""
DO = (
    "What was committed stays. Remove the cause and run it again; "
    "strict=False accepts rows that are left."
)


@pytest.fixture
def orders(shared: Engine) -> Engine:
    do(shared, ORDERS)
    return shared


def error_of(engine: Engine) -> BackfillError:
    with pytest.raises(BackfillError) as caught:
        fill(engine)
    return caught.value


def test_a_trigger_that_suppresses_the_update_is_named(orders: Engine) -> None:
    do(orders, BEFORE.format("RETURN NULL;", "BEFORE"))
    error = error_of(orders)
    assert error.what == "100 rows of orders still match; 900 rows changed."
    assert error.why == (
        "100 rows: were selected, but not updated. "
        "Possible causes: the trigger audit, other sessions."
    )
    assert error.do == DO
    assert rows(orders, "SELECT count(tax) FROM orders") == [900]  # and committed


@pytest.mark.parametrize("when", ["BEFORE", "AFTER"])
def test_a_trigger_that_undoes_the_update_is_named(orders: Engine, when: str) -> None:
    undo = "NEW.tax := NULL;"
    if when == "AFTER":
        undo = "IF NEW.tax > 0 THEN UPDATE orders SET tax = NULL WHERE id = NEW.id; END IF;"
    do(orders, BEFORE.format(undo, when))
    error = error_of(orders)
    assert error.what.startswith("100 rows of orders still match; ")
    assert error.why == (
        "100 rows: match again, or still. Possible causes: "
        "set= doesn't make where= false, the trigger audit, other sessions."
    )


def test_a_trigger_that_is_disabled_is_not_named(orders: Engine) -> None:
    do(orders, BEFORE.format("RETURN NULL;", "BEFORE") + "ALTER TABLE orders DISABLE TRIGGER audit")
    assert fill(orders).left == 0


def test_a_value_that_still_matches_is_an_error(orders: Engine) -> None:
    with pytest.raises(BackfillError, match="1,000 rows: match again, or still"):
        fill(orders, set={"tax": None})


def test_strict_false_returns_how_many_rows_are_left(orders: Engine) -> None:
    do(orders, BEFORE.format("RETURN NULL;", "BEFORE"))
    assert repr(fill(orders, strict=False)) == "orders: 900 rows in 11 batches, 100 left"


def test_row_level_security_is_named(orders: Engine) -> None:
    role = f"clerk_{orders.url.database}"
    do(
        orders,
        f"CREATE ROLE {role}; GRANT ALL ON SCHEMA public TO {role}; GRANT ALL ON orders TO {role};"
        "ALTER TABLE orders ENABLE ROW LEVEL SECURITY;"
        "CREATE POLICY see ON orders FOR SELECT USING (true);"
        "CREATE POLICY change ON orders FOR UPDATE USING (id > 10)",
    )
    try:
        with orders.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"SET ROLE {role}"))
            with pytest.raises(BackfillError) as caught:
                fill(connection)
            connection.execute(text("RESET ROLE"))
    finally:
        do(orders, f"DROP OWNED BY {role}; DROP ROLE {role}")
    assert caught.value.what == "10 rows of orders still match; 990 rows changed."
    assert "Possible causes: a row-level security policy, other" in caught.value.why


def test_rows_that_arrive_while_nothing_is_to_do_are_done(
    orders: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(orders)
    count = backfill.statements.Statements.count

    def late(*arguments: object) -> object:
        monkeypatch.undo()
        do(orders, "INSERT INTO orders (amount) VALUES (5)")
        return count(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(backfill.statements.Statements, "count", late)
    assert (fill(orders).left, rows(orders, "SELECT max(tax) FROM orders WHERE id > 1000")) == (
        0,
        [10],
    )
