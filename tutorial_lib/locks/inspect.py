"""Who waits for whom in a database, at one moment."""

from __future__ import annotations

import html
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Engine, text

from ..display import Picture

if TYPE_CHECKING:
    import pandas as pd

LOOK = 0.02  # seconds between two looks at a queue that somebody waits for

# The sessions of this database that wait for a lock, and those in front of them. A session that
# holds nothing can be in front, too: its request was made before. Number 0 stands for prepared
# transactions.
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
class Session:
    """A session in the queue.

    number  its place, from 1: who waits for nobody comes first, then by the begin of the wait
    pid     PostgreSQL's number for it, which pg_terminate_backend takes
    does    the application's name, if it gave one, and how its (last) statement begins
    state   as pg_stat_activity has it: `active`, `idle in transaction`, ...
    wants   what it waits for; nothing when it does not wait
    behind  the numbers of the sessions directly in front of it
    holds   locks that it has on the tables for which others wait
    """

    number: int
    pid: int
    does: str
    state: str
    wants: str
    behind: tuple[int, ...]
    holds: tuple[str, ...]

    @property
    def told(self) -> str:
        """What it waits for and what it holds, in words."""
        front = " and ".join(map(str, self.behind))
        waits = f"waits behind {front} for {self.wants}" if self.wants else self.state
        return ", ".join([waits, *(f"holds {lock}" for lock in self.holds)])


@dataclass(frozen=True, repr=False)
class Queue(Picture):
    """The sessions that wait for a lock, and those in front of them, in order."""

    sessions: tuple[Session, ...] = ()

    def __len__(self) -> int:
        return len(self.sessions)

    def first(self, pid: int) -> tuple[Session, ...]:
        """For whom `pid` waits in the end: the sessions in front of it that wait for nobody."""
        seen: set[int] = set()
        todo = [one.number for one in self.sessions if one.pid == pid]
        while todo:
            number = todo.pop()
            if number not in seen:  # in a deadlock one comes by twice
                seen.add(number)
                todo += self.sessions[number - 1].behind
        ends = (one for one in self.sessions if one.number in seen and not one.behind)
        return tuple(one for one in ends if one.pid != pid)

    def frame(self) -> pd.DataFrame:
        """A row for each session: number, does, state, wants, behind, holds."""
        import pandas as pd

        names = ["number", "does", "state", "wants", "behind", "holds"]
        rows = [
            (s.number, s.does, s.state, s.wants, ", ".join(map(str, s.behind)), ", ".join(s.holds))
            for s in self.sessions
        ]
        return pd.DataFrame(rows, columns=names)

    def __repr__(self) -> str:
        lines = (f"{one.number}  {one.told}\n   {one.does}" for one in self.sessions)
        return "\n".join(lines) or "Nobody waits for a lock."

    def mermaid(self) -> str:
        """A box for each session, and an arrow to each that it waits for; nothing without any."""
        if not self.sessions:
            return ""
        lines = ["flowchart RL", "    accTitle: Who waits for whom"]
        for one in self.sessions:
            words = [f"{one.number} {_plain(one.does)}", *([] if one.wants else [one.state])]
            words += [f"holds {lock}" for lock in one.holds]
            lines.append(f'    s{one.number}["{"<br>".join(words)}"]')
        for one in self.sessions:
            lines += [f'    s{one.number} -->|"{one.wants}"| s{front}' for front in one.behind]
        return "\n".join(lines)

    def html(self) -> str:
        """A numbered list."""
        items = (
            f"<li>{html.escape(one.told)}<br><code>{html.escape(one.does)}</code></li>"
            for one in self.sessions
        )
        return f"<ol>{''.join(items)}</ol>" if self.sessions else f"<p>{self!r}</p>"


def queue(engine: Engine, *, at_least: int = 0, waiting: int = 0, seconds: float = 5.0) -> Queue:
    """Who waits for whom in the engine's database, at this moment.

    at_least  look again until so many sessions are in the queue, those in front included
    waiting   look again until so many wait; who is in front may still come and go
    seconds   to look for them; then the queue is given as it is

    Other users' statements are shown only to a member of pg_monitor. Values in statements
    are never shown.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = _look(engine)
        wait = sum(bool(one.wants) for one in found.sessions)
        if (len(found) >= at_least and wait >= waiting) or time.monotonic() >= deadline:
            return found
        time.sleep(LOOK)


def statement_prefix(statement: str, length: int = 60) -> str:
    """How a statement begins, on one line, up to its first value: values are nobody's business."""
    line = " ".join(COMMENT.sub(" ", statement).split())
    return VALUE.split(line, maxsplit=1)[0][:length].strip()


COMMENT = re.compile(r"/\*.*?(?:\*/|$)|--[^\n]*", re.S)
VALUE = re.compile(r"\b[ebnxu]&?'|['$]|(?<![\w\".])[-+]?\.?\d", re.I)


def _look(engine: Engine) -> Queue:
    with engine.connect() as connection:
        rows = connection.execute(text(SESSIONS)).all()
    place = {row.pid: number for number, row in enumerate(rows, start=1)}
    return Queue(
        tuple(
            Session(
                number=place[row.pid],
                pid=row.pid,
                does=_does(row.pid, row.application, row.query),
                state=row.state,
                wants=_wants(row.locktype, row.mode, row.name),
                behind=tuple(sorted({place[pid] for pid in row.behind})),
                holds=tuple(row.holds),
            )
            for row in rows
        )
    )


def _does(pid: int, application: str, query: str) -> str:
    if not pid:
        return "a prepared transaction"
    return ": ".join(part for part in (application, statement_prefix(query)) if part) or "unknown"


def _wants(kind: str | None, mode: str | None, name: str | None) -> str:
    """What a session waits for: a lock on a table, or that a transaction ends."""
    if kind is None:
        return ""
    if kind in ("transactionid", "virtualxid", "spectoken"):
        return "the end of a transaction"
    return f"{mode} on {name or f'an object of kind {kind}'}"


def _plain(words: str) -> str:
    """What mermaid takes as plain text between quotation marks."""
    return words.translate({ord('"'): "'", ord("`"): "'", ord("<"): "#lt;", ord(">"): "#gt;"})
