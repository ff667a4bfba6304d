"""Compare DataFrames strictly; shared by the tests of frames."""

from __future__ import annotations

import pandas as pd


def assert_same(ours: pd.DataFrame, theirs: pd.DataFrame) -> None:
    """Assert that values, dtypes, columns, rows and each value's Python type are equal."""
    assert list(ours.columns) == list(theirs.columns)
    assert ours.columns.dtype == theirs.columns.dtype
    for number, name in enumerate(theirs.columns):
        mine, other = ours.iloc[:, number], theirs.iloc[:, number]
        assert mine.dtype == other.dtype, name
        assert mine.equals(other), f"{name}: {mine.tolist()} is not {other.tolist()}"
        assert [kind_of(value) for value in mine] == [kind_of(value) for value in other], name
    assert ours.equals(theirs)


def kind_of(value: object) -> tuple[object, ...]:
    """Return what equality ignores: the type and the time zone."""
    return type(value), repr(getattr(value, "tzinfo", None))
