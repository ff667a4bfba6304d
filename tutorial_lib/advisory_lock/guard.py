"""Stop work on an engine when the lock that protects it is lost."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, event

from ..connections import autocommits
from .session import HOLDS_LOCK, AdvisoryLock


@contextmanager
def stopping_work(engine: Engine, lock: AdvisoryLock) -> Iterator[None]:
    """Raise AdvisoryLockLost instead of committing what was done without the lock.

    Nothing can interrupt a block from outside, but what it does on this engine passes through
    here: a commit, or a statement in autocommit mode, is preceded by a check. Other statements
    are stopped as soon as the loss is known. Other threads that use the engine go on.
    """

    def concerns(connection: Connection) -> bool:
        here = (os.getpid(), threading.get_ident())
        return here == lock.owner and HOLDS_LOCK not in connection.info

    def before_commit(connection: Connection) -> None:
        if concerns(connection):
            lock.check()

    def before_statement(connection: Connection, *_: object) -> None:
        if concerns(connection) and (lock.lost or autocommits(connection)):
            lock.check()

    event.listen(engine, "commit", before_commit)
    event.listen(engine, "before_cursor_execute", before_statement)
    try:
        yield
    finally:
        event.remove(engine, "commit", before_commit)
        event.remove(engine, "before_cursor_execute", before_statement)
