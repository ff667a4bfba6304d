"""Find the table to write to, and read its columns from the catalog."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, text

from ...arguments import sendable
from ...errors import FrameError
from ..query import split_name
from ..suggestions import similar
from .kinds import Kind, Type, type_of
from .sending import interruptible

Name = tuple[str | None, str]  # schema and table; without a schema, the search_path decides

_TABLE = """
SELECT c.oid, nspname, relname, CAST(relkind AS text) AS relkind,
    row_security_active(c.oid) AS secured,
    -- Otherwise, the catalog of the snapshot may have other types than the table.
    current_setting('transaction_isolation') LIKE 'read %'
        AND current_setting('client_encoding') = 'UTF8' AS binary_safe,
    EXISTS (SELECT FROM pg_rewrite WHERE ev_class = c.oid AND ev_type = '3') AS ruled,
    -- tgtype: 1 is FOR EACH ROW, 2 BEFORE, 4 INSERT, 64 INSTEAD OF
    EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal
        AND tgenabled <> 'D' AND tgtype & 71 = 7) AS filled,
    relkind <> 'v' OR pg_relation_is_updatable(c.oid, true) & 8 = 8 AS insertable
FROM unnest(CAST(:names AS text[])) WITH ORDINALITY AS wanted (name, place)
    JOIN pg_class c ON c.oid = to_regclass(wanted.name)
    JOIN pg_namespace n ON n.oid = relnamespace
WHERE relname = (CAST(:last AS text[]))[place] ORDER BY place LIMIT 1"""
# A domain's chain of base types ends where typbasetype is 0.
_COLUMNS = """
WITH RECURSIVE chain AS (
    SELECT a.attnum, t.oid, t.typbasetype, t.typnotnull AS strict,
        t.typdefault IS NOT NULL AS filled
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = :oid AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT chain.attnum, t.oid, t.typbasetype, strict OR t.typnotnull,
        filled OR t.typdefault IS NOT NULL
    FROM chain JOIN pg_type t ON t.oid = chain.typbasetype)
SELECT attname, format_type(atttypid, atttypmod) AS declared,
    CAST(attidentity AS text) AS identity, CAST(attgenerated AS text) AS generated,
    attnotnull OR strict AS required, atthasdef OR attidentity <> '' OR filled AS filled,
    t.oid, t.typname, CAST(t.typtype AS text) AS typtype,
    t.typcategory = 'A' AND t.typelem <> 0 AS is_array, CAST(e.typdelim AS text) AS delimiter,
    b.oid AS element, b.typname AS element_name, CAST(b.typtype AS text) AS element_typtype,
    :kind <> 'v' OR pg_column_is_updatable(a.attrelid, a.attnum, true) AS insertable
FROM pg_attribute a JOIN chain USING (attnum) JOIN pg_type t ON t.oid = chain.oid
    LEFT JOIN pg_type e ON e.oid = t.typelem
    LEFT JOIN pg_type b ON b.oid = COALESCE(NULLIF(e.typbasetype, 0), e.oid)
WHERE a.attrelid = :oid AND chain.typbasetype = 0 ORDER BY a.attnum"""
# The table itself, the tables of a view's query, and the parents of a partition.
_BEHIND = """
WITH RECURSIVE behind AS (
    SELECT CAST(:oid AS oid) AS oid
    UNION
    SELECT found.oid FROM behind CROSS JOIN LATERAL (
        SELECT inhparent FROM pg_inherits WHERE inhrelid = behind.oid
        UNION ALL
        SELECT refobjid FROM pg_rewrite r JOIN pg_depend d ON d.objid = r.oid
        WHERE ev_class = behind.oid AND classid = CAST('pg_rewrite' AS regclass)
            AND refclassid = CAST('pg_class' AS regclass)) AS found (oid))
SELECT nspname, relname FROM behind JOIN pg_class c USING (oid)
    JOIN pg_namespace n ON n.oid = relnamespace"""
_TABLES = """
SELECT CASE WHEN pg_table_is_visible(c.oid) THEN '' ELSE nspname || '.' END || relname AS name
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind IN ('r', 'v', 'p', 'f') AND nspname !~ '^(pg_|information_schema)' ORDER BY name"""
KINDS = {"m": "a materialized view", "S": "a sequence", "c": "a type"}
ONCE = {"stream_results": False, "yield_per": None}  # whatever the caller has configured


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Attributes:
        name: Its name.
        declared: Its type as declared, such as `character varying(50)`.
        type: Its type without domains.
        identity: "a" for GENERATED ALWAYS AS IDENTITY, "d" for BY DEFAULT, else "".
        generated: Whether it's computed from other columns.
        required: Whether it's NOT NULL.
        filled: Whether it has a default, or is an identity or generated column.
        insertable: Whether a view passes it on to its table.

    """

    name: str
    declared: str
    type: Type
    identity: str
    generated: bool
    required: bool
    filled: bool
    insertable: bool


@dataclass(frozen=True)
class Target:
    """The table to write to.

    Attributes:
        oid: Its OID.
        schema: Its schema.
        name: Its name.
        relkind: pg_class.relkind: "r" for a table, "p" if it's partitioned, "v" for a view, "f"
            for a foreign table.
        by_insert: Whether rows must come by INSERT: into a view, or because of row-level
            security or rules, which COPY doesn't support.
        filled: Whether a BEFORE trigger may fill columns that have no value.
        binary_safe: Whether the connection can use COPY's binary format: it doesn't convert
            UTF-8, and a type that another session changes is noticed afterwards.
        columns: Its columns by name.

    """

    oid: int
    schema: str
    name: str
    relkind: str
    by_insert: bool
    filled: bool
    binary_safe: bool
    columns: dict[str, Column] = field(repr=False)

    @property
    def sql(self) -> str:
        """Return its qualified name, quoted."""
        return f"{quoted(self.schema)}.{quoted(self.name)}"


def quoted(name: str) -> str:
    """Quote an identifier."""
    return '"' + name.replace('"', '""') + '"'


def names_in(name: str) -> list[Name]:
    """Return what a string can mean: `schema.table`, or a table with dots in its name.

    With double quotes, it can be written as in SQL.
    """
    if not name.strip():
        raise FrameError("The table's name is empty.")
    if '"' in name:
        schema, table = split_name(name)
        return [(schema or None, table), (None, name)]
    parts = name.split(".")
    splits = [(".".join(parts[:i]), ".".join(parts[i:])) for i in range(1, len(parts))]
    return [*((schema, table) for schema, table in splits if schema and table), (None, name)]


def tables_behind(connection: Connection, target: Target) -> list[tuple[str, str]]:
    """Return schema and name of the table, and of those that a view or a partition belongs to."""
    return [(row.nspname, row.relname) for row in rows(connection, _BEHIND, oid=target.oid)]


def describe(connection: Connection, names: Sequence[Name]) -> Target:
    """Return the first table of these names that exists.

    Raises:
        FrameError: There is none, or nothing can be inserted into it.

    """
    for name in {name for both in names for name in both if name}:
        sendable(f"The name {name!r}", name, FrameError)
    sql = [(f"{quoted(schema)}." if schema else "") + quoted(name) for schema, name in names]
    wanted = {"names": sql, "last": [name for _, name in names]}
    found = rows(connection, _TABLE, **wanted)
    if not found:
        raise _missing(connection, names)
    [table] = found
    if table.relkind in KINDS or not table.insertable:
        kind = KINDS.get(table.relkind, "a view that PostgreSQL can't insert into")
        do = "Write to the tables it's made of."
        raise FrameError(f"{table.relname} is {kind}.", "", do)
    by_insert = table.relkind == "v" or table.secured or table.ruled
    return Target(
        table.oid, table.nspname, table.relname, table.relkind, by_insert, table.filled,
        table.binary_safe, columns_of(connection, table.oid, table.relkind),
    )  # fmt: skip


def columns_of(connection: Connection, oid: int, relkind: str) -> dict[str, Column]:
    """Return a table's columns by name."""
    found = rows(connection, _COLUMNS, oid=oid, kind=relkind)
    return {row.attname: _column(row) for row in found}


def rows(connection: Connection, sql: str, **values: Any) -> Sequence[Row[Any]]:
    """Run a catalog query."""
    return interruptible(  # it waits for a session that changes the table
        connection, lambda: connection.execute(text(sql), values, execution_options=ONCE).all()
    )


def _column(row: Row[Any]) -> Column:
    found = type_of(row.oid, row.typname, row.typtype)
    if row.is_array:
        element = type_of(row.element, row.element_name, row.element_typtype)
        found = Type(Kind.ARRAY, row.oid, element, row.delimiter)
    return Column(
        row.attname, row.declared, found, row.identity, row.generated != "",
        row.required, row.filled, row.insertable,
    )  # fmt: skip


def _missing(connection: Connection, names: Sequence[Name]) -> FrameError:
    schema, table = names[0]
    name = f"{schema}.{table}" if schema else table
    known = [row.name for row in rows(connection, _TABLES)]
    return FrameError(
        f"There is no table {name}.",
        similar(name, known),
        "frames.write never creates a table: a migration does. Upgrade the database, or correct "
        "the name.",
    )
