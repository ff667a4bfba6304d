"""Watch which locks a revision holds while it changes rows of the table `users`.

A trigger sends a message for each UPDATE: its transaction, its number of rows and the locks held.
So nothing depends on whether a session happened to wait, or on how fast this machine is.

A revision could switch the trigger off, replace its function or delete a log. The trigger fires
with every session_replication_role, a message can't be taken back, and `Watch` notices every
change to the trigger and its function: a changed row of the catalog carries the id of the
transaction that changed it (xmin).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from coursekit.exercises.database import Database, Row
from coursekit.exercises.listener import Listener, listening
from coursekit.exercises.statements import statement

MANY = 100  # rows that one transaction may change while it locks their table
CHANNEL = "watch"
BLOCKING = ("AccessExclusiveLock", "ExclusiveLock", "ShareLock", "ShareRowExclusiveLock")
TRIGGER = (
    "CREATE SCHEMA watch",
    f"""
CREATE FUNCTION watch.note() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    PERFORM pg_catalog.pg_notify('{CHANNEL}', pg_catalog.json_build_object(
        'xid', pg_catalog.pg_current_xact_id()::pg_catalog.xid,
        'rows', (SELECT pg_catalog.count(*) FROM changed),
        'modes', (SELECT pg_catalog.json_agg(l.mode) FROM pg_catalog.pg_locks l
                  WHERE l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid() AND l.granted
                  AND l.relation OPERATOR(pg_catalog.=) TG_RELID AND l.database IS NOT NULL),
        'each', pg_catalog.gen_random_uuid())::pg_catalog.text);
    RETURN NULL;
END $$
""",  # noqa: S608  our own name. `each`: equal messages of a transaction would arrive as one.
    """
CREATE TRIGGER watch AFTER UPDATE ON public.users REFERENCING NEW TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION watch.note()
""",
    "ALTER TABLE public.users ENABLE ALWAYS TRIGGER watch",
)
# Finding the table by its trigger works even after a rename.
STATE = """
SELECT pg_catalog.pg_relation_filenode(t.tgrelid), t.tgrelid, t.oid, t.xmin, p.xmin
FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid OPERATOR(pg_catalog.=) t.tgfoid
     JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
WHERE n.nspname OPERATOR(pg_catalog.=) 'watch' AND NOT t.tgisinternal
"""
# A lock taken after the UPDATE shows in the catalog: its rows carry the id of the transaction
# that wrote them.
WRITERS = """
SELECT attrelid, xmin FROM pg_catalog.pg_attribute
UNION ALL SELECT oid, xmin FROM pg_catalog.pg_class
UNION ALL SELECT tgrelid, xmin FROM pg_catalog.pg_trigger
UNION ALL SELECT indrelid, xmin FROM pg_catalog.pg_index
"""


class Watch:
    """What watches the table `users` of one database."""

    def __init__(self, database: Database, listener: Listener) -> None:
        self._database = database
        self._listener = listener
        self.pid = listener.pid
        self._state = self._read_state()

    def found(self) -> list[str]:
        """Return what blocked the shop since the last call, or hid whether anything did."""
        before, self._state = self._state, self._read_state()
        bulk = self._bulk(self._listener.messages())
        found = [f"{mode}, and {rows} rows changed" for mode, rows in bulk]
        found += [self._changed(before)] * (self._state != before)
        return found + ["the session that watches the table was ended"] * self._listener.ended

    def _changed(self, before: Row) -> str:
        if not self._state:
            return "the table was replaced, or the trigger that watches it was dropped"
        if self._state[0] != before[0]:
            return "the whole table was rewritten"
        return "the trigger that watches the table was changed"

    def _read_state(self) -> Row:
        """Return the table's file and id, and what identifies the trigger; () without it."""
        return next(iter(self._database.query(STATE)), ())

    def _bulk(self, messages: list[str]) -> Iterator[tuple[str, int]]:
        """Yield lock mode and rows of each transaction that changed many under a strong lock."""
        rows: dict[str, int] = defaultdict(int)
        modes: dict[str, set[str]] = defaultdict(set)
        for xid, count, held in filter(None, map(_noted, messages)):
            rows[xid] += count
            modes[xid] |= held
        ddl = self._writers()
        for xid, count in rows.items():
            if count > MANY and (modes[xid] or xid in ddl):
                yield min(modes[xid], default="a lock that came later"), count

    def _writers(self) -> set[str]:
        """Return the transactions that wrote what the catalog knows about the table."""
        table = self._state[1] if self._state else None
        return {str(xmin) for oid, xmin in self._database.query(WRITERS) if oid == table}


def _noted(message: str) -> tuple[str, int, set[str]] | None:
    """Return transaction, number of rows and strong locks; None if it isn't the trigger's message.

    A revision can send messages to the same channel, but none that would take anything back.
    """
    with suppress(ValueError, TypeError, KeyError):
        read = json.loads(message)
        return str(read["xid"]), max(0, int(read["rows"])), {*read["modes"]} & {*BLOCKING}
    return None


@contextmanager
def watching(database: Database) -> Iterator[Watch]:
    """Watch the table `users` of a database from here on."""
    database.commit(*map(statement, TRIGGER))
    with listening(database.url, CHANNEL) as listener:
        yield Watch(database, listener)
