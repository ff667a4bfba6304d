"""The key that orders the batches: which columns it has, and how its values are compared.

Values are read as text and cast back by the server, so no driver has to know their type: an
enum, jsonb, a range or an infinite date orders the batches as a number does.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.types import UserDefinedType

from ..errors import BackfillError
from .catalog import Relation, column_in, near
from .progress import Key

# As Python has them in BackfillProgress.last; a value that Python can't hold stays text.
READERS: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(("smallint", "integer", "bigint", "oid"), int),
    **dict.fromkeys(("real", "double precision"), float),
    **{"numeric": Decimal, "uuid": UUID, "date": date.fromisoformat},
    **dict.fromkeys(
        ("timestamp without time zone", "timestamp with time zone"), datetime.fromisoformat
    ),
}
# With these settings, the text of a key is exactly its value. Most types don't depend on them.
EXACT = {"extra_float_digits": "1", "DateStyle": "ISO", "IntervalStyle": "postgres"}
INDEPENDENT = {"smallint", "integer", "bigint", "numeric", "uuid", "text", "character varying"}
TextKey = tuple[str, ...]  # a key's values as PostgreSQL writes them


class _Named(UserDefinedType[Any]):
    """A type by the name that format_type has for it."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: Any) -> str:
        return self.name.replace("%", "%%")  # a driver would take it for a placeholder


@dataclass(frozen=True)
class BatchKey:
    """The columns that order the batches.

    Attributes:
        columns: The columns.
        types: Their types' names.
        operands: The columns as they're compared: a domain has no operators of its own.
        unique: Whether the catalog says that it's unique and never NULL.

    """

    columns: tuple[sa.ColumnClause[Any], ...]
    types: tuple[str, ...]
    operands: tuple[sa.ColumnElement[Any], ...]
    unique: bool

    @property
    def settings(self) -> dict[str, str]:
        """The settings that the session needs for these types."""
        return {} if INDEPENDENT.issuperset(self.types) else EXACT

    def as_text(self, source: sa.FromClause | None = None) -> list[sa.ColumnElement[Any]]:
        """Return the columns, or those of the same names in `source`, as text."""
        columns = [source.c[one.key] for one in self.columns] if source is not None else None
        return [sa.cast(one, sa.Text) for one in columns or self.columns]

    def between(self, after: TextKey, until: TextKey) -> list[sa.ColumnElement[bool]]:
        """Return the conditions for keys after the one and up to the other; () is no limit."""
        key = sa.tuple_(*self.operands)
        above = [key > self._values(after)] if after else []
        return above + ([key <= self._values(until)] if until else [])

    def before(self, key: TextKey) -> sa.ColumnElement[bool]:
        """Return the condition for keys before this one."""
        return sa.tuple_(*self.operands) < self._values(key)

    def known(self) -> sa.ColumnElement[bool]:
        """Return the condition that no column of the key is NULL."""
        return sa.and_(*(column.is_not(None) for column in self.columns))

    def read(self, key: TextKey) -> Key:
        """Return a key's values as Python has them."""
        return tuple(map(_value, key, self.types))

    def describe(self, key: Key) -> str:
        """Return a key for a message: `id 5`."""
        names = (column.name for column in self.columns)
        return ", ".join(f"{name} {value}" for name, value in zip(names, key, strict=False))

    def _values(self, key: TextKey) -> sa.Tuple:
        pairs = zip(key, self.types, strict=True)
        return sa.tuple_(*(sa.cast(sa.literal(one, sa.Text), _Named(kind)) for one, kind in pairs))


def batch_key(relation: Relation, table: sa.TableClause, key: object) -> BatchKey:
    """Return the key with the given columns, or the primary key if None is given.

    Raises:
        BackfillError: There's none, or the catalog says that it isn't unique or may be NULL.

    """
    given = relation.primary if key is None else key
    asked = list(given) if isinstance(given, list | tuple) else [given]
    if not asked:
        what = "It has no primary key." if key is None else "key= names no column."
        raise _no_key(relation, what, "")
    columns = tuple(_column(relation, table, one) for one in asked)
    known = [relation.columns[column.name] for column in columns]
    if relation.has_keys:
        _check(relation, [column.name for column in columns])
    operands = tuple(
        sa.cast(column, _Named(about.type)) if about.is_domain else column
        for column, about in zip(columns, known, strict=True)
    )
    return BatchKey(columns, tuple(one.type for one in known), operands, relation.has_keys)


def _column(relation: Relation, table: sa.TableClause, given: Any) -> sa.ColumnClause[Any]:
    name, column = column_in(table, given)
    if column is not None and column.name in relation.columns:
        return column
    if not isinstance(name, str):
        raise _no_key(relation, f"key= is {reprlib.repr(name)}.", 'Write key="id".')
    advice = near(name, relation.columns)
    if name in relation.columns:
        advice = f'Add sa.column("{name}") to the table that you pass.'
    raise _no_key(relation, f"It has no column {name}.", advice)


def _check(relation: Relation, names: list[str]) -> None:
    """Raise an error if rows can share a key, or if a row can be without one."""
    if not any(set(index) <= set(names) for index in relation.unique):
        why = f"No unique index covers {' and '.join(names)}, so rows can share a key."
        raise _no_key(relation, why, "")
    if nullable := [name for name in names if not relation.columns[name].not_null]:
        why = f"{' and '.join(nullable)} can be NULL, and a row without a key is in no batch."
        raise _no_key(relation, why, "")


def _advice(relation: Relation) -> str:
    for names in relation.unique:
        if all(relation.columns[name].not_null for name in names):
            key = f'"{names[0]}"' if len(names) == 1 else "(" + ", ".join(map(repr, names)) + ")"
            other = "Leave key= out" if names == relation.primary else f"Pass key={key}"
            return f"{other}: {', '.join(names)} is unique and NOT NULL."
    return 'Name columns with a unique index and NOT NULL: key="id".'


def _no_key(relation: Relation, why: str, do: str) -> BackfillError:
    what = f"There is no key to order the batches of {relation.name} by."
    return BackfillError(what, why, do or _advice(relation))


def _value(value: str, kind: str) -> Any:
    try:
        return READERS.get(kind, str)(value)
    except ValueError:
        return value
