"""Encode Python values as PostgreSQL's text, by the type of the column."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np

from .kinds import Kind, Type
from .scalars import ENCODERS, LISTS, REALS, Encode, Unfit, in_quotes, is_missing

DOCUMENTS = (dict, bool, np.bool_, *LISTS, *REALS)
ITEMS = (Kind.JSON, Kind.VECTOR, Kind.MULTIRANGE)  # their values are lists themselves
BOUNDS = {"left": "[)", "right": "(]", "both": "[]", "neither": "()"}  # pandas' names


def texts_of(values: Sequence[Any], column: Type, documents: bool) -> list[str | None]:
    """Encode a column's values; None is NULL.

    Raises:
        Unfit: A value doesn't fit; `position_of` finds which.

    """
    kinds = {type(value) for value in values if value is not None}
    encoders = {kind: encoder_of(column, kind, documents) for kind in kinds}
    return [None if value is None else encoders[type(value)](value) for value in values]


def position_of(values: Sequence[Any], column: Type, documents: bool) -> int:
    """Return the position of the first value that doesn't fit."""
    for position, value in enumerate(values):
        try:
            if value is not None:
                encoder_of(column, type(value), documents)(value)
        except Exception:  # whatever it is, texts_of met it too
            return position
    return 0


def encoder_of(column: Type, kind: type, documents: bool = False) -> Encode:
    """Return the function that encodes values of one Python type for a column.

    Raises:
        Unfit: No value of this Python type fits.

    """
    if issubclass(kind, str) and not documents:
        return str.__str__  # of a member of a string Enum, that's its value
    if column.kind is Kind.JSON and issubclass(kind, (*DOCUMENTS, str)):
        return _document
    if column.kind is Kind.ARRAY and issubclass(kind, LISTS):
        return lambda value: _array(column, value)
    if column.kind in (Kind.RANGE, Kind.MULTIRANGE):
        return _range if column.kind is Kind.RANGE else _multirange
    for kinds, encode in ENCODERS.get(column.kind, ()):
        if encode and issubclass(kind, kinds):
            return encode
        if issubclass(kind, kinds):
            break
    raise Unfit(f"a {kind.__name__}")


def _document(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain)
    except (TypeError, ValueError, RecursionError):
        raise Unfit("a document that JSON can't represent") from None


def _plain(value: Any) -> Any:
    """Convert NumPy's values within a document."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError


def _array(column: Type, values: Any) -> str:
    return "{" + column.delimiter.join([_item(column, value) for value in values]) + "}"


def _item(column: Type, value: Any) -> str:
    element = column.element
    assert element
    if is_missing(value):
        return "NULL"
    if isinstance(value, LISTS) and element.kind not in ITEMS:
        return _array(column, value)
    return in_quotes(encoder_of(element, type(value))(value))


def _range(value: Any) -> str:
    """Encode a range of SQLAlchemy, psycopg2, psycopg 3 or pandas."""
    if getattr(value, "isempty", False) or getattr(value, "empty", False) is True:
        return "empty"
    if hasattr(value, "closed"):
        lower, upper, bounds = value.left, value.right, BOUNDS[value.closed]
    elif hasattr(value, "lower") and hasattr(value, "upper"):
        lower, upper = value.lower, value.upper
        bounds = getattr(value, "bounds", None) or getattr(value, "_bounds", None) or "[)"
    else:
        raise Unfit(f"a {type(value).__name__}")
    return f"{bounds[0]}{_bound(lower)},{_bound(upper)}{bounds[1]}"


def _bound(value: Any) -> str:
    if is_missing(value):
        return ""
    return in_quotes(value.isoformat() if isinstance(value, date) else str(value))


def _multirange(value: Any) -> str:
    if not hasattr(value, "__iter__"):
        raise Unfit(f"a {type(value).__name__}")
    return "{" + ",".join([_range(each) for each in value]) + "}"
