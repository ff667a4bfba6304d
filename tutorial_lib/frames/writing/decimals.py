"""Encode whole columns as numeric in COPY's binary format.

A numeric is the number of its digits, the weight of the first one, the sign, the number of decimal
places (16 bits each), and the digits, each from 0 to 9999. The server removes zeros at both ends.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from .scalars import NotBinary

LIMIT = 10**15  # all whole numbers below are exact as a double
WHOLE = 4  # digits before the decimal point: enough for the limit
PLACES = 6  # of a double; more are sent as text
NEGATIVE = 0x4000


def fits(kind: Any) -> bool:
    """Return whether values of an Arrow type are encoded here."""
    return bool(pa.types.is_integer(kind) or pa.types.is_decimal128(kind) or kind == pa.float64())


def matrix_of(cells: Any) -> Any:
    """Return the bytes of each value of an Arrow array without NULLs, of a type that fits.

    Raises:
        NotBinary: A value has too many digits.

    """
    if pa.types.is_integer(cells.type):
        values, places = np.asarray(cells.cast(pa.int64())), np.zeros(len(cells), "i8")
    elif pa.types.is_decimal128(cells.type):
        values, places = _of_decimals(cells)
    else:
        values, places = _of_doubles(np.asarray(cells))
    if (values >= LIMIT).any() or (values <= -LIMIT).any():
        raise NotBinary
    return _fields(values, places)


def _of_decimals(cells: Any) -> tuple[Any, Any]:
    """Return the digits as integers, and the numbers of decimal places."""
    scale = cells.type.scale
    if not 0 <= scale <= 15:
        raise NotBinary
    halves = np.frombuffer(cells.buffers()[1], "<i8").reshape(-1, 2)
    low, high = halves[cells.offset : cells.offset + len(cells)].T
    if (high != low >> 63).any():  # more than 64 bits
        raise NotBinary
    return low, np.full(len(cells), scale)


def _of_doubles(values: Any) -> tuple[Any, Any]:
    """Return the shortest digits that are the same doubles."""
    whole, places = np.zeros(len(values), "i8"), np.full(len(values), -1)
    with np.errstate(all="ignore"):
        for count in range(PLACES + 1):
            found = np.rint(values * 10.0**count)
            here = (places < 0) & (np.abs(found) < LIMIT) & (found / 10.0**count == values)
            whole[here], places[here] = found[here], count
    if (places < 0).any():
        raise NotBinary
    return whole, places


def _fields(values: Any, places: Any) -> Any:
    groups = -(-int(places.max(initial=0)) // 4)
    before, after = np.divmod(np.abs(values), 10**places)
    digits = np.empty((len(values), 4 + WHOLE + groups), ">u2")
    digits[:, 0] = WHOLE + groups
    digits[:, 1] = WHOLE - 1
    digits[:, 2] = np.where(values < 0, NEGATIVE, 0)
    digits[:, 3] = places
    for column in reversed(range(4, 4 + WHOLE)):
        before, digits[:, column] = np.divmod(before, 10_000)
    after = after * 10 ** (4 * groups - places)
    for column in reversed(range(4 + WHOLE, 4 + WHOLE + groups)):
        after, digits[:, column] = np.divmod(after, 10_000)
    return digits.view("u1").reshape(len(values), -1)
