"""A backfill beside sessions that hold locks: nothing is rolled back ten times, no one waits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, Engine, text

from support.backfills import ORDERS, do, fill, rows
from support.drivers import both_drivers
from tutorial_lib.errors import BackfillError

pytestmark = [both_drivers, pytest.mark.slow]
LOCK = "UPDATE orders SET amount = 0 WHERE id = 550"


@pytest.fixture
def orders(shared: Engine) -> Engine:
    do(shared, ORDERS)
    return shared


@contextmanager
def holding(engine: Engine, statement: str) -> Iterator[Connection]:
    """Keep a transaction open that has run a statement; roll it back at the end."""
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
        yield connection
        connection.rollback()


def pid(connection: Connection) -> int:
    return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())


def test_a_locked_row_is_left_out_and_tried_again_at_the_end(
    orders: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with holding(orders, LOCK) as customer:
        monkeypatch.setattr("tutorial_lib.backfill.session.time.sleep", lambda _: customer.commit())
        seen = fill(orders, lock_timeout=0.02)
    assert (seen.rows, seen.batches, seen.left, seen.retries) == (1000, 11, 0, 1)
    assert rows(orders, "SELECT tax FROM orders WHERE id = 550") == [0]  # of the newer amount
    query = "SELECT count(*) FROM orders GROUP BY xmin HAVING count(*) < 100 ORDER BY 1"
    assert rows(orders, query) == [1, 99]


def test_all_but_the_locked_row_is_done_and_the_message_names_who_holds_it(
    orders: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tutorial_lib.backfill.session.FIRST_WAIT", 0)
    with holding(orders, "SET LOCAL application_name = 'a report'; " + LOCK) as customer:
        with pytest.raises(BackfillError) as caught:
            fill(orders, lock_timeout=0.02, attempts=3)
        session = pid(customer)
    assert caught.value.what == "1 row of orders still matches; 999 rows changed."
    assert caught.value.why == (
        f"1 row: locked; the first, id 550, by session {session} (a report, idle in transaction)."
    )
    assert rows(orders, "SELECT id FROM orders WHERE tax IS NULL") == [550]


def test_a_locked_row_rolls_its_batch_back_once(
    orders: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tutorial_lib.backfill.session.FIRST_WAIT", 0)
    do(orders, "CREATE SEQUENCE tried")  # a sequence isn't rolled back
    values = {"tax": text("amount * 2 + 0 * nextval('tried')")}
    with holding(orders, LOCK):
        done = fill(orders, set=values, size=1000, lock_timeout=0.02, attempts=5, strict=False)
    assert (done.rows, done.left, done.retries) == (999, 1, 5)
    assert rows(orders, "SELECT last_value FROM tried")[0] < 2000


def test_two_sessions_that_share_a_row_are_both_named(
    orders: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = "SELECT FROM orders WHERE id = 7 FOR SHARE"
    with holding(orders, share) as one, holding(orders, share) as two:
        with pytest.raises(BackfillError) as caught:
            fill(orders, lock_timeout=0.02, attempts=1)
        assert f"session {pid(one)} (" in caught.value.why
        assert f"session {pid(two)} (" in caught.value.why


def test_a_row_that_was_locked_within_a_savepoint_is_told(orders: Engine) -> None:
    savepoint = f"SAVEPOINT s; {LOCK}; RELEASE s"
    with holding(orders, savepoint) as customer:
        with pytest.raises(BackfillError) as caught:
            fill(orders, lock_timeout=0.02, attempts=1)
        session = f"session {pid(customer)} (idle in transaction)"
    assert caught.value.why == f"1 row: locked; the first, id 550, by {session}."


def test_a_key_that_is_referenced_by_a_new_child_is_told(orders: Engine) -> None:
    do(orders, "CREATE TABLE items (order_id int REFERENCES orders)")
    with holding(orders, "INSERT INTO items VALUES (1)") as customer:
        with pytest.raises(BackfillError) as caught:
            fill(orders, set={"id": text("-id"), "tax": 1}, lock_timeout=0.02, attempts=1)
        session = f"session {pid(customer)} (idle in transaction)"
    assert f"lock timeout; a row is locked by {session}." in caught.value.why


def test_a_new_child_of_a_row_does_not_keep_it_from_being_updated(orders: Engine) -> None:
    do(orders, "CREATE TABLE items (order_id int REFERENCES orders)")
    with holding(orders, "INSERT INTO items VALUES (550)"):
        assert fill(orders, lock_timeout=0.02, attempts=1).retries == 0


def test_many_locked_rows_are_counted(orders: Engine) -> None:
    locked = "SELECT FROM orders WHERE mod(id, 50) = 1 FOR UPDATE"
    with holding(orders, locked), pytest.raises(BackfillError) as caught:
        fill(orders, lock_timeout=0.02, attempts=1)
    assert caught.value.what == "20 rows of orders still match; 980 rows changed."
    assert caught.value.why.startswith("20 rows: locked; the first, id 1, by session ")


@pytest.mark.parametrize("mode", ["ACCESS EXCLUSIVE", "SHARE"])
def test_a_locked_table_is_tried_again_and_the_message_names_who_holds_it(
    orders: Engine, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tutorial_lib.backfill.session.FIRST_WAIT", 0)
    with holding(orders, f"LOCK TABLE orders IN {mode} MODE") as migration:
        with pytest.raises(BackfillError) as caught:
            fill(orders, lock_timeout=0.02, attempts=2)
        session = pid(migration)
    assert caught.value.what == "The backfill of orders stopped after 0 rows."
    assert caught.value.why == (
        "It had reached its first row: canceling statement due to lock timeout; "
        f"the table is locked by session {session} (idle in transaction)."
    )


def test_two_backfills_at_once_end_well_with_a_short_timeout(orders: Engine) -> None:
    left: list[int | None] = []

    def one() -> None:
        left.append(fill(orders, size=50, lock_timeout=0.005).left)

    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert left == [0, 0, 0]
    assert rows(orders, "SELECT count(*) FROM orders WHERE tax = amount * 2") == [1000]
