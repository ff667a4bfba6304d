"""How far a backfill has got."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Key = tuple[Any, ...]


@dataclass(frozen=True)
class BackfillProgress:
    """How far a backfill has got.

    Attributes:
        table: The table's name.
        rows: Rows changed and committed by this call.
        batches: The number of transactions they took.
        last: The key of the last row of the last batch: numbers, dates and UUIDs as Python
            objects, everything else as a string in PostgreSQL's format.
        share: Where that row is in the table, from 0 to 1; None unless the key is one integer.
        left: Rows that still match, counted at the end; None until then.
        retries: How many times a statement was retried because of other sessions.
        pid: The process id of the backfill's session, as in pg_stat_activity.

    """

    table: str
    rows: int = 0
    batches: int = 0
    last: Key = ()
    share: float | None = None
    left: int | None = None
    retries: int = 0
    pid: int = 0

    def __repr__(self) -> str:
        done = f"{self.table}: {many(self.rows, 'row')} in {many(self.batches, 'batch', 'es')}"
        if self.left is not None:
            return f"{done}, {self.left:,} left"
        return done if self.share is None else f"{done}, at {self.share:.0%}"


def share_of(first: Key, last: Key, top: Key) -> float | None:
    """Return where `last` is between the first and the last key, from 0 to 1."""
    if len(last) != 1 or not all(isinstance(key[0], int) for key in (first, last, top)):
        return None
    return 1.0 if first == top else float((last[0] - first[0]) / (top[0] - first[0]))


def many(number: int, word: str, ending: str = "s") -> str:
    """Return a number and its noun: `1 row`, `2,000 rows`."""
    return f"{number:,} {word}{'' if number == 1 else ending}"
