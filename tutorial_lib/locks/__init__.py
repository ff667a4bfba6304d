"""Who waits for whom in a database, and changes of the schema that make nobody wait for long.

    locks.queue(engine)  # the lock queue at this moment
    locks.with_lock_retries(engine, "ALTER TABLE orders ADD COLUMN note text")

With display.py and errors.py, this folder can be lifted into an application as it is.
"""

from .inspect import Queue, Session, queue, statement_prefix
from .retry import with_lock_retries

__all__ = ["Queue", "Session", "queue", "statement_prefix", "with_lock_retries"]
