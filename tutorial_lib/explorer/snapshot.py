"""Take snapshots of a schema, and compare two of them."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, func, select, table, text

from ..display import LEFT
from ..display import table as html_table
from .binds import connected

# One row for each object in the current schema: kind, name, description. NOT NULL is part of
# its column's description; PostgreSQL 18 also lists it as a constraint, which is left out.
OBJECTS = """
WITH t AS (
    SELECT oid, relname FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
)
SELECT 'table' AS kind, t.relname AS name, '' AS description, 0 AS place, t.relname AS home FROM t
UNION ALL
SELECT 'column', t.relname || '.' || a.attname,
       format_type(a.atttypid, a.atttypmod)
       || CASE WHEN a.attnotnull THEN ', not null' ELSE '' END
       || coalesce(', default ' || pg_get_expr(d.adbin, d.adrelid), ''), a.attnum, t.relname
FROM t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
       LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
UNION ALL
SELECT 'constraint', t.relname || '.' || c.conname, pg_get_constraintdef(c.oid), 0, t.relname
FROM t JOIN pg_constraint c ON c.conrelid = t.oid AND c.contype <> 'n'
UNION ALL
SELECT 'index', t.relname || '.' || i.relname,
       CASE WHEN x.indisunique THEN 'unique ' ELSE '' END
       || substring(pg_get_indexdef(i.oid) FROM 'USING (.*)'), 0, t.relname
FROM t JOIN pg_index x ON x.indrelid = t.oid JOIN pg_class i ON i.oid = x.indexrelid
WHERE NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.oid AND c.conrelid = t.oid)
UNION ALL
SELECT 'sequence', relname, '', 0, '' FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind = 'S'
UNION ALL
SELECT 'type', typname, '', 0, '' FROM pg_type
WHERE typnamespace = current_schema()::regnamespace AND typtype IN ('e', 'd')
ORDER BY home, place, name
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
        styles = [_style(change) for change in self.all]
        return html_table(rows, ("change", "kind", "name", "detail"), row_head_style=styles)


def snapshot(bind: Engine | Connection) -> Snapshot:
    """Return a snapshot: tables, columns, constraints, indexes, and the number of rows."""
    with connected(bind) as connection:
        found = connection.execute(text(OBJECTS))
        objects = {(row.kind, row.name): row.description for row in found}
        names = sorted(name for kind, name in objects if kind == "table")
        return Snapshot({**objects, **{("rows", n): _count(connection, n) for n in names}})


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


def _count(connection: Connection, name: str) -> str:
    return str(connection.scalar(select(func.count()).select_from(table(name))))


COLOURS = {"added": "#2e7d32", "removed": "#c62828", "changed": "#b26a00"}


def _style(change: Change) -> str:
    return f"{LEFT}; white-space: nowrap; border-left: 4px solid {COLOURS[change.what]}"
