"""List what else is in a database: views, functions, grants and so on.

Each kind has its own function, because Tab completion then shows the kinds. All of them use the
same catalog queries as a snapshot.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..arguments import checked
from ..connections import Bind
from ..errors import ExplorerError
from .catalog import Item, read
from .names import find, schema_of
from .pandas_output import data_frame
from .reader import Reader, reading
from .rows import contents, relations
from .snapshot import place_of

if TYPE_CHECKING:
    from pandas import DataFrame

Column = Callable[[Item], str]


@checked(ExplorerError)
def objects(bind: Bind, schema: str | None = None) -> DataFrame:
    """Return everything in the database that a snapshot compares, apart from rows.

    Args:
        bind: The database.
        schema: A schema; by default all except PostgreSQL's own.

    Returns:
        The columns `kind`, `schema`, `table`, `name`, `owner`, `about` and `comment`, all
        strings; empty where it doesn't apply.

    Raises:
        ExplorerError: There's no such schema, or the server refuses.

    """
    with reading(bind) as reader:
        home = None if schema is None else _schema_of(reader, schema)
        items = [one for one in read(reader) if home is None or one.schema == home]
    items.sort(key=lambda one: place_of(one.kind))
    return _frame(
        items,
        kind=lambda one: one.kind,
        schema=lambda one: one.schema,
        table=lambda one: one.home,
        name=lambda one: one.name,
        owner=_detail("owner"),
        about=lambda one: f"{one.about} to {role}" if (role := _role(one)) else one.about,
        comment=_detail("comment"),
    )


@checked(ExplorerError)
def views(bind: Bind, schema: str | None = None) -> DataFrame:
    """Return a schema's views and materialized views: `view`, `kind`, `owner`, `definition`."""
    return _frame(
        _of(bind, schema, "relations", "view", "materialized view"),
        view=_name,
        kind=lambda one: one.kind,
        owner=_detail("owner"),
        definition=lambda one: one.details["definition"].strip(),
    )


@checked(ExplorerError)
def sequences(bind: Bind, schema: str | None = None) -> DataFrame:
    """Return a schema's sequences, with the column that owns each and the value it's at.

    The columns are `sequence`, `type`, `start`, `increment`, `maximum`, `owned_by` and `value`,
    such as "last value 7", or "next value 1" for one that is unused; empty if you may not read it.
    """
    with reading(bind) as reader:
        found = [one for one in _items(reader, schema, "relations") if one.kind == "sequence"]
        wanted = [one for one in relations(reader) if one.kind == "S"]
        read_now = contents(reader, wanted)
        values = {(one.schema, one.name): content.about for one, content in read_now.items()}
    return _frame(
        found,
        sequence=_name,
        type=_detail("type"),
        start=_detail("start"),
        increment=_detail("increment"),
        maximum=_detail("maximum"),
        owned_by=_detail("owned by"),
        value=lambda one: values.get((one.schema, one.name), ""),
    )


@checked(ExplorerError)
def functions(bind: Bind, schema: str | None = None) -> DataFrame:
    """Return a schema's functions, procedures and aggregates, without those of extensions.

    The columns are `function` (with its arguments), `kind`, `returns`, `language`, `owner` and
    `definition`.
    """
    return _frame(
        _of(bind, schema, "behaviour", "function"),
        function=_name,
        kind=lambda one: one.about,
        returns=_detail("returns"),
        language=_detail("language"),
        owner=_detail("owner"),
        definition=_detail("definition"),
    )


@checked(ExplorerError)
def triggers(bind: Bind, table: str | None = None, schema: str | None = None) -> DataFrame:
    """Return the triggers of a table, or of all: `trigger`, `table`, `enabled`, `definition`."""
    return _frame(
        _of(bind, schema, "behaviour", "trigger", table=table),
        trigger=_name,
        table=_table,
        enabled=_detail("enabled", "yes"),
        definition=lambda one: one.about,
    )


@checked(ExplorerError)
def indexes(bind: Bind, table: str | None = None, schema: str | None = None) -> DataFrame:
    """Return the indexes of a table, or of all: `index`, `table`, `valid`, `definition`.

    Those of primary keys, unique and exclusion constraints are listed with the constraints.
    """
    return _frame(
        _of(bind, schema, "constraints", "index", table=table),
        index=_name,
        table=_table,
        valid=_detail("valid", "yes"),
        definition=lambda one: one.about,
    )


@checked(ExplorerError)
def constraints(bind: Bind, table: str | None = None, schema: str | None = None) -> DataFrame:
    """Return the constraints of a table, or of all: `constraint`, `table`, `definition`."""
    return _frame(
        _of(bind, schema, "constraints", "constraint", table=table),
        constraint=_name,
        table=_table,
        definition=lambda one: one.about,
    )


@checked(ExplorerError)
def types(bind: Bind, schema: str | None = None) -> DataFrame:
    """Return a schema's enum types, domains and so on: `type`, `kind`, `definition`."""
    return _frame(
        [*_of(bind, schema, "types", "type"), *_of(bind, schema, "relations", "type")],
        type=_name,
        kind=lambda one: _kind_of_type(one),
        definition=lambda one: one.details.get(_kind_of_type(one), ""),
    )


@checked(ExplorerError)
def extensions(bind: Bind) -> DataFrame:
    """Return the database's extensions: `extension`, `version` and the `schema` it's in."""
    return _frame(
        _of(bind, None, "database", "extension"),
        extension=_name,
        version=_detail("version"),
        schema=_detail("schema"),
    )


@checked(ExplorerError)
def schemas(bind: Bind) -> DataFrame:
    """Return the schemas except PostgreSQL's own: `schema`, `owner`, `comment`."""
    return _frame(
        _of(bind, None, "database", "schema"),
        schema=_name,
        owner=_detail("owner"),
        comment=_detail("comment"),
    )


@checked(ExplorerError)
def grants(bind: Bind, schema: str | None = None) -> DataFrame:
    """Return who may do what, wherever that isn't PostgreSQL's default.

    By default, only an object's owner has privileges, except that everyone may execute functions
    and use types. Grants on schemas and on objects outside any schema are always listed.

    Returns:
        The columns `object`, `kind`, `role` and `privileges`, which is "nothing" if the default
        privileges were revoked.

    """
    with reading(bind) as reader:
        home = _schema_of(reader, schema)
        found = [one for one in read(reader, "grants") if one.schema in (home, "")]
    return _frame(
        found,
        object=lambda one: one.full_name(one.schema),
        kind=_detail("on"),
        role=_detail("role"),
        privileges=lambda one: one.about,
    )


def _frame(items: list[Item], **columns: Column) -> DataFrame:
    rows = ([value(item) for value in columns.values()] for item in items)
    return data_frame([*columns], rows)


def _detail(label: str, default: str = "") -> Column:
    return lambda item: item.details.get(label, default)


_role = _detail("role")


def _name(item: Item) -> str:
    return item.name


def _table(item: Item) -> str:
    return item.home


def _kind_of_type(item: Item) -> str:
    kinds = ("enum", "domain", "range", "attributes")
    return next((kind for kind in kinds if kind in item.details), "base")


def _of(
    bind: Bind, schema: str | None, query: str, *kinds: str, table: str | None = None
) -> list[Item]:
    with reading(bind) as reader:
        home = find(reader, table, schema).name if table is not None else None
        items = _items(reader, schema, query)
    return [one for one in items if one.kind in kinds and home in (None, one.home)]


def _items(reader: Reader, schema: str | None, query: str) -> list[Item]:
    # What belongs to the database is in no schema, so the search path may have none.
    home = "" if query == "database" else _schema_of(reader, schema)
    return [one for one in read(reader, query) if one.schema in (home, "")]


def _schema_of(reader: Reader, schema: str | None) -> str:
    home = schema_of(reader, schema)
    if home.startswith("pg_") or home == "information_schema":
        raise ExplorerError(
            f"The schema {home!r} is PostgreSQL's own.",
            "This lists what people have made.",
            "Pass schema= with another one, or use explorer.columns and explorer.head.",
        )
    return home
