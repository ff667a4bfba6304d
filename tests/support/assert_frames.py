"""What it means that two dataframes are the same; shared by the tests of frames."""

from __future__ import annotations

import pandas as pd


def assert_same(ours: pd.DataFrame, theirs: pd.DataFrame) -> None:
    """Values, dtypes, columns, rows, and the Python type of each value."""
    assert list(ours.columns) == list(theirs.columns)
    assert ours.columns.dtype == theirs.columns.dtype
    for number, name in enumerate(theirs.columns):
        mine, other = ours.iloc[:, number], theirs.iloc[:, number]
        assert mine.dtype == other.dtype, name
        assert mine.equals(other), f"{name}: {mine.tolist()} is not {other.tolist()}"
        assert [kind_of(value) for value in mine] == [kind_of(value) for value in other], name
    assert ours.equals(theirs)


def kind_of(value: object) -> tuple[object, ...]:
    """What equality does not tell: the type, and which time zone it is."""
    return type(value), repr(getattr(value, "tzinfo", None))
