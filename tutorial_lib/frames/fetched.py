"""Turn a few rows of the driver's values into a DataFrame; pandas infers the dtypes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import Any

import pandas as pd

TIMESTAMPTZ = 1184  # its type OID


def of_rows(
    rows: Sequence[tuple[Any, ...]],
    described: Sequence[Any],
    names: Sequence[str],
    coerce_float: bool,
) -> pd.DataFrame:
    """Return the DataFrame that `pandas.read_sql` would."""
    frame = pd.DataFrame.from_records(rows, columns=list(names), coerce_float=coerce_float)
    for number, column in enumerate(described):
        if column.type_code == TIMESTAMPTZ and not all(_is_utc(row[number]) for row in rows):
            _in_utc(frame, number)
    return frame


def _is_utc(value: Any) -> bool:
    return value is None or getattr(value, "tzinfo", None) is UTC


def _in_utc(frame: pd.DataFrame, number: int) -> None:
    """Convert a column to UTC, as pandas does; most are in UTC already."""
    stamps = frame.iloc[:, number]
    if isinstance(stamps.dtype, pd.DatetimeTZDtype) and stamps.dtype.tz is not UTC:
        frame.isetitem(number, stamps.dt.tz_convert("UTC"))
