"""Random tables are read the way `pandas.read_sql` reads them, in every way of reading."""

from __future__ import annotations

import datetime
import json
import math
import os
import random
from collections.abc import Iterator
from decimal import Decimal
from importlib.util import find_spec
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from coursekit.servers.server import Server
from support import drivers
from support.assert_frames import assert_same
from tutorial_lib import frames
from tutorial_lib.db import make_engine
from tutorial_lib.frames import copy_reader, dispatch

if not find_spec("hypothesis") and not os.environ.get("TUTORIAL_DEV"):
    pytest.skip("hypothesis is installed with TUTORIAL_DEV=1", allow_module_level=True)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

# PostgreSQL's text can hold every character except NUL and lone surrogates.
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
AWKWARD = st.sampled_from(
    [
        *("", "\\N", "\\.", "NULL", "\\", "\\\\N", "\\n", "{}"),
        *("\t", "\n", "\r\n", '"', "'", ",", "\ufeff"),
    ]
)
STRINGS = WORDS | AWKWARD | st.tuples(WORDS, AWKWARD, WORDS).map("".join)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | STRINGS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(STRINGS, inner, max_size=3),
    max_leaves=6,
)
BYTES_OF_INT = 63
NAN = st.just("NaN")  # a string, because NaN as a parameter is NULL to frames.read
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "bigint": st.integers(-(2**BYTES_OF_INT), 2**BYTES_OF_INT - 1),
    "integer": st.integers(-9, 9),
    "boolean": st.booleans(),
    "double precision": st.floats(allow_nan=False) | NAN,
    "real": st.floats(width=32, allow_subnormal=False, allow_nan=False) | NAN,
    "numeric": st.decimals(allow_nan=False, allow_infinity=False)
    | st.decimals(places=20, allow_nan=False, allow_infinity=False)
    | st.sampled_from(["NaN", "Infinity", "-Infinity"]),  # psycopg2 sends Decimal's as NaN
    "text": STRINGS,
    "varchar": AWKWARD,
    "date": st.dates().map(str) | st.just("infinity"),
    "timestamp": st.datetimes().map(str) | st.just("infinity"),
    "timestamptz": st.datetimes(datetime.datetime(2, 1, 1), datetime.datetime(9998, 1, 1)).map(
        lambda moment: f"{moment}+00"
    ),
    "time": st.times().map(str) | st.just("24:00"),
    "interval": st.timedeltas().map(
        lambda span: f"{span.days} days {span.seconds}.{span.microseconds:06} s"
    ),
    "uuid": st.uuids().map(str),
    "bytea": st.binary(max_size=9),
    "jsonb": DOCUMENTS.map(lambda document: json.dumps(document).replace("\\u0000", "")),
    "json": DOCUMENTS.map(lambda document: json.dumps(document, ensure_ascii=False)),
    "text[]": st.lists(st.none() | STRINGS, max_size=3),
    "integer[]": st.lists(st.none() | st.integers(-9, 9), max_size=3),
    "inet": st.ip_addresses().map(str),
}
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Africa/Monrovia"])
FEW_EXAMPLES = settings(
    max_examples=40, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
MANY_EXAMPLES = settings(FEW_EXAMPLES, max_examples=1500, derandomize=False, print_blob=True)


@st.composite
def random_tables(draw: st.DrawFn) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Column types and rows; each value may be NULL."""
    kinds = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=5))
    row = st.tuples(*(st.none() | VALUES[kind] for kind in kinds))
    return kinds, draw(st.lists(row, min_size=1, max_size=8))


driver = drivers.each_driver


@pytest.fixture(scope="module")
def connection(server: Server, driver: str) -> Iterator[Connection]:
    """One connection for all examples."""
    engine = make_engine(server.url.set(drivername=f"postgresql+{driver}"))
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def compare(
    connection: Connection, made: tuple[list[str], list[tuple[Any, ...]]], zone: str
) -> None:
    """Assert that pandas and the library read a random table alike, in every way of reading."""
    kinds, rows = made
    rows_of_cells = (
        ", ".join(f"CAST(:v{y}_{x} AS {kind})" for x, kind in enumerate(kinds))
        for y in range(len(rows))
    )
    query = text(f"VALUES ({'), ('.join(rows_of_cells)})")
    values = {f"v{y}_{x}": value for y, row in enumerate(rows) for x, value in enumerate(row)}
    connection.execute(text(f"SET TimeZone = '{zone}'"))
    expected: pd.DataFrame | type[SQLAlchemyError]
    try:
        expected = pd.read_sql(query, connection, params=values)
    except SQLAlchemyError as error:  # psycopg 3 doesn't know infinity
        expected = type(error)
    connection.rollback()
    connection.execute(text(f"SET TimeZone = '{zone}'"))
    with pytest.MonkeyPatch.context() as patch:
        for few, block in ((dispatch.FEW, copy_reader.BLOCK), (0, copy_reader.BLOCK), (0, 1)):
            patch.setattr(dispatch, "FEW", few)
            patch.setattr(copy_reader, "BLOCK", block)
            if isinstance(expected, pd.DataFrame):
                assert_same(frames.read(query, connection, params=values), expected)
                continue
            with pytest.raises(expected):
                frames.read(query, connection, params=values)
    connection.rollback()


@FEW_EXAMPLES
@given(made=random_tables(), zone=ZONES)
def test_a_random_table(
    connection: Connection, made: tuple[list[str], list[tuple[Any, ...]]], zone: str
) -> None:
    compare(connection, made, zone)


@pytest.mark.slow
@pytest.mark.weekly  # other tables each time
@MANY_EXAMPLES
@given(made=random_tables(), zone=ZONES)
def test_many_random_tables(
    connection: Connection, made: tuple[list[str], list[tuple[Any, ...]]], zone: str
) -> None:
    compare(connection, made, zone)


@FEW_EXAMPLES
@given(words=st.lists(st.none() | STRINGS, min_size=1, max_size=20))
def test_a_random_column_backed_by_arrow(connection: Connection, words: list[str | None]) -> None:
    query = "SELECT * FROM unnest(CAST(:words AS text[])) WITH ORDINALITY AS t (word, n)"
    frame = frames.read(query, connection, words=words, dtype_backend="pyarrow")
    assert [None if pd.isna(word) else word for word in frame["word"]] == words


@pytest.mark.parametrize(
    "count", [2_000, pytest.param(300_000, marks=pytest.mark.slow)], ids=["some", "many"]
)
def test_numbers_are_the_nearest_floats(connection: Connection, count: int) -> None:
    chance = random.Random(count)
    numbers = [number_of(chance) for _ in range(count)]
    query = "SELECT * FROM unnest(CAST(:numbers AS numeric[])) AS t (n)"
    found = frames.read(query, connection, numbers=numbers)["n"].tolist()
    assert all(math.isclose(a, float(b), rel_tol=0) for a, b in zip(found, numbers, strict=True))


def number_of(chance: random.Random) -> Decimal:
    """Return a number of up to 40 digits, many of them halfway between two floats."""
    if chance.random() < 0.3:
        half = Decimal(chance.random()) + Decimal(2) ** -54
        return half + Decimal(chance.choice([0, 1, -1])).scaleb(-60)
    digits = chance.randrange(1, 10 ** chance.randrange(1, 40))
    return Decimal(digits).scaleb(chance.randrange(-60, 20))
