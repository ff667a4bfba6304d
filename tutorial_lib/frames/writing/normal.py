"""Convert whole columns to the Arrow type that PostgreSQL's type corresponds to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from .kinds import Kind
from .scalars import Unfit

TEXT = pa.large_string()
YEAR_1 = -62_135_596_800_000_000  # microseconds of 0001-01-01 before 1970; PostgreSQL calls it AD 1
NUMBERS = Kind.REAL, Kind.REAL4, Kind.NUMERIC


def normalized(cells: Any, kind: Kind) -> Any:
    """Return a column whose values are exact in PostgreSQL's type, or None if that isn't certain.

    Then each value must be encoded in Python, which names the one that doesn't fit.

    Raises:
        Unfit: A value doesn't fit the column.

    """
    if pa.types.is_dictionary(cells.type):
        known = cells.dictionary
        cells = (known.cast(TEXT) if is_text(known.type) else known).take(cells.indices)
    for fits, kinds, convert in CONVERSIONS:
        if kind in kinds and fits(cells.type):
            try:
                return convert(cells, kind)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                return None
    return None


def _text(cells: Any, _: Kind) -> Any:
    return cells.cast(TEXT)


def _same(cells: Any, _: Kind) -> Any:
    return cells


def _real(cells: Any, kind: Kind) -> Any:
    # The shortest digits of a 32-bit float are another number in 64 bits.
    return cells if kind is Kind.REAL4 else cells.cast(pa.float64())


def _whole(cells: Any, _: Kind) -> Any:
    return cells.cast(pa.int64())  # refuses fractions, NaN and infinity


def _timestamp(cells: Any, _: Kind) -> Any:
    return _since_year_1(cells.cast(pa.timestamp("us", "UTC" if cells.type.tz else None)))


def _date(cells: Any, _: Kind) -> Any:
    exact = _since_year_1(cells.cast(pa.timestamp("us")))
    days = exact.cast(pa.date32())
    if not days.cast(pa.timestamp("us")).equals(exact):
        raise pa.ArrowInvalid("time of day")
    return days


def _since_year_1(cells: Any) -> Any:
    early = pc.less(cells.cast(pa.int64()), YEAR_1)
    if pc.any(early).as_py():
        raise Unfit("a date before the year 1", pc.index(early, True).as_py())
    return cells


def _interval(cells: Any, _: Kind) -> Any:
    return cells.cast(pa.duration("us"))


def _time(cells: Any, _: Kind) -> Any:
    return cells.cast(pa.time64("us"))


def _naive(kind: Any) -> bool:
    return bool(pa.types.is_timestamp(kind) and kind.tz is None)


def is_text(kind: Any) -> bool:
    """Return whether an Arrow type is one of strings."""
    return any(is_it(kind) for is_it in (pa.types.is_string, pa.types.is_large_string)) or (
        pa.types.is_string_view(kind)
    )


def _is_null(kind: Any) -> bool:
    return bool(pa.types.is_null(kind))


Convert = Callable[[Any, Kind], Any]
CONVERSIONS: tuple[tuple[Callable[[Any], bool], Any, Convert], ...] = (
    (is_text, Kind, _text),
    (_is_null, Kind, _text),
    (pa.types.is_integer, (Kind.WHOLE, Kind.TEXT, *NUMBERS), _same),
    (pa.types.is_floating, (Kind.WHOLE,), _whole),
    (pa.types.is_floating, NUMBERS, _real),
    (pa.types.is_decimal, NUMBERS, _same),
    (pa.types.is_boolean, (Kind.BOOL,), _same),
    (_naive, (Kind.TIMESTAMP,), _timestamp),
    (pa.types.is_timestamp, (Kind.TIMESTAMPTZ,), _timestamp),
    (_naive, (Kind.DATE,), _date),
    (pa.types.is_date32, (Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ), _date),
    (pa.types.is_time, (Kind.TIME,), _time),
    (pa.types.is_duration, (Kind.INTERVAL,), _interval),
)
