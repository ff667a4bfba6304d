"""Call a learner's function that reads a DataFrame, where the learner's code is."""

from __future__ import annotations

from decimal import getcontext, localcontext
from typing import Any

from sqlalchemy import Engine

from coursekit.exercises.checked_out import counted
from coursekit.exercises.statements import statement

PANDAS = "pandas.DataFrame"
CONTEXT = ("prec", "rounding", "traps", "Emin", "Emax", "capitals", "clamp")


def call_with(names: dict[str, Any], function: str, engine: Engine, *values: Any) -> dict[str, Any]:
    """Call the function; return its result, its open connections, and the settings it left.

    How decimals are computed is restored afterwards. Options of pandas may change.
    """
    with localcontext(), counted(engine) as out:
        before = _context()
        found = _table(names[function](engine, *values))
        still_open, changed = len(out), _context() - before
    return {**found, "open": still_open, "left": sorted(out.left), "decimals": sorted(changed)}


def _context() -> set[str]:
    """Return how decimals are computed."""
    return {f"{name} = {getattr(getcontext(), name)}" for name in CONTEXT}


def call_twice(
    names: dict[str, Any], function: str, engine: Engine, table: str, *values: Any
) -> dict[str, Any]:
    """Call the function, empty the table, and call it again.

    Both calls get the same engine, so a cache finds the first result.

    Returns:
        The second result, with the first one's number of rows in `many`.

    """
    from coursekit.exercises.database import Database

    many = len(call_with(names, function, engine, *values).get("rows", ()))
    Database(engine.url).commit(statement(f"TRUNCATE public.{table} CASCADE"))
    return {**call_with(names, function, engine, *values), "many": many}


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
