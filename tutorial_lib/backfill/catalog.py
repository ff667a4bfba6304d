"""What PostgreSQL's catalog knows about a table: its columns, and what makes a row unique."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import sqlalchemy as sa

from ..errors import BackfillError

# A name without a schema is found as PostgreSQL finds it: by the search_path.
RELATIONS = sa.text("""
    SELECT c.oid, n.nspname AS schema, c.relname AS name,
           c.relkind IN ('r', 'p') AND NOT (c.relkind = 'r' AND EXISTS (
               SELECT FROM pg_inherits WHERE inhparent = c.oid)) AS has_keys
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = :name AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
      AND CASE WHEN CAST(:schema AS text) IS NULL THEN pg_table_is_visible(c.oid)
          ELSE n.nspname = :schema END
""")
# A domain has the order of the type it's based on. format_type(…, -1) names a type without a
# length, so that a cast cuts nothing off.
COLUMNS = sa.text("""
    WITH RECURSIVE types AS (
        SELECT attnum, atttypid AS type FROM pg_attribute
        WHERE attrelid = :oid AND attnum > 0 AND NOT attisdropped
        UNION ALL
        SELECT attnum, typbasetype FROM types JOIN pg_type t ON t.oid = type WHERE typtype = 'd'
    )
    SELECT a.attname AS name, format_type(t.oid, -1) AS type, a.attnotnull AND NOT EXISTS (
               SELECT FROM pg_constraint WHERE conrelid = a.attrelid AND contype = 'n'
               AND conkey = ARRAY[a.attnum] AND NOT convalidated) AS not_null,
           a.atttypid <> t.oid AS is_domain
    FROM pg_attribute a JOIN types USING (attnum) JOIN pg_type t ON t.oid = type
    WHERE a.attrelid = :oid AND t.typtype <> 'd' ORDER BY attnum
""")
# Unique for every row: no part of the table, no expression, and not in another collation that
# tells apart what the column's own collation takes for equal.
UNIQUE = sa.text("""
    SELECT array_agg(a.attname::text ORDER BY at) AS columns, i.indisprimary AS is_primary
    FROM pg_index i CROSS JOIN LATERAL generate_series(0, i.indnkeyatts - 1) AS at
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[at]
    LEFT JOIN pg_collation o ON o.oid = a.attcollation
    WHERE i.indrelid = :oid AND i.indisunique AND i.indisvalid AND i.indislive
      AND i.indpred IS NULL AND i.indexprs IS NULL
    GROUP BY i.indexrelid
    HAVING bool_and(a.attcollation = i.indcollation[at] OR o.collisdeterministic)
    ORDER BY i.indisprimary DESC, i.indexrelid
""")
NAMES = sa.text("""
    SELECT CASE WHEN pg_table_is_visible(c.oid) THEN c.relname
           ELSE n.nspname || '.' || c.relname END
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'f')
      AND n.nspname <> 'information_schema' AND NOT starts_with(n.nspname, 'pg_')
""")


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        name: Its name.
        type: Its type without a length; a domain's base type.
        not_null: Whether it's NOT NULL, for the rows that are there as well.
        is_domain: Whether its type is a domain.

    """

    name: str
    type: str
    not_null: bool
    is_domain: bool


@dataclass(frozen=True)
class Relation:
    """A table or view.

    Attributes:
        oid: Its id in the catalog.
        name: Its name, with the schema if that was given.
        columns: Its columns by name.
        unique: The columns of each unique index, the primary key's first.
        primary: The primary key's columns; empty if there's none.
        has_keys: Whether `unique` says all there is to know. It doesn't for a view, a foreign
            table or a table with children, whose rows no index covers.

    """

    oid: int
    name: str
    columns: dict[str, Column]
    unique: list[list[str]]
    primary: list[str]
    has_keys: bool


def relation_of(connection: sa.Connection, table: sa.TableClause) -> Relation:
    """Return what the catalog knows about the table."""
    # SQLAlchemy translates the schema of a Table, and of nothing else.
    schema = _translated(connection, table.schema) if isinstance(table, sa.Table) else table.schema
    if found := _rows(connection, table.name, schema):
        return _relation(connection, found[0], table.fullname)
    raise _missing(connection, table.fullname)


def table_named(connection: sa.Connection, name: str) -> sa.TableClause:
    """Return the table with this name, or with this `schema.name`, and all its columns."""
    if "\0" in name or name.encode(errors="ignore").decode() != name:  # these can't even be sent
        raise BackfillError(f"There is no table {name!a}.", "", "Check the spelling.")
    readings = [(_translated(connection, schema), table) for schema, table in _readings(name)]
    found = [pair for pair in readings if _rows(connection, pair[1], pair[0])]
    if not found:
        raise _missing(connection, name)
    if len(found) > 1:
        raise BackfillError(
            f"The name {name} can mean {len(found)} tables.",
            "One has a dot in its name, and another is in a schema.",
            "Pass the table instead of its name: sa.table(name, sa.column(...), schema=...).",
        )
    schema, table = found[0]
    row = _rows(connection, table, schema)[0]
    columns = _relation(connection, row, name).columns
    return sa.table(table, *(sa.column(one) for one in columns), schema=schema)


def column_in(table: sa.TableClause, given: Any) -> tuple[Any, sa.ColumnClause[Any] | None]:
    """Return the name that was given, and the table's column that has it.

    Args:
        table: The table.
        given: A name, a column or a mapped attribute. In a Table, a column may have a key that
            isn't its name in the database; both will do.

    """
    clause = given.__clause_element__() if hasattr(given, "__clause_element__") else given
    name = getattr(clause, "key", clause)
    if not isinstance(name, str):
        return name, None
    by_name = (column for column in table.c if column.name == name)
    return name, table.c[name] if name in table.c else next(by_name, None)


def near(name: str, names: Iterable[str]) -> str:
    """Return a sentence with the names that are most like this one, or an empty string.

    A name may be like another one's last part: `users` is like `shop.Users`.
    """
    known = {part.lower(): each for each in names for part in (each, each.rpartition(".")[2])}
    close = [known[part] for part in get_close_matches(name.lower(), known, n=3)]
    return f"Did you mean {' or '.join(dict.fromkeys(close))}?" if close else ""


def _readings(name: str) -> Iterator[tuple[str | None, str]]:
    yield None, name
    for place, letter in enumerate(name):
        if letter == ".":
            yield name[:place], name[place + 1 :]


def _rows(connection: sa.Connection, name: str, schema: str | None) -> list[sa.Row[Any]]:
    return list(connection.execute(RELATIONS, {"name": name, "schema": schema}).all())


def _translated(connection: sa.Connection, schema: str | None) -> str | None:
    schemas = connection.get_execution_options().get("schema_translate_map") or {}
    return schemas.get(schema, schema)


def _relation(connection: sa.Connection, row: sa.Row[Any], name: str) -> Relation:
    where = {"oid": row.oid}
    columns = [Column(*each) for each in connection.execute(COLUMNS, where)]
    unique = connection.execute(UNIQUE, where).all()
    primary = [each.columns for each in unique if each.is_primary]
    return Relation(
        row.oid,
        name,
        {column.name: column for column in columns},
        [each.columns for each in unique],
        primary[0] if primary else [],
        row.has_keys,
    )


def _missing(connection: sa.Connection, name: str) -> BackfillError:
    names = connection.scalars(NAMES).all()
    return BackfillError(
        f"There is no table {name} in the database {connection.engine.url.database}.",
        "Names are case-sensitive, and a table outside the search_path needs its schema.",
        near(name, names) or "Check the spelling, or write schema.name.",
    )
