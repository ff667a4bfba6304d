"""Cast text to Python values: with psycopg2's casters, or faster with the same result."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Any

from psycopg2 import _psycopg, extensions
from sqlalchemy import Dialect, Executable, TypeDecorator
from sqlalchemy.types import TypeEngine

from .copy_reader import Shape

Maker = Callable[[list[Any]], list[Any]]
Process = Callable[[Any], Any] | None
UUID, NIL = 2950, uuid.UUID(int=0)


def caster_of(oid: int, cursor: Any) -> Any:
    """Return psycopg2's caster for a type, the connection's own first; None for text."""
    return cursor.connection.string_types.get(oid) or extensions.string_types.get(oid)


def is_stock(caster: Any) -> bool:
    """Return whether a caster is psycopg2's own, not one the application registered."""
    return caster is None or getattr(_psycopg, caster.name, None) is caster


def maker_of(oid: int, cursor: Any) -> Maker:
    """Return the function that casts a list of strings to values; NULL is None in both."""
    caster = caster_of(oid, cursor)
    if caster is None:
        return list

    def each(texts: list[Any]) -> list[Any]:
        return list(map(caster, texts, repeat(cursor)))

    if caster is extensions.JSON or caster is extensions.JSONB:
        return lambda texts: _documents(texts, each)
    if oid == UUID and caster(str(NIL), cursor) == NIL:
        return _uuids
    return each


def _documents(texts: list[Any], each: Maker) -> list[Any]:
    """Parse all documents as one list, so they share the strings of their keys."""
    try:
        found: list[Any] = json.loads(f"[{','.join([text or 'null' for text in texts])}]")
    except RecursionError:  # the list adds a level of nesting
        return each(texts)
    return found


def _uuids(texts: list[Any]) -> list[Any]:
    """Create UUIDs without the constructor, whose checks take three times as long."""
    kind: Any = uuid.UUID
    new, set_int, set_safe = object.__new__, kind.int.__set__, kind.is_safe.__set__
    unknown, made = uuid.SafeUUID.unknown, []
    for text in texts:
        value = None
        if text is not None:
            value = new(kind)
            set_int(value, int(text.replace("-", ""), 16))
            set_safe(value, unknown)
        made.append(value)
    return made


def processes_of(
    statement: Executable, shape: Shape, dialect: Dialect, own_only: bool
) -> list[Process]:
    """Return SQLAlchemy's result processor of each column, or None where it has none.

    Args:
        statement: The query.
        shape: Its columns.
        dialect: The connection's dialect.
        own_only: Only the processors of an application's own types (TypeDecorator).

    """
    found: list[Process] = []
    for kind, described in zip(_types(statement, shape.names), shape.described, strict=True):
        if kind is None or (own_only and not isinstance(kind, TypeDecorator)):
            found.append(None)
        else:
            made = kind.dialect_impl(dialect)
            found.append(made.result_processor(dialect, described.type_code))
    return found


def _types(statement: Executable, names: Sequence[str]) -> list[TypeEngine[Any] | None]:
    """Return SQLAlchemy's types of the columns, None where the statement doesn't have them."""
    selected = getattr(statement, "selected_columns", None)
    known = {key: column.type for key, column in selected.items()} if selected else {}
    if len(known) == len(names) and not set(names) <= set(known):
        return list(known.values())
    return [known.get(name) for name in names]  # columns of a class may be deferred
