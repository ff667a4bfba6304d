"""Encode whole columns in COPY's binary format, which the server reads in half the time.

A row is the number of its fields (16 bits) and the fields; a field is the number of its bytes
(32 bits, -1 for NULL) and the bytes as the type's receive function expects them, all big-endian.
See "Binary Format" in PostgreSQL's page on COPY.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import decimals
from .arrow import data_of
from .kinds import Type
from .normal import normalized
from .scalars import NotBinary, Unfit

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
END = b"\xff\xff"
BLOB = pa.large_binary()
NOTHING, VERSION = pa.scalar(b"", BLOB), pa.scalar(b"\x01", BLOB)
JSONB, UUID, NUMERIC = 3802, 2950, 1700
STRINGS = {25, 114, 1042, 1043, JSONB}  # their fields are the text itself; jsonb's has a version
# Both count from 2000-01-01: dates days, timestamps microseconds.
DAYS, MICROSECONDS = 10_957, 946_684_800_000_000
DIGITS = [i for i in range(36) if i not in (8, 13, 18, 23)]  # of a UUID with its dashes
NIBBLES = np.full(256, 255, "u1")
NIBBLES[list(b"0123456789abcdef")] = range(16)
NIBBLES[list(b"ABCDEF")] = range(10, 16)


@dataclass(frozen=True)
class _Number:
    """How a type's fields are made.

    Attributes:
        fits: Whether an Arrow type can be converted without a loss.
        arrow: The Arrow type of this size.
        field: NumPy's.
        epoch: What is subtracted.

    """

    fits: Callable[[Any], bool]
    arrow: Any
    field: str
    epoch: int = 0


def _is(kind: Any) -> Callable[[Any], bool]:
    return lambda found: bool(found == kind)


def _is_real(found: Any) -> bool:
    return bool(pa.types.is_floating(found) or pa.types.is_integer(found))


_NUMBERS = {
    16: _Number(pa.types.is_boolean, pa.uint8(), "u1"),
    20: _Number(pa.types.is_integer, pa.int64(), ">i8"),
    21: _Number(pa.types.is_integer, pa.int16(), ">i2"),
    23: _Number(pa.types.is_integer, pa.int32(), ">i4"),
    26: _Number(pa.types.is_integer, pa.uint32(), ">u4"),
    700: _Number(_is(pa.float32()), pa.float32(), ">f4"),
    701: _Number(_is_real, pa.float64(), ">f8"),
    1082: _Number(_is(pa.date32()), pa.int32(), ">i4", DAYS),
    1083: _Number(_is(pa.time64("us")), pa.int64(), ">i8"),
    1114: _Number(_is(pa.timestamp("us")), pa.int64(), ">i8", MICROSECONDS),
    1184: _Number(_is(pa.timestamp("us", "UTC")), pa.int64(), ">i8", MICROSECONDS),
}


def is_known(column: Type) -> bool:
    """Return whether a type's fields can be made here, if its values fit."""
    return column.oid in _NUMBERS or column.oid in STRINGS or column.oid in (UUID, NUMERIC)


@dataclass(frozen=True)
class Field:
    """The same field of many rows.

    Attributes:
        cells: A matrix with the bytes of each row, or an Arrow array if their number differs.
        nulls: Which rows of a matrix have none, or None.

    """

    cells: Any
    nulls: Any = None


def numbers(positions: range) -> Field:
    """Return the positions of rows as a field."""
    return Field(_matrix(np.arange(positions.start, positions.stop), ">i8"))


def strings(texts: Any, column: Type) -> Field:
    """Make a field of an Arrow array of strings."""
    cells = texts.cast(BLOB)
    if column.oid == JSONB:
        cells = pc.binary_join_element_wise(VERSION, cells, NOTHING)
    return Field(cells)


def field_of(cells: Any, column: Type) -> Field:
    """Make a field of an Arrow array of numbers, dates or times.

    Raises:
        NotBinary: The array isn't one, or a value doesn't fit.

    """
    try:
        found = normalized(cells, column.kind)
        if found is None:
            raise NotBinary
        return _number(found, _NUMBERS.get(column.oid))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, Unfit):
        raise NotBinary from None


def _number(cells: Any, way: _Number | None) -> Field:
    """Make a field as the type demands; without a way, it's numeric."""
    if not (way.fits if way else decimals.fits)(cells.type):
        raise NotBinary
    if way:
        cells = cells.cast(way.arrow)
    nulls = None
    if cells.null_count:
        nulls, cells = np.asarray(cells.is_null()), cells.fill_null(0)
    if way is None:
        return Field(decimals.matrix_of(cells), nulls)
    values = np.asarray(cells)
    return Field(_matrix(values - values.dtype.type(way.epoch), way.field), nulls)


def uuids(texts: Any) -> Field:
    """Make a field of UUIDs in their usual form.

    Raises:
        NotBinary: One has another form.

    """
    nulls = np.asarray(texts.is_null()) if texts.null_count else None
    texts = texts.fill_null(f"{0:08}-{0:04}-{0:04}-{0:04}-{0:012}")
    if pc.any(pc.not_equal(pc.binary_length(texts), 36)).as_py():
        raise NotBinary
    letters = np.frombuffer(data_of(texts), "u1").reshape(len(texts), 36)
    digits = NIBBLES[letters[:, DIGITS]]
    if (digits > 15).any() or (letters[:, [8, 13, 18, 23]] != ord("-")).any():
        raise NotBinary
    return Field(digits[:, ::2] << 4 | digits[:, 1::2], nulls)


def _matrix(values: Any, field: str) -> Any:
    cells = np.ascontiguousarray(values.astype(field))
    return cells.view("u1").reshape(len(cells), cells.itemsize)


def rows(fields: Sequence[Field], count: int) -> bytes:
    """Join fields to rows."""
    joined = _Pieces(count)
    joined.add(_constant(len(fields), ">i2", count))
    for field in fields:
        if isinstance(field.cells, np.ndarray):
            _add_fixed(joined, field)
        else:
            sizes = pc.fill_null(pc.binary_length(field.cells), -1)
            joined.add(_matrix(np.asarray(sizes), ">i4"))
            joined.add(pc.fill_null(field.cells, b""))
    return joined.whole()


def _add_fixed(joined: _Pieces, field: Field) -> None:
    count, size = field.cells.shape
    sized = np.hstack([_constant(size, ">i4", count), field.cells])
    if field.nulls is None:
        joined.add(sized)
        return
    sized[field.nulls, :4] = 255
    there = np.ones(sized.shape, bool)
    there[field.nulls, 4:] = False
    joined.add(_blobs(sized[there], np.where(field.nulls, 4, 4 + size)))


def _constant(value: int, field: str, count: int) -> Any:
    return np.broadcast_to(_matrix(np.array([value]), field), (count, np.dtype(field).itemsize))


class _Pieces:
    """Pieces of rows; neighbours of a constant size are put together before Arrow joins them."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.fixed: list[Any] = []
        self.pieces: list[Any] = []

    def add(self, piece: Any) -> None:
        """Add a matrix or an Arrow array."""
        if isinstance(piece, np.ndarray):
            self.fixed.append(piece)
        else:
            self._close()
            self.pieces.append(piece)

    def _close(self) -> None:
        if self.fixed:
            matrix = np.hstack(self.fixed)
            self.pieces.append(_blobs(matrix, np.full(self.count, matrix.shape[1])))
            self.fixed.clear()

    def whole(self) -> bytes:
        """Return the rows."""
        self._close()
        found = pc.binary_join_element_wise(*self.pieces, NOTHING)
        data: bytes = found.buffers()[2].to_pybytes()
        return data


def _blobs(data: Any, sizes: Any) -> Any:
    """Cut bytes into an Arrow array."""
    offsets = np.zeros(len(sizes) + 1, "i8")
    np.cumsum(sizes, out=offsets[1:])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(data))]
    return pa.LargeBinaryArray.from_buffers(BLOB, len(sizes), buffers)
