"""Turn what's to be read into a statement."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Executable,
    MetaData,
    Table,
    column,
    inspect,
    select,
    table,
    text,
)
from sqlalchemy.orm import Mapper
from sqlalchemy.sql import TextClause, quoted_name
from sqlalchemy.sql.selectable import AliasedReturnsRows, TableClause

from ..errors import FrameError
from .sql_text import parts, short, verb
from .suggestions import similar

QUERIES = ("SELECT", "WITH", "VALUES", "TABLE")
PRINTED = ("SHOW", "EXPLAIN")  # they return rows, but COPY doesn't accept them
ONLY_QUERIES = "Only a table or a query can be read."
BEGINS = f"a query starts with {', '.join((*QUERIES, PRINTED[0]))} or {PRINTED[1]}."
SHAPES = "Pass a table's name, a mapped class, SQL or a select()."
_SLICE = re.compile(r"(?<![:\w\\]):(?=\d)")  # the colon of [:2]
_BEFORE = re.compile(r"(?<![:\w\\])(:[^\W\d]\w*)(?=:)")  # a parameter in :name::int
_QUOTED = r'"(?:[^"]|"")+"'
# A name in which quotation marks are those of SQL: "dot.ted", shop."Order.Items".
_AS_IN_SQL = re.compile(rf'(?:({_QUOTED}|[^".]+)\.)?({_QUOTED}|[^".]+)')


def statement_of(
    query: object, schema: str | None = None, columns: Sequence[str] = ()
) -> Executable:
    """Return the statement that reads `query`; raise FrameError if it isn't a query.

    Args:
        query: A table's name, a mapped class or a table, SQL, or a statement.
        schema: The schema of the table.
        columns: The table's columns to read; by default all.

    """
    check_schema(schema)
    if isinstance(query, str):
        if not query.strip():
            raise FrameError(ONLY_QUERIES, f"{short(query)} can't be one.", SHAPES)
        if verb(query) not in QUERIES + PRINTED:
            return _of_table(query, schema, columns)
        _refuse_table_options(schema, columns)
        return _of_text(query)
    if getattr(query, "is_dml", False) or getattr(query, "is_ddl", False):
        raise FrameError(ONLY_QUERIES, f"This changes data: {type(query).__name__}.", SHAPES)
    if isinstance(query, TextClause) and verb(query.text) not in QUERIES + PRINTED:
        raise FrameError(ONLY_QUERIES, f"{short(query.text)} isn't one: {BEGINS}", SHAPES)
    if isinstance(query, Executable):
        _refuse_table_options(schema, columns)
        return query
    inspected = inspect(query, raiseerr=False)
    if (named := _without_columns(inspected)) is not None:
        return _of_table(named.name, named.schema or schema, columns)
    if inspected is None or isinstance(query, MetaData):  # not a mapped class or a table
        raise FrameError(ONLY_QUERIES, f"This is of type {type(query).__name__}.", SHAPES)
    if not columns and schema is None:
        return select(query)  # type: ignore[call-overload, no-any-return]
    if schema is not None or not isinstance(inspected, Mapper | Table):
        _refuse_table_options(schema, columns)
    return select(*_selected(inspected, columns))


def check_schema(schema: object) -> None:
    """Raise FrameError if it isn't a schema's name, or None."""
    if not (schema is None or isinstance(schema, str)):
        raise FrameError(f"schema is of type {type(schema).__name__}.", "It must be a name.")
    if schema == "":
        raise FrameError("schema is an empty string.", "It must be a name, or None.")


def prints_text(statement: Executable) -> bool:
    """Return whether it's a SHOW or an EXPLAIN, which COPY doesn't accept."""
    return isinstance(statement, TextClause) and verb(statement.text) in PRINTED


def _refuse_table_options(schema: str | None, columns: Sequence[str]) -> None:
    if columns:
        do = "Name the columns in the query itself: SELECT id, name FROM ..."
        raise FrameError("columns= is an option for tables, and this is a query.", "", do)
    if schema is not None:
        do = "Write the schema into the query, such as FROM shop.orders."
        raise FrameError("schema= is an option for a table's name.", "", do)


def _of_table(name: str, schema: str | None, columns: Sequence[str]) -> Executable:
    """Select from a table, `name` or `schema.name`; names are always quoted."""
    if schema is None:
        schema, name = split_name(name)
    quoted = table(_exactly(name), schema=_exactly(schema) if schema else None)
    if columns:
        return select(*[column(_exactly(each)) for each in columns]).select_from(quoted)
    # As a select(), it would get the columns that SQLAlchemy has cached of an earlier read.
    names = [each for each in (schema, name) if each]
    sql = ".".join('"' + each.replace('"', '""') + '"' for each in names)
    return text(f"SELECT * FROM {sql}".replace(":", r"\:"))  # noqa: S608


def split_name(name: str) -> tuple[str, str]:
    """Split a table's name into its schema, or "", and the rest."""
    if '"' in name and (found := _AS_IN_SQL.fullmatch(name)):
        return _unquoted(found[1] or ""), _unquoted(found[2])
    schema, _, last = name.partition(".")
    return (schema, last) if schema and last else ("", name)


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _without_columns(source: object) -> TableClause | None:
    """Return a table of which only the name is known, also under an alias."""
    while isinstance(source, AliasedReturnsRows):
        source = source.element
    return source if isinstance(source, TableClause) and not list(source.c) else None


def _exactly(name: str) -> quoted_name:
    return quoted_name(name, True)


def _selected(source: Mapper[Any] | Table, names: Sequence[str]) -> list[Any]:
    """Return columns of a mapped class or a table, by their names there or in the database."""
    known: Mapping[str, Any] = {**source.columns, **{each.name: each for each in source.columns}}
    for name in names:
        if name not in known:
            raise FrameError(f"There is no column {short(name)} in columns=.", similar(name, known))
    return [known[name] for name in names]


def _of_text(sql: str) -> Executable:
    """Return SQL as a statement, with PostgreSQL's colons besides those of parameters."""
    return text(
        "".join(
            _without_parameters(part) if i % 2 else _with_parameters(part)
            for i, part in enumerate(parts(sql))
        )
    )


def _without_parameters(part: str) -> str:
    return part.replace(":", r"\:")


def _with_parameters(part: str) -> str:
    return _SLICE.sub(r"\:", _BEFORE.sub(r"\1 ", part))
