"""Name the types of columns as SQLAlchemy writes them, or as PostgreSQL does if it knows better."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sqlalchemy import types
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import CompileError, SAWarning

from .reader import Reader

Found = TypeVar("Found")
TYPES = """
SELECT c.relname, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)
FROM pg_catalog.pg_attribute a
     JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = CAST(:schema AS name) AND a.attnum > 0 AND NOT a.attisdropped
      AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""


def type_names(reader: Reader, schema: str) -> Mapping[tuple[str, str], str]:
    """Return PostgreSQL's name of each column's type, by table and column."""
    found = reader.run(TYPES, schema=schema)
    return {(table, column): name for table, column, name in map(tuple, found)}


def type_name(kind: Any, otherwise: str) -> str:
    """Return a type as SQLAlchemy writes it, or the other name if it doesn't know the type."""
    if isinstance(kind, types.NullType):
        return otherwise
    try:
        return str(kind.compile(dialect=postgresql.dialect())).lower()  # type: ignore[no-untyped-call]
    except CompileError:
        return otherwise


def without_warnings(read: Callable[..., Found], *arguments: Any, **options: Any) -> Found:
    """Call a method of SQLAlchemy's inspector, which warns of each type that it doesn't know."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Did not recognize type", SAWarning)
        return read(*arguments, **options)
