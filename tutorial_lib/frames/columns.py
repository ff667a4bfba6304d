"""One column, from COPY's text to pandas: Arrow takes what it can hold, psycopg2 casts the rest."""

from __future__ import annotations

import uuid
from contextlib import suppress
from datetime import UTC, date, time
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from .values import Process, caster_of, is_stock, maker_of

WHOLE, REAL, NUMERIC = pa.int64(), pa.float64(), 1700
DATE, TIMESTAMP, MOMENT = pa.date32(), pa.timestamp("us"), pa.timestamp("us", "UTC")
SPAN = pa.duration("us")
# By PostgreSQL's numbers: the Arrow types of which pandas makes what it makes of psycopg2's
# values. Text is none of them; the values of all other types are objects.
KINDS = {
    16: pa.bool_(),
    **dict.fromkeys((20, 21, 23, 26), WHOLE),
    **dict.fromkeys((700, 701), REAL),
    **{1082: DATE, 1114: TIMESTAMP, 1184: MOMENT, 1186: SPAN},
}
TEXTS = (18, 19, 25, 1042, 1043)
PARSED = (pa.bool_(), WHOLE, REAL)  # the parser reads them, and never fails
CAST = (DATE, TIMESTAMP, MOMENT)  # infinity and the year 10000 do not fit
OBJECTS = (dict, list, uuid.UUID, date, time, memoryview)
DIGITS = 76  # the most that one of Arrow's decimals has


class Column:
    """A column in pandas' usual form, gathered piece by piece.

    kind    the Arrow type of its pieces, or None when they are lists of objects; a piece
            that does not fit becomes a list as well
    parsed  the Arrow type in which its cells come from the parser
    """

    text = pa.large_string()

    def __init__(self, described: Any, cursor: Any, process: Process) -> None:
        self.described, self.process = described, process
        self.make = maker_of(described.type_code, cursor)
        self.kind = None if process else self.find_kind(caster_of(described.type_code, cursor))
        self.parsed = self.kind if self.kind in PARSED else self.text
        self.pieces: list[Any] = []

    def find_kind(self, caster: Any) -> Any:
        """An Arrow type, unless somebody has asked psycopg2 for values of another kind."""
        oid = self.described.type_code
        if caster is None or (oid in TEXTS and is_stock(caster)):
            return self.text
        return {**KINDS, NUMERIC: REAL}.get(oid) if is_stock(caster) else None

    def add(self, cells: pa.ChunkedArray) -> None:
        """Take the next cells."""
        self.pieces.append(cells if cells.type == self.kind else self.turned(cells))

    def turned(self, cells: pa.ChunkedArray) -> Any:
        """Text as `kind`, or as objects where that does not hold all of it."""
        in_utc = self.kind != MOMENT or pc.all(pc.ends_with(cells, "+00")).as_py() is not False
        try:
            if self.kind in CAST and in_utc:  # else pandas keeps the offsets
                return cells.cast(self.kind)
            if self.kind == SPAN:
                return pa.chunked_array([pa.array(self.objects(cells.to_pylist()), SPAN)])
        except pa.ArrowInvalid:
            pass
        return self.objects(cells.to_pylist())

    def objects(self, texts: list[Any]) -> list[Any]:
        """The values of psycopg2, and what SQLAlchemy makes of them."""
        values = self.make(texts)
        return [self.process(value) for value in values] if self.process else values

    def array(self) -> Any:
        """All that was added, as `pandas.read_sql` would have it; typed, if it is nothing."""
        if self.kind is None or any(isinstance(piece, list) for piece in self.pieces):
            return _inferred(list(chain.from_iterable(map(_listed, self.pieces))))
        cells = _joined(self.pieces, self.kind)
        if 0 < len(cells) == cells.null_count:
            return np.full(len(cells), None)
        return _of_arrow(cells)


class ArrowColumn(Column):
    """A column backed by Arrow, as PostgreSQL has it: what Arrow has no type for is text."""

    text = pa.string()

    def find_kind(self, caster: Any) -> Any:
        """Arrow's own type, or text."""
        own = {**KINDS, 17: pa.binary(), 1083: pa.time64("us")}
        return own.get(self.described.type_code, self.text)

    def turned(self, cells: pa.ChunkedArray) -> Any:
        """Text as `kind`; what Arrow cannot read, psycopg2 does."""
        if self.kind in CAST:
            with suppress(pa.ArrowInvalid):
                return cells.cast(self.kind)
        values = self.objects(cells.to_pylist())
        with suppress(pa.ArrowInvalid):
            return pa.chunked_array([pa.array(values, self.kind)]) if self.kind else values
        return values

    def array(self) -> Any:
        """All that was added; numeric as exact decimals."""
        if self.kind is None or any(isinstance(piece, list) for piece in self.pieces):
            return _typed_by_arrow(list(chain.from_iterable(map(_listed, self.pieces))))
        cells = _joined(self.pieces, self.kind)
        if self.described.type_code == NUMERIC:
            cells = _decimals(cells, self.described.precision, self.described.scale)
        return pd.arrays.ArrowExtensionArray(cells)


def _of_arrow(cells: pa.ChunkedArray) -> Any:
    """What pandas makes of it, in memory that can be written to, which Arrow's cannot."""
    if cells.type in (pa.large_string(), DATE) or not cells.num_chunks:
        return cells.to_pandas().array
    array = np.concatenate([chunk.to_numpy(zero_copy_only=False) for chunk in cells.chunks])
    return pd.DatetimeIndex(array, tz="UTC").array if cells.type == MOMENT else array


def _joined(pieces: list[pa.ChunkedArray], kind: Any) -> pa.ChunkedArray:
    return pa.chunked_array([chunk for piece in pieces for chunk in piece.chunks], kind)


def _listed(piece: Any) -> list[Any]:
    """The values of psycopg2 of which a piece was made."""
    if isinstance(piece, list):
        return piece
    values: list[Any] = piece.to_pylist()
    if piece.type == MOMENT:
        return [value and value.replace(tzinfo=UTC) for value in values]
    return values


def _inferred(values: list[Any]) -> Any:
    """What `pandas.read_sql` makes of objects."""
    array = np.fromiter(values, object, len(values))
    first = next((value for value in values if value is not None), None)
    if type(first) in OBJECTS:  # at one of these, pandas' own search ends
        return array
    series = pd.Series(array, dtype=object).infer_objects()
    if series.dtype == object and hasattr(first, "__float__"):  # decimals become floats
        frame = pd.DataFrame.from_records([(value,) for value in values], coerce_float=True)
        series = frame.iloc[:, 0]
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        series = series.dt.tz_convert("UTC")
    return series.array


def _typed_by_arrow(values: list[Any]) -> Any:
    try:
        return pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.array(values)]))
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # members of a Python enum, and the like
        return _inferred(values)


def _decimals(cells: pa.ChunkedArray, precision: int | None, scale: int | None) -> pa.ChunkedArray:
    """Text as decimals, with the declared digits or with those that are needed.

    It stays text when there is NaN, infinity, or a number with more than 76 digits.
    """
    if precision is None or scale is None or not 0 <= scale <= precision <= DIGITS:
        precision, scale = _digits(cells)
    if precision > DIGITS:
        return cells
    kind = pa.decimal128 if precision <= 38 else pa.decimal256
    try:
        return cells.cast(kind(precision, scale))
    except pa.ArrowInvalid:
        return cells


def _digits(cells: pa.ChunkedArray) -> tuple[int, int]:
    """The narrowest precision of 38 and 76 (or what is needed above), and the scale."""
    length, dot = pc.binary_length(cells), pc.find_substring(cells, ".")
    whole = pc.if_else(pc.less(dot, 0), length, dot)
    scale = pc.max(pc.max_element_wise(pc.subtract(pc.subtract(length, whole), 1), 0)).as_py() or 0
    needed = scale + (pc.max(whole).as_py() or 0)
    return next((width for width in (38, DIGITS) if needed <= width), needed), scale
