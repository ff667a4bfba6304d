"""Take snapshots of a schema, and compare two of them."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, text

from .binds import connected

# The objects in the current schema. Every name and operator is qualified, because a database can
# define an operator or a function of the same name, and put its schema first in the search path.
# For the same reason nothing is computed here: `_described` puts the descriptions together.
# NOT NULL is part of its column; PostgreSQL 18 also lists it as a constraint, which is left out.
OBJECTS = """
WITH here AS (
    SELECT oid, nspname FROM pg_catalog.pg_namespace
    WHERE nspname OPERATOR(pg_catalog.=) pg_catalog.current_schema()
), c AS (
    SELECT c.oid, c.relname, c.relkind, nspname
    FROM pg_catalog.pg_class c JOIN here ON c.relnamespace OPERATOR(pg_catalog.=) here.oid
), t AS (
    SELECT oid, relname, nspname FROM c
    WHERE relkind OPERATOR(pg_catalog.=) 'r' OR relkind OPERATOR(pg_catalog.=) 'p'
)
SELECT 'table' AS kind, relname AS home, relname AS name, NULL AS about, false AS marked,
       nspname::pg_catalog.text AS more, 0::pg_catalog.int2 AS place
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
Key = tuple[str, str]


@dataclass(frozen=True)
class Snapshot:
    """The objects in a schema at one point in time: (kind, name) to description."""

    objects: Mapping[Key, str]

    def __repr__(self) -> str:
        counts = {kind: sum(key[0] == kind for key in self.objects) for kind in KINDS[:-1]}
        summary = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
        return f"Snapshot({summary or 'an empty database'})"


@dataclass(frozen=True)
class Change:
    """One object that was added, removed or changed.

    Attributes:
        what: "added", "removed" or "changed".
        kind: The kind of object, such as "table" or "index".
        name: Its name; that of its table comes first, as in `users.email`.
        detail: Its description, before and after if it changed.

    """

    what: str
    kind: str
    name: str
    detail: str

    @property
    def sign(self) -> str:
        """The sign of a diff, shown beside the word: colour alone doesn't reach everyone."""
        return {"added": "+", "removed": "-", "changed": "~"}[self.what]


@dataclass(frozen=True)
class Changes:
    """The changes between two snapshots, in the order table, column, constraint, ..., rows."""

    all: tuple[Change, ...]

    def __len__(self) -> int:
        return len(self.all)

    def __repr__(self) -> str:
        if not self.all:
            return "Nothing has changed."
        kind, name = (
            max(len(part) for part in column)
            for column in zip(*((c.kind, c.name) for c in self.all), strict=True)
        )
        lines = (
            f"{c.sign} {c.what:<8} {c.kind:<{kind}}  {c.name:<{name}}  {c.detail}" for c in self.all
        )
        return "\n".join(line.rstrip() for line in lines)

    def _repr_html_(self) -> str:
        if not self.all:
            return "<p>Nothing has changed.</p>"
        rows = (
            [
                f"{change.sign} {change.what}",
                *map(html.escape, (change.kind, change.name, change.detail)),
            ]
            for change in self.all
        )
        from ..display import LEFT, table  # checks compare snapshots without displaying them

        edge = f"{LEFT}; white-space: nowrap; border-left: 4px solid"
        styles = [f"{edge} {COLOURS[change.what]}" for change in self.all]
        return table(rows, ("change", "kind", "name", "detail"), row_head_style=styles)


def snapshot(bind: Engine | Connection) -> Snapshot:
    """Return a snapshot: tables, columns, constraints, indexes, and the number of rows."""
    with connected(bind) as connection:
        found = connection.execute(text(OBJECTS)).all()
        objects = {_key(row): _described(row) for row in found}
        tables = sorted((row.name, row.more) for row in found if row.kind == "table")
        rows = {("rows", name): _count(connection, name, schema) for name, schema in tables}
        return Snapshot({**objects, **rows})


def _key(row: Any) -> Key:
    alone = row.kind == "table" or not row.home
    return row.kind, row.name if alone else f"{row.home}.{row.name}"


def _described(row: Any) -> str:
    """Return an object's description for display: a column's type, an index's method."""
    if row.kind == "column":
        null = ", not null" if row.marked else ""
        return f"{row.about}{null}{'' if row.more is None else f', default {row.more}'}"
    if row.kind == "index":
        return f"{'unique ' if row.marked else ''}{row.about.partition(' USING ')[2]}"
    return str(row.about or "")


def changes(before: Snapshot, after: Snapshot) -> Changes:
    """Return what changed from one snapshot to another."""
    return Changes(tuple(_compare(before.objects, after.objects)))


def _compare(before: Mapping[Key, str], after: Mapping[Key, str]) -> Iterator[Change]:
    # sorted() is stable: within a kind, the snapshots' order stays, such as that of the columns.
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


def _count(connection: Connection, name: str, schema: str) -> str:
    quote = connection.dialect.identifier_preparer.quote
    query = f"SELECT pg_catalog.count(*) FROM {quote(schema)}.{quote(name)}"  # noqa: S608
    return str(connection.exec_driver_sql(query).scalar())


COLOURS = {"added": "#2e7d32", "removed": "#c62828", "changed": "#b26a00"}
