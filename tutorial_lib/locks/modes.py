"""PostgreSQL's table lock modes, and which of them conflict.

https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES
"""

from __future__ import annotations

MODES = (
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
)
# A row for each mode, from the weakest; x where it conflicts with the mode of the column.
CONFLICTS = (
    ".......x",
    "......xx",
    "....xxxx",
    "...xxxxx",
    "..xx.xxx",
    "..xxxxxx",
    ".xxxxxxx",
    "xxxxxxxx",
)


def conflict(held: str, wanted: str) -> bool:
    """Whether a session that wants a lock waits for one that holds it."""
    return CONFLICTS[MODES.index(held)][MODES.index(wanted)] == "x"
