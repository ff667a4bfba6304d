"""Call a learner's function that reads a DataFrame, and report what the call returned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import column

from coursekit.exercises import schema
from coursekit.exercises.database import Database
from coursekit.exercises.items import CheckItem, ProbeResult, expect_equal, expect_that
from coursekit.exercises.left_behind import about_left
from coursekit.exercises.migrations import session_defaults
from coursekit.exercises.statements import statement, update
from coursekit.exercises.submission import Submission
from coursekit.exercises.surroundings import surroundings
from coursekit.lessons.query_into_dataframes.frame_probe import (
    PANDAS,
    call_twice,
    call_with,
    fail_with,
)

MANY = 10_001
NOWHERE = "no such database"
EMPTY = (
    "what you return if there are no rows: read_sql's own DataFrame has the columns, and "
    "pd.DataFrame(rows) needs columns=[...]"
)
EARLIER = "Does your function keep the result of an earlier call, or use another engine?"
DROPS = "LIMIT, head() and chunksize: how many rows does your function read, and how many return?"
CACHES = (
    "where your function keeps the result of an earlier call, such as functools.cache: rows "
    "change, so each call has to run the query"
)
LOCKS = "LOCK TABLE, FOR UPDATE and FOR SHARE: a plain SELECT waits for no one who writes"
COMPUTES = (
    "decimal.getcontext(): the rest of the program computes with it, too. To change it for a few "
    "lines, write them under `with decimal.localcontext()`"
)
SEQUENCES = "SELECT sequencename, last_value FROM pg_catalog.pg_sequences"


class FrameReader:
    """A learner's function with an engine of the check, and what its calls left behind.

    Attributes:
        database: The scratch database that the engine connects to.

    """

    def __init__(self, submission: Submission, function: str) -> None:
        """Create a scratch database for `function`, which takes an engine and other values."""
        self._submission, self._function = submission, function
        self._engine = submission.scratch()
        self._open = 0
        self.database = Database(self._engine.url)
        self._before = self._state()
        self._left: set[str] = set()
        self._decimals: set[str] = set()

    def read(self, *values: Any) -> ProbeResult:
        """Call the function; return the DataFrame as plain data, or the error."""
        result = self._submission.call(call_with, self._function, self._engine, *values)
        if not result.error:
            self._open += result.value["open"]
            self._left |= set(result.value["left"])
            self._decimals |= set(result.value["decimals"])
        return result

    def rows(self, *values: Any) -> Any:
        """Call the function; return its rows, or the error."""
        result = self.read(*values)
        return result if result.error else result.value.get("rows", f"a {result.value['type']}")

    def shape(self, result: ProbeResult, columns: list[str]) -> Iterator[CheckItem]:
        """Report whether a result is a DataFrame with these columns."""
        what = "the function returns a DataFrame"
        if result.error:
            where = "what the error says; call your function with exercise.engine to see all of it"
            yield expect_that(what, False, PANDAS, result, where)
            return
        kind = result.value["type"]
        yield expect_equal(what, kind, PANDAS, "the line with `return`")
        if kind == PANDAS:
            got = result.value["columns"]
            where = _about_columns(got, columns, result.value["index"])
            yield expect_equal("it has the requested columns", got, columns, where)

    def with_other_rows(
        self, more: str, wanted: int, table: str, columns: list[str], *values: Any
    ) -> Iterator[CheckItem]:
        """Report what's wrong with a large result, or with the next one, from an empty table.

        Args:
            more: The statement that adds MANY rows to the table.
            wanted: How many rows the function returns then.
            table: The table that the function reads.
            columns: The columns it returns.
            *values: What to pass to the function after the engine.

        """
        engine = self._submission.scratch("without")
        Database(engine.url).commit(statement(more))
        result = self._submission.call(call_twice, self._function, engine, table, *values)
        if not result.error and (bad := _about_other_rows(result.value, wanted)):
            yield bad
            return
        for item in self.shape(result, columns):
            if not item.good:
                yield replace(item, what=f"{item.what}, even if the table is empty", where=EMPTY)
                return

    def during_a_write(self, table: str, *values: Any) -> Iterator[CheckItem]:
        """Report a function that waits for another session's change."""
        with self.database.session() as run:
            run(update(table, {"id": column("id")}))
            result = self.read(*values)
        if result.error:
            what = "the function returns a DataFrame, even if another session has changed a row"
            yield expect_that(what, False, PANDAS, result, LOCKS)

    def same_decimals(self) -> Iterator[CheckItem]:
        """Report how decimals are computed if the calls have changed it."""
        if self._decimals:
            changed = sorted(self._decimals)
            yield expect_equal("the decimal context is as it was", changed, [], COMPUTES)

    def aftermath(
        self, table: str, rows: Sequence[Any], columns: Sequence[str], *values: Any
    ) -> Iterator[CheckItem]:
        """Report what the calls left open or changed, and whether a failing call raises an error.

        Args:
            table: The table that the function reads.
            rows: Its rows before the first call, as lists, ordered by id.
            columns: The columns of `rows`.
            *values: What to pass to the failing call after the engine.

        """
        gone, missing = self._fail(table, *values), self._fail("", *values)
        yield self._all_returned(gone)
        yield _about_errors(gone, missing)
        found = [str(one) for one in schema.changes(self._before[0], self.database.snapshot())]
        found += [f"~ changed {name}" for name in sorted(self._state()[1] ^ self._before[1])]
        if not found and all_rows(self.database, table, *columns) != rows:
            found = [f"~ changed rows {table}"]
        where = "the statements that your function runs: it should only read"
        yield expect_equal("the database is unchanged", found, [], where)

    def _state(self) -> tuple[schema.Schema, set[str]]:
        """Return the schema; settings for later sessions, where sequences are, what else exists."""
        here = self.database
        last = [f"{name}: {value}" for name, value in here.query(SEQUENCES)]
        others = {one for one in surroundings(here) if not one.startswith("setting ")}
        return here.snapshot(), {*session_defaults(here), *last, *others}

    def _fail(self, table: str, *values: Any) -> dict[str, Any]:
        """Call the function with a database in which its table is missing, or without any."""
        if table:
            engine = self._submission.scratch("without")
            Database(engine.url).commit(statement(f"DROP TABLE public.{table} CASCADE"))
        else:
            from tutorial_lib.db import make_engine

            engine = make_engine(self._engine.url.set(database=NOWHERE))
        result = self._submission.call(fail_with, self._function, engine, *values)
        return {"raised": "error", "open": 0} if result.error else dict(result.value)

    def _all_returned(self, failed: dict[str, Any]) -> CheckItem:
        what = "every connection is returned to the pool"
        where = "use `with engine.connect()`, or pass the engine itself to read_sql"
        if failed["open"] and not self._open:
            what, where = f"{what}, even if the query fails", "a `with` block closes it in any case"
        still_open = self._open or failed["open"]
        if self._left and not still_open:
            left = sorted(self._left)
            return expect_equal(f"{what} as it was", left, [], about_left(left))
        return expect_equal(what, still_open, 0, where)


def _about_other_rows(found: dict[str, Any], wanted: int) -> CheckItem | None:
    """Return what's wrong with the numbers of rows: of many, and once the table is empty."""
    many, now = found["many"], len(found.get("rows", ()))
    if many != wanted:
        where = f"where these rows come from. {EARLIER}" if many == wanted - MANY else DROPS
        what = "it has every row, however many there are"
        return expect_that(what, False, f"{wanted} rows", f"{many} rows", where)
    what = "a second call returns the rows that are there by then"
    return expect_that(what, False, "no rows", f"{now} rows", CACHES) if now else None


def _about_errors(gone: dict[str, Any], missing: dict[str, Any]) -> CheckItem:
    """Report whether the error is raised if the table is gone, or the database is missing."""
    what = "if the query fails, the function raises the error"
    where = (
        "`except`, `return` under `finally`, or a test before the query, such as has_table(): the "
        "caller of your function has to see that the query failed. If you have none of these, "
        "does your function use the engine that's passed to it?"
    )
    if gone["raised"] == "no error" and gone["rows"]:
        where = f"where these rows come from: this database has no such table. {EARLIER}"
        return expect_that(what, False, "an error", f"{gone['rows']} rows", where)
    if gone["raised"] == "error" != missing["raised"]:
        what, gone = f"{what}, even if there's no connection", missing
    if gone["raised"] not in ("error", "no error"):
        where = "`except`: leave it out, or end it with `raise` alone, which passes the error on"
    good = gone["raised"] == "error"
    return expect_that(what, good, "the query's own error", gone["raised"], where)


def _about_columns(got: list[str], wanted: list[str], index: list[str]) -> str:
    """Return what to look at if a DataFrame has other columns than the wanted ones."""
    if hidden := [name for name in wanted if name in index]:
        return (
            f"{hidden[0]} is the index of your DataFrame, not a column: leave out index_col, "
            "or call reset_index()"
        )
    if sorted(got) == sorted(wanted):
        return "the order of the columns"
    if extra := [name for name in got if name not in wanted]:
        return f"the columns of your SELECT: no one asked for {extra[0]}"
    return "the columns of your SELECT"


def all_rows(database: Database, table: str, *columns: str) -> list[list[Any]]:
    """Return a table's rows as lists, ordered by id."""
    return [list(row) for row in database.rows(table, *columns, by="id")]
