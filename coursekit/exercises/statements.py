"""Statements that a check sends, with qualified names and unconverted values.

Their only operator is pg_catalog's `=`, so operators that a submission defines have no effect.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Executable, and_, column
from sqlalchemy import delete as _delete
from sqlalchemy import insert as _insert
from sqlalchemy import select as _select
from sqlalchemy import table as _table
from sqlalchemy import text as _text
from sqlalchemy import update as _update

SCHEMA = "public"


def statement(sql: str) -> Executable:
    """Return a statement of another kind; all names in it are qualified."""
    return _text(sql.replace(":", "\\:"))


def insert(table: str, *, returning: tuple[str, ...] = (), **values: Any) -> Executable:
    """Return `INSERT INTO public.table`; without values, of a row of defaults."""
    names = dict.fromkeys((*values, *returning))
    into = _table(table, *map(column, names), schema=SCHEMA)
    statement = _insert(into).values(values)
    return statement.returning(*(into.c[name] for name in returning)) if returning else statement


def update(table: str, values: dict[str, Any], **where: Any) -> Executable:
    """Return `UPDATE public.table` of the rows in which each column of `where` has its value."""
    names = dict.fromkeys((*values, *where))
    changed = _table(table, *map(column, names), schema=SCHEMA)
    return _update(changed).values(values).where(_equal(changed, where))


def delete(table: str, **where: Any) -> Executable:
    """Return `DELETE FROM public.table` of the rows in which each column has its value."""
    emptied = _table(table, *map(column, where), schema=SCHEMA)
    return _delete(emptied).where(_equal(emptied, where))


def select(table: str, *columns: str, by: str = "") -> Executable:
    """Return `SELECT columns FROM public.table`, ordered by the column `by`."""
    names = dict.fromkeys((*columns, by) if by else columns)
    read = _table(table, *map(column, names), schema=SCHEMA)
    statement = _select(*(read.c[name] for name in columns))
    return statement.order_by(read.c[by]) if by else statement


def _equal(table: Any, where: dict[str, Any]) -> Any:
    equals = "OPERATOR(pg_catalog.=)"
    return and_(True, *(table.c[name].op(equals)(value) for name, value in where.items()))
