"""Compare the schema of an exercise's database at two points in time, in what exercises are about.

`tutorial_lib.explorer` compares far more: what grants, comments and owners there are, or which
values the rows have. A right answer may leave a column in another place, or a row with another
value, and a learner's database may define operators and functions that the explorer would call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

# The objects in the schema `public`. Every name and operator is qualified, because a database can
# define an operator or a function of the same name, and put its schema first in the search path.
# For the same reason nothing is computed here: `_description` puts the descriptions together.
# NOT NULL is part of its column; PostgreSQL 18 also lists it as a constraint, which is left out.
OBJECTS = """
WITH here AS (
    SELECT oid, nspname FROM pg_catalog.pg_namespace
    WHERE nspname OPERATOR(pg_catalog.=) 'public'
), c AS (
    SELECT c.oid, c.relname, c.relkind, nspname
    FROM pg_catalog.pg_class c JOIN here ON c.relnamespace OPERATOR(pg_catalog.=) here.oid
), t AS (
    SELECT oid, relname, nspname FROM c
    WHERE relkind OPERATOR(pg_catalog.=) 'r' OR relkind OPERATOR(pg_catalog.=) 'p'
)
SELECT 'table' AS kind, relname AS home, relname AS name, NULL AS about, false AS marked,
       NULL AS more, 0::pg_catalog.int2 AS place
FROM t
UNION ALL
SELECT 'column', t.relname, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),
       a.attnotnull, pg_catalog.pg_get_expr(d.adbin, d.adrelid), a.attnum
FROM t JOIN pg_catalog.pg_attribute a
           ON a.attrelid OPERATOR(pg_catalog.=) t.oid
           AND a.attnum OPERATOR(pg_catalog.>) 0::pg_catalog.int2 AND NOT a.attisdropped
       LEFT JOIN pg_catalog.pg_attrdef d
           ON d.adrelid OPERATOR(pg_catalog.=) t.oid AND d.adnum OPERATOR(pg_catalog.=) a.attnum
UNION ALL
SELECT 'constraint', t.relname, c.conname, pg_catalog.pg_get_constraintdef(c.oid), false, NULL, 0
FROM t JOIN pg_catalog.pg_constraint c
           ON c.conrelid OPERATOR(pg_catalog.=) t.oid AND c.contype OPERATOR(pg_catalog.<>) 'n'
UNION ALL
SELECT 'index', t.relname, i.relname, pg_catalog.pg_get_indexdef(i.oid), x.indisunique, NULL, 0
FROM t JOIN pg_catalog.pg_index x ON x.indrelid OPERATOR(pg_catalog.=) t.oid
       JOIN pg_catalog.pg_class i ON i.oid OPERATOR(pg_catalog.=) x.indexrelid
WHERE NOT EXISTS (
    SELECT FROM pg_catalog.pg_constraint c
    WHERE c.conindid OPERATOR(pg_catalog.=) i.oid AND c.conrelid OPERATOR(pg_catalog.=) t.oid
)
UNION ALL
SELECT 'sequence', '', relname, NULL, false, NULL, 0 FROM c
WHERE relkind OPERATOR(pg_catalog.=) 'S'
UNION ALL
SELECT 'type', '', typname, NULL, false, NULL, 0
FROM pg_catalog.pg_type JOIN here ON typnamespace OPERATOR(pg_catalog.=) here.oid
WHERE typtype OPERATOR(pg_catalog.=) 'e' OR typtype OPERATOR(pg_catalog.=) 'd'
ORDER BY home, place, kind, name
"""
KINDS = ("table", "column", "constraint", "index", "sequence", "type", "rows")
SIGNS = {"added": "+", "removed": "-", "changed": "~"}
Key = tuple[str, str]


@dataclass(frozen=True)
class Schema:
    """The objects in a schema at one point in time: (kind, name) to description."""

    objects: Mapping[Key, str]


@dataclass(frozen=True)
class Change:
    """One object that was added, removed or changed.

    Attributes:
        what: "added", "removed" or "changed".
        kind: One of KINDS.
        name: Its name; that of its table comes first, as in `users.email`.
        detail: Its description, before and after if it changed.

    """

    what: str
    kind: str
    name: str
    detail: str

    def __str__(self) -> str:
        return f"{SIGNS[self.what]} {self.what} {self.kind} {self.name} {self.detail}".rstrip()


def read_schema(connection: Connection) -> Schema:
    """Return what's in the schema `public`, with the number of rows in each table."""
    connection.exec_driver_sql("SET LOCAL search_path = public")
    found = connection.execute(text(OBJECTS)).all()
    rows = {
        ("rows", row.name): _count(connection, row.name) for row in found if row.kind == "table"
    }
    return Schema({_key(row): _description(row) for row in found} | rows)


def _key(row: Any) -> Key:
    alone = row.kind == "table" or not row.home
    return row.kind, row.name if alone else f"{row.home}.{row.name}"


def _description(row: Any) -> str:
    """Return an object's description for display: a column's type, an index's method."""
    if row.kind == "column":
        null = ", not null" if row.marked else ""
        return f"{row.about}{null}{'' if row.more is None else f', default {row.more}'}"
    if row.kind == "index":
        return f"{'unique ' if row.marked else ''}{row.about.partition(' USING ')[2]}"
    return str(row.about or "")


def changes(before: Schema, after: Schema) -> list[Change]:
    """Return what changed from one to the other, in the order of KINDS."""
    return list(_compare(before.objects, after.objects))


def _compare(before: Mapping[Key, str], after: Mapping[Key, str]) -> Iterator[Change]:
    # sorted() is stable: within a kind, their order stays, such as that of the columns.
    for kind, name in sorted({**after, **before}, key=lambda key: KINDS.index(key[0])):
        old, new = before.get((kind, name)), after.get((kind, name))
        if kind == "rows":
            if (old or "0") != (new or "0"):
                yield Change("changed", kind, name, f"{old or 0} before, {new or 0} after")
        elif old is None:
            yield Change("added", kind, name, new or "")
        elif new is None:
            yield Change("removed", kind, name, old)
        elif old != new:
            yield Change("changed", kind, name, f"{old} before, {new} after")


def _count(connection: Connection, name: str) -> str:
    quoted = name.replace('"', '""')
    query = f'SELECT pg_catalog.count(*) FROM public."{quoted}"'  # noqa: S608
    options = {"no_parameters": True}  # a name may contain %
    return str(connection.exec_driver_sql(query, execution_options=options).scalar())
