"""Encode single Python values as PostgreSQL's text."""

from __future__ import annotations

import ipaddress
import numbers
import uuid
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from .kinds import Kind

Encode = Callable[[Any], str]


NUL = "a string with a NUL character, which PostgreSQL can't store"
SURROGATE = "a string with a lone surrogate, which UTF-8 can't represent"


class Unfit(Exception):
    """A value doesn't fit its column; the message describes it without showing it.

    Args:
        what: What it is.
        position: Where it is in the piece, if that's known.

    """

    def __init__(self, what: str, position: int | None = None) -> None:
        self.what, self.position = what, position
        super().__init__(what)


class NotBinary(Exception):
    """Rows can't be sent in COPY's binary format; as text, they can, or an error tells why not."""


def in_quotes(text: str) -> str:
    """Quote an element of an array, a bound of a range, or a part of an hstore."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def is_missing(value: Any) -> bool:
    """Return whether a value within another one is None, NA or NaT; NaN is a number there."""
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def _whole(value: Any) -> str:
    try:
        whole = int(value)
    except (ValueError, OverflowError):  # NaN and infinity
        raise Unfit("a number that isn't finite") from None
    if whole != value:
        raise Unfit("a number that isn't whole")
    return str(whole)


def _naive(value: datetime) -> str:
    if value.tzinfo is not None:
        raise Unfit("a timestamp with a time zone, which the column would lose")
    return _timestamp(value)


def _timestamp(value: datetime) -> str:
    if getattr(value, "nanosecond", 0):
        raise Unfit("a timestamp with nanoseconds; PostgreSQL stores microseconds")
    return value.isoformat(" ")


def _day(value: datetime) -> str:
    if _naive(value)[10:] != " 00:00:00":
        raise Unfit("a timestamp with a time of day, which the column would lose")
    return value.date().isoformat()


def _time(value: time) -> str:
    if value.tzinfo is not None:
        raise Unfit("a time with a time zone, which the column would lose")
    return value.isoformat()


def _interval(value: timedelta) -> str:
    if getattr(value, "nanoseconds", 0):
        raise Unfit("a duration with nanoseconds; PostgreSQL stores microseconds")
    # The + separates a negative number of days from the seconds, whatever IntervalStyle is.
    return f"{value.days} days +{value.seconds}.{value.microseconds:06} seconds"


def _bytes(value: Any) -> str:
    return "\\x" + bytes(value).hex()


def _hstore(value: Mapping[str, Any]) -> str:
    return ",".join(
        f"{in_quotes(key)}=>{'NULL' if is_missing(item) else in_quotes(item)}"
        for key, item in value.items()
    )


def _vector(value: Any) -> str:
    return f"[{','.join([_real(each) for each in value])}]"


def _integer(value: Any) -> str:
    return str(int(value))


def _real(value: Any) -> str:
    return repr(float(value))


def _bool(value: Any) -> str:
    return "t" if value else "f"


REALS = numbers.Real, np.number
LISTS = list, tuple, np.ndarray
ADDRESSES = (
    *(ipaddress.IPv4Address, ipaddress.IPv6Address),
    *(ipaddress.IPv4Network, ipaddress.IPv6Network),
)
_NO_BOOL: tuple[Any, None] = (bool, None)  # though Python counts it among the integers
_INTEGERS: tuple[Any, Encode] = (numbers.Integral, _integer)
_NUMBERS = _NO_BOOL, _INTEGERS, (Decimal, str), (REALS, _real)
# For each kind of column, which Python types fit and how they're encoded; the first one counts.
# Strings fit every kind: they are PostgreSQL's text already.
ENCODERS: dict[Kind, tuple[tuple[Any, Encode | None], ...]] = {
    Kind.WHOLE: (_NO_BOOL, _INTEGERS, ((*REALS, Decimal), _whole)),
    Kind.REAL: _NUMBERS,
    Kind.REAL4: ((np.float32, str), *_NUMBERS),
    Kind.NUMERIC: _NUMBERS,
    Kind.BOOL: (((bool, np.bool_), _bool),),
    Kind.TEXT: (_NO_BOOL, _INTEGERS, ((Decimal, uuid.UUID, time, date), str)),
    Kind.DATE: ((datetime, _day), (date, date.isoformat)),
    Kind.TIME: ((time, _time),),
    Kind.TIMETZ: ((time, time.isoformat),),
    Kind.TIMESTAMP: ((datetime, _naive), (date, date.isoformat)),
    Kind.TIMESTAMPTZ: ((datetime, _timestamp), (date, date.isoformat)),
    Kind.INTERVAL: ((timedelta, _interval),),
    Kind.UUID: ((uuid.UUID, str),),
    Kind.BYTES: (((bytes, bytearray, memoryview), _bytes),),
    Kind.HSTORE: ((Mapping, _hstore),),
    Kind.VECTOR: ((LISTS, _vector),),
    Kind.OTHER: ((ADDRESSES, str),),
}
