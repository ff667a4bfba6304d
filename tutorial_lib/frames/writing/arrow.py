"""Format whole columns with Arrow, and join them to the rows of COPY's text format."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from .kinds import Kind
from .normal import TEXT, normalized
from .scalars import NUL, Unfit

SECOND, DAY = 1_000_000, 86_400_000_000  # microseconds
ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
SEPARATOR, END, NOTHING = (pa.scalar(each, TEXT) for each in ("\t", "\n", ""))
NULL = {"null_handling": "replace", "null_replacement": "\\N"}


def text_of(cells: Any, kind: Kind) -> Any:
    """Format a column, or return None if each of its values must be encoded in Python.

    Raises:
        Unfit: A value doesn't fit the column.

    """
    found = normalized(cells, kind)
    if found is None or found.type == TEXT:
        return found
    if pa.types.is_duration(found.type):
        return _interval(found)
    zone = pa.types.is_timestamp(found.type) and found.type.tz
    if zone:  # Arrow formats timestamps without a time zone ten times as fast
        found = found.cast(pa.timestamp("us")).cast(TEXT)
        return pc.binary_join_element_wise(found, _text("+00"), NOTHING)
    return found.cast(TEXT)


def _interval(cells: Any) -> Any:
    total = cells.cast(pa.int64())
    days = pc.divide(total, DAY)  # towards zero; Python and PostgreSQL's drivers round down
    days = pc.if_else(pc.less(total, pc.multiply(days, DAY)), pc.subtract(days, 1), days)
    rest = pc.subtract(total, pc.multiply(days, DAY))
    seconds = pc.divide(rest, SECOND)
    micros = pc.subtract(rest, pc.multiply(seconds, SECOND)).cast(TEXT)
    parts = days.cast(TEXT), _text(" days +"), seconds.cast(TEXT), _text(".")
    fraction = pc.utf8_lpad(micros, 6, "0")
    return pc.binary_join_element_wise(*parts, fraction, _text(" seconds"), NOTHING)


def _text(value: str) -> Any:
    return pa.scalar(value, TEXT)


def plain(texts: Sequence[str | None]) -> Any:
    """Return encoded values as a column; raise UnicodeEncodeError for a lone surrogate."""
    return pa.array(texts, TEXT)


def rows(columns: Sequence[Any]) -> bytes:
    """Escape formatted columns and join them to rows."""
    *others, last = [_escaped(column) for column in columns]
    last = pc.binary_join_element_wise(last, END, NOTHING, **NULL)
    whole = pc.binary_join_element_wise(*others, last, SEPARATOR, **NULL) if others else last
    data: bytes = whole.buffers()[2].to_pybytes()
    return data


def _escaped(column: Any) -> Any:
    data = data_of(column)
    for character, escape in ESCAPES.items():
        if character.encode() in data:
            column = pc.replace_substring(column, character, escape)
    return column


def checked(column: Any) -> Any:
    """Return the column; raise Unfit if a string contains a NUL character."""
    if b"\0" in data_of(column):
        position = pc.index(pc.match_substring(column, "\0"), True).as_py()
        if position >= 0:  # else it's in the bytes of a missing value
            raise Unfit(NUL, position)
    return column


def data_of(column: Any) -> bytes:
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
