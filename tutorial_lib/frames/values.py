"""Python's values of a column: those that psycopg2 makes, and the same ones made faster."""

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
    """What psycopg2 calls for a type: asked of the connection, then of all; None for text."""
    return cursor.connection.string_types.get(oid) or extensions.string_types.get(oid)


def is_stock(caster: Any) -> bool:
    """Whether a caster is one of psycopg2's own, and not one that somebody has registered."""
    return caster is None or getattr(_psycopg, caster.name, None) is caster


def maker_of(oid: int, cursor: Any) -> Maker:
    """The function that makes a list of values from a list of texts; NULL is None in both."""
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
    """All documents in one list, so that they share the texts of their keys."""
    try:
        found: list[Any] = json.loads(f"[{','.join([text or 'null' for text in texts])}]")
    except RecursionError:  # the list is one level more
        return each(texts)
    return found


def _uuids(texts: list[Any]) -> list[Any]:
    """UUIDs without the checks of their constructor, which takes three times as long."""
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
    """For each column what SQLAlchemy makes of the driver's values, or None for nothing.

    own_only  only what an application's own types (TypeDecorator) do
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
    """SQLAlchemy's types of the columns, as far as a statement tells them."""
    selected = getattr(statement, "selected_columns", None)
    known = {key: column.type for key, column in selected.items()} if selected else {}
    if len(known) == len(names) and not set(names) <= set(known):
        return list(known.values())
    return [known.get(name) for name in names]  # columns of a class may be deferred
