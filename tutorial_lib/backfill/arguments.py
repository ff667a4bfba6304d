"""What backfill.run was called with, checked before anything is sent to the server."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import NullType

from ..errors import BackfillError
from .catalog import Relation, column_in, near


def condition(where: object) -> sa.ColumnElement[bool]:
    """Return the condition as an expression; a string is SQL, and a colon in it is a colon."""
    if isinstance(where, str | sa.TextClause) and not str(where).strip():
        raise BackfillError(
            "where= is empty.",
            "It says which rows still need the change; without it, a second call can't resume.",
            'Write where="tax IS NULL", for example.',
        )
    if isinstance(where, str):  # a comment ends with its line, and must not comment out ours
        return sa.literal_column(f"{where}\n" if "--" in where else where, sa.Boolean)
    if isinstance(where, sa.TextClause | sa.ColumnElement):
        return where  # type: ignore[return-value]
    clause = where.__clause_element__() if hasattr(where, "__clause_element__") else None
    if isinstance(clause, sa.ColumnElement):
        return clause
    raise BackfillError(
        "where= must be an SQL condition.",
        f"Got {type(where).__name__}.",
        'Write where="tax IS NULL" or where=orders.c.tax.is_(None); join several by sa.and_(...).',
    )


def new_values(relation: Relation, table: sa.TableClause, given: object) -> dict[str, Any]:
    """Return the new values by the column's name in `table`.

    Raises:
        BackfillError: There are none, a column is unknown, or a value is a string: it could be
            SQL as well as the text that each row should have.

    """
    if not isinstance(given, Mapping) or not given:
        got = "It's empty." if isinstance(given, Mapping) else f"Got {type(given).__name__}."
        do = 'Write set={"tax": text("amount / 6")}, for example.'
        raise BackfillError("set= must name at least one column and its new value.", got, do)
    values = {_column(relation, table, name): value for name, value in given.items()}
    for name, value in values.items():
        if isinstance(value, Decimal) and not value.is_finite():  # psycopg2 sends each as NaN
            number = "NaN" if value.is_nan() else str(value)
            values[name] = sa.cast(sa.literal(number), sa.Numeric)
        if isinstance(value, Mapping) and isinstance(table.c[name].type, NullType):
            raise BackfillError(
                f"The new value of {name} is a {type(value).__name__}, which has no form in SQL.",
                "The table as it's passed doesn't say that the column is json.",
                f'Write {{"{name}": literal({{...}}, JSONB)}}; JSONB comes from '
                "sqlalchemy.dialects.postgresql. Or pass a mapped class.",
            )
        if isinstance(value, str) and not isinstance(value, enum.Enum):
            raise BackfillError(
                f"The new value of {name} is a string, which could be SQL or a text.",
                "The backfill doesn't guess, because the wrong guess would be in every row.",
                f'For SQL, write {{"{name}": text(...)}}; for a text, {{"{name}": literal(...)}}. '
                "Both come from sqlalchemy.",
            )
    return values


def _column(relation: Relation, table: sa.TableClause, given: object) -> str:
    name, column = column_in(table, given)
    if column is not None and column.name in relation.columns:
        return column.key
    what = f"The table {relation.name} has no column {name}."
    if isinstance(name, str) and name in relation.columns:
        what = f"The table that you passed for {relation.name} doesn't name the column {name}."
        raise BackfillError(what, "The database has it.", f'Add sa.column("{name}") to the table.')
    hint = near(name, relation.columns) if isinstance(name, str) else ""
    columns = f"It has {', '.join(relation.columns)}."
    raise BackfillError(what, columns, hint or "Check the names in set=.")
