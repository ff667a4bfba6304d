"""Draw an entity-relationship diagram of the live schema; it also has an HTML and a text form."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, inspect
from sqlalchemy.dialects import postgresql

from ..display import Picture, table
from .binds import connected


@dataclass(frozen=True)
class DiagramColumn:
    """A column in the diagram; `mark` is PK, FK or empty."""

    name: str
    type: str
    mark: str


@dataclass(frozen=True)
class Entity:
    """A table, its columns, and its foreign keys as pairs of column and target."""

    name: str
    columns: tuple[DiagramColumn, ...]
    refers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, repr=False)
class Diagram(Picture):
    """Tables and the foreign keys between them."""

    entities: tuple[Entity, ...]

    def __repr__(self) -> str:
        return "\n".join(line for entity in self.entities for line in _in_words(entity)) or (
            "There are no tables."
        )

    def mermaid(self) -> str:
        """Return the Mermaid source, or an empty string if there are no tables."""
        if not self.entities:
            return ""
        lines = ["erDiagram", "    accTitle: The tables of the database"]
        for entity in self.entities:
            lines.append(f'    "{entity.name}" {{')
            lines += [f"        {_word(c.type)} {_word(c.name)} {c.mark}".rstrip()
                      for c in entity.columns]  # fmt: skip
            lines.append("    }")
        for entity in self.entities:
            lines += [
                f'    "{target.split(".")[0]}" ||--o{{ "{entity.name}" : "{column}"'
                for column, target in entity.refers
            ]
        return "\n".join(lines)

    def html(self) -> str:
        """Return a box for each table."""
        if not self.entities:
            return "<p>There are no tables.</p>"
        return "".join(_table(entity) for entity in self.entities)


def diagram(bind: Engine | Connection) -> Diagram:
    """Return a diagram of the database's tables and the foreign keys between them."""
    with connected(bind) as connection:
        inspector = inspect(connection)
        names = sorted(inspector.get_table_names())
        return Diagram(tuple(_entity(inspector, name) for name in names))


def _entity(inspector: Any, name: str) -> Entity:
    keys = inspector.get_pk_constraint(name)["constrained_columns"]
    foreign = {
        column: f"{key['referred_table']}.{target}"
        for key in inspector.get_foreign_keys(name)
        for column, target in zip(key["constrained_columns"], key["referred_columns"], strict=True)
    }
    columns = tuple(
        DiagramColumn(
            found["name"],
            found["type"].compile(dialect=postgresql.dialect()).lower(),  # type: ignore[no-untyped-call]
            "PK" if found["name"] in keys else "FK" if found["name"] in foreign else "",
        )
        for found in inspector.get_columns(name)
    )
    return Entity(name, columns, tuple(sorted(foreign.items())))


def _in_words(entity: Entity) -> Iterator[str]:
    yield f"table {entity.name}"
    width = max((len(column.name) for column in entity.columns), default=0)
    targets = dict(entity.refers)
    for column in entity.columns:
        yield f"    {column.name:<{width}}  {column.type}  {_describe(column, targets)}".rstrip()


def _table(entity: Entity) -> str:
    targets = dict(entity.refers)
    rows = (
        [html.escape(part) for part in (column.name, column.type, _describe(column, targets))]
        for column in entity.columns
    )
    caption = f"table <b>{html.escape(entity.name)}</b>"
    box = "display: inline-table; margin: 0 1em 1em 0; border: 1px solid; vertical-align: top"
    return table(rows, row_head=None, caption=caption, style=box)


def _describe(column: DiagramColumn, targets: dict[str, str]) -> str:
    """Name a column's keys in words: primary key, what it refers to, both, or neither."""
    key = ["primary key"] if column.mark == "PK" else []
    target = [f"refers to {targets[column.name]}"] if column.name in targets else []
    return ", ".join(key + target)


def _word(value: str) -> str:
    """Join to one word for Mermaid: `timestamp with time zone` has four."""
    return re.sub(r"[^\w()\[\]-]", "_", value)
