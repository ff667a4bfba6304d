"""A backfill in batches: what it changes, what it leaves alone, and how it resumes."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection, Engine, literal, text
from sqlalchemy.exc import OperationalError

from support.backfills import ORDERS, TAX, WRITTEN, do, fill, rows
from support.drivers import both_drivers
from tutorial_lib import backfill, workload
from tutorial_lib.errors import BackfillError

pytestmark = both_drivers


@pytest.fixture
def orders(shared: Engine) -> Engine:
    do(shared, ORDERS)
    return shared


def test_it_changes_all_rows_that_match_in_batches(orders: Engine) -> None:
    seen = fill(orders, size=300)
    assert (seen.rows, seen.batches, seen.left, seen.last) == (1000, 4, 0, (1000,))
    assert repr(seen) == "orders: 1,000 rows in 4 batches, 0 left"
    assert rows(orders, WRITTEN) == [300, 300, 300, 100]
    assert rows(orders, "SELECT count(*) FROM orders WHERE tax = amount * 2") == [1000]


def test_rows_that_do_not_match_are_left_alone(orders: Engine) -> None:
    do(orders, "UPDATE orders SET tax = 7 WHERE id % 2 = 0")
    assert fill(orders).rows == 500
    assert rows(orders, "SELECT count(*) FROM orders WHERE tax = 7") == [500]


def test_a_condition_with_or_does_not_leave_its_batch(orders: Engine) -> None:
    assert fill(orders, where=text("tax IS NULL OR tax < 0"), size=250).batches == 4
    assert rows(orders, WRITTEN) == [250] * 4


def test_progress_is_reported_after_each_batch(orders: Engine) -> None:
    reports: list[str] = []
    fill(orders, size=400, progress=lambda seen: reports.append(repr(seen)))
    assert reports == [
        "orders: 400 rows in 1 batch, at 40%",
        "orders: 800 rows in 2 batches, at 80%",
        "orders: 1,000 rows in 3 batches, at 100%",
    ]


def test_an_empty_table_is_done_at_once(orders: Engine) -> None:
    do(orders, "TRUNCATE orders")
    assert repr(fill(orders)) == "orders: 0 rows in 0 batches, 0 left"


def test_a_table_with_one_row_is_done(orders: Engine) -> None:
    do(orders, "DELETE FROM orders WHERE id <> 5")
    reports: list[float | None] = []
    assert fill(orders, progress=lambda seen: reports.append(seen.share)).rows == 1
    assert reports == [1.0]


def test_a_second_call_finds_nothing_to_do(orders: Engine) -> None:
    fill(orders)
    written = rows(orders, WRITTEN)
    assert fill(orders).batches == 0
    assert rows(orders, WRITTEN) == written


def test_gaps_between_keys_make_no_small_batches(orders: Engine) -> None:
    do(orders, "UPDATE orders SET id = -id * 1000000")
    assert fill(orders).batches == 10


def test_after_a_kill_committed_batches_stay_and_the_next_call_resumes(orders: Engine) -> None:
    def kill(seen: backfill.BackfillProgress) -> None:
        if seen.batches == 4:
            do(orders, f"SELECT pg_terminate_backend({seen.pid}, 5000)")

    with pytest.raises(BackfillError) as caught:
        fill(orders, progress=kill)
    assert str(caught.value) == (
        "The backfill of orders stopped after 400 rows. "
        "It had reached id 400: the connection to the server was lost. "
        "What was committed stays. Run it again to continue from there."
    )
    assert rows(orders, "SELECT count(tax) FROM orders") == [400]
    seen = fill(orders)
    assert (seen.rows, seen.batches, seen.left) == (600, 6, 0)


def test_a_row_that_fails_is_named_and_all_before_it_are_done(orders: Engine) -> None:
    with pytest.raises(BackfillError) as caught:
        fill(orders, set={"tax": text("100 / (amount - 777)")})
    assert caught.value.what == "The backfill of orders stopped after 776 rows."
    assert caught.value.why == "It can't update the row with id 777: division by zero."
    assert rows(orders, "SELECT max(id) FROM orders WHERE tax IS NOT NULL") == [776]
    assert fill(orders, where=text("tax IS NULL AND id <> 777")).rows == 223


def test_a_mistake_in_the_statement_stops_it_at_once(orders: Engine) -> None:
    with pytest.raises(BackfillError, match='column "amout" does not exist'):
        fill(orders, set={"tax": text("amout * 2")})


def test_rows_that_are_inserted_meanwhile_are_changed_too(orders: Engine) -> None:
    def insert(seen: backfill.BackfillProgress) -> None:
        if seen.batches == 1:  # one ahead of it, one behind it
            do(orders, "INSERT INTO orders (id, amount) VALUES (-5, 5), (5000, 5)")

    assert repr(fill(orders, progress=insert)) == "orders: 1,002 rows in 11 batches, 0 left"


def test_it_ends_beside_a_writer_that_does_not_stop(orders: Engine) -> None:
    def write(connection: Connection) -> None:
        connection.execute(text("INSERT INTO orders (amount) VALUES (1)"))
        connection.execute(text("UPDATE orders SET amount = amount + 1 WHERE id = 500"))

    with workload.run(orders, writers=write) as seen:
        done = fill(orders, pause=0.01, strict=False)
    assert seen.errors == []
    assert done.rows >= 1000
    assert rows(orders, "SELECT count(*) FROM orders WHERE id <= 1000 AND tax IS NULL") == [0]


def test_two_backfills_at_once_change_each_row_once(orders: Engine) -> None:
    do(orders, "ALTER TABLE orders ADD changed int NOT NULL DEFAULT 0")
    done: list[backfill.BackfillProgress] = []
    values = {**TAX, "changed": text("changed + 1")}

    def one() -> None:
        done.append(fill(orders, set=values, size=50))

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(seen.rows for seen in done) == 1000
    assert [seen.left for seen in done] == [0, 0]
    assert rows(orders, "SELECT count(*) FROM orders WHERE changed = 1") == [1000]


def test_a_value_that_still_matches_does_not_make_it_run_for_ever(orders: Engine) -> None:
    seen = fill(orders, set={"tax": None}, strict=False)
    assert (seen.rows, seen.left) == (1000, 1000)


def test_a_key_of_two_columns_is_walked_in_its_order(orders: Engine) -> None:
    do(
        orders,
        "CREATE TABLE carts (user_id int, product text, quantity int, PRIMARY KEY (user_id, "
        "product)); INSERT INTO carts SELECT n / 10, 'It''s ' || n % 10, NULL "
        "FROM generate_series(0, 99) AS n",
    )
    reports: list[backfill.Key] = []
    seen = backfill.run(
        orders,
        "carts",
        set={"quantity": 1},
        where=text("quantity IS NULL"),
        size=25,
        progress=lambda seen: reports.append(seen.last),
    )
    assert reports == [(2, "It's 4"), (4, "It's 9"), (7, "It's 4"), (9, "It's 9")]
    assert repr(seen) == "carts: 100 rows in 4 batches, 0 left"


def test_names_are_quoted_and_a_schema_may_be_given(orders: Engine) -> None:
    do(orders, 'DROP SCHEMA IF EXISTS "My Shop" CASCADE; CREATE SCHEMA "My Shop"')
    do(orders, 'CREATE TABLE "My Shop"."user" ("Key" int PRIMARY KEY)')
    do(orders, 'ALTER TABLE "My Shop"."user" ADD "order" text')
    do(orders, 'INSERT INTO "My Shop"."user" VALUES (1), (2)')
    seen = backfill.run(
        orders,
        "My Shop.user",
        set={"order": literal("'); DROP")},
        where=sa.column("order").is_(None),
    )
    assert seen.rows == 2
    assert rows(orders, 'SELECT "order" FROM "My Shop"."user"') == ["'); DROP"] * 2


def test_a_frozen_table_of_a_revision_will_do(orders: Engine) -> None:
    table = sa.table("orders", sa.column("id"), sa.column("amount"), sa.column("tax"))
    seen = backfill.run(orders, table, set={"tax": table.c.amount * 2}, where=table.c.tax.is_(None))
    assert (seen.rows, seen.left) == (1000, 0)


def test_a_connection_in_a_transaction_is_refused(orders: Engine) -> None:
    with (
        orders.begin() as connection,
        pytest.raises(BackfillError, match="is in a transaction"),
    ):
        fill(connection)


def test_without_a_connection_it_says_why(orders: Engine) -> None:
    with pytest.raises(BackfillError, match=r"offline mode \(--sql\).*op\.get_context\(\)\.as_sql"):
        fill(None)


def test_a_session_has_its_settings_back_afterwards(orders: Engine) -> None:
    names: list[str] = []
    query = (
        "SELECT application_name FROM pg_stat_activity "
        "WHERE application_name LIKE 'backfill%' AND datname = current_database()"
    )

    def look(_: backfill.BackfillProgress) -> None:
        names.extend(rows(orders, query))

    show = text("SELECT current_setting('lock_timeout'), current_setting('application_name')")
    with orders.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET lock_timeout = '7s'"))
        fill(connection, size=500, progress=look)
        assert tuple(connection.execute(show).one()) == ("7s", "")
    assert names == ["backfill orders"] * 2


def test_a_new_column_and_its_values_in_one_transaction_keep_even_readers_out(
    orders: Engine,
) -> None:
    with orders.begin() as migration, orders.connect() as reader:
        migration.execute(text("ALTER TABLE orders ADD note text"))
        migration.execute(text("UPDATE orders SET note = ''"))
        reader.execute(text("SET lock_timeout = '50ms'"))
        with pytest.raises(OperationalError, match="lock timeout"):
            reader.execute(text("SELECT count(*) FROM orders"))
