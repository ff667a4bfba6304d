"""The check of one exercise: a change that waits half a second for its lock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import NullPool, text

from coursekit.exercises import draws
from coursekit.exercises.database import Database
from coursekit.exercises.items import CheckItem, ProbeResult, expect_equal, expect_that
from coursekit.exercises.statements import select
from coursekit.exercises.submission import Submission
from tutorial_lib.db import make_engine

ADD = "ALTER TABLE orders ADD COLUMN {} text"
CUT_OFF = "DO $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); END $$"
SLOW = "DO $$ BEGIN ALTER TABLE orders ADD COLUMN slow text; PERFORM pg_sleep(0.8); END $$"
# Ends a wait that has no limit. It's far above half a second, so a pause on a busy machine can't
# be mistaken for a wait.
LONGEST = 10  # seconds
# The errors as SQLAlchemy raises them, and as the driver does, for an answer that uses it directly.
NO_TABLE = ("ProgrammingError", "UndefinedTable")
LOST = ("OperationalError", "AdminShutdown")
NO_LIMIT = f"-c lock_timeout=0 -c statement_timeout={1000 * LONGEST}"
PATIENT = 1000  # milliseconds; a limit above this isn't half a second
# Adds a column, and notes the limit that the statement runs under.
FREE = """
DO $$ BEGIN
    ALTER TABLE orders ADD COLUMN {0} text;
    EXECUTE format('COMMENT ON COLUMN orders.{0} IS %L',
        (SELECT setting FROM pg_settings WHERE name = 'lock_timeout'));
END $$
"""
COMMENTS = """
SELECT a.attname, d.description
FROM pg_catalog.pg_description d JOIN pg_catalog.pg_attribute a
     ON a.attrelid OPERATOR(pg_catalog.=) d.objoid AND a.attnum OPERATOR(pg_catalog.=) d.objsubid
WHERE d.objoid OPERATOR(pg_catalog.=) 'public.orders'::pg_catalog.regclass
"""
COMMITTED = "whether the transaction was committed: engine.begin() does it, connect() does not"
TIMEOUT = (
    "lock_timeout: set before the statement, in its transaction, with a unit, as in '500ms'; "
    "and the error it raises"
)


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
    database = submission.new_database()
    url = database.url.render_as_string(hide_password=False)
    # No name shows what the call is for.
    free, missing, later, *columns = (draws.word(submission.random, 5) for _ in range(9))
    result = submission.call(_careful, url, FREE.format(free))
    yield expect_equal(
        "it returns 'done' if no session blocks it", result, "done", "the last return"
    )
    yield expect_equal("then the column exists", _has(database, free), True, COMMITTED)
    yield from _in_turns(submission, database, columns, _limit(database, free))
    yield from _errors(submission, url, missing)
    result = submission.call(_careful, url, SLOW)
    where = "which timeout is it: for waiting for a lock, or for the whole statement?"
    yield expect_equal("a change that has its lock can take longer", result, "done", where)
    result = submission.call(_limit_after, url, ADD.format(later))
    where = "the pooled connection: SET outlasts the transaction, and SET LOCAL does not"
    yield expect_equal("afterwards, the engine still has no lock_timeout", result, "0", where)


def _in_turns(
    submission: Submission, database: Database, columns: list[str], limit: int
) -> Iterator[CheckItem]:
    """Check calls of which two, drawn, meet a session that blocks them."""
    busy = set(submission.random.sample(columns, 2))
    results = {column: _added(submission, database, column, column in busy) for column in columns}
    free = [column for column in columns if column not in busy]
    where = "what it returns if no session holds a lock: not every second call has to wait"
    wrong = _first_other([results[column] for column in free], "done")
    yield expect_equal("it returns 'done' again, in no fixed order", wrong, "done", where)
    there = [_has(database, column) for column in free]
    yield expect_equal("then those columns exist", there, [True] * len(free), COMMITTED)
    result = _first_other([results[column] for column in busy], "gave up")
    if "statement timeout" in result.error:
        result = ProbeResult(error=f"it still waited after {LONGEST} seconds")
    elif limit > PATIENT:
        result = ProbeResult(error=f"its lock_timeout is {limit / 1000:g} seconds")
    yield expect_equal("it returns 'gave up' while a report is open", result, "gave up", TIMEOUT)
    there = [_has(database, column) for column in busy]
    where = "what does it do after the error?"
    yield expect_equal("then the column does not exist", any(there), False, where)


def _errors(submission: Submission, url: str, missing: str) -> Iterator[CheckItem]:
    """Check that only a lock timeout is caught."""
    result = submission.call(_careful, url, f"ALTER TABLE {missing} ADD COLUMN n int")
    where = "the except: which errors does it catch? A missing table is not a lock timeout"
    good = result.error.startswith(NO_TABLE)
    what = "any other error is raised unchanged"
    yield expect_that(what, good, "a ProgrammingError", result, where)
    result = submission.call(_careful, url, CUT_OFF)
    where = "the except: many errors are an OperationalError. What does this one say?"
    good = result.error.startswith(LOST)
    what = "a lost connection is not a lock timeout"
    yield expect_that(what, good, "an OperationalError", result, where)


def _first_other(results: list[ProbeResult], expected: str) -> ProbeResult:
    """Return the first result that isn't what's expected, or else the first one."""
    others = (each for each in results if each.error or each.value != expected)
    return next(others, results[0])


def _added(submission: Submission, database: Database, column: str, busy: bool) -> ProbeResult:
    """Let the function add a column, with or without a report that reads the table."""
    url = database.url.render_as_string(hide_password=False)
    with database.session() as report:
        if busy:
            report(select("orders", "id"))
        return submission.call(_careful, url, ADD.format(column))


def _has(database: Database, column: str) -> bool:
    return database.column(f"orders.{column}") != "no such column"


def _limit(database: Database, column: str) -> int:
    """Return the lock_timeout under which the column was added, in milliseconds."""
    comments: dict[str, str] = dict(database.query(COMMENTS))
    return int(comments.get(column, 0))
