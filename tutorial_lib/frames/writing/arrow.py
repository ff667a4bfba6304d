"""Encode whole columns with Arrow, and join them to the rows that COPY reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from .kinds import Kind
from .scalars import NUL, Unfit

TEXT = pa.large_string()
SECOND, DAY = 1_000_000, 86_400_000_000  # microseconds
YEAR_1 = -62_135_596_800_000_000  # microseconds of 0001-01-01 before 1970; PostgreSQL calls it AD 1
NUMBERS = Kind.REAL, Kind.REAL4, Kind.NUMERIC
ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
SEPARATOR, END, NOTHING = (pa.scalar(each, TEXT) for each in ("\t", "\n", ""))
NULL = {"null_handling": "replace", "null_replacement": "\\N"}


def text_of(cells: Any, kind: Kind) -> Any:
    """Encode a column, or return None if each of its values must be encoded in Python.

    Raises:
        Unfit: A value doesn't fit the column.

    """
    if pa.types.is_dictionary(cells.type):
        known = cells.dictionary
        cells = (known.cast(TEXT) if _is_text(known.type) else known).take(cells.indices)
    for fits, kinds, encode in ENCODERS:
        if kind in kinds and fits(cells.type):
            try:
                return encode(cells, kind)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                return None  # the values are encoded one by one, which names the one that fails
    return None


def _cast(cells: Any, _: Kind) -> Any:
    return cells.cast(TEXT)


def _real(cells: Any, kind: Kind) -> Any:
    # The shortest digits of a 32-bit float are another number in 64 bits.
    return (cells if kind is Kind.REAL4 else cells.cast(pa.float64())).cast(TEXT)


def _whole(cells: Any, _: Kind) -> Any:
    return cells.cast(pa.int64()).cast(TEXT)  # refuses fractions, NaN and infinity


def _timestamp(cells: Any, _: Kind) -> Any:
    zone = "UTC" if cells.type.tz else None
    cells = _since_year_1(cells.cast(pa.timestamp("us", zone)))
    # Arrow formats timestamps without a time zone ten times as fast.
    found = cells.cast(pa.timestamp("us")).cast(TEXT)
    return pc.binary_join_element_wise(found, _text("+00"), NOTHING) if zone else found


def _date(cells: Any, _: Kind) -> Any:
    exact = _since_year_1(cells.cast(pa.timestamp("us")))
    days = exact.cast(pa.date32())
    if not days.cast(pa.timestamp("us")).equals(exact):
        raise pa.ArrowInvalid("time of day")
    return days.cast(TEXT)


def _since_year_1(cells: Any) -> Any:
    early = pc.less(cells.cast(pa.int64()), YEAR_1)
    if pc.any(early).as_py():
        raise Unfit("a date before the year 1", pc.index(early, True).as_py())
    return cells


def _interval(cells: Any, _: Kind) -> Any:
    total = cells.cast(pa.duration("us")).cast(pa.int64())
    days = pc.divide(total, DAY)  # towards zero; Python and PostgreSQL's drivers round down
    days = pc.if_else(pc.less(total, pc.multiply(days, DAY)), pc.subtract(days, 1), days)
    rest = pc.subtract(total, pc.multiply(days, DAY))
    seconds = pc.divide(rest, SECOND)
    micros = pc.subtract(rest, pc.multiply(seconds, SECOND)).cast(TEXT)
    parts = days.cast(TEXT), _text(" days +"), seconds.cast(TEXT), _text(".")
    fraction = pc.utf8_lpad(micros, 6, "0")
    return pc.binary_join_element_wise(*parts, fraction, _text(" seconds"), NOTHING)


def _time(cells: Any, _: Kind) -> Any:
    return cells.cast(pa.time64("us")).cast(TEXT)


def _text(value: str) -> Any:
    return pa.scalar(value, TEXT)


def _naive(kind: Any) -> bool:
    return bool(pa.types.is_timestamp(kind) and kind.tz is None)


def _is_text(kind: Any) -> bool:
    return any(is_it(kind) for is_it in (pa.types.is_string, pa.types.is_large_string)) or (
        pa.types.is_string_view(kind)
    )


def _is_null(kind: Any) -> bool:
    return bool(pa.types.is_null(kind))


Encode = Callable[[Any, Kind], Any]
ENCODERS: tuple[tuple[Callable[[Any], bool], Any, Encode], ...] = (
    (_is_text, Kind, _cast),
    (_is_null, Kind, _cast),
    (pa.types.is_integer, (Kind.WHOLE, Kind.TEXT, *NUMBERS), _cast),
    (pa.types.is_floating, (Kind.WHOLE,), _whole),
    (pa.types.is_floating, NUMBERS, _real),
    (pa.types.is_decimal, NUMBERS, _cast),
    (pa.types.is_boolean, (Kind.BOOL,), _cast),
    (_naive, (Kind.TIMESTAMP,), _timestamp),
    (pa.types.is_timestamp, (Kind.TIMESTAMPTZ,), _timestamp),
    (_naive, (Kind.DATE,), _date),
    (pa.types.is_date32, (Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ), _date),
    (pa.types.is_time, (Kind.TIME,), _time),
    (pa.types.is_duration, (Kind.INTERVAL,), _interval),
)


def plain(texts: Sequence[str | None]) -> Any:
    """Return encoded values as a column; raise UnicodeEncodeError for a lone surrogate."""
    return pa.array(texts, TEXT)


def rows(columns: Sequence[Any]) -> bytes:
    """Join encoded and escaped columns to rows for COPY."""
    *others, last = columns
    last = pc.binary_join_element_wise(last, END, NOTHING, **NULL)
    whole = pc.binary_join_element_wise(*others, last, SEPARATOR, **NULL) if others else last
    data: bytes = whole.buffers()[2].to_pybytes()
    return data


def escaped(column: Any) -> Any:
    """Escape what's special to COPY.

    Raises:
        Unfit: A string contains a NUL character.

    """
    data = _data(column)
    if b"\0" in data:
        position = pc.index(pc.match_substring(column, "\0"), True).as_py()
        if position >= 0:  # else it's in the bytes of a missing value
            raise Unfit(NUL, position)
    for character, escape in ESCAPES.items():
        if character.encode() in data:
            column = pc.replace_substring(column, character, escape)
    return column


def _data(column: Any) -> bytes:
    """Return the bytes of all strings; to search them takes a tenth of the time of a kernel."""
    if not len(column):
        return b""
    _, offsets, data = column.buffers()
    places = memoryview(offsets).cast("q")
    begin, end = places[column.offset], places[column.offset + len(column)]
    return memoryview(data)[begin:end].tobytes() if data else b""


def numbers(positions: range) -> Any:
    """Return the positions of rows as a column."""
    return pa.array(positions, pa.int64()).cast(TEXT)
