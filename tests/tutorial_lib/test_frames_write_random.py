"""Random tables are the same after they're read and written again, in both forms of a read."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Iterator
from decimal import Decimal
from importlib.util import find_spec
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from support.drivers import both_drivers
from tutorial_lib import frames
from tutorial_lib.frames.writing import rows

if not find_spec("hypothesis") and not os.environ.get("TUTORIAL_DEV"):
    pytest.skip("hypothesis is installed with TUTORIAL_DEV=1", allow_module_level=True)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = both_drivers
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
AWKWARD = st.sampled_from(
    [*("", "\\N", "\\.", "NULL", "\\", "\\\\N", "\\n", "{}"), *("\t", "\n", "\r\n", '"', "'", ",")]
)
STRINGS = WORDS | AWKWARD | st.tuples(WORDS, AWKWARD, WORDS).map("".join)
INNER = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | STRINGS
DOCUMENTS = st.recursive(
    st.lists(INNER, max_size=3) | st.dictionaries(STRINGS, INNER, max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(STRINGS, inner, max_size=2),
    max_leaves=4,
).map(lambda document: json.dumps(document).replace("\\u0000", ""))
NUMBERS = st.floats(allow_nan=False)
# Not among them: what a driver can't read (infinity, 24:00); NaN, which pandas has for NULL; and
# integers that float64 can't hold, because pandas reads a column with NULL as floats.
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "bigint": st.integers(-(2**53), 2**53),
    "smallint": st.integers(-9, 9),
    "boolean": st.booleans(),
    "double precision": NUMBERS,
    "real": st.floats(width=32, allow_subnormal=False, allow_nan=False),
    "text": STRINGS,
    "varchar(99)": AWKWARD,
    "date": st.dates().map(str),
    "timestamp": st.datetimes().map(str),
    "timestamptz": st.datetimes(datetime.datetime(2, 1, 1), datetime.datetime(9998, 1, 1)).map(
        lambda moment: f"{moment}+00"
    ),
    "time": st.times().map(str),
    "interval": st.timedeltas().map(
        lambda span: f"{span.days} days {span.seconds}.{span.microseconds:06} s"
    ),
    "uuid": st.uuids().map(str),
    "bytea": st.binary(max_size=9),
    "jsonb": DOCUMENTS,
    "json": DOCUMENTS,
    "text[]": st.lists(st.none() | STRINGS, max_size=3),
    "integer[]": st.lists(st.none() | st.integers(-9, 9), max_size=3),
    "inet": st.ip_addresses().map(str),
    "int4range": st.tuples(st.integers(-9, 0), st.integers(1, 9)).map(lambda ends: f"{[*ends]}"),
}
EXACT = {
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "numeric": st.decimals(allow_nan=False, allow_infinity=True)
    | st.decimals(places=20, allow_nan=False)
    | st.just(Decimal("NaN")),  # psycopg 3 can't send the others
}
FEW_EXAMPLES = settings(
    max_examples=25, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
MANY_EXAMPLES = settings(FEW_EXAMPLES, max_examples=300, derandomize=False, print_blob=True)


@st.composite
def random_tables(draw: st.DrawFn) -> tuple[str | None, list[str], list[tuple[Any, ...]]]:
    """How to read, column types and rows; each value may be NULL."""
    backend = draw(st.sampled_from([None, "pyarrow"]))
    values = VALUES if backend is None else {**VALUES, **EXACT}
    kinds = draw(st.lists(st.sampled_from(sorted(values)), min_size=1, max_size=5))
    row = st.tuples(*(st.none() | values[kind] for kind in kinds))
    return backend, kinds, draw(st.lists(row, min_size=1, max_size=8))


@pytest.fixture(scope="module")
def connection(shared: Engine) -> Iterator[Connection]:
    """One connection for all examples."""
    with shared.connect() as connection:
        yield connection


def stored(connection: Connection, name: str, kinds: list[str]) -> list[tuple[Any, ...]]:
    """Return a table's values as text, without json's spaces and a number's last zeros."""
    forms = {"json": "CAST(c{} AS jsonb)", "numeric": "trim_scale(c{})"}
    cells = (
        f"CAST({forms.get(kind, 'c{}').format(number)} AS text)"
        for number, kind in enumerate(kinds)
    )
    query = f"SELECT {', '.join(cells)} FROM {name} ORDER BY ctid"
    return [tuple(row) for row in connection.exec_driver_sql(query)]


def write_again(
    connection: Connection, made: tuple[str | None, list[str], list[tuple[Any, ...]]], block: int
) -> None:
    """Assert that a table's rows are the same after reading and writing them."""
    backend, kinds, values = made
    columns = ", ".join(f"c{number} {kind}" for number, kind in enumerate(kinds))
    cells = ", ".join(f"CAST(:v{number} AS {kind})" for number, kind in enumerate(kinds))
    connection.rollback()
    connection.execute(text(f"CREATE TEMP TABLE a ({columns})"))
    connection.execute(text(f"CREATE TEMP TABLE b ({columns})"))
    given = [{f"v{number}": value for number, value in enumerate(row)} for row in values]
    connection.execute(text(f"INSERT INTO a VALUES ({cells})"), given)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "ROWS", block)
        frame = frames.read("a", connection, dtype_backend=backend)
        assert frames.write(frame, "b", connection) == len(values)
    assert stored(connection, "b", kinds) == stored(connection, "a", kinds)


@FEW_EXAMPLES
@given(made=random_tables(), block=st.sampled_from([3, 20_000]))
def test_a_random_table(connection: Connection, made: Any, block: int) -> None:
    write_again(connection, made, block)


@pytest.mark.slow
@pytest.mark.weekly  # other tables each time
@MANY_EXAMPLES
@given(made=random_tables(), block=st.sampled_from([3, 20_000]))
def test_many_random_tables(connection: Connection, made: Any, block: int) -> None:
    write_again(connection, made, block)
