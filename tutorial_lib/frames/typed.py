"""Columns of Arrow's own types, which depend only on the query, never on the values."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ..errors import FrameError
from .columns import DATE, DIGITS, INTERVAL, NUMERIC, TIMESTAMP, TIMESTAMPTZ, Column, joined
from .drivers import Caster

TIME = pa.time64("us")
# By type OID. All other types are strings in PostgreSQL's format.
TYPES = {
    **{16: pa.bool_(), 17: pa.binary(), 20: pa.int64(), 21: pa.int16(), 23: pa.int32()},
    **{26: pa.uint32(), 700: pa.float32(), 701: pa.float64()},
    **{1082: DATE, 1083: TIME, 1114: TIMESTAMP, 1184: TIMESTAMPTZ, 1186: INTERVAL},
}
# What PostgreSQL's types can hold, and Arrow's or Python's can't.
BEYOND = r"infinity|Infinity|NaN|BC$|^\d{5,}-|^24:"


class TypedColumn(Column):
    """A column for a pyarrow.Table."""

    text = pa.string()
    digits = DIGITS

    def find_kind(self, caster: Caster) -> Any:
        """Return Arrow's type, or string."""
        if self.described.type_code == NUMERIC:
            return self._decimal(self.described.precision, self.described.scale)
        return TYPES.get(self.described.type_code, self.text)

    def _decimal(self, precision: int | None, scale: int | None) -> Any:
        """Return a type with the declared digits; string if none are declared, or too many."""
        if precision is None or scale is None:
            return self.text
        scale = ((scale & 0x7FF) ^ 0x400) - 0x400  # psycopg2 doesn't know negative ones
        whole = max(precision - scale, 0)
        scale = max(scale, 0)
        if whole + scale > self.digits:
            return self.text
        return (pa.decimal128 if whole + scale <= 38 else pa.decimal256)(whole + scale, scale)

    def parser_type(self) -> Any:
        """Return the type that the parser returns."""
        by_driver = (pa.binary(), INTERVAL)
        return (
            self.text if self.kind in by_driver or pa.types.is_decimal256(self.kind) else self.kind
        )

    def converted(self, cells: pa.ChunkedArray) -> Any:
        """Convert text to `kind`.

        Raises:
            FrameError: Arrow's type can't hold a value.

        """
        try:
            if pa.types.is_decimal(self.kind) or self.kind in (DATE, TIMESTAMP):
                return cells.cast(self.kind)
            if not _any_beyond(cells):
                return pa.chunked_array([pa.array(self.objects(cells.to_pylist()), self.kind)])
        except (pa.ArrowInvalid, OverflowError):
            pass
        raise FrameError(
            f"The column {self.described.name!r} has a value that Arrow's type {self.kind} "
            "can't hold.",
            "Such values are infinity, NaN as numeric, 24:00, years before 1 or after 9999, very "
            "long intervals, and dates in a DateStyle other than ISO.",
            "Cast the column to text in the query: CAST(... AS text).",
        )

    def array(self) -> pa.ChunkedArray:
        """Return the whole column."""
        return joined(self.pieces, self.kind)


class PolarsColumn(TypedColumn):
    """A column for a polars DataFrame, whose decimals have up to 38 digits."""

    digits = 38


def _any_beyond(cells: pa.ChunkedArray) -> bool:
    return bool(pc.any(pc.match_substring_regex(cells, BEYOND)).as_py())
