"""Wait until the replicas have replayed what the backfill wrote."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from ..errors import BackfillError

POLL_INTERVAL = 0.1  # seconds between two queries
PATIENCE = 600.0  # seconds until the backfill stops instead of waiting for a replica
# One row at least: where the primary is in its log, and each replica. A replica that only
# receives the log, and replays none of it, has no replay_lsn: pg_receivewal, a base backup.
QUERY = sa.text("""
    SELECT pg_current_wal_lsn() - '0/0' AS written, r.pid, r.application_name AS name,
           r.replay_lsn - '0/0' AS replayed, r.pid IS NOT NULL AND r.state IS NULL AS hidden
    FROM (VALUES (1)) AS one LEFT JOIN pg_stat_replication r ON true
""")


@dataclass
class Replicas:
    """How far behind the replicas are.

    `replay_lag` in pg_stat_replication stays as it was when a replica stops replaying. So the
    lag is measured here: as the age of the oldest batch that a replica hasn't replayed.

    Attributes:
        connection: A connection to the primary.
        max_lag: How many seconds a replica may be behind.
        marks: For each batch since the oldest that some replica lacks: when it was committed,
            and where the log ended.

    """

    connection: sa.Connection
    max_lag: float
    marks: deque[tuple[float, int]] = field(default_factory=deque)

    def wait(self) -> None:
        """Note where the log ends, and wait while a replica lags behind by max_lag.

        Raises:
            BackfillError: A replica didn't catch up within ten minutes, or the role can't see
                the replicas.

        """
        started = time.monotonic()
        rows = self.connection.execute(QUERY).all()
        self.marks.append((started, int(rows[0].written)))
        while behind := list(self._behind(rows)):
            if time.monotonic() - started > PATIENCE:
                names = " and ".join(behind)
                raise BackfillError(
                    f"{names} is {self.max_lag:g} seconds behind, or more.",
                    f"The backfill has waited for it for {PATIENCE / 60:g} minutes.",
                    "What was committed stays. Look at pg_stat_replication; then run it again.",
                )
            time.sleep(POLL_INTERVAL)
            rows = self.connection.execute(QUERY).all()

    def _behind(self, rows: Sequence[sa.Row[Any]]) -> Iterator[str]:
        """Yield the replicas that lag too far behind, and forget what all have replayed."""
        if any(row.hidden for row in rows):
            raise BackfillError(
                "max_lag can't be kept: your role can't see how far the replicas are.",
                "pg_stat_replication shows that only to pg_monitor and to superusers.",
                "GRANT pg_monitor TO the role, or leave max_lag out and give a pause.",
            )
        replayed = [(row.name, int(row.replayed)) for row in rows if row.replayed is not None]
        oldest = min((position for _, position in replayed), default=self.marks[-1][1])
        while self.marks and self.marks[0][1] <= oldest:
            self.marks.popleft()
        now = time.monotonic()
        for name, position in replayed:
            missing = next((when for when, end in self.marks if end > position), None)
            if missing is not None and now - missing >= self.max_lag:
                yield name
