"""Write through a temporary table: COPY into it, then INSERT from it.

All names in SQL are quoted, or come from PostgreSQL in that form.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from .conflicts import Conflict
from .failures import failure_of
from .matching import Pair
from .sending import interruptible
from .target import Target, quoted, rows
from .transaction import run

_KEYS = """
SELECT ARRAY(SELECT attname FROM unnest(conkey) WITH ORDINALITY AS k (number, place)
             JOIN pg_attribute ON attrelid = conrelid AND attnum = number ORDER BY place) AS own,
    ARRAY(SELECT attname FROM unnest(confkey) WITH ORDINALITY AS k (number, place)
          JOIN pg_attribute ON attrelid = confrelid AND attnum = number ORDER BY place) AS other,
    CAST(CAST(confrelid AS regclass) AS text) AS referred, confrelid = :oid AS to_itself
FROM pg_constraint WHERE contype = 'f' AND conname = :name
    AND (conrelid = :oid OR conrelid IN (SELECT relid FROM pg_partition_tree(:oid)))
LIMIT 1"""


@dataclass(frozen=True)
class Stage:
    """A temporary table with the DataFrame's rows and their positions.

    Attributes:
        connection: The connection.
        target: The table that the rows are for.
        columns: The columns' names.
        name: The temporary table's name.
        position: The name of the column with the row's position.

    """

    connection: Connection
    target: Target
    columns: Sequence[str]
    name: str
    position: str

    @property
    def sql(self) -> str:
        """Return its qualified name."""
        return f"pg_temp.{self.name}"

    @property
    def listed(self) -> str:
        """Return the columns, as SQL."""
        return ", ".join(map(quoted, self.columns))

    def copy_sql(self, binary: bool) -> str:
        """Return the COPY that fills it."""
        return copy_sql(self.sql, [self.position, *self.columns], binary)

    def insert(self, conflict: Conflict | None, start: int = 0, stop: int | None = None) -> int:
        """Insert its rows, or those between two positions; return how many were written."""
        where = (
            "" if stop is None else f"WHERE {self.position} >= {start} AND {self.position} < {stop}"
        )
        sql = (
            f"INSERT INTO {self.target.sql} ({self.listed}) "  # noqa: S608
            f"SELECT {self.listed} FROM {self.sql} {where} "
            f"ORDER BY {self.position} {conflict.clause if conflict else ''}"
        )
        return interruptible(self.connection, lambda: int(run(self.connection, sql).rowcount))

    def drop(self) -> None:
        """Drop it, before the transaction ends."""
        run(self.connection, f"DROP TABLE {self.sql}")


def stage(connection: Connection, target: Target, pairs: Sequence[Pair]) -> Stage:
    """Create the temporary table; it has the target's types, but no constraints."""
    columns = [pair.column.name for pair in pairs]
    name = f"frames_{secrets.token_hex(8)}"
    types = ", ".join(f"{quoted(pair.column.name)} {pair.column.declared}" for pair in pairs)
    run(connection, f"CREATE TEMP TABLE {name} ({name} bigint, {types}) ON COMMIT DROP")
    return Stage(connection, target, columns, name, name)


def copy_sql(relation: str, columns: Sequence[str], binary: bool) -> str:
    """Return a COPY that reads UTF-8; in the text format, whatever the connection's encoding is."""
    options = "FORMAT binary" if binary else "ENCODING 'UTF8'"
    return f"COPY {relation} ({', '.join(map(quoted, columns))}) FROM STDIN ({options})"


def duplicates(filled: Stage, conflict: Conflict) -> list[int]:
    """Return the positions of the first rows that have the same key."""
    if not conflict.parts:
        return []
    terms = ", ".join(conflict.parts)
    nulls = "" if conflict.nulls_equal else f"AND ROW({terms}) IS NOT NULL"
    sql = (
        f"SELECT array_agg({filled.position} ORDER BY {filled.position}) "  # noqa: S608
        f"FROM {filled.sql} "
        f"WHERE ({conflict.predicate or 'true'}) {nulls} GROUP BY {terms} "
        f"HAVING count(*) > 1 ORDER BY min({filled.position}) LIMIT 1"
    )
    return list(run(filled.connection, sql).scalar() or ())


def failing_row(filled: Stage, count: int, conflict: Conflict | None) -> int | None:
    """Return the first row that can't be inserted after those before it.

    Halves are inserted in savepoints. Those that succeed stay, so no row is inserted twice.
    """
    low, high = 0, count
    while low < high:
        middle = (low + high + 1) // 2
        if _succeeds(filled, lambda: filled.insert(conflict, low, middle)):  # noqa: B023
            low = middle
        elif middle - low == 1:
            return low
        else:
            high = middle
    return None


def _succeeds(filled: Stage, action: Callable[[], object]) -> bool:
    try:
        with filled.connection.begin_nested():
            action()
    except DBAPIError as error:
        if failure_of(error, filled.name, filled.columns) is None:
            raise
        return False
    return True


def row_without_parent(filled: Stage, constraint: str) -> list[int]:
    """Return the first row whose foreign key refers to no row; nothing if that's unknown."""
    found = rows(filled.connection, _KEYS, oid=filled.target.oid, name=constraint)
    if not found or not set(found[0].own) <= set(filled.columns):
        return []
    [key] = found
    places = [key.referred]
    if key.to_itself and set(key.other) <= set(filled.columns):
        places.append(filled.sql)
    pairs = list(zip(key.own, key.other, strict=True))
    given = " AND ".join(f"s.{quoted(own)} IS NOT NULL" for own in key.own)
    equal = " AND ".join(f"p.{quoted(other)} = s.{quoted(own)}" for own, other in pairs)
    absent = " ".join(f"AND NOT EXISTS (SELECT FROM {place} p WHERE {equal})" for place in places)
    sql = (
        f"SELECT {filled.position} FROM {filled.sql} s "  # noqa: S608
        f"WHERE {given} {absent} ORDER BY 1 LIMIT 1"
    )
    return list(run(filled.connection, sql).scalars())
