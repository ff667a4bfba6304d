"""Cast text to Python values: with the driver's casters, or faster with the same result."""

from __future__ import annotations

import json
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Any, cast

from sqlalchemy import Dialect, Executable, TypeDecorator
from sqlalchemy.types import TypeEngine

from .copy_reader import Shape
from .drivers import Cast, Caster

Process = Callable[[Any], Any] | None
UUID, DOCUMENTS = 2950, (114, 3802)  # type OIDs


def cast_of(oid: int, caster: Caster) -> Cast:
    """Return the function that casts a list of strings to values; NULL is None in both."""
    if caster.stock and oid in DOCUMENTS:
        return lambda texts: _documents(texts, caster.cast)
    return _uuids if caster.stock and oid == UUID else caster.cast


def _documents(texts: list[Any], each: Cast) -> list[Any]:
    """Parse all documents as one list, so they share the strings of their keys."""
    try:
        found: list[Any] = json.loads(f"[{','.join([text or 'null' for text in texts])}]")
    except RecursionError:  # the list adds a level of nesting
        return each(texts)
    return found


def _uuids(texts: list[Any]) -> list[Any]:
    """Create UUIDs without the constructor, whose checks take five times as long."""
    present, kind = [text for text in texts if text is not None], cast(Any, uuid.UUID)
    numbers = map(int, "\n".join(present).replace("-", "").split("\n"), repeat(16))
    made = list(map(object.__new__, repeat(kind, len(present))))
    deque(map(kind.int.__set__, made, numbers), maxlen=0)
    deque(map(kind.is_safe.__set__, made, repeat(uuid.SafeUUID.unknown)), maxlen=0)
    if len(made) == len(texts):
        return made
    found = iter(made)
    return [None if text is None else next(found) for text in texts]


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
