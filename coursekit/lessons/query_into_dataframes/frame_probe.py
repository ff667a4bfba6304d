"""Call a learner's function that reads a DataFrame, and report what the call returned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import localcontext
from typing import Any

from sqlalchemy import Engine

from coursekit.exercises import schema
from coursekit.exercises.checked_out import counted
from coursekit.exercises.database import Database
from coursekit.exercises.items import CheckItem, ProbeResult, expect_equal, expect_that
from coursekit.exercises.left_behind import about_left
from coursekit.exercises.migrations import session_defaults
from coursekit.exercises.statements import statement
from coursekit.exercises.submission import Submission
from coursekit.exercises.surroundings import surroundings

PANDAS = "pandas.DataFrame"
NOWHERE = "no such database"
EMPTY = (
    "what you return if there are no rows: read_sql's own DataFrame has the columns, and "
    "pd.DataFrame(rows) needs columns=[...]"
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

    def read(self, *values: Any) -> ProbeResult:
        """Call the function; return the DataFrame as plain data, or the error."""
        result = self._submission.call(call_with, self._function, self._engine, *values)
        if not result.error:
            self._open += result.value["open"]
            self._left |= set(result.value["left"])
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

    def without_rows(self, table: str, columns: list[str]) -> Iterator[CheckItem]:
        """Report a result that lacks columns, or an error, if the table is empty."""
        engine = self._submission.scratch("without")
        Database(engine.url).commit(statement(f"TRUNCATE public.{table} CASCADE"))
        result = self._submission.call(call_with, self._function, engine)
        for item in self.shape(result, columns):
            if not item.good:
                yield replace(item, what=f"{item.what}, even if the table is empty", where=EMPTY)
                return

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


def _about_errors(gone: dict[str, Any], missing: dict[str, Any]) -> CheckItem:
    """Report whether the error is raised if the table is gone, or the database is missing."""
    what = "if the query fails, the function raises the error"
    where = (
        "`except`, or `return` under `finally`: the caller of your function has to see that the "
        "query failed. If you have neither, "
        "does your function use the engine that's passed to it?"
    )
    if gone["raised"] == "no error" and gone["rows"]:
        where = (
            "where these rows come from: this database has no such table. Does your function keep "
            "the result of an earlier call, or use another engine?"
        )
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


def call_with(names: dict[str, Any], function: str, engine: Engine, *values: Any) -> dict[str, Any]:
    """Call the function; return its result, its open connections, and the settings it left.

    How precisely decimals are computed is restored afterwards. Options of pandas may change.
    """
    with localcontext(), counted(engine) as out:
        found = _table(names[function](engine, *values))
        still_open = len(out)
    return {**found, "open": still_open, "left": sorted(out.left)}


def fail_with(names: dict[str, Any], function: str, engine: Engine, *values: Any) -> dict[str, Any]:
    """Call the function where it fails; return what came out, and its open connections.

    What came out is "error", "no error", or the error that the function raised in its place.
    """
    from sqlalchemy import event

    seen: list[BaseException | None] = []
    event.listen(engine, "handle_error", lambda context: seen.append(context.original_exception))
    with localcontext(), counted(engine) as out:
        raised, rows = "no error", 0
        try:
            rows = len(_table(names[function](engine, *values)).get("rows", ""))
        except Exception as error:
            other = error in seen or _is_from(error, names[function])
            raised = f"another error, {type(error).__name__}" if other else "error"
        return {"raised": raised, "rows": rows, "open": len(out)}


def _is_from(error: BaseException, function: Any) -> bool:
    """Return whether the learner's code raised this error because of another one."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    mine = place is not None and place.tb_frame.f_globals is getattr(function, "__globals__", None)
    return mine and error.__context__ is not None


def _table(value: Any) -> dict[str, Any]:
    """Return a DataFrame of pandas as plain data; of anything else, its type."""
    import pandas as pd

    if not isinstance(value, pd.DataFrame):
        module = type(value).__module__.partition(".")[0]
        return {"type": f"{module}.{type(value).__name__}".removeprefix("builtins.")}
    series = [value.iloc[:, place] for place in range(value.shape[1])]
    return {
        "type": PANDAS,
        "columns": [str(name) for name in value.columns],
        "index": [str(name) for name in value.index.names if name is not None],
        "rows": [[_plain(cell) for cell in row] for row in zip(*series, strict=True)],
    }


def _plain(cell: Any) -> Any:
    """Return a cell as plain data; other types than numbers and strings as their repr."""
    from numbers import Integral

    import pandas as pd

    if cell is None or cell is pd.NA or cell is pd.NaT or cell != cell:  # NaN isn't equal to itself
        return None
    if isinstance(cell, Integral) and not isinstance(cell, bool):
        return int(cell)
    if isinstance(cell, float):
        return float(cell)
    if isinstance(cell, str):
        return str(cell)
    return cell if isinstance(cell, bool) else repr(cell)
