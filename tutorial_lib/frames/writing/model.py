"""Read from a table's name, a Table or a mapped class what the catalog doesn't know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from sqlalchemy import ARRAY, JSON, Connection, Dialect, Enum, FromClause, Interval, inspect
from sqlalchemy.orm import Mapper
from sqlalchemy.sql.expression import TableClause
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType

from ...db import Base
from ...errors import FrameError
from .target import Name, names_in

Process = Callable[[Any], Any]
TABLES = "Pass a table's name, a Table or a mapped class."


@dataclass(frozen=True)
class Model:
    """What to write to, as the caller describes it.

    Attributes:
        label: How to call it in messages.
        names: The names it can have in the database.
        types: SQLAlchemy's types by the column's name; none for a table given by its name.
        renamed: The columns' names by their names in Python.
        defaults: Names of columns whose default SQLAlchemy computes, not the database.
        discriminator: The column that tells a class from its siblings, or None.
        clause: The table, by which a session finds its engine.

    """

    label: str
    names: list[Name]
    types: Mapping[str, TypeEngine[Any]] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    defaults: frozenset[str] = frozenset()
    discriminator: str | None = None
    clause: FromClause | None = None


def model_of(table: object, schema: str | None) -> Model:
    """Return a description of what the caller passed.

    Raises:
        FrameError: It's not a table.

    """
    if isinstance(table, str):
        return Model(table, [(schema, table)] if schema else names_in(table))
    if schema:
        raise FrameError("schema= is given for a table that has its own.", "", TABLES)
    if isinstance(table, TableClause):  # a Table is one
        renamed = {str(key): str(column.name) for key, column in table.c.items()}
        return _model(table.name, table, renamed, None)
    mapper = inspect(table, raiseerr=False)
    if not isinstance(mapper, Mapper) or not isinstance(mapper.local_table, TableClause):
        what = f"{type(table).__name__} isn't a table." if mapper is None else _odd(table, mapper)
        raise FrameError(what, "", TABLES)
    return _of_class(mapper)


def _odd(table: object, mapper: object) -> str:
    if isinstance(mapper, Mapper):
        return f"{mapper.class_.__name__} is mapped to a query."
    return f"An instance or an alias of a class was passed ({type(table).__name__})."


def _of_class(mapper: Mapper[Any]) -> Model:
    name, table = mapper.class_.__name__, mapper.local_table
    if len(mapper.tables) > 1:
        tables = ", ".join(str(each) for each in mapper.tables)
        raise FrameError(
            f"{name} is stored in several tables: {tables}.",
            "A row of it would have to be written to each.",
            f"Write to each table by itself, for example {name}.__table__.",
        )
    renamed = {
        attribute.key: str(attribute.columns[0].name)
        for attribute in mapper.column_attrs
        if attribute.columns[0] in set(table.c)
    }
    discriminator = getattr(mapper.polymorphic_on, "name", None)
    return _model(name, table, renamed, discriminator)


def _model(label: str, table: Any, renamed: Mapping[str, str], discriminator: str | None) -> Model:
    columns = list(table.c)
    defaults = {str(each.name) for each in columns if getattr(each, "default", None) is not None}
    schema = str(table.schema) if table.schema else None
    types = {str(each.name): each.type for each in columns}
    return Model(
        label, [(schema, str(table.name))], types, renamed, frozenset(defaults),
        discriminator, table,
    )  # fmt: skip


def translated(model: Model, connection: Connection) -> list[Name]:
    """Return its names, after the connection's schema_translate_map as SQLAlchemy applies it."""
    mapping = connection.get_execution_options().get("schema_translate_map") or {}
    if not getattr(model.clause, "_use_schema_map", False):  # applies to a Table, not to a name
        return model.names
    return [(mapping.get(schema, schema), name) for schema, name in model.names]


def column_named(model: Model, name: str) -> str:
    """Return the name in the database of a column that's named as there or as in Python.

    Raises:
        FrameError: The name means one column here and another one there.

    """
    column = model.renamed.get(name, name)
    others = [key for key, own in model.renamed.items() if own == name and own != column]
    if others:
        raise FrameError(
            f"{name} is two columns of {model.label}.",
            f"In Python it's the column {column}; in the database it's what Python calls "
            f"{others[0]}.",
            f"Write to the table by its name: {model.names[0][1]!r}.",
        )
    return column


def check_own_types(columns: list[str], schema: str, name: str, written: str) -> None:
    """Raise FrameError if a model of a table changes what's written to these columns.

    A type such as one that hashes passwords works only if the model is passed.

    Args:
        columns: The names of the columns.
        schema: The table's schema.
        name: Its name.
        written: What is written to: the table itself, a view of it or a partition.

    """
    for known in _known_tables():
        if known.name != name or (known.schema or schema) != schema:
            continue
        for column in known.columns:
            if column.name in columns and _changes_values(column.type):
                kind = type(column.type).__name__
                raise FrameError(
                    f"{name}.{column.name} has the type {kind} in your models, which changes "
                    "values before they're written.",
                    "A table's name doesn't say whether your values are already in that form.",
                    "Pass the mapped class, which applies the type. If the values are to be "
                    f"written as they are, pass sqlalchemy.table({written!r}).",
                )


def _known_tables() -> list[Any]:
    """Return the tables of all models that have been imported, whatever their base class is."""
    library = import_module("sqlalchemy.orm.mapper")  # the package has a function of this name
    registries: Any = getattr(library, "_all_registries", set)()
    tables = {mapper.local_table for registry in registries for mapper in registry.mappers}
    return [table for table in {*Base.metadata.tables.values(), *tables} if hasattr(table, "name")]


def _changes_values(kind: TypeEngine[Any]) -> bool:
    own = type(kind)
    return isinstance(kind, TypeDecorator) and (
        own.process_bind_param is not TypeDecorator.process_bind_param  # type: ignore[attr-defined]
        or (own.bind_processor is not TypeDecorator.bind_processor and own is not Interval)
    )


def process_of(kind: TypeEngine[Any] | None, dialect: Dialect) -> Process | None:
    """Return what SQLAlchemy does to a value before the driver gets it; None for nothing.

    Built-in types only adapt values to the driver, which COPY doesn't need.

    Raises:
        FrameError: The type wraps the value in SQL, which COPY can't do.

    """
    if kind is None:
        return None
    kind = getattr(kind, "_variant_mapping", {}).get(dialect.name, kind)
    if getattr(kind, "_has_bind_expression", False):
        what = f"The type {type(kind).__name__} wraps its values in an SQL expression."
        raise FrameError(what, "COPY can't.", "Use insert() for this table.")
    if isinstance(kind, TypeDecorator) and not isinstance(kind, Interval):
        return _decorated(kind, dialect)
    items = kind.item_type if isinstance(kind, ARRAY) else None
    if isinstance(kind, Enum | UserDefinedType) or isinstance(items, TypeDecorator | Enum):
        return _bound(kind, dialect)
    return None


def _bound(kind: TypeEngine[Any], dialect: Dialect) -> Process | None:
    """Return the function that makes a bound parameter, without the driver's wrapper of bytes."""
    bind = kind.dialect_impl(dialect).bind_processor(dialect)
    if bind is None:
        return None

    def process(value: Any) -> Any:
        found = bind(value)
        return getattr(found, "adapted", getattr(found, "obj", found))

    return process


def _decorated(kind: TypeDecorator[Any], dialect: Dialect) -> Process | None:
    if type(kind).bind_processor is not TypeDecorator.bind_processor:
        return _bound(kind, dialect)
    inner = process_of(kind.load_dialect_impl(dialect), dialect)

    def process(value: Any) -> Any:
        value = kind.process_bind_param(value, dialect)
        return inner(value) if inner else value

    return process


def has_documents(kind: TypeEngine[Any] | None, dialect: Dialect) -> bool:
    """Return whether a column's values are documents for SQLAlchemy's JSON type."""
    while isinstance(kind, TypeDecorator):
        kind = kind.load_dialect_impl(dialect)
    return isinstance(kind, JSON)
