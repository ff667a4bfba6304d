"""Read what's in a database from PostgreSQL's catalog: a few queries, and no table is read.

Operators and types aren't qualified in these queries: `Reader.narrow` has put pg_catalog first in
the search path, and both sides of an operator have the same type, so that no operator of the
database matches better. For the same reason, functions that take any type are qualified.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from itertools import groupby
from types import MappingProxyType
from typing import Any, NamedTuple

from .reader import Reader

HERE = """
WITH here AS (
    SELECT oid, nspname FROM pg_catalog.pg_namespace
    WHERE pg_catalog."left"(nspname::text, 3) <> 'pg_' AND nspname <> 'information_schema'
)
"""
NO_DETAILS: Mapping[str, str] = MappingProxyType({})
QUERIES = ("database", "relations", "columns", "constraints", "behaviour", "types")


class Item(NamedTuple):
    """An object of a database.

    Attributes:
        kind: Its kind, such as "table" or "column".
        schema: Its schema; empty for what's in none.
        home: The table it belongs to; empty if it belongs to none.
        name: Its own name.
        about: A description: a column's type, a constraint's definition.
        details: What isn't the default, by label: a comment, an owner, a definition.

    """

    kind: str
    schema: str
    home: str
    name: str
    about: str
    details: Mapping[str, str] = NO_DETAILS

    def full_name(self, current: str) -> str:
        """Return its name after its table's and, unless it's the current one, its schema's."""
        if not self.schema:
            return self.name
        schema = "" if self.schema == current else self.schema
        return ".".join([_part(part) for part in (schema, self.home, self.name) if part])


def _part(name: str) -> str:
    """Quote a part of a name that contains a dot: a.b could be in the schema a."""
    if "." not in name and '"' not in name:
        return name
    plain = name.partition("(")[0]
    return f'"{name}"' if "." in plain or '"' in plain else name


def read(reader: Reader, *queries: str) -> list[Item]:
    """Return the objects of all schemas but PostgreSQL's own, each kind in its order.

    Args:
        reader: The connection.
        queries: Names of queries, of QUERIES or "grants"; by default all of them.

    """
    reader.narrow()
    names = queries or (*QUERIES, "grants")
    return [
        item for name in names for item in (_grants if name == "grants" else _items)(reader, name)
    ]


@cache
def _sql(name: str) -> str:
    return HERE + (files(__package__) / "queries" / f"{name}.sql").read_text("utf-8")


def _items(reader: Reader, query: str) -> Iterator[Item]:
    for row in reader.run(_sql(query)):
        kind, schema, home, name, about, details = tuple(row)
        yield Item(kind, schema or "", home or "", name, about or "", _details(details))


def _details(found: str) -> Mapping[str, str]:
    if found == "{}":
        return NO_DETAILS
    return {label: _words(value) for label, value in json.loads(found).items()}


def _words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _grants(reader: Reader, query: str) -> Iterator[Item]:
    """Yield a grant for each object and role whose privileges aren't the default."""
    rows = reader.run(_sql(query)).all()
    for key, group in groupby(rows, lambda row: (row.kind, row.schema, row.home, row.name)):
        given: dict[str, dict[bool, list[str]]] = {}
        for row in group:
            both = given.setdefault(row.grantee, {False: [], True: []})
            both[row.by_default].append(_privilege(row))
        kind, schema, home, name = key
        for role, both in sorted(given.items()):
            if sorted(both[False]) != sorted(both[True]):
                about = ", ".join(both[False]) or "nothing"
                yield Item(
                    "grant", schema or "", home or "", name, about, {"on": kind, "role": role}
                )


def _privilege(row: Any) -> str:
    option = " with grant option" if row.grantable else ""
    return f"{row.privilege.lower()}{option}{f' by {row.grantor}' if row.grantor else ''}"
