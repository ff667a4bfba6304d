"""One at a time: run a block while holding an advisory lock of PostgreSQL's.

    with advisory_lock(engine, "alembic", timeout=60):
        ...  # migrate

The lock is held by a connection of its own. Commits in the block therefore don't release it,
and it's released as soon as its process ends, however that happens. If that connection is lost
before the block ends, work on the engine stops at its next commit, and the block ends with
AdvisoryLockLost. A pooler in transaction mode, such as PgBouncer's, is refused.
"""

from .hold import advisory_lock
from .session import AdvisoryLock

__all__ = ["AdvisoryLock", "advisory_lock"]
