"""What it means that two dataframes are the same; shared by the tests of frames."""

from __future__ import annotations

import pandas as pd


def assert_same(ours: pd.DataFrame, theirs: pd.DataFrame) -> None:
    """Values, dtypes, columns, rows, and the Python type of each value."""
    assert list(ours.columns) == list(theirs.columns)
    assert ours.columns.dtype == theirs.columns.dtype
    assert [str(kind) for kind in ours.dtypes] == [str(kind) for kind in theirs.dtypes]
    assert list(ours.dtypes) == list(theirs.dtypes)
    assert ours.equals(theirs), f"\n{ours}\n{theirs}"
    assert kinds(ours) == kinds(theirs)


def kinds(frame: pd.DataFrame) -> list[list[type]]:
    """The types of the values, column by column."""
    columns = (frame.iloc[:, number] for number in range(frame.shape[1]))
    return [[type(value) for value in column] for column in columns]
