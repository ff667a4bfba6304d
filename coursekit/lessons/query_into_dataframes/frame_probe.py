"""Call a learner's function that reads a DataFrame, and report what the call returned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine

from coursekit.exercises import schema
from coursekit.exercises.database import Database
from coursekit.exercises.items import CheckItem, ProbeResult, expect_equal, expect_that
from coursekit.exercises.statements import statement
from coursekit.exercises.submission import Submission

PANDAS = "pandas.DataFrame"


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
        self._before = self.database.snapshot()

    def read(self, *values: Any) -> ProbeResult:
        """Call the function; return the DataFrame as plain data, or the error."""
        result = self._submission.call(call_with, self._function, self._engine, *values)
        self._open += 0 if result.error else result.value["open"]
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
        failed = self._fail(table, *values)
        yield self._all_returned(failed)
        what = "if the query fails, the function raises the error"
        where = "`except`: the caller of your function has to see that the query failed"
        yield expect_that(what, failed["raised"], "an error", "no error", where)
        found = [str(one) for one in schema.changes(self._before, self.database.snapshot())]
        if not found and all_rows(self.database, table, *columns) != rows:
            found = [f"~ changed rows {table}"]
        where = "the statements that your function runs: it should only read"
        yield expect_equal("the database is unchanged", found, [], where)

    def _fail(self, table: str, *values: Any) -> dict[str, Any]:
        """Call the function with a database in which its table is missing."""
        engine = self._submission.scratch("without")
        Database(engine.url).commit(statement(f"DROP TABLE public.{table} CASCADE"))
        result = self._submission.call(fail_with, self._function, engine, *values)
        return {"raised": True, "open": 0} if result.error else dict(result.value)

    def _all_returned(self, failed: dict[str, Any]) -> CheckItem:
        what = "every connection is returned to the pool"
        where = "use `with engine.connect()`, or pass the engine itself to read_sql"
        if failed["open"] and not self._open:
            what, where = f"{what}, even if the query fails", "a `with` block closes it in any case"
        return expect_equal(what, self._open or failed["open"], 0, where)


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
    """Call the learner's function with this engine; return its result and its open connections."""
    with _checkouts(engine) as taken:
        found = _table(names[function](engine, *values))
        return {**found, "open": _count_open(taken)}


def fail_with(names: dict[str, Any], function: str, engine: Engine, *values: Any) -> dict[str, Any]:
    """Call the function where it fails; return whether it did, and its open connections."""
    with _checkouts(engine) as taken:
        try:
            names[function](engine, *values)
        except Exception:
            return {"raised": True, "open": _count_open(taken)}
        return {"raised": False, "open": _count_open(taken)}


@contextmanager
def _checkouts(engine: Engine) -> Iterator[list[Any]]:
    """Collect the connections that are checked out; close the ones that stay open.

    They're kept here, or the garbage collector would return them to the pool.
    """
    from sqlalchemy import event

    taken: list[Any] = []

    def take(_: object, __: object, connection: Any) -> None:
        taken.append(connection)

    event.listen(engine, "checkout", take)
    try:
        yield taken
    finally:
        event.remove(engine, "checkout", take)
        for one in taken:
            if one.dbapi_connection is not None:
                one.close()


def _count_open(taken: list[Any]) -> int:
    return sum(one.dbapi_connection is not None for one in taken)


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
