"""Count rows and compute fingerprints of their values. Everything here reads whole tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from .reader import Reader, quoted

BATCH = 100  # tables in one query, whose locks are held until the next batch
# What can't be read in full: on a standby, PostgreSQL refuses to read what's unlogged; row security
# hides rows; a foreign table is elsewhere; and nothing lists a large object's contents.
READABLE = """
SELECT n.nspname AS schema, c.relname AS name, c.relkind AS kind,
       c.relkind <> 'f'
       AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
       AND CASE
               WHEN c.relkind = 'S' THEN pg_catalog.has_sequence_privilege(c.oid, 'SELECT')
               ELSE pg_catalog.has_table_privilege(c.oid, 'SELECT')
           END
       AND (c.relpersistence <> 'u' OR NOT pg_catalog.pg_is_in_recovery())
       AND NOT pg_catalog.row_security_active(c.oid) AS readable
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm', 'f', 'S') AND c.relispopulated
      AND pg_catalog."left"(n.nspname::text, 3) <> 'pg_' AND n.nspname <> 'information_schema'
UNION ALL
SELECT '', 'large objects', 'L', false
WHERE EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata)
ORDER BY schema, name
"""


class Relation(NamedTuple):
    """A table or a sequence, and whether it can be read in full; `kind` is its relkind."""

    schema: str
    name: str
    kind: str
    readable: bool


class Content(NamedTuple):
    """What's in a table or a sequence.

    Attributes:
        about: The number of rows; a sequence's last value.
        values: A fingerprint of all values, independent of the rows' order; empty without rows.

    """

    about: str
    values: str


def relations(reader: Reader) -> list[Relation]:
    """Return what contains data, in all schemas but PostgreSQL's own."""
    return [Relation._make(row) for row in reader.run(READABLE)]


def counts(reader: Reader, tables: Iterable[Relation]) -> dict[tuple[str, str], int]:
    """Return the number of rows of each table; a partitioned table has its partitions' rows."""
    found = _query(reader, [table for table in tables if table.readable], "{}", "")
    return {(table.schema, table.name): int(content.about) for table, content in found}


def contents(reader: Reader, wanted: Iterable[Relation]) -> Mapping[Relation, Content]:
    """Return the contents of each table, without those of its partitions and children."""
    readable = [one for one in wanted if one.readable]
    values = (
        "pg_catalog.sum(pg_catalog.hashtextextended("
        "pg_catalog.textin(pg_catalog.record_out({}.*)), 0))"
    )
    tables = _query(reader, [one for one in readable if one.kind in "rm"], values, "ONLY")
    sequences = [one for one in readable if one.kind == "S"]
    return dict([*tables, *_positions(reader, sequences)])


def _query(
    reader: Reader, tables: Sequence[Relation], values: str, only: str
) -> Iterator[tuple[Relation, Content]]:
    for batch in _batches(tables):
        parts = (
            f"SELECT {number}, pg_catalog.count(*), {values.format('t') if only else 'NULL'} "  # noqa: S608
            f"FROM {only} {quoted(table.schema, table.name)} AS t"
            for number, table in enumerate(batch)
        )
        for number, count, value in _run(reader, parts):
            yield batch[number], Content(str(count), str(value or ""))


def _positions(reader: Reader, sequences: Sequence[Relation]) -> Iterator[tuple[Relation, Content]]:
    for batch in _batches(sequences):
        parts = (
            f"SELECT {number}, last_value, is_called FROM {quoted(one.schema, one.name)}"  # noqa: S608
            for number, one in enumerate(batch)
        )
        for number, last, called in _run(reader, parts):
            yield batch[number], Content(f"{'last' if called else 'next'} value {last}", "")


def _batches(relations: Sequence[Relation]) -> Iterator[Sequence[Relation]]:
    for start in range(0, len(relations), BATCH):
        yield relations[start : start + BATCH]


def _run(reader: Reader, parts: Iterable[str]) -> list[tuple[int, int, object]]:
    """Run a query of several parts in a savepoint: rolling back to it releases the locks."""
    reader.run("SAVEPOINT explorer_rows")
    found = reader.run(" UNION ALL ".join(parts)).all()
    reader.run("ROLLBACK TO SAVEPOINT explorer_rows")
    reader.run("RELEASE SAVEPOINT explorer_rows")
    return [tuple(row) for row in found]
