"""Convert parameter values from NumPy, pandas, pyarrow and polars to those the drivers know."""

from __future__ import annotations

import json
import sys
from collections import deque
from collections.abc import Iterator, KeysView, Mapping, Sequence, ValuesView
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from ..arguments import sendable
from ..errors import FrameError

# Values of these types are passed on. Others may be subclasses of them, such as numpy.float64.
KNOWN = {
    *(int, str, bool, bytes, memoryview, type(None), date, datetime, time, timedelta),
    *(Decimal, UUID),
}
COLLECTIONS = set, frozenset, deque, range, KeysView, ValuesView, Iterator
_MICROSECONDS = {"M": ("datetime64[us]", date), "m": ("timedelta64[us]", timedelta)}


def plain(value: Any, name: str, typed: bool = False) -> Any:
    """Return a value as Python's own type; a missing value as None, a column as a list.

    NaN is None, too: in a DataFrame, it stands for NULL. Decimal("NaN") stays what it is.

    Args:
        value: The value of a parameter.
        name: The parameter's name, for messages.
        typed: Whether the parameter has an SQLAlchemy type, which converts dictionaries and
            members of an Enum.

    Raises:
        FrameError: It's a whole DataFrame, a string with a zero byte, or a value outside of what
            Python can represent.

    """
    kind = type(value)
    if kind in KNOWN:
        if kind is str:
            sendable(f"The value of the parameter :{name}", value, FrameError)
        # PostgreSQL has one NaN; sNaN and -NaN are Python's.
        return Decimal("NaN") if kind is Decimal and value.is_nan() else value
    if isinstance(value, float):  # numpy.float64 is a subclass
        return None if value != value else float(value)
    if isinstance(value, list | tuple) and kind.__module__.partition(".")[0] != "sqlalchemy":
        found = [plain(each, name, typed) for each in value]
        return tuple(found) if isinstance(value, tuple) else found
    if isinstance(value, COLLECTIONS):
        return [plain(each, name, typed) for each in value]
    if not typed and isinstance(value, Mapping):
        return _json(value, name)
    if not typed and isinstance(value, Enum):
        # SQLAlchemy stores names. A member that is also a string or a number is sent as that.
        return plain(value.value, name) if isinstance(value, str | int) else value.name
    return _of_library(value, name, typed)


def _of_library(value: Any, name: str, typed: bool) -> Any:
    """Convert a value of a library; only those that are imported can have made it."""
    for library, convert in (("pandas", _of_pandas), ("numpy", _of_numpy)):
        if module := sys.modules.get(library):
            found = convert(value, module, name)
            if found is not value:
                return plain(found, name, typed)
    origin, kind = type(value).__module__.partition(".")[0], type(value).__name__
    if origin in ("pandas", "pyarrow", "polars") and hasattr(value, "columns"):
        do = "Pass one of its columns, or a list of its rows as tuples."
        raise _refusal(name, f"is a whole {kind}", "", do)
    if origin == "pyarrow" and hasattr(value, "as_py"):
        return plain(value.as_py(), name, typed)
    if origin == "pyarrow" and hasattr(value, "to_pylist"):
        return plain(value.to_pylist(), name, typed)
    if origin == "polars" and hasattr(value, "to_list"):
        return plain(value.to_list(), name, typed)
    return value


def _of_pandas(value: Any, pandas: Any, name: str) -> Any:
    if value is pandas.NA or value is pandas.NaT:
        return None
    if isinstance(value, pandas.Timestamp):
        rounded = value.round("us") if value.nanosecond else value
        return _python(lambda: rounded.to_pydatetime(), name)
    if isinstance(value, pandas.Timedelta):
        return _python(lambda: value.to_pytimedelta(), name)
    columns = pandas.Series, pandas.Index, pandas.api.extensions.ExtensionArray
    return list(value) if isinstance(value, columns) else value


def _of_numpy(value: Any, numpy: Any, name: str) -> Any:
    if value is numpy.ma.masked:
        return None
    if isinstance(value, numpy.ndarray):
        if value.dtype.kind in "biufSU":
            return value.tolist()
        return list(value) if value.ndim else value[()]
    if isinstance(value, numpy.datetime64 | numpy.timedelta64):
        unit, kind = _MICROSECONDS[value.dtype.kind]
        whole = numpy.datetime_data(value.dtype)[0] in ("Y", "M", "W", "D") and kind is date
        return _python(lambda: value.astype("datetime64[D]" if whole else unit).item(), name, kind)
    if isinstance(value, numpy.longdouble):
        return float(value)
    return value.item() if isinstance(value, numpy.generic) else value


def _python(convert: Any, name: str, kind: type = object) -> Any:
    """Return what `convert` returns; NumPy returns a number for what Python can't represent."""
    try:
        found = convert()
    except (ValueError, OverflowError, TypeError):
        found = ...
    if found is ... or not (found is None or isinstance(found, kind)):
        why = "Python's datetime and timedelta can't represent it."
        raise _refusal(name, "is out of range", why, "Pass it as a string, and cast it in SQL.")
    return found


def _json(value: Mapping[Any, Any], name: str) -> str:
    try:
        return json.dumps(_document(value, name), allow_nan=False)
    except (TypeError, ValueError):
        why = "Not all values in it can be written as JSON."
        raise _refusal(name, "is a dictionary, which is sent as JSON", why, "") from None


def _document(value: Any, name: str) -> Any:
    """Return a JSON document whose values are Python's own."""
    if isinstance(value, Mapping):
        return {_document(key, name): _document(each, name) for key, each in value.items()}
    found = plain(value, name)
    return [_document(each, name) for each in value] if isinstance(found, list | tuple) else found


def _refusal(name: str, what: str, why: str, do: str) -> FrameError:
    return FrameError(f"The value of the parameter :{name} {what}.", why, do)


def array_literal(values: Sequence[str | None]) -> str:
    """Return strings as the text of a PostgreSQL array, whose type the server infers."""
    return f"{{{','.join('NULL' if each is None else _quoted(each) for each in values)}}}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"'


def of_one_type(values: list[Any]) -> list[Any]:
    """Return numbers of one type, which psycopg needs for an array; other values as they are."""
    kinds = {type(each) for each in values} - {type(None)}
    if len(kinds) < 2 or not kinds <= {int, float, Decimal}:
        return values
    return [each if each is None else Decimal(str(each)) for each in values]
