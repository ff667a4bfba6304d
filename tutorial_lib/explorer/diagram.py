"""An entity diagram of the live schema: a picture, an HTML form, and the same in words."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Engine, inspect
from sqlalchemy.dialects import postgresql

from ..display import Picture, table


@dataclass(frozen=True)
class DiagramColumn:
    """A column in the diagram; `mark` is PK, FK or nothing."""

    name: str
    type: str
    mark: str


@dataclass(frozen=True)
class Entity:
    """A table, its columns, and what they refer to: column and target."""

    name: str
    columns: tuple[DiagramColumn, ...]
    refers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, repr=False)
class Diagram(Picture):
    """Tables and the references between them."""

    entities: tuple[Entity, ...]

    def __repr__(self) -> str:
        return "\n".join(line for entity in self.entities for line in _in_words(entity)) or (
            "There are no tables."
        )

    def mermaid(self) -> str:
        """An entity diagram; nothing when there are no tables."""
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
        """A box for each table."""
        if not self.entities:
            return "<p>There are no tables.</p>"
        return "".join(_table(entity) for entity in self.entities)


def diagram(engine: Engine) -> Diagram:
    """The tables of the database and the references between them, as they are now."""
    with engine.connect() as connection:
        inspector = inspect(connection)
        names = sorted(inspector.get_table_names())
        return Diagram(tuple(_entity(inspector, name) for name in names))


def _entity(inspector: object, name: str) -> Entity:
    # The inspector of a connection is typed as Any by SQLAlchemy.
    look = inspector
    keys = look.get_pk_constraint(name)["constrained_columns"]  # type: ignore[attr-defined]
    foreign = {
        column: f"{key['referred_table']}.{target}"
        for key in look.get_foreign_keys(name)  # type: ignore[attr-defined]
        for column, target in zip(key["constrained_columns"], key["referred_columns"], strict=True)
    }
    columns = tuple(
        DiagramColumn(
            found["name"],
            found["type"].compile(dialect=postgresql.dialect()).lower(),  # type: ignore[no-untyped-call]
            "PK" if found["name"] in keys else "FK" if found["name"] in foreign else "",
        )
        for found in look.get_columns(name)  # type: ignore[attr-defined]
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
    """What a column is besides its type: primary key, what it refers to, both, or nothing."""
    key = ["primary key"] if column.mark == "PK" else []
    target = [f"refers to {targets[column.name]}"] if column.name in targets else []
    return ", ".join(key + target)


def _word(value: str) -> str:
    """What mermaid takes for one word: `timestamp with time zone` has three."""
    return re.sub(r"[^\w()\[\]-]", "_", value)
