"""Time and size limits for code that might never end.

No limit decides whether an answer is right. Each is many times longer than necessary on a busy
machine; a test that needs a shorter one sets it. Learners needn't wait: they can always interrupt a
cell. Times are in seconds.
"""

from __future__ import annotations

# One call of a learner's function by a check. It takes milliseconds.
CALL_TIMEOUT = 150.0
# One `alembic` or `pytest` command that a check runs on a copy of the project. It takes 1 to 10 s.
COMMAND_TIMEOUT = 240.0
# All calls and commands of one check together. The longest check takes 15 s.
CHECK_TIMEOUT = 900.0
# One statement that a check, or a function it calls, runs on a scratch database. An abandoned call
# that waits for PostgreSQL ends when its statement does.
STATEMENT_TIMEOUT = CALL_TIMEOUT
# A check's wait for a lock. Only a session that the learner left open holds a lock for that long.
LOCK_TIMEOUT = 5.0
# A wait for a lock that is part of what's checked: a deployment's for another one, a service's for
# a revision. Revisions that keep a service going hold their locks for milliseconds.
SERVICE_LOCK_TIMEOUT = 60.0
# A connection to a server that has responded before. It takes milliseconds.
CONNECT_TIMEOUT = 60.0
# The first connection to a server from the settings: a wrong host must not take a minute to fail.
FIRST_CONNECT_TIMEOUT = 10.0

# One cell of a lesson or a submission. The longest takes 10 s.
# pyproject.toml has the same number, as --nbval-cell-timeout.
CELL_TIMEOUT = 300.0
# All cells of a submission together. The longest lesson takes a minute.
NOTEBOOK_TIMEOUT = 3600.0
# Starting a kernel until it responds, and running setup code in it. A start takes up to 3 s.
KERNEL_TIMEOUT = 180.0
# The time that an interrupted cell has to end. After that, its kernel is considered hung.
INTERRUPT_GRACE = 10.0

# A wait for another process that writes the learner's copies. All of them take 2 s.
COPIES_LOCK_TIMEOUT = 60.0

# The number of characters kept from a command's output, half of them from its end.
OUTPUT_LIMIT = 20_000_000
# Characters of a value that a learner's function returns.
VALUE_LIMIT = 10_000_000


def statement_options() -> str:
    """Return libpq's options for the sessions of a check."""
    lock, statement = round(1000 * LOCK_TIMEOUT), round(1000 * STATEMENT_TIMEOUT)
    return f"-c lock_timeout={lock} -c statement_timeout={statement}"
