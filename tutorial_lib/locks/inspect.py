"""The lock queue of a database: which sessions wait for a lock, and for which sessions."""

from __future__ import annotations

import html
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, text

from ..display import Picture

if TYPE_CHECKING:
    import pandas as pd

POLL_INTERVAL = 0.02  # seconds between two queries

# The sessions of this database that wait for a lock, and those that block them. A session that
# holds no lock blocks too if its request came first. pid 0 is a prepared transaction.
SESSIONS = """
WITH waits AS MATERIALIZED (
    SELECT l.*, pg_blocking_pids(l.pid) AS behind
    FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE NOT l.granted AND a.datname = current_database()
),
queue AS (
    SELECT pid FROM waits WHERE cardinality(behind) > 0
    UNION SELECT unnest(behind) FROM waits
)
SELECT q.pid, coalesce(a.state, '') AS state, coalesce(a.application_name, '') AS application,
       coalesce(a.query, '') AS query, coalesce(w.behind, '{}') AS behind,
       w.locktype, w.mode, w.relation::regclass::text AS name,
       ARRAY (
           SELECT DISTINCT h.mode || ' on ' || h.relation::regclass
           FROM pg_locks h JOIN waits AS x ON q.pid = ANY (x.behind)
           WHERE h.pid = q.pid AND h.granted AND h.locktype = 'relation'
             AND x.locktype = 'relation' AND (h.database, h.relation) = (x.database, x.relation)
           ORDER BY 1
       ) AS holds
FROM queue q LEFT JOIN pg_stat_activity a USING (pid) LEFT JOIN waits w USING (pid)
ORDER BY w.pid IS NOT NULL, coalesce(w.waitstart, a.xact_start, clock_timestamp()), q.pid
"""


@dataclass(frozen=True)
class QueuedSession:
    """A session in the lock queue.

    Attributes:
        position: Its position in the queue, from 1. Sessions that wait for nothing come
            first, then the others by the start of their wait.
        pid: Its process id, which pg_terminate_backend takes.
        activity: Its application_name, if set, and how its current or last query starts.
        state: Its state in pg_stat_activity, such as `idle in transaction`.
        waiting_for: What it waits for; empty if it doesn't wait.
        blocked_by: Positions of the sessions that block it directly.
        holds: Locks it holds on the tables that others wait for.

    """

    position: int
    pid: int
    activity: str
    state: str
    waiting_for: str
    blocked_by: tuple[int, ...]
    holds: tuple[str, ...]

    @property
    def description(self) -> str:
        """What it waits for and what it holds, in words."""
        front = " and ".join(map(str, self.blocked_by))
        waits = f"waits behind {front} for {self.waiting_for}" if self.waiting_for else self.state
        return ", ".join([waits, *(f"holds {lock}" for lock in self.holds)])


@dataclass(frozen=True, repr=False)
class Queue(Picture):
    """The sessions that wait for a lock and those that block them, in order."""

    sessions: tuple[QueuedSession, ...] = ()

    def __len__(self) -> int:
        return len(self.sessions)

    def root_blockers(self, pid: int) -> tuple[QueuedSession, ...]:
        """Return the sessions at the root of a wait: they block `pid` and wait for nothing."""
        seen: set[int] = set()
        todo = [one.position for one in self.sessions if one.pid == pid]
        while todo:
            position = todo.pop()
            if position not in seen:  # in a deadlock, the path is a circle
                seen.add(position)
                todo += self.sessions[position - 1].blocked_by
        roots = (one for one in self.sessions if one.position in seen and not one.blocked_by)
        return tuple(one for one in roots if one.pid != pid)

    def frame(self) -> pd.DataFrame:
        """Return a DataFrame with one row per session."""
        import pandas as pd

        names = ["position", "activity", "state", "waiting_for", "blocked_by", "holds"]
        rows = [
            (
                *(s.position, s.activity, s.state, s.waiting_for),
                *(", ".join(map(str, s.blocked_by)), ", ".join(s.holds)),
            )
            for s in self.sessions
        ]
        return pd.DataFrame(rows, columns=names)

    def __repr__(self) -> str:
        lines = (f"{one.position}  {one.description}\n   {one.activity}" for one in self.sessions)
        return "\n".join(lines) or "No session is waiting for a lock."

    def mermaid(self) -> str:
        """Return a box per session and an arrow to each session it waits for."""
        if not self.sessions:
            return ""
        lines = ["flowchart RL", "    accTitle: Who waits for whom"]
        for one in self.sessions:
            words = [f"{one.position} {_plain(one.activity)}"]
            words += [] if one.waiting_for else [one.state]
            words += [f"holds {lock}" for lock in one.holds]
            lines.append(f'    s{one.position}["{"<br>".join(words)}"]')
        for one in self.sessions:
            arrow = f's{one.position} -->|"{one.waiting_for}"|'
            lines += [f"    {arrow} s{front}" for front in one.blocked_by]
        return "\n".join(lines)

    def html(self) -> str:
        """Return a numbered list."""
        items = (
            f"<li>{html.escape(one.description)}<br><code>{html.escape(one.activity)}</code></li>"
            for one in self.sessions
        )
        return f"<ol>{''.join(items)}</ol>" if self.sessions else f"<p>{self!r}</p>"


def queue(
    bind: Engine | Connection, *, at_least: int = 0, waiting: int = 0, timeout: float = 5.0
) -> Queue:
    """Return the lock queue of a database: who waits for whom, now.

    Queries are cut before their first value. Only a member of pg_monitor (or
    pg_read_all_stats) sees other users' queries.

    Args:
        bind: The database. Of a connection, only the engine is used.
        at_least: Poll until this many sessions are in the queue, blockers included.
        waiting: Poll until this many sessions wait; blockers may come and go.
        timeout: How many seconds to poll. Then the queue is returned as it is.

    """
    deadline = time.monotonic() + timeout
    while True:
        found = _read_queue(bind.engine)
        wait = sum(bool(one.waiting_for) for one in found.sessions)
        if (len(found) >= at_least and wait >= waiting) or time.monotonic() >= deadline:
            return found
        time.sleep(POLL_INTERVAL)


def statement_prefix(statement: str, length: int = 60) -> str:
    """Return the start of a statement on one line, cut before its first value for privacy."""
    line = " ".join(COMMENT.sub(" ", statement).split())
    return VALUE.split(line, maxsplit=1)[0][:length].strip()


COMMENT = re.compile(r"/\*.*?(?:\*/|$)|--[^\n]*", re.S)
VALUE = re.compile(r"\b[ebnxu]&?'|['$]|(?<![\w\".])[-+]?\.?\d", re.I)


def _read_queue(engine: Engine) -> Queue:
    with engine.connect() as connection:
        rows = connection.execute(text(SESSIONS)).all()
    positions = {row.pid: position for position, row in enumerate(rows, start=1)}
    return Queue(
        tuple(
            QueuedSession(
                position=positions[row.pid],
                pid=row.pid,
                activity=_activity(row.pid, row.application, row.query),
                state=row.state,
                waiting_for=_waiting_for(row.locktype, row.mode, row.name),
                blocked_by=tuple(sorted({positions[pid] for pid in row.behind})),
                holds=tuple(row.holds),
            )
            for row in rows
        )
    )


def _activity(pid: int, application: str, query: str) -> str:
    if not pid:
        return "a prepared transaction"
    return ": ".join(part for part in (application, statement_prefix(query)) if part) or "unknown"


def _waiting_for(kind: str | None, mode: str | None, name: str | None) -> str:
    """Name the lock that a session waits for, or the end of a transaction."""
    if kind is None:
        return ""
    if kind in ("transactionid", "virtualxid", "spectoken"):
        return "the end of a transaction"
    return f"{mode} on {name or f'an object of kind {kind}'}"


def _plain(words: str) -> str:
    """Escape text for a quoted label in Mermaid."""
    return words.translate({ord('"'): "'", ord("`"): "'", ord("<"): "#lt;", ord(">"): "#gt;"})
