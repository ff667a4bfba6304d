"""The Database Explorer of the kit: who answers, which tables there are, what they hold."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, func, inspect, select, table, text
from sqlalchemy.exc import CompileError

from ..display import Card
from ..errors import ExplorerError

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, repr=False)
class ConnectionInfo(Card):
    """Who answered a connection test.

    latency  milliseconds from a question to its answer, median of five
    """

    version: str
    host: str
    port: int
    user: str
    database: str
    latency: float

    @property
    def rows(self) -> Mapping[str, str]:
        """What is shown, in order."""
        return {
            "answered by": f"PostgreSQL {self.version}",
            "host": self.host,
            "port": str(self.port),
            "user": self.user,
            "database": self.database,
            "latency": f"{self.latency:.1f} ms",
        }


def test_connection(engine: Engine) -> ConnectionInfo:
    """Ask the server who it is.

    Raises sqlalchemy.exc.OperationalError when nobody answers or lets us in.
    """
    with engine.connect() as connection:
        version = connection.scalar(text("SHOW server_version"))
        user, database = connection.execute(text("SELECT current_user, current_database()")).one()
        latency = median(_round_trip(connection) for _ in range(5))
    return ConnectionInfo(
        version=str(version).split()[0],
        host=str(engine.url.host or engine.url.query.get("host", "a local socket")),
        port=engine.url.port or 5432,
        user=user,
        database=database,
        latency=latency * 1000,
    )


test_connection.__test__ = False  # type: ignore[attr-defined]  # pytest would take it for a test


def tables(engine: Engine, schema: str | None = None) -> DataFrame:
    """The tables by name: how many columns, how many rows (counted).

    Of the schema in which new tables are made, usually `public`, unless one is named.
    """
    pd = _pandas()
    with engine.connect() as connection:
        inspector = inspect(connection)
        found = [
            (name, len(inspector.get_columns(name, schema)), _rows(connection, name, schema))
            for name in sorted(inspector.get_table_names(schema))
        ]
    frame: DataFrame = pd.DataFrame(found, columns=["table", "columns", "rows"])
    return frame


def columns(engine: Engine, name: str, schema: str | None = None) -> DataFrame:
    """The columns of a table in their order: type, NULL allowed or not, default, key.

    Raises Problem, which lists the tables there are, for an unknown name.
    """
    pd = _pandas()
    with engine.connect() as connection:
        inspector = inspect(connection)
        _known(inspector.get_table_names(schema), name)
        keys = _keys(inspector, name, schema)
        found = [
            (
                column["name"],
                _type(column["type"], engine),
                "yes" if column["nullable"] else "no",
                column["default"] or "",
                ", ".join(keys.get(column["name"], [])),
            )
            for column in inspector.get_columns(name, schema)
        ]
    frame: DataFrame = pd.DataFrame(found, columns=["column", "type", "null", "default", "key"])
    return frame


def _type(kind: Any, engine: Engine) -> str:
    """A column's type as PostgreSQL writes it; extensions bring some that nobody here knows."""
    try:
        return str(kind.compile(dialect=engine.dialect)).lower()
    except CompileError:
        return "unknown to SQLAlchemy"


def _pandas() -> Any:
    """pandas, told not to cut a table's columns where it is printed as text."""
    import pandas as pd

    pd.set_option("display.width", 120, "display.max_columns", 20)
    return pd


def _round_trip(connection: Connection) -> float:
    begun = time.perf_counter()
    connection.scalar(text("SELECT 1"))
    return time.perf_counter() - begun


def _rows(connection: Connection, name: str, schema: str | None) -> int:
    return int(connection.scalar(select(func.count()).select_from(table(name, schema=schema))) or 0)


def _keys(inspector: Any, name: str, schema: str | None) -> dict[str, list[str]]:
    """For each column, the keys it takes part in, in words."""
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
    """The column that an indexed expression is about: `email` of `lower(email::text)`."""
    return expression.rsplit("(", 1)[-1].split(")")[0].split("::")[0].strip('"')


def _known(names: list[str], name: str) -> None:
    if name not in names:
        raise ExplorerError(
            f"There is no table {name!r}.",
            f"The tables are: {', '.join(sorted(names)) or 'none'}.",
            "Look at explorer.tables(engine), or run the migration that makes it.",
        )
