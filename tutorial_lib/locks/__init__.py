"""See who is waiting for whom in a database, and change its schema without blocking it for long.

    locks.queue(engine)
    locks.with_lock_retries(engine, "ALTER TABLE orders ADD COLUMN note text")

All times are in seconds: `timeout`, `lock_timeout`, `pause`.
"""

from .inspect import Queue, QueuedSession
from .read import queue, statement_prefix
from .retry import with_lock_retries

__all__ = ["Queue", "QueuedSession", "queue", "statement_prefix", "with_lock_retries"]
