"""Invalid indexes that a failed CREATE INDEX or REINDEX CONCURRENTLY leaves behind."""

from __future__ import annotations

import logging
import re
from typing import NamedTuple

from sqlalchemy import Connection, text

SPACE = r"(?:\s|--[^\n]*\n|/\*(?:[^*]|\*(?!/))*\*/)+"
NAME = r"""(?:"(?:[^"]|"")+"|(?!ON\b|IF\b)[^\W\d][\w$]*)"""
CREATE_INDEX = re.compile(
    rf"(?:{SPACE})?CREATE{SPACE}(?:UNIQUE{SPACE})?INDEX{SPACE}CONCURRENTLY{SPACE}"
    rf"(?:IF{SPACE}NOT{SPACE}EXISTS{SPACE})?(?:(?P<index>{NAME}){SPACE})?"
    rf"ON{SPACE}(?:ONLY{SPACE})?(?P<table>{NAME}(?:\s*\.\s*{NAME})?)",
    re.I | re.S,
)
REINDEX = re.compile(
    rf"(?:{SPACE})?REINDEX\b(?=.*\bCONCURRENTLY\b)(?:{SPACE})?(?:\([^)]*\)(?:{SPACE})?)?"
    rf"(?:(?:INDEX|TABLE){SPACE}(?:CONCURRENTLY{SPACE})?(?P<target>{NAME}(?:\s*\.\s*{NAME})?))?",
    re.I | re.S,
)

INVALID = "SELECT coalesce(array_agg(indexrelid::bigint), '{}') FROM pg_index WHERE NOT indisvalid"
# Ordinary indexes only: those of partitioned tables are invalid until all partitions have one.
# The session that builds an index holds such a lock on its table all the time.
LEFT = """
SELECT format('%I.%I', n.nspname, c.relname)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid AND c.relkind = 'i' AND {which}
  AND NOT EXISTS (
    SELECT FROM pg_locks l WHERE l.locktype = 'relation' AND l.granted AND l.relation = i.indrelid
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND l.pid IS DISTINCT FROM pg_backend_pid()
      AND l.mode NOT IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock'))
ORDER BY 1
"""
NAMED = "i.indrelid = to_regclass(:table) AND c.relname = (parse_ident(:index))[1]::name"
UNNAMED = "i.indrelid = to_regclass(:table) AND i.indexrelid <> ALL (CAST(:before AS bigint[]))"
REINDEXED = r"c.relname ~ '_cc(new|old)\d*$' AND i.indexrelid <> ALL (CAST(:before AS bigint[]))"
OF_TARGET = """
i.indrelid IN (
    SELECT to_regclass(:target) UNION SELECT relid FROM pg_partition_tree(to_regclass(:target))
    UNION SELECT indrelid FROM pg_index WHERE indexrelid = to_regclass(:target))
"""
log = logging.getLogger(__name__)


class Leftovers(NamedTuple):
    """Which invalid indexes a statement may have left.

    Attributes:
        which: A condition on pg_index and pg_class.
        parameters: Its parameters.

    """

    which: str
    parameters: dict[str, object]

    def accepted(self, connection: Connection) -> bool:
        """Whether IF NOT EXISTS has accepted an invalid index as the one to create."""
        return self.which == NAMED and bool(self.names(connection))

    def names(self, connection: Connection) -> list[str]:
        """Return the qualified names of those that are there, and aren't being built."""
        query = text(LEFT.format(which=self.which))
        return list(connection.scalars(query, self.parameters))

    def drop(self, connection: Connection) -> None:
        """Drop them, on a connection in autocommit mode."""
        for name in self.names(connection):
            connection.exec_driver_sql(
                f"DROP INDEX CONCURRENTLY IF EXISTS {name}",
                execution_options={"no_parameters": True},
            )
            log.warning("dropped the invalid index %s, which a failed build had left", name)


def leftovers_of(sql: str, connection: Connection) -> Leftovers | None:
    """Return what a failure of this statement may leave, or None if it leaves no index.

    A named index is told by its name and table, even if an earlier run has left it. Others are
    told by what's invalid already, before the statement runs.
    """
    before = connection.exec_driver_sql(INVALID).scalar()
    if found := CREATE_INDEX.match(sql):
        table, index = found["table"], found["index"]
        if index:
            return Leftovers(NAMED, {"table": table, "index": index})
        return Leftovers(UNNAMED, {"table": table, "before": before})
    if not (found := REINDEX.match(sql)):
        return None
    if target := found["target"]:
        return Leftovers(f"{REINDEXED} AND {OF_TARGET}", {"before": before, "target": target})
    return Leftovers(REINDEXED, {"before": before})
