"""Tell apart how an attempt failed, and whether another one may succeed."""

from __future__ import annotations

from ..sqlstates import sqlstate_of
from .watch import Waits

LOCK_TIMEOUT = "lock timeout"
STATEMENT_TIMEOUT = "statement timeout while waiting"
INVALID_INDEX = "invalid index in the way"
WAITED = {LOCK_TIMEOUT, STATEMENT_TIMEOUT}  # it got no lock; the others may have had theirs
DEADLOCK, SERIALIZATION_FAILURE = "deadlock", "serialization failure"
RETRIED = {"55P03": LOCK_TIMEOUT, "40P01": DEADLOCK, "40001": SERIALIZATION_FAILURE}
QUERY_CANCELED, ACTIVE_TRANSACTION, DUPLICATE_TABLE = "57014", "25001", "42P07"


class Blocked(Exception):
    """An attempt failed because of other sessions, and the next one may succeed."""

    def __init__(self, outcome: str, error: Exception | None = None) -> None:
        self.outcome, self.error = outcome, error
        super().__init__(outcome)


def outcome_of(error: Exception, waits: Waits | None) -> str:
    """Return how an attempt ended; "" if another one would be no use.

    Args:
        error: The driver's error, or SQLAlchemy's.
        waits: How long its transaction has waited, if that's known.

    """
    state = sqlstate_of(error)
    if state == QUERY_CANCELED and waits:
        if waits.cancelled:
            return LOCK_TIMEOUT
        return STATEMENT_TIMEOUT if waits.waiting and _timed_out(error) else ""
    return RETRIED.get(state, "")


def explain(error: Exception, *, is_function: bool) -> None:
    """Add a note to an error that isn't retried, where its message doesn't say why."""
    state = sqlstate_of(error)
    if state == QUERY_CANCELED:
        error.add_note(WORKED_TOO_LONG if _timed_out(error) else CANCELLED)
    elif state == ACTIVE_TRANSACTION:
        error.add_note(FUNCTION_IN_TRANSACTION if is_function else SEVERAL_STATEMENTS)


WORKED_TOO_LONG = (
    "with_lock_retries: statement_timeout ended it while it worked. It was waiting for no lock, "
    "so another attempt would end the same way: give it a longer statement_timeout."
)
CANCELLED = "with_lock_retries: it was cancelled, by no limit for locks, so it isn't retried."
FUNCTION_IN_TRANSACTION = (
    "with_lock_retries: let the function start with "
    'connection.execution_options(isolation_level="AUTOCOMMIT"), or in an Alembic revision, '
    "use op.get_context().autocommit_block()."
)
SEVERAL_STATEMENTS = (
    "with_lock_retries: several statements in one string are a transaction; pass this one alone."
)


def _timed_out(error: Exception) -> bool:
    """Whether it was statement_timeout; a server that writes another language doesn't tell."""
    return "statement timeout" in str(error)
