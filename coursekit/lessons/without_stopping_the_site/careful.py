"""The check of one exercise: a change that waits half a second for its lock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Engine, NullPool, inspect, text

from coursekit.exercises.items import CheckItem, ProbeResult, expect_equal, expect_that
from coursekit.exercises.submission import Submission
from tutorial_lib.db import make_engine

ADD = "ALTER TABLE orders ADD COLUMN {} text"
CUT_OFF = "DO $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); END $$"
SLOW = "DO $$ BEGIN ALTER TABLE orders ADD COLUMN slow text; PERFORM pg_sleep(0.8); END $$"
# Ends a wait without a limit. It's far from half a second, so that no pause of a busy machine
# can be taken for a wait.
LONGEST = 10  # seconds
NO_LIMIT = f"-c lock_timeout=0 -c statement_timeout={1000 * LONGEST}"
PATIENT = 1000  # milliseconds; who waits so long for a lock doesn't wait half a second
# Adds a column, and notes the limit that the statement runs under.
FREE = """
DO $$ BEGIN
    ALTER TABLE orders ADD COLUMN free text;
    EXECUTE format('COMMENT ON COLUMN orders.free IS %L',
        (SELECT setting FROM pg_settings WHERE name = 'lock_timeout'));
END $$
"""
LIMIT = """
SELECT coalesce(col_description('orders'::regclass, attnum), '0')::int FROM pg_attribute
WHERE attrelid = 'orders'::regclass AND attname = 'free'
"""


def _careful(names: dict[str, Any], url: str, statement: str) -> Any:
    """Call the function with an engine that has no lock_timeout."""
    engine = make_engine(url, connect_args={"options": NO_LIMIT}, poolclass=NullPool)
    try:
        return names["careful"](engine, statement)
    finally:
        engine.dispose()


def _limit_after(names: dict[str, Any], url: str, statement: str) -> Any:
    """Return the lock_timeout after the call, on an engine with one connection."""
    engine = make_engine(url, connect_args={"options": NO_LIMIT}, pool_size=1, max_overflow=0)
    try:
        names["careful"](engine, statement)
        with engine.connect() as connection:
            return connection.scalar(text("SHOW lock_timeout"))
    finally:
        engine.dispose()


def careful(submission: Submission) -> Iterator[CheckItem]:
    """Check that a change waits half a second at most for its lock."""
    engine = submission.scratch()
    url = engine.url.render_as_string(hide_password=False)
    result = submission.call(_careful, url, FREE)
    yield expect_equal(
        "it returns 'done' when nobody is in the way", result, "done", "the last return"
    )
    where = "whether the transaction was committed: engine.begin() does it, connect() does not"
    yield expect_equal("then the column is there", _has(engine, "free"), True, where)
    with engine.connect() as report:
        report.execute(text("SELECT count(*) FROM orders"))
        result = submission.call(_careful, url, ADD.format("busy"))
    where = (
        "lock_timeout: set before the statement, in its transaction, with its unit, as '500ms'; "
        "and the error that comes"
    )
    if "statement timeout" in result.error:
        result = ProbeResult(error=f"it still waited after {LONGEST} seconds")
    elif (limit := _limit(engine)) > PATIENT:
        result = ProbeResult(error=f"its lock_timeout is {limit / 1000:g} seconds")
    yield expect_equal("it returns 'gave up' while a report is open", result, "gave up", where)
    where = "what was done after the error"
    yield expect_equal("then the column is not there", _has(engine, "busy"), False, where)
    result = submission.call(_careful, url, "ALTER TABLE nothing ADD COLUMN n int")
    where = "the except: which errors does it take? A missing table is no lock"
    good = result.error.startswith("ProgrammingError")
    yield expect_that("another error is raised as it is", good, "a ProgrammingError", result, where)
    result = submission.call(_careful, url, CUT_OFF)
    where = "the except: many errors are an OperationalError. What does this one say?"
    good = result.error.startswith("OperationalError")
    yield expect_that("a lost connection is no lock", good, "an OperationalError", result, where)
    result = submission.call(_careful, url, SLOW)
    where = "which limit is it: one for waiting, or one for the whole statement?"
    yield expect_equal("a change that has its lock may take its time", result, "done", where)
    result = submission.call(_limit_after, url, ADD.format("later"))
    where = "SET holds for the connection, which goes back to the engine; SET LOCAL does not"
    yield expect_equal("afterwards, the engine has no limit, as before", result, "0", where)


def _has(engine: Engine, column: str) -> bool:
    with engine.connect() as connection:
        return column in {found["name"] for found in inspect(connection).get_columns("orders")}


def _limit(engine: Engine) -> int:
    """Return the lock_timeout under which the column was added, in milliseconds."""
    with engine.connect() as connection:
        return int(connection.scalar(text(LIMIT)) or 0)
