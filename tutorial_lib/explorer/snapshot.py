"""Take a snapshot of a database: its objects and, if you ask for them, its rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..arguments import checked, flag
from ..connections import Bind
from ..errors import ExplorerError
from .catalog import Item, read
from .reader import reading
from .rows import Content, Relation, contents, relations

# The order in which changes are shown; other kinds come before the grants.
KINDS = (
    *("schema", "extension", "table", "view", "materialized view", "foreign table", "column"),
    *("constraint", "index", "statistics", "trigger", "rule", "policy", "sequence", "type"),
    *("function", "other", "grant", "rows", "position"),
)
PLURALS = {"index": "indexes", "policy": "policies", "statistics": "statistics"}
EVERYWHERE = {("schema", "public"), ("extension", "plpgsql")}  # in every new database
NOT_COUNTED = {"setting", "grant", "rows", "position"}
Key = tuple[str, str]


@dataclass(frozen=True)
class Snapshot:
    """A database at one point in time.

    Attributes:
        objects: (kind, name) to description, such as a column's type or a number of rows. A name
            includes that of the table and, unless it's the current one, that of the schema.
        details: (kind, name) to what else was read, by label: comment, owner, definition.
        column_order: The columns of each table, in their order.
        schema: The current schema, whose names aren't qualified.
        rows: Whether the rows were read.
        unread: What couldn't be read in full.

    """

    objects: Mapping[Key, str]
    details: Mapping[Key, Mapping[str, str]] = field(default_factory=dict)
    column_order: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    schema: str = "public"
    rows: bool = False
    unread: tuple[str, ...] = ()

    def __repr__(self) -> str:
        counts = Counter(
            kind
            for kind, name in self.objects
            if kind not in NOT_COUNTED and (kind, name) not in EVERYWHERE
        )
        summary = ", ".join(_counted(kind, counts[kind]) for kind in sorted(counts, key=place_of))
        return f"Snapshot({summary or 'an empty database'})"


@checked(ExplorerError)
def snapshot(bind: Bind, *, rows: bool = False) -> Snapshot:
    """Return a snapshot of all schemas except PostgreSQL's own.

    It takes a few catalog queries, and reads no table unless you ask for rows.

    Args:
        bind: The database.
        rows: Also count the rows of each table and compute a fingerprint of their values, and
            read the sequences. That reads every table from its first page to its last.

    Raises:
        ExplorerError: `bind` can't be used, or the server refuses.

    """
    rows = flag("rows", rows, ExplorerError)
    with reading(bind) as reader:
        items = read(reader)
        found = relations(reader) if rows else []
        content = contents(reader, found)
    here = reader.schema
    described = {_key(item, here): item for item in items}
    data = dict(_data(content, here))
    return Snapshot(
        {key: item.about for key, item in described.items()}
        | {key: one.about for key, one in data.items()},
        {key: item.details for key, item in described.items() if item.details}
        | {key: {"values": one.values} for key, one in data.items()},
        _column_order(items, here),
        here,
        rows,
        tuple(_name(one, here) for one in found if not one.readable),
    )


def place_of(kind: str) -> int:
    """Return where a kind comes in the order of KINDS."""
    return KINDS.index(kind if kind in KINDS else "other")


def _counted(kind: str, count: int) -> str:
    return f"{count} {kind if count == 1 else PLURALS.get(kind, f'{kind}s')}"


def _key(item: Item, here: str) -> Key:
    name = item.full_name(here)
    if item.kind == "grant":
        on = item.details["on"]
        on = "" if on in ("table", "column", "sequence") else f"{on} "
        return "grant", f"{on}{name} to {item.details['role']}"
    return item.kind, name


def _data(content: Mapping[Relation, Content], here: str) -> Iterator[tuple[Key, Content]]:
    for relation, one in content.items():
        yield ("position" if relation.kind == "S" else "rows", _name(relation, here)), one


def _name(relation: Relation, here: str) -> str:
    return Item("", relation.schema, "", relation.name, "").full_name(here)


def _column_order(items: list[Item], here: str) -> dict[str, tuple[str, ...]]:
    order: dict[tuple[str, str], list[str]] = {}
    for item in items:
        if item.kind == "column":
            order.setdefault((item.schema, item.home), []).append(item.name)
    return {
        Item("", schema, "", table, "").full_name(here): tuple(names)
        for (schema, table), names in order.items()
    }
