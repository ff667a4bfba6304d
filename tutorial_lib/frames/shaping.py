"""Apply pandas' options to a DataFrame that was read, with the meaning of `pandas.read_sql`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ..errors import FrameError
from .options import Options

CANNOT = (ValueError, TypeError, ArithmeticError, NotImplementedError, AssertionError)
UNITS = ("D", "d", "h", "m", "s", "ms", "us", "ns")


def reshaped(frame: pd.DataFrame, options: Options) -> pd.DataFrame:
    """Return the DataFrame with the dtypes, dates and index that the options ask for.

    Raises:
        FrameError: A column is missing or can't be converted. The message has no values.

    """
    options.check_columns(frame.columns)
    if options.dtype is not None:
        frame = _in_utc(_cast(frame, options.dtype))
    formats = options.parse_dates or {}
    for number, name in enumerate(frame.columns):
        if name in formats:
            frame.isetitem(number, _dates(frame.iloc[:, number], formats[name]))
    return frame.set_index(list(options.index_col)) if options.index_col else frame


def _cast(frame: pd.DataFrame, dtype: Any) -> pd.DataFrame:
    try:
        return frame.astype(dtype)
    except CANNOT:
        pass
    for number, name in enumerate(frame.columns):
        kind = dtype.get(name) if isinstance(dtype, Mapping) else dtype
        column = frame.iloc[:, number]
        try:
            column.astype(kind if kind is not None else column.dtype)
        except CANNOT:
            what = f"dtype= can't be applied to the column {name!r}."
            why = f"Its values are {column.dtype}, and not all of them can become {kind}."
            if column.hasnans:
                why += " It contains NULLs."
            raise FrameError(what, why, "Convert it in the query: CAST(... AS ...).") from None
    raise FrameError("dtype= can't be applied.", "", "Convert the columns in the query: CAST.")


def _in_utc(frame: pd.DataFrame) -> pd.DataFrame:
    """Convert columns with a time zone to UTC, as pandas does."""
    for number, dtype in enumerate(frame.dtypes):
        if isinstance(dtype, pd.DatetimeTZDtype):
            frame.isetitem(number, frame.iloc[:, number].dt.tz_convert("UTC"))
    return frame


def _dates(column: pd.Series, how: Any) -> Any:
    """Parse a column as dates; `how` is a format, a unit, arguments of to_datetime, or None."""
    arguments: dict[str, Any] = dict(how) if isinstance(how, Mapping) else {"errors": "coerce"}
    numbers = column.dtype.kind in "iuf"
    if how is None and column.dtype.kind in "iufm":  # to pandas, an interval is a number here
        how = "s"
    if isinstance(column.dtype, pd.DatetimeTZDtype) and not isinstance(how, Mapping):
        arguments = {"utc": True}
    elif isinstance(how, str):
        arguments["unit" if how in UNITS else "format"] = how
    if numbers and arguments.get("format") is not None:
        column = column.map(_digits, na_action="ignore").astype(object)
    try:
        return pd.to_datetime(column, **arguments)
    except CANNOT:
        what = f"The column {column.name!r} can't be parsed as dates."
        why = f"Its values are {column.dtype}, and parse_dates= doesn't fit all of them."
        do = "With errors='coerce', values that don't fit become NaT."
        raise FrameError(what, why, do) from None


def _digits(number: float) -> str:
    """Return a number as the text to be parsed: 2020.0 as 2020."""
    try:
        return str(int(number))
    except OverflowError:  # infinity
        return str(number)
