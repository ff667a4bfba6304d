"""Every argument of every public function, with values of a wrong type: one clear error each."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import DDL, Engine, literal, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError

from support.drivers import both_drivers
from tutorial_lib import advisory_lock, backfill, explorer, frames, locks, workload
from tutorial_lib.errors import (
    AdvisoryLockError,
    BackfillError,
    ExplorerError,
    FrameError,
    LockError,
    Problem,
    WorkloadError,
)

UNITS: dict[ModuleType, type[Problem]] = {
    advisory_lock: AdvisoryLockError,
    backfill: BackfillError,
    explorer: ExplorerError,
    frames: FrameError,
    locks: LockError,
    workload: WorkloadError,
}
# Arguments of a call that works, by function and name; the engine is added.
VALID: dict[str, dict[str, Any]] = {
    "advisory_lock.advisory_lock": {"name": "job"},
    "backfill.run": {"target": "people", "set": {"n": 1}, "where": "n IS NULL"},
    "explorer.changes": {},
    "explorer.columns": {"name": "people"},
    "explorer.head": {"name": "people"},
    "frames.read": {"query": "people"},
    "frames.write": {"df": pd.DataFrame({"id": [1]}), "table": "people"},
    "locks.queue": {"timeout": 0},
    "locks.statement_prefix": {"statement": "SELECT 1"},
    "locks.with_lock_retries": {"statement": "SELECT 1"},
    "workload.run": {"workers": {"w": lambda connection: connection.execute(text("SELECT 1"))}},
}
BINDS = "bind", "con"
HUGE, COLUMN = 10**400, np.array([1, 2])
NONSENSE: list[Any] = [
    *(object(), 1j, 1.5, -1, HUGE, float("nan"), True, lambda: 1, b"x", ["x"], {1: 2}),
    *("", "x", "x\0", "\ud800", Decimal("sNaN"), COLUMN, pd.Series([1]), pd.NA),
]
# Of these, the values that are right after all, by place or by the parameter's name.
FITTING: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(
        ("size", "attempts", "n", "at_least", "waiting", "length"), lambda x: x is HUGE
    ),
    **dict.fromkeys(("chunks", "chunksize"), lambda x: x is HUGE),
    **dict.fromkeys(("rate", "think_time", "max_lag", "target_time"), lambda x: x == 1.5),
    **dict.fromkeys(("timeout", "lock_timeout", "pause"), lambda x: x == 1.5),
    **dict.fromkeys(("strict", "rows", "count", "coerce_float", "index"), lambda x: x is True),
    "advisory_lock.advisory_lock.name": lambda x: x == "x",
    "backfill.run.progress": lambda x: x is True or inspect.isfunction(x),
    "explorer.revisions.project": lambda x: x == "",
    "frames.read.parse_dates": lambda x: x is True,
    "locks.statement_prefix.statement": lambda x: isinstance(x, str),
}


def fits(place: str, parameter: str, value: object) -> bool:
    """Return whether a value isn't nonsense for a parameter."""
    fitting = FITTING.get(f"{place}.{parameter}", FITTING.get(parameter))
    return bool(fitting and not isinstance(value, np.ndarray | pd.Series) and fitting(value))


def functions() -> Iterator[tuple[ModuleType, str]]:
    """Yield the public functions of all units that work with a database."""
    for unit in UNITS:
        for name in unit.__all__:
            if inspect.isfunction(getattr(unit, name)):
                yield unit, name


def parameters() -> Iterator[Any]:
    """Yield each parameter of each function."""
    for unit, name in functions():
        for one in inspect.signature(getattr(unit, name)).parameters.values():
            if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL):
                place = f"{unit.__name__.rpartition('.')[2]}.{name}"
                yield pytest.param(unit, place, one, id=f"{place}-{one.name}")


def call(function: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
    """Call a function, and run what it returns."""
    signature = inspect.signature(function)
    by_name = dict(arguments)
    by_place = [
        by_name.pop(one.name)
        for one in signature.parameters.values()
        if one.kind is one.POSITIONAL_ONLY
    ]
    found = function(*by_place, **by_name)
    if hasattr(found, "__enter__") and hasattr(found, "__exit__"):
        with found:
            pass


@pytest.fixture(scope="module")
def valid(shared: Engine) -> dict[str, dict[str, Any]]:
    """Arguments with which each function works."""
    with shared.begin() as connection:
        connection.execute(text("CREATE TABLE people (id int PRIMARY KEY, n int)"))
    taken = explorer.snapshot(shared)
    found = {**VALID, "explorer.changes": {"before": taken, "after": taken}}
    for unit, name in functions():
        given = inspect.signature(getattr(unit, name)).parameters
        place = f"{unit.__name__.rpartition('.')[2]}.{name}"
        found[place] = {**found.get(place, {}), **{one: shared for one in BINDS if one in given}}
    return found


@pytest.mark.parametrize(("unit", "place", "parameter"), list(parameters()))
def test_a_wrong_argument_is_one_clear_error(
    valid: dict[str, dict[str, Any]], unit: ModuleType, place: str, parameter: inspect.Parameter
) -> None:
    function = getattr(unit, place.rpartition(".")[2])
    for value in NONSENSE:
        found = raised(lambda: call(function, {**valid[place], parameter.name: value}))  # noqa: B023
        if found is None:
            assert fits(place, parameter.name, value), f"{parameter.name}={value!r} is accepted"
        elif isinstance(found, DBAPIError):  # only for SQL that the server refuses
            assert (parameter.name, type(value)) == ("statement", str)
        else:
            assert isinstance(found, UNITS[unit]), f"{value!r} raises {found!r}"


def raised(action: Callable[[], object]) -> Exception | None:
    """Return the error that an action raises."""
    try:
        action()
    except Exception as error:
        return error
    return None


def test_each_function_can_be_called(valid: dict[str, dict[str, Any]]) -> None:
    assert len(valid) > 20
    for unit, name in functions():
        call(getattr(unit, name), valid[f"{unit.__name__.rpartition('.')[2]}.{name}"])


EMPTY: list[Any] = ["", " ;", "-- only a comment", "/* a /* b */ c */;", text(";"), DDL("-- x")]


@pytest.mark.parametrize("statement", EMPTY, ids=str)
def test_a_statement_without_sql_is_refused(shared: Engine, statement: Any) -> None:
    with pytest.raises(LockError, match="The statement is empty"):
        locks.with_lock_retries(shared, statement)


@pytest.mark.parametrize("sql", ["/* -- */ SELECT 1;", "-- /*\nSELECT 1 -- */", ";SELECT 1"])
def test_a_statement_after_comments_is_run(shared: Engine, sql: str) -> None:
    assert locks.with_lock_retries(shared, sql) == 1


OTHERS = """
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE SEQUENCE s; CREATE INDEX i
ON people (n); CREATE TYPE mood AS ENUM ('glad'); CREATE DOMAIN small AS int;
CREATE TYPE pair AS (a int); CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1'
"""
KINDS = {
    **{"f": "a function", "s": "a sequence", "i": "an index", "mood": "an enum"},
    **{"small": "a domain", "pair": "a type", "p": "a procedure"},
}


def test_a_name_of_something_else_says_what_it_is(
    valid: dict[str, dict[str, Any]], shared: Engine
) -> None:
    with shared.connect() as connection:
        connection.execute(text(OTHERS))
        for name, kind in KINDS.items():
            for given in (name, f"public.{name}"):
                with pytest.raises(ExplorerError, match=f"{name}' .* is {kind}, not a table"):
                    explorer.head(connection, given)


@both_drivers
def test_new_values_that_have_no_form_in_sql(shared: Engine) -> None:
    with shared.begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS wide"))
        connection.execute(text("CREATE TABLE wide (id int PRIMARY KEY, n numeric, d jsonb)"))
        connection.execute(text("INSERT INTO wide VALUES (1)"))
    with pytest.raises(BackfillError, match=r"new value of d is a dict.*literal\(\{\.\.\.\}, JS"):
        backfill.run(shared, "wide", set={"d": {"a": 1}}, where="d IS NULL")
    typed = {"d": literal({"a": 1}, JSONB), "n": Decimal("-Infinity")}
    backfill.run(shared, "wide", set=typed, where="d IS NULL")
    found = frames.read("SELECT CAST(n AS text) AS n, d FROM wide", shared)
    assert found.iloc[0].tolist() == ["-Infinity", {"a": 1}]
    with pytest.raises(BackfillError, match="Nothing was written"):
        backfill.run(shared, "wide", set={"n": {1, 2}}, where="n < 0")
