"""Run a block while holding one of PostgreSQL's advisory locks, so one process at a time runs it.

    with advisory_lock(engine, "alembic", timeout=60):
        ...  # migrate

The lock is held on its own connection. Commits in the block therefore don't release it, and
it's released as soon as the process ends, however that happens. If that connection is lost
before the block ends, work on the engine stops at its next commit, and the block ends with
AdvisoryLockLost. A pooler in transaction mode, such as PgBouncer, is refused.
"""

from .hold import advisory_lock
from .session import AdvisoryLock

__all__ = ["AdvisoryLock", "advisory_lock"]
