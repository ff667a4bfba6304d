"""Who waits for whom in a database, and changes of the schema that make nobody wait for long.

    locks.queue(engine)  # the lock queue at this moment
    locks.patiently(engine, "ALTER TABLE orders ADD COLUMN note text")

With display.py and errors.py, this folder can be lifted into an application as it is.
"""

from tutorial_lib.locks.look import Queue, Session, beginning, queue
from tutorial_lib.locks.patience import patiently

__all__ = ["Queue", "Session", "beginning", "patiently", "queue"]
