"""List the tables of a database and the columns of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Dialect, Engine, func, inspect, select, table
from sqlalchemy.exc import CompileError

from ..errors import ExplorerError
from .binds import connected

if TYPE_CHECKING:
    from pandas import DataFrame


def tables(bind: Engine | Connection, schema: str | None = None) -> DataFrame:
    """Return the tables of a schema with their number of columns and of rows (counted).

    Args:
        bind: The database.
        schema: The schema; by default the first of the search_path, usually `public`.

    """
    pd = _pandas()
    with connected(bind) as connection:
        inspector = inspect(connection)
        found = [
            (name, len(inspector.get_columns(name, schema)), _rows(connection, name, schema))
            for name in sorted(inspector.get_table_names(schema))
        ]
    frame: DataFrame = pd.DataFrame(found, columns=["table", "columns", "rows"])
    return frame


def columns(bind: Engine | Connection, name: str, schema: str | None = None) -> DataFrame:
    """Return the columns of a table in order: type, nullability, default and keys.

    Args:
        bind: The database.
        name: The table.
        schema: Its schema; by default the first of the search_path, usually `public`.

    Raises:
        ExplorerError: There's no such table. The message lists the tables there are.

    """
    pd = _pandas()
    with connected(bind) as connection:
        inspector = inspect(connection)
        _check_table(inspector.get_table_names(schema), name)
        keys = _keys(inspector, name, schema)
        found = [
            (
                column["name"],
                _type(column["type"], connection.dialect),
                "yes" if column["nullable"] else "no",
                column["default"] or "",
                ", ".join(keys.get(column["name"], [])),
            )
            for column in inspector.get_columns(name, schema)
        ]
    frame: DataFrame = pd.DataFrame(found, columns=["column", "type", "null", "default", "key"])
    return frame


def _type(kind: Any, dialect: Dialect) -> str:
    """Return a column's type as PostgreSQL writes it; SQLAlchemy doesn't know every extension's."""
    try:
        return str(kind.compile(dialect=dialect)).lower()
    except CompileError:
        return "unknown to SQLAlchemy"


def _pandas() -> Any:
    """Import pandas and widen its text output, so it doesn't elide columns."""
    import pandas as pd

    pd.set_option("display.width", 120, "display.max_columns", 20)
    return pd


def _rows(connection: Connection, name: str, schema: str | None) -> int:
    return int(connection.scalar(select(func.count()).select_from(table(name, schema=schema))) or 0)


def _keys(inspector: Any, name: str, schema: str | None) -> dict[str, list[str]]:
    """Return, by column, the keys it's part of, in words."""
    keys: dict[str, list[str]] = {}
    for column in inspector.get_pk_constraint(name, schema)["constrained_columns"]:
        keys.setdefault(column, []).append("primary key")
    for index in inspector.get_indexes(name, schema):
        if index["unique"]:
            for column in index.get("expressions", index["column_names"]):
                keys.setdefault(_plain(column), []).append(f"unique ({column})")
    for foreign in inspector.get_foreign_keys(name, schema):
        target = f"{foreign['referred_table']}.{', '.join(foreign['referred_columns'])}"
        for column in foreign["constrained_columns"]:
            keys.setdefault(column, []).append(f"refers to {target}")
    return keys


def _plain(expression: str) -> str:
    """Return the column in an indexed expression: `email` for `lower(email::text)`."""
    return expression.rsplit("(", 1)[-1].split(")")[0].split("::")[0].strip('"')


def _check_table(names: list[str], name: str) -> None:
    if name not in names:
        raise ExplorerError(
            f"There is no table {name!r}.",
            f"The tables are: {', '.join(sorted(names)) or 'none'}.",
            "Check the spelling, or run the migration that creates it.",
        )
