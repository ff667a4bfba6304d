"""Build one column from COPY's text: Arrow converts what it can, the driver casts the rest."""

from __future__ import annotations

import uuid
from contextlib import suppress
from datetime import UTC, date, time, tzinfo
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from .drivers import Caster, Driver
from .values import Process, cast_of

WHOLE, REAL, NUMERIC = pa.int64(), pa.float64(), 1700
DATE, TIMESTAMP, TIMESTAMPTZ = pa.date32(), pa.timestamp("us"), pa.timestamp("us", "UTC")
INTERVAL = pa.duration("us")
# By type OID: the Arrow types that pandas converts to the same column as the driver's values.
# Text is handled separately; the values of all other types are Python objects.
KINDS = {
    16: pa.bool_(),
    **dict.fromkeys((20, 21, 23, 26), WHOLE),
    **dict.fromkeys((700, 701), REAL),
    **{1082: DATE, 1114: TIMESTAMP, 1184: TIMESTAMPTZ, 1186: INTERVAL},
}
PARSED = (pa.bool_(), WHOLE, REAL)  # the parser never fails
CAST = (DATE, TIMESTAMP, TIMESTAMPTZ)  # it fails for infinity and for years after 9999
OBJECTS = (dict, list, uuid.UUID, date, time, memoryview, bytes)
DIGITS = 76  # the highest precision of Arrow's decimals


class Column:
    """A column with pandas' default dtype, assembled from pieces.

    Attributes:
        kind: The Arrow type of its pieces, or None if they're lists of objects. A piece that
            can't be converted becomes a list too.
        parsed: The Arrow type that the parser returns for its cells; `text` after it couldn't.

    """

    text = pa.large_string()
    coerce_float = True

    def __init__(self, described: Any, driver: Driver, process: Process) -> None:
        self.described, self.process, self.zone = described, process, driver.zone
        self.caster = driver.caster(described.type_code)
        self.cast = cast_of(described.type_code, self.caster)
        self.pieces: list[Any] = []

    # These two are looked up when rows are parsed; a few rows aren't.
    @cached_property
    def kind(self) -> Any:
        """Return the Arrow type of the pieces; see above."""
        return None if self.process else self.find_kind(self.caster)

    @cached_property
    def parsed(self) -> Any:
        """Return the Arrow type that the parser returns; see above."""
        return self.parser_type()

    def find_kind(self, caster: Caster) -> Any:
        """Return the Arrow type, or None if the application registered its own caster."""
        if caster.text:
            return self.text
        return {**KINDS, NUMERIC: REAL}.get(self.described.type_code) if caster.stock else None

    def parser_type(self) -> Any:
        """Return the type that the parser returns; it knows no session's time zone."""
        offsets = self.kind == TIMESTAMPTZ and not self.zone
        return self.kind if self.kind in PARSED + CAST and not offsets else self.text

    def add(self, cells: pa.ChunkedArray) -> None:
        """Add the next cells."""
        self.pieces.append(cells if cells.type == self.kind else self.converted(cells))

    def converted(self, cells: pa.ChunkedArray) -> Any:
        """Convert text to `kind`, or to objects if a cell doesn't fit."""
        offsets = self.kind == TIMESTAMPTZ and not self.zone
        try:
            if self.kind in CAST and not (offsets and _has_offsets(cells)):  # pandas keeps them
                return cells.cast(self.kind)
            if self.kind == INTERVAL:
                return pa.chunked_array([pa.array(self.objects(cells.to_pylist()), INTERVAL)])
        except pa.ArrowInvalid:
            pass
        return self.objects(cells.to_pylist())

    def objects(self, texts: list[Any]) -> list[Any]:
        """Cast text with the driver, then apply SQLAlchemy's result processor."""
        values = self.cast(texts)
        return [self.process(value) for value in values] if self.process else values

    def listed(self) -> list[Any]:
        """Return the whole column as the driver's values."""
        zone = self.zone or UTC
        return list(chain.from_iterable(_listed(piece, zone) for piece in self.pieces))

    def array(self) -> Any:
        """Return the whole column as `pandas.read_sql` would; an empty one keeps its type."""
        if self.kind is None or any(isinstance(piece, list) for piece in self.pieces):
            return _inferred(self.listed(), self.coerce_float)
        cells = joined(self.pieces, self.kind)
        if 0 < len(cells) == cells.null_count:
            return np.full(len(cells), None)
        return _of_arrow(cells)


class ExactColumn(Column):
    """A column as with pandas' `coerce_float=False`: numeric becomes Decimal objects."""

    coerce_float = False

    def find_kind(self, caster: Any) -> Any:
        """Return the Arrow type; None for numeric, so that the driver casts it."""
        return None if self.described.type_code == NUMERIC else super().find_kind(caster)


class ArrowColumn(Column):
    """An Arrow-backed column, typed as in PostgreSQL; types Arrow doesn't have are strings."""

    text = pa.string()

    def find_kind(self, caster: Caster) -> Any:
        """Return Arrow's type, or string."""
        own = {**KINDS, 17: pa.binary(), 1083: pa.time64("us")}
        return own.get(self.described.type_code, self.text)

    def converted(self, cells: pa.ChunkedArray) -> Any:
        """Convert text to `kind`; the driver casts what Arrow can't read."""
        if self.kind in CAST:
            with suppress(pa.ArrowInvalid):
                return cells.cast(self.kind)
        values = self.objects(cells.to_pylist())
        with suppress(pa.ArrowInvalid):
            return pa.chunked_array([pa.array(values, self.kind)]) if self.kind else values
        return values

    def array(self) -> Any:
        """Return the whole column; numeric as exact decimals."""
        if self.kind is None or any(isinstance(piece, list) for piece in self.pieces):
            return _typed_by_arrow(self.listed())
        cells = joined(self.pieces, self.kind)
        if self.described.type_code == NUMERIC:
            cells = _decimals(cells, self.described.precision, self.described.scale)
        return pd.arrays.ArrowExtensionArray(cells)


def _of_arrow(cells: pa.ChunkedArray) -> Any:
    """Convert to pandas in writable memory; Arrow's is read-only."""
    if cells.type in (pa.large_string(), DATE) or not cells.num_chunks:
        return cells.to_pandas().array
    array = np.concatenate([chunk.to_numpy(zero_copy_only=False) for chunk in cells.chunks])
    return pd.DatetimeIndex(array, tz="UTC").array if cells.type == TIMESTAMPTZ else array


def joined(pieces: list[pa.ChunkedArray], kind: Any) -> pa.ChunkedArray:
    """Join pieces of one type; nothing is copied."""
    return pa.chunked_array([chunk for piece in pieces for chunk in piece.chunks], kind)


def _has_offsets(cells: pa.ChunkedArray) -> bool:
    return pc.all(pc.ends_with(cells, "+00")).as_py() is False


def _listed(piece: Any, zone: tzinfo) -> list[Any]:
    """Return the driver's values that a piece was built from."""
    if isinstance(piece, list):
        return piece
    values: list[Any] = piece.to_pylist()
    if piece.type == TIMESTAMPTZ:
        return [value and value.replace(tzinfo=UTC).astimezone(zone) for value in values]
    return values


def _inferred(values: list[Any], coerce_float: bool = True) -> Any:
    """Infer the dtype of objects as `pandas.read_sql` does."""
    array = np.fromiter(values, object, len(values))
    first = next((value for value in values if value is not None), None)
    if type(first) in OBJECTS:  # pandas infers object from one of these
        return array
    series = pd.Series(array, dtype=object).infer_objects()
    if (
        coerce_float and series.dtype == object and hasattr(first, "__float__")
    ):  # decimals become floats
        frame = pd.DataFrame.from_records([(value,) for value in values], coerce_float=True)
        series = frame.iloc[:, 0]
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        series = series.dt.tz_convert("UTC")
    return series.array


def _typed_by_arrow(values: list[Any]) -> Any:
    try:
        return pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.array(values)]))
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # such as members of a Python enum
        return _inferred(values)


def _decimals(cells: pa.ChunkedArray, precision: int | None, scale: int | None) -> pa.ChunkedArray:
    """Convert text to decimals of the declared precision, or of the precision they need.

    It stays text if it contains NaN, infinity, or a number with more than 76 digits.
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
    """Return the smallest sufficient precision of 38 and 76 (or what's needed), and the scale."""
    length, dot = pc.binary_length(cells), pc.find_substring(cells, ".")
    whole = pc.if_else(pc.less(dot, 0), length, dot)
    scale = pc.max(pc.max_element_wise(pc.subtract(pc.subtract(length, whole), 1), 0)).as_py() or 0
    needed = scale + (pc.max(whole).as_py() or 0)
    return next((width for width in (38, DIGITS) if needed <= width), needed), scale
