"""Draw an entity-relationship diagram of the live schema; it also has an HTML and a text form."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import inspect

from ..arguments import checked
from ..connections import Bind
from ..display import Picture, table
from ..errors import ExplorerError
from .column_types import type_name, type_names, without_warnings
from .names import find, schema_of
from .reader import Reader, reading

MOST = 40  # tables in one drawing; more can't be read, or drawn
Types = Mapping[tuple[str, str], str]
LONGEST = 50_000  # characters, Mermaid's own limit
TOO_LARGE = (
    "These tables have too many columns to be drawn. Choose tables: "
    "explorer.diagram(engine, tables=[...])"
)


@dataclass(frozen=True)
class DiagramColumn:
    """A column in the diagram; `mark` is PK, FK or empty."""

    name: str
    type: str
    mark: str


@dataclass(frozen=True)
class Reference:
    """A column of a foreign key: the table and the column that it refers to."""

    column: str
    table: str
    target: str


@dataclass(frozen=True)
class Entity:
    """A table, its columns and its foreign keys."""

    name: str
    columns: tuple[DiagramColumn, ...]
    refers: tuple[Reference, ...]


@dataclass(frozen=True, repr=False)
class Diagram(Picture):
    """Tables and the foreign keys between them.

    Attributes:
        entities: The tables in the drawing.
        left_out: The number of tables that aren't, because there are too many.

    """

    entities: tuple[Entity, ...]
    left_out: int = 0

    def __repr__(self) -> str:
        return "\n".join([self._words(), *self._rest()]).strip() or "There are no tables."

    def _words(self) -> str:
        return "\n".join(line for entity in self.entities for line in _in_words(entity))

    def _rest(self) -> list[str]:
        if not self.left_out:
            return [] if len(self._source()) + len(self._words()) < LONGEST else [TOO_LARGE]
        return [
            f"These {len(self.entities)} tables have the most foreign keys; {self.left_out} more "
            "aren't drawn. Choose tables: explorer.diagram(engine, tables=[...])"
        ]

    def mermaid(self) -> str:
        """Return the Mermaid source, or an empty string if there's nothing that it can draw."""
        source = self._source()
        return source if self.entities and len(source) + len(repr(self)) < LONGEST else ""

    def _source(self) -> str:
        lines = ["erDiagram", "    accTitle: The tables of the database"]
        for entity in self.entities:
            lines.append(f"    {_quoted(entity.name)} {{")
            lines += [f"        {_word(c.type)} {_word(c.name)} {c.mark}".rstrip()
                      for c in entity.columns]  # fmt: skip
            lines.append("    }")
        drawn = {entity.name for entity in self.entities}
        for entity in self.entities:
            lines += [
                f"    {_quoted(one.table)} ||--o{{ {_quoted(entity.name)} : {_quoted(one.column)}"
                for one in entity.refers
                if one.table in drawn or not self.left_out
            ]
        return "\n".join(lines)

    def html(self) -> str:
        """Return a box for each table."""
        if not self.entities:
            return "<p>There are no tables.</p>"
        boxes = "".join(_table(entity) for entity in self.entities)
        return boxes + "".join(f"<p>{html.escape(line)}</p>" for line in self._rest())


@checked(ExplorerError)
def diagram(bind: Bind, tables: Sequence[str] | None = None, schema: str | None = None) -> Diagram:
    """Return a diagram of a schema's tables and the foreign keys between them.

    Args:
        bind: The database.
        tables: The tables to draw. By default all of them, or the 40 with the most foreign keys
            if there are more.
        schema: Their schema; by default the first of the search_path, usually `public`.

    Raises:
        ExplorerError: There's no such table or schema, or the server refuses.

    """
    if isinstance(tables, str) or not isinstance(tables, Iterable | None):
        raise ExplorerError(
            f"The tables to draw are of type {type(tables).__name__}.",
            "They have to be a list, even if it's only one.",
            "Pass a list: explorer.diagram(engine, tables=['users', 'orders']).",
        )
    with reading(bind) as reader:
        home = schema_of(reader, schema)
        chosen = None if tables is None else [find(reader, one, schema).name for one in tables]
        return _read(reader, None if home == reader.schema else home, chosen)


def _read(reader: Reader, schema: str | None, chosen: list[str] | None) -> Diagram:
    reader.narrow()  # SQLAlchemy then looks unqualified names up in this schema
    inspector: Any = inspect(reader.connection)
    every = inspector.get_table_names(schema)
    options = {"schema": schema, "filter_names": every if chosen is None else chosen}
    foreign = _by_name(inspector.get_multi_foreign_keys(**options))
    drawn = _most_connected(every, foreign) if chosen is None else chosen
    options["filter_names"] = drawn
    keys = _by_name(inspector.get_multi_pk_constraint(**options))
    columns = _by_name(without_warnings(inspector.get_multi_columns, **options))
    types = type_names(reader, schema or reader.schema)
    entities = (
        _entity(name, columns[name], keys.get(name), foreign.get(name, []), types)
        for name in sorted(drawn)
        if name in columns
    )
    return Diagram(tuple(entities), len(every) - len(drawn) if chosen is None else 0)


def _by_name(found: dict[tuple[str | None, str], Any]) -> dict[str, Any]:
    return {name: value for (_, name), value in found.items()}


def _most_connected(names: list[str], foreign: dict[str, Any]) -> list[str]:
    if len(names) <= MOST:
        return names
    degree = Counter(name for name, keys in foreign.items() for _ in keys)
    degree.update(key["referred_table"] for keys in foreign.values() for key in keys)
    return sorted(names, key=lambda name: (-degree[name], name))[:MOST]


def _entity(
    name: str, columns: list[Any], primary: Any, foreign: list[Any], types: Types
) -> Entity:
    keys = (primary or {}).get("constrained_columns") or []
    found = {one for key in foreign for one in _references(key)}
    refers = tuple(sorted(found, key=lambda one: (one.column, one.table, one.target)))
    named = {one.column for one in refers}
    return Entity(
        name,
        tuple(
            DiagramColumn(
                found["name"],
                type_name(found["type"], types[name, found["name"]]),
                "PK" if found["name"] in keys else "FK" if found["name"] in named else "",
            )
            for found in columns
        ),
        refers,
    )


def _references(key: Any) -> Iterator[Reference]:
    parts = (key["referred_schema"], key["referred_table"])
    target = ".".join(part for part in parts if part)
    for pair in zip(key["constrained_columns"], key["referred_columns"], strict=True):
        yield Reference(pair[0], target, pair[1])


def _in_words(entity: Entity) -> Iterator[str]:
    yield f"table {entity.name}"
    width = max((len(column.name) for column in entity.columns), default=0)
    targets = _targets(entity)
    for column in entity.columns:
        yield f"    {column.name:<{width}}  {column.type}  {_describe(column, targets)}".rstrip()


def _table(entity: Entity) -> str:
    targets = _targets(entity)
    rows = (
        [html.escape(part) for part in (column.name, column.type, _describe(column, targets))]
        for column in entity.columns
    )
    caption = f"table <b>{html.escape(entity.name)}</b>"
    box = "display: inline-table; margin: 0 1em 1em 0; border: 1px solid; vertical-align: top"
    return table(rows, row_head=None, caption=caption, style=box)


def _targets(entity: Entity) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for one in entity.refers:
        found.setdefault(one.column, []).append(f"{one.table}.{one.target}")
    return {column: " and ".join(names) for column, names in found.items()}


def _describe(column: DiagramColumn, targets: dict[str, str]) -> str:
    """Name a column's keys in words: primary key, what it refers to, both, or neither."""
    key = ["primary key"] if column.mark == "PK" else []
    target = [f"refers to {targets[column.name]}"] if column.name in targets else []
    return ", ".join(key + target)


def _quoted(name: str) -> str:
    """Return a name in the quotes that Mermaid takes it in; it knows no escape."""
    return '"' + name.replace('"', "'") + '"'


def _word(value: str) -> str:
    """Join to one word for Mermaid: `timestamp with time zone` has four."""
    return re.sub(r"[^\w()\[\]-]", "_", value)
