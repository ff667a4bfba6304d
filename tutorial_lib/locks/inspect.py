"""The lock queue of a database: which sessions wait for a lock, and for which sessions."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..display import Picture

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class QueuedSession:
    """A session in the lock queue.

    Attributes:
        position: Its position in the queue, from 1. Sessions that wait for nothing come
            first, then the others by the start of their wait.
        pid: Its process id, which pg_terminate_backend takes; 0 for a prepared transaction.
        activity: Its application_name, if set, and how its current or last query starts.
        state: Its state in pg_stat_activity, such as `idle in transaction`.
        waiting_for: What it waits for; empty if it doesn't wait.
        blocked_by: Positions of the sessions that block it directly.
        holds: Locks it holds on the tables that others wait for.
        kind: Its backend_type in pg_stat_activity, such as `autovacuum worker`.
        database: The database it's connected to, if that's another one.
        prepared: The identifier of a prepared transaction, which ROLLBACK PREPARED takes.

    """

    position: int
    pid: int
    activity: str
    state: str
    waiting_for: str
    blocked_by: tuple[int, ...]
    holds: tuple[str, ...]
    kind: str = "client backend"
    database: str = ""
    prepared: str = ""

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
        """Return the sessions at the root of a wait: they block `pid` and wait for nothing.

        In a deadlock, every session waits; these are then the sessions that block `pid` directly.
        """
        seen: set[int] = set()
        todo = [one.position for one in self.sessions if one.pid == pid]
        while todo:
            position = todo.pop()
            if position not in seen:  # in a deadlock, the path is a circle
                seen.add(position)
                todo += self.sessions[position - 1].blocked_by
        found = [one for one in self.sessions if one.position in seen and one.pid != pid]
        direct = {front for one in self.sessions if one.pid == pid for front in one.blocked_by}
        roots = tuple(one for one in found if not one.blocked_by)
        return roots or tuple(one for one in found if one.position in direct)

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


def _plain(words: str) -> str:
    """Escape text for a quoted label in Mermaid."""
    return words.translate({ord('"'): "'", ord("`"): "'", ord("<"): "#lt;", ord(">"): "#gt;"})
