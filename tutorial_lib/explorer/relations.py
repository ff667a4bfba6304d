"""List the tables of a database and the columns of a table; return a table's first rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect
from sqlalchemy.exc import DataError

from .. import arguments
from ..arguments import checked
from ..connections import Bind
from ..errors import ExplorerError
from ..sqlstates import sqlstate_of
from .column_types import type_name, type_names, without_warnings
from .names import Found, find, schema_of
from .pandas_output import data_frame
from .reader import Reader, quoted, reading
from .rows import Relation, counts

if TYPE_CHECKING:
    from pandas import DataFrame

# A partitioned table has no rows and no files of its own: its numbers are those of its partitions.
# A size can't be read while another session changes the table: pg_locks shows whether one does.
TABLES = """
WITH home AS (
    SELECT c.oid, c.relname, c.relkind, c.relnamespace, c.relpersistence
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'f') AND n.nspname = CAST(:schema AS name)
), part AS (
    SELECT oid AS table_id, oid AS part_id FROM home WHERE relkind <> 'p'
    UNION ALL
    SELECT home.oid, t.relid::oid
    FROM home, pg_catalog.pg_partition_tree(home.oid) t
    WHERE home.relkind = 'p' AND t.isleaf
), changing AS (
    SELECT DISTINCT relation FROM pg_catalog.pg_locks WHERE mode = 'AccessExclusiveLock'
), measured AS (
    SELECT part.table_id,
           CASE
               WHEN pg_catalog.bool_and(l.reltuples >= 0::float4)
                   THEN pg_catalog.sum(l.reltuples::float8)::bigint
           END AS estimate,
           CASE
               WHEN pg_catalog.bool_and(l.relkind <> 'f' AND changing.relation IS NULL)
                   THEN pg_catalog.sum(
                       CASE
                           WHEN l.relkind <> 'f' AND changing.relation IS NULL
                               THEN pg_catalog.pg_total_relation_size(l.oid)
                       END
                   )
           END AS bytes
    FROM part
         JOIN pg_catalog.pg_class l ON l.oid = part.part_id
         LEFT JOIN changing ON changing.relation = l.oid
    GROUP BY part.table_id
), attribute AS (
    SELECT a.attrelid, pg_catalog.count(*) AS columns
    FROM home JOIN pg_catalog.pg_attribute a ON a.attrelid = home.oid
    WHERE a.attnum > 0::int2 AND NOT a.attisdropped
    GROUP BY a.attrelid
)
SELECT home.relname AS name, home.relkind AS kind, attribute.columns,
       measured.estimate, measured.bytes,
       pg_catalog.has_schema_privilege(home.relnamespace, 'USAGE')
       AND pg_catalog.has_table_privilege(home.oid, 'SELECT') AND home.relkind <> 'f'
       AND (home.relpersistence <> 'u' OR NOT pg_catalog.pg_is_in_recovery()) AS readable
FROM home
     LEFT JOIN measured ON measured.table_id = home.oid
     LEFT JOIN attribute ON attribute.attrelid = home.oid
ORDER BY home.relname
"""
MOST_ROWS = 2**63 - 1  # of LIMIT
PRIMARY_KEY = """
SELECT a.attname
FROM pg_catalog.pg_index x
     JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) x.indrelid
         AND a.attnum OPERATOR(pg_catalog.=) ANY (x.indkey)
WHERE x.indrelid OPERATOR(pg_catalog.=) CAST(:oid AS pg_catalog.oid)
      AND x.indisprimary AND x.indisvalid
ORDER BY pg_catalog.array_position(x.indkey, a.attnum)
"""


@checked(ExplorerError)
def tables(bind: Bind, schema: str | None = None, *, count: bool = False) -> DataFrame:
    """Return the tables of a schema with their number of columns, their rows and their size.

    No table is read unless you pass `count=True`. A partitioned table has the totals of its
    partitions, which are also listed; foreign tables are listed without a size.

    Args:
        bind: The database.
        schema: The schema; by default the first of the search_path, usually `public`.
        count: Count the rows, which reads all tables, instead of returning PostgreSQL's estimate.

    Returns:
        The columns `table`, `columns` (their number), `size_kb` (with indexes and TOAST, in units
        of 1024 bytes; missing while another session changes the table) and either
        `estimated_rows`, from the last VACUUM or ANALYZE (missing before the first one), or
        `rows` (counted; missing if you may not read the table).

    Raises:
        ExplorerError: There's no such schema, or the server refuses.

    """
    count = arguments.flag("count", count, ExplorerError)
    with reading(bind) as reader:
        home = schema_of(reader, schema)
        reader.narrow()
        found = reader.run(TABLES, schema=home).all()
        number = (
            _counted(reader, home, found) if count else {one.name: one.estimate for one in found}
        )
    rows = "rows" if count else "estimated_rows"
    frame = data_frame(
        ["table", "columns", rows, "size_kb"],
        (
            (
                one.name,
                int(one.columns or 0),
                number.get(one.name),
                None if one.bytes is None else int(one.bytes) // 1024,
            )
            for one in found
        ),
    )
    return frame.astype(dict.fromkeys(("columns", rows, "size_kb"), "Int64"))


def _counted(reader: Reader, schema: str, found: Any) -> dict[str, int]:
    wanted = [Relation(schema, one.name, one.kind, one.readable) for one in found]
    return {name: number for (_, name), number in counts(reader, wanted).items()}


@checked(ExplorerError)
def columns(bind: Bind, name: str, schema: str | None = None) -> DataFrame:
    """Return the columns of a table or view in order: type, nullability, default and keys.

    Args:
        bind: The database.
        name: The table, view, materialized view or foreign table.
        schema: Its schema; by default the first of the search_path, usually `public`.

    Returns:
        The columns `column`, `type`, `null` (yes or no), `default` and `key`, all strings.

    Raises:
        ExplorerError: There's no such table. The message lists the tables there are.

    """
    with reading(bind) as reader:
        found = find(reader, name, schema)
        reader.narrow()
        inspector = inspect(reader.connection)
        home = None if found.schema == reader.schema else found.schema
        types = type_names(reader, found.schema)
        keys = _keys(inspector, name, home) if found.kind in "rpm" else {}
        rows = [
            (
                column["name"],
                type_name(column["type"], types[name, column["name"]]),
                "yes" if column["nullable"] else "no",
                column["default"] or "",
                ", ".join(keys.get(column["name"], [])),
            )
            for column in without_warnings(inspector.get_columns, name, home)
        ]
    return data_frame(["column", "type", "null", "default", "key"], rows)


@checked(ExplorerError)
def head(bind: Bind, name: str, n: int = 5, schema: str | None = None) -> DataFrame:
    """Return the first rows of a table or view.

    They're ordered by its primary key. Without one, PostgreSQL returns any rows.

    Args:
        bind: The database.
        name: The table, view, materialized view or foreign table.
        n: The number of rows.
        schema: Its schema; by default the first of the search_path, usually `public`.

    Returns:
        All columns, with up to n rows. Values are those that the driver returns.

    Raises:
        ExplorerError: There's no such table, the role may not read it, or Python can't hold one
            of its values.

    """
    number = arguments.count("n", n, ExplorerError)
    with reading(bind) as reader:
        found = find(reader, name, schema)
        keys, rows = _first_rows(reader, found, number)
    return data_frame(keys, rows)


def _first_rows(reader: Reader, found: Found, n: int) -> tuple[list[str], list[Any]]:
    key = reader.run(PRIMARY_KEY, oid=found.oid).scalars().all()
    order = f" ORDER BY {', '.join(map(quoted, key))}" if key else ""
    source = quoted(found.schema, found.name)
    try:
        result = reader.run(f"SELECT * FROM {source}{order} LIMIT {min(n, MOST_ROWS)}")  # noqa: S608
        return list(result.keys()), [tuple(row) for row in result]
    except (ValueError, OverflowError, DataError) as error:
        if sqlstate_of(error):
            raise  # it's the server's, not the driver's
        raise ExplorerError(
            f"Python can't hold a value of {found.name!r}.",
            "Dates and timestamps before year 1, after 9999, or infinite have no Python value.",
            "Select the other columns, or cast the column to text.",
        ) from None


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
