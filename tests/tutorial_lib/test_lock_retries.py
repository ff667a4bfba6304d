"""Schema changes with a limit for all their waits together, and retries, over both drivers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    MetaData,
    Table,
    create_engine,
    inspect,
    text,
)
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool, QueuePool, StaticPool
from sqlalchemy.schema import CreateIndex

from support.drivers import both_drivers
from support.waiting import until
from tutorial_lib import locks
from tutorial_lib.errors import LockError
from tutorial_lib.locks import attempt, change, leftovers, watch, work
from tutorial_lib.sqlstates import sqlstate_of

pytestmark = both_drivers
ADD = "ALTER TABLE orders ADD COLUMN note text"
CREATE_INDEX = "CREATE INDEX CONCURRENTLY ix_amount ON orders (amount)"
AUTOCOMMIT = {"isolation_level": "AUTOCOMMIT"}
QUICK: dict[str, Any] = {"lock_timeout": 0.05, "attempts": 2, "pause": 0}


@pytest.fixture
def shop(shared: Engine) -> Engine:
    """A database with a table of orders."""
    with shared.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
        connection.execute(text("CREATE TABLE orders (id int PRIMARY KEY, amount int)"))
        connection.execute(text("INSERT INTO orders VALUES (1, 10), (2, 20)"))
    return shared


@contextmanager
def holding(engine: Engine, *statements: str) -> Iterator[Connection]:
    """Keep a transaction open that has run them; by default, it has read the orders."""
    with engine.connect() as connection:
        for statement in statements or ["SELECT count(*) FROM orders"]:
            connection.execute(text(statement))
        yield connection


def columns(engine: Engine, table: str = "orders") -> list[str]:
    with engine.connect() as connection:
        return [column["name"] for column in inspect(connection).get_columns(table)]


def indexes(engine: Engine) -> dict[str, bool]:
    """Return the indexes of the orders, and whether each is valid."""
    query = "SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = indexrelid"
    with engine.connect() as connection:
        rows = connection.execute(text(f"{query} WHERE indrelid = 'orders'::regclass ORDER BY 1"))
        return {name: valid for name, valid in rows if name != "orders_pkey"}


def failing(times: int, sqlstate: str = "55P03") -> Callable[[Connection], object]:
    """Return a function that fails a few times, and works after that."""
    calls: list[int] = []

    def fail(connection: Connection) -> None:
        calls.append(1)
        if len(calls) <= times:
            raised = f"RAISE EXCEPTION 'failed' USING ERRCODE = '{sqlstate}'"
            connection.execute(text(f"DO $$ BEGIN {raised}; END $$"))

    return fail


# -- retries


def test_an_unblocked_change_takes_one_attempt(shop: Engine) -> None:
    assert locks.with_lock_retries(shop, ADD) == 1
    assert locks.with_lock_retries(shop, text("ALTER TABLE orders ADD COLUMN gift text")) == 1
    assert columns(shop) == ["id", "amount", "note", "gift"]


def test_a_transaction_that_a_function_leaves_open_is_committed(shop: Engine) -> None:
    def change(connection: Connection) -> None:
        assert not connection.in_transaction()
        connection.execute(text(ADD))

    assert locks.with_lock_retries(shop, change) == 1
    assert "note" in columns(shop)


def test_the_error_names_the_blocking_session(shop: Engine) -> None:
    with holding(shop) as connection:
        pid = connection.scalar(text("SELECT pg_backend_pid()"))
        with pytest.raises(LockError) as caught:
            locks.with_lock_retries(shop, ADD, lock_timeout=0.4, attempts=2, pause=0)
    assert str(caught.value) == (
        f"{ADD!r} didn't get its lock in 2 attempts, and was rolled back. Blocked by: session "
        f"{pid} (idle in transaction), 'SELECT pg_backend_pid()'. Try again when that has ended; "
        f"or end it with: SELECT pg_terminate_backend({pid})."
    )
    assert "note" not in columns(shop)


def test_retries_until_the_lock_is_free(shop: Engine) -> None:
    calls: list[int] = []
    with holding(shop) as blocking:

        def change(connection: Connection) -> None:
            calls.append(1)
            if len(calls) == 3:
                blocking.close()
            connection.execute(text(ADD))

        assert locks.with_lock_retries(shop, change, lock_timeout=0.05, pause=0) == 3
    assert "note" in columns(shop)


def test_pauses_double_up_to_a_limit(shop: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("tutorial_lib.locks.retry.time.sleep", pauses.append)
    with holding(shop), pytest.raises(LockError):
        locks.with_lock_retries(shop, ADD, lock_timeout=0.01, attempts=5, pause=2)
    assert [pause for pause in pauses if pause >= 2] == [2, 4, 8, 10]


@pytest.mark.parametrize("sqlstate", ["55P03", "40P01", "40001"])
def test_retries_what_other_sessions_caused(shop: Engine, sqlstate: str) -> None:
    assert locks.with_lock_retries(shop, failing(1, sqlstate), pause=0) == 2


def test_another_error_is_raised_at_once(shop: Engine) -> None:
    with pytest.raises(ProgrammingError, match="nothing"):
        locks.with_lock_retries(shop, "ALTER TABLE nothing ADD COLUMN n int", attempts=5, pause=60)


# -- connections


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"poolclass": QueuePool, "pool_size": 1, "max_overflow": 0},
        {"poolclass": NullPool},
        {"poolclass": StaticPool},
    ],
)
def test_a_pool_of_one_connection_is_enough(shop: Engine, options: dict[str, Any]) -> None:
    small = create_engine(shop.url, **options)
    with holding(small) as only:
        with pytest.raises(LockError) as caught:
            locks.with_lock_retries(only, ADD, **QUICK | {"lock_timeout": 0.4})
        assert "the connection you passed" in str(caught.value)
        assert len(locks.queue(only)) == 0
        only.rollback()
        assert locks.with_lock_retries(only, ADD) == 1
    small.dispose()


def test_a_session_is_a_bind(shop: Engine) -> None:
    with Session(shop) as session:
        assert locks.with_lock_retries(session, ADD) == 1
        assert len(locks.queue(session)) == 0


@pytest.mark.parametrize("work", [ADD, "ALTER TABLE nothing ADD COLUMN n int"])
def test_the_settings_of_the_callers_session_stay(shop: Engine, work: str) -> None:
    with shop.connect() as connection:
        connection.execute(text("SET lock_timeout = '7s'"))
        try:
            locks.with_lock_retries(connection, work)
        except ProgrammingError:
            assert "nothing" in work
        assert connection.scalar(text("SHOW lock_timeout")) == "7s"
        connection.rollback()
    with shop.connect() as connection:
        assert connection.scalar(text("SHOW lock_timeout")) == "0"


def test_events_of_the_engine_apply(shop: Engine) -> None:
    named = shop.execution_options(schema_translate_map={None: "pg_temp"})
    seen: list[str] = []

    def note(connection: Connection) -> None:
        seen.append(str(connection.get_execution_options()["schema_translate_map"]))

    locks.with_lock_retries(named, note)
    assert seen == ["{None: 'pg_temp'}"]


# -- the limit


def test_all_waits_of_a_statement_together_are_limited(
    shop: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds for `a` and `b` together; the server's own limit, which is for each, is off."""
    monkeypatch.setattr(attempt, "BEGIN", "SELECT pg_backend_pid(), {limit}, {local}")
    seen: list[watch.Watch] = []
    monkeypatch.setattr(change, "attempt_connection", spying(change.attempt_connection, seen))
    with shop.begin() as connection:
        connection.execute(text("CREATE TABLE a (); CREATE TABLE b ()"))
    both = "ALTER TABLE a ADD COLUMN n int; ALTER TABLE b ADD COLUMN n int"
    with ThreadPoolExecutor() as background, holding(shop, "SELECT FROM b"):
        with holding(shop, "SELECT FROM a"):
            done = background.submit(
                locks.with_lock_retries, shop, both, lock_timeout=0.4, attempts=1
            )
            until(lambda: seen and seen[0].current and seen[0].current.waited > 0.1)
        error = done.exception(timeout=300)
    assert isinstance(error, LockError)
    assert sqlstate_of(error.__cause__) == "57014"  # type: ignore[arg-type]
    assert "FROM b" in str(error)
    assert (columns(shop, "a"), columns(shop, "b")) == ([], [])


def spying(real: Any, seen: list[watch.Watch]) -> Any:
    def attempt_connection(engine: Engine, watch: watch.Watch, limit: float) -> Any:
        seen.append(watch)
        return real(engine, watch, limit)

    return attempt_connection


def test_a_server_without_a_connection_to_watch_with_is_no_obstacle(
    shop: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(engine: Engine) -> Any:
        raise OperationalError(None, None, Exception("too many connections"))

    monkeypatch.setattr(watch, "separate_connection", refuse)
    with holding(shop), pytest.raises(LockError, match="a session that wasn't seen in time"):
        locks.with_lock_retries(shop, ADD, **QUICK)
    assert locks.with_lock_retries(shop, ADD) == 1
    assert caplog.text.count("no connection to watch with") == 2


@pytest.mark.slow
def test_a_longer_limit_that_a_function_sets_counts(shop: Engine) -> None:
    def patient(connection: Connection) -> None:
        connection.execute(text("SET LOCAL lock_timeout = '5min'"))
        connection.execute(text(ADD))

    with ThreadPoolExecutor() as background:
        with holding(shop):
            done = background.submit(
                locks.with_lock_retries, shop, patient, lock_timeout=0.02, attempts=1
            )
            pid = locks.queue(shop, at_least=2, timeout=300).sessions[-1].pid
            assert [locks.queue(shop).sessions[-1].pid for _ in range(20)] == [pid] * 20
        assert done.result() == 1


def test_each_transaction_of_a_function_has_the_limit(shop: Engine) -> None:
    seen: list[str] = []

    def change(connection: Connection) -> None:
        for level in ("READ COMMITTED", "AUTOCOMMIT", "READ COMMITTED"):
            connection.execution_options(isolation_level=level)
            seen.append(str(connection.scalar(text("SHOW lock_timeout"))))
            connection.commit()

    locks.with_lock_retries(shop, change, lock_timeout=1.5)
    assert seen == ["1500ms"] * 3


# -- errors that are told apart


def test_statement_timeout_while_it_works_is_not_retried(shop: Engine) -> None:
    calls: list[int] = []

    def work(connection: Connection) -> None:
        calls.append(1)
        connection.execute(text("SET LOCAL statement_timeout = '50ms'"))
        connection.execute(text("SELECT pg_sleep(300)"))

    with pytest.raises(DBAPIError, match="statement timeout") as caught:
        locks.with_lock_retries(shop, work)
    assert calls == [1]
    assert "a longer statement_timeout" in caught.value.__notes__[0]


def test_a_shorter_statement_timeout_does_not_hide_a_wait(shop: Engine) -> None:
    hurried = create_engine(shop.url, connect_args={"options": "-c statement_timeout=200ms"})
    with holding(shop), pytest.raises(LockError, match="didn't get its lock in 2 attempts, and"):
        locks.with_lock_retries(hurried, ADD, lock_timeout=60, attempts=2, pause=0)
    hurried.dispose()


def test_a_cancelled_change_is_not_retried(shop: Engine) -> None:
    with pytest.raises(DBAPIError, match="user request") as caught:
        locks.with_lock_retries(shop, "SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(300)")
    assert "cancelled, by no limit for locks" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    ("sqlstate", "outcome", "advice"),
    [
        ("40P01", "deadlock", "in the order in which the others do."),
        ("40001", "serialization failure", "at READ COMMITTED, that's no error."),
    ],
)
def test_the_error_tells_how_the_attempts_ended(
    shop: Engine, sqlstate: str, outcome: str, advice: str
) -> None:
    with pytest.raises(LockError) as caught:
        locks.with_lock_retries(shop, failing(9, sqlstate), attempts=2, pause=0)
    what = f"'fail' failed in 2 attempts ({outcome}: 2), and was rolled back."
    assert caught.value.what == what
    assert caught.value.do.endswith(advice)


def test_an_error_of_the_driver_itself_is_retried(shop: Engine) -> None:
    calls: list[int] = []

    def change(connection: Connection) -> None:
        calls.append(1)
        with connection.connection.cursor() as cursor:
            if len(calls) == 1:
                cursor.execute("DO $$ BEGIN RAISE 'no' USING ERRCODE = '55P03'; END $$")

    assert locks.with_lock_retries(shop, change, pause=0) == 2


# -- SQL as it is


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE orders ADD COLUMN b text DEFAULT 'a :b'",
        "ALTER TABLE orders ADD COLUMN c text DEFAULT '100 %, %s %(x)s'",
        "ALTER TABLE orders ADD COLUMN d text DEFAULT 'x'::text; ALTER TABLE orders DROP COLUMN d",
        r"ALTER TABLE orders ADD COLUMN e text DEFAULT '\:b'",
    ],
)
def test_text_is_sent_as_it_is(shop: Engine, sql: str) -> None:
    assert locks.with_lock_retries(shop, sql) == 1
    with shop.connect() as connection:
        default = connection.scalar(
            text("SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef ORDER BY oid DESC LIMIT 1")
        )
    assert str(default or "").removesuffix("::text") in sql


# -- outside a transaction


@pytest.mark.parametrize(
    "sql", ["VACUUM orders", CREATE_INDEX, "REINDEX TABLE CONCURRENTLY orders"]
)
def test_what_cannot_run_in_a_transaction_runs_outside(shop: Engine, sql: str) -> None:
    assert locks.with_lock_retries(shop, sql) == 1
    assert locks.with_lock_retries(shop, text("VACUUM orders")) == 1


def test_several_statements_are_a_transaction(shop: Engine) -> None:
    with pytest.raises(DBAPIError) as caught:
        locks.with_lock_retries(shop, f"{ADD}; VACUUM orders")
    assert "pass this one alone" in caught.value.__notes__[0]
    assert columns(shop) == ["id", "amount"]


def test_a_function_is_told_how_to_leave_the_transaction(shop: Engine) -> None:
    with pytest.raises(DBAPIError) as caught:
        locks.with_lock_retries(shop, lambda connection: connection.execute(text(CREATE_INDEX)))
    assert "autocommit_block()" in caught.value.__notes__[0]


def test_a_sqlalchemy_statement_names_its_index_and_schema(shop: Engine) -> None:
    table = Table("orders", MetaData(), Column("amount", Integer))
    create = CreateIndex(Index("ix_amount", table.c.amount, postgresql_concurrently=True))
    assert work.sql_of(create, shop).endswith("CONCURRENTLY ix_amount ON orders (amount)")
    tenant = shop.execution_options(schema_translate_map={None: "tenant"})
    assert work.sql_of(create, tenant).endswith("ON tenant.orders (amount)")
    assert locks.with_lock_retries(shop, create) == 1
    assert indexes(shop) == {"ix_amount": True}


def test_many_comments_are_read_quickly(shop: Engine) -> None:
    assert locks.with_lock_retries(shop, f"VACUUM{'/* ** */' * 1000} orders") == 1
    assert not leftovers.CREATE_INDEX.match(f"CREATE{'/* ** */' * 1000}TABLE")


WAYS_TO_CREATE = {
    CREATE_INDEX: "ix_amount",
    "CREATE INDEX CONCURRENTLY IF NOT EXISTS ix_amount ON orders (amount)": "ix_amount",
    "create /* why */ index concurrently ON public.orders (amount)": "orders_amount_idx",
    'CREATE INDEX CONCURRENTLY "Ix--:é" ON ONLY "orders" (amount)': "Ix--:é",
}


@pytest.mark.parametrize(("sql", "name"), WAYS_TO_CREATE.items())
def test_an_invalid_index_is_dropped_before_the_next_attempt(
    shop: Engine, sql: str, name: str
) -> None:
    with holding(shop, "UPDATE orders SET amount = 1") as writer:
        with pytest.raises(LockError, match="and has left an invalid index: DROP INDEX CONC"):
            locks.with_lock_retries(shop, sql, **QUICK)
        assert list(indexes(shop).values()) == [False]
        writer.rollback()
        if "_idx" in name:  # a later call can't know whose it is
            with shop.connect().execution_options(**AUTOCOMMIT) as connection:
                connection.execute(text(f"DROP INDEX {name}"))
    assert locks.with_lock_retries(shop, sql) == 1
    assert indexes(shop) == {name: True}


@pytest.mark.slow
def test_an_invalid_index_without_a_name_is_dropped(
    shop: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "tutorial_lib.locks")
    with ThreadPoolExecutor() as background:
        with holding(shop, "UPDATE orders SET amount = 1"):
            sql = "CREATE INDEX CONCURRENTLY ON orders (amount)"
            done = background.submit(
                locks.with_lock_retries, shop, sql, lock_timeout=0.1, attempts=1000, pause=0.01
            )
            until(lambda: "attempt 1 of 1000: lock timeout" in caplog.text)
        assert done.result() > 1
    assert indexes(shop) == {"orders_amount_idx": True}


def test_an_invalid_index_of_a_failed_build_is_dropped_at_the_end(shop: Engine) -> None:
    with shop.begin() as connection:
        connection.execute(text("UPDATE orders SET amount = 1"))
    sql = "CREATE UNIQUE INDEX CONCURRENTLY ux ON orders (amount)"
    with pytest.raises(DBAPIError) as caught:
        locks.with_lock_retries(shop, sql)
    assert caught.value.__notes__ == ["with_lock_retries: it failed, and has left nothing behind."]
    assert indexes(shop) == {}


def test_a_valid_index_is_never_dropped(shop: Engine) -> None:
    locks.with_lock_retries(shop, CREATE_INDEX)
    with pytest.raises(ProgrammingError, match="already exists"):
        locks.with_lock_retries(shop, CREATE_INDEX)
    again = CREATE_INDEX.replace("ix_amount", "IF NOT EXISTS ix_amount")
    assert locks.with_lock_retries(shop, again) == 1
    assert indexes(shop) == {"ix_amount": True}


def test_an_invalid_index_of_another_name_or_table_stays(shop: Engine) -> None:
    with shop.begin() as connection:
        connection.execute(text("CREATE INDEX other ON orders (id)"))
        connection.execute(text("CREATE TABLE notes (amount int)"))
        connection.execute(text("CREATE INDEX ix_amount ON notes (amount)"))
    invalidate(shop, "other", "ix_amount")
    with pytest.raises(ProgrammingError, match="already exists"):
        locks.with_lock_retries(shop, CREATE_INDEX)
    assert indexes(shop) == {"other": False}


def invalidate(engine: Engine, *names: str) -> None:
    """Leave indexes as a failed build does: DROP INDEX CONCURRENTLY, ended while it waits."""
    with holding(engine, "SELECT FROM orders", "SELECT FROM notes"):
        for name in names:
            with engine.connect().execution_options(**AUTOCOMMIT) as connection:
                connection.execute(text("SET lock_timeout = 50"))
                with pytest.raises(DBAPIError):
                    connection.execute(text(f"DROP INDEX CONCURRENTLY {name}"))
                connection.invalidate()


def test_an_index_that_another_session_builds_is_not_dropped(shop: Engine) -> None:
    with ThreadPoolExecutor() as background:
        with holding(shop, "UPDATE orders SET amount = 1"):
            build = background.submit(build_alone, shop)
            until(lambda: indexes(shop) == {"ix_amount": False})
            with pytest.raises(LockError):
                locks.with_lock_retries(shop, CREATE_INDEX, **QUICK)
            assert indexes(shop) == {"ix_amount": False}
        build.result()
    assert indexes(shop) == {"ix_amount": True}


def build_alone(engine: Engine) -> None:
    with engine.connect().execution_options(**AUTOCOMMIT) as connection:
        connection.execute(text(CREATE_INDEX))


@pytest.mark.slow
@pytest.mark.parametrize(
    "sql",
    [
        "REINDEX (VERBOSE) INDEX CONCURRENTLY ix_amount",
        "reindex(concurrently, verbose) table /* all */ public.orders",
        "REINDEX SCHEMA CONCURRENTLY public",
    ],
)
def test_what_a_failed_reindex_leaves_is_dropped(
    shop: Engine, caplog: pytest.LogCaptureFixture, sql: str
) -> None:
    caplog.set_level("INFO", "tutorial_lib.locks")
    locks.with_lock_retries(shop, CREATE_INDEX)
    with ThreadPoolExecutor() as background:
        with holding(shop, "UPDATE orders SET amount = 1"):
            done = background.submit(
                locks.with_lock_retries, shop, sql, lock_timeout=0.1, attempts=1000, pause=0.01
            )
            until(lambda: "attempt 1 of 1000: lock timeout" in caplog.text)
        assert done.result() > 1
    assert indexes(shop) == {"ix_amount": True}
