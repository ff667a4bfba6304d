"""What to do about the sessions that block a schema change."""

from __future__ import annotations

from collections import Counter

from ..errors import LockError
from .inspect import QueuedSession
from .outcome import DEADLOCK, LOCK_TIMEOUT, SERIALIZATION_FAILURE, WAITED

BACKGROUND = {
    "autovacuum worker": "It's an autovacuum, which PostgreSQL cancels when it has been in the way "
    "for deadlock_timeout, 1 second by default: try again with a lock_timeout of 2 seconds.",
    "autovacuum worker (to prevent wraparound)": "It's an autovacuum that keeps transaction ids "
    "from wrapping around, so it isn't cancelled, and starts again if it's ended: let it finish.",
    "walsender": "It sends data to a replica, which starts again if it's ended: let it finish.",
    "startup": "It replays what the primary has done, and can't be ended.",
}
OUTCOMES = {
    DEADLOCK: "To avoid a deadlock, lock the tables in the order in which the others do.",
    SERIALIZATION_FAILURE: "Others have changed what it read: at READ COMMITTED, that's no error.",
}
OWN = (
    "That's the connection you passed: its open transaction holds the lock. Commit it first, or "
    "run the statement in that transaction."
)


def gave_up(
    name: str, outcomes: list[str], blockers: tuple[QueuedSession, ...], own_pid: int, left: str
) -> LockError:
    """Return the error after the last attempt.

    Args:
        name: The statement or function.
        outcomes: How each attempt ended, such as `lock timeout`.
        blockers: The sessions last seen to block it.
        own_pid: The server process of the connection that the caller passed, or 0.
        left: What's true of the database now, as the end of a sentence.

    """
    what = "didn't get its lock" if set(outcomes) <= WAITED else "failed"
    what += f" in {len(outcomes)} attempt{'s' if len(outcomes) > 1 else ''}"
    if set(outcomes) != {LOCK_TIMEOUT}:
        what += f" ({', '.join(f'{kind}: {n}' for kind, n in Counter(outcomes).items())})"
    seen = "; ".join(map(_describe, blockers))
    unseen = "a session that wasn't seen in time"
    advice = [words for outcome, words in OUTCOMES.items() if outcome in outcomes]
    return LockError(
        f"{name!r} {what}, {left}.",
        f"Blocked by: {seen or unseen}.",
        " ".join([_what_to_do(blockers, own_pid), *advice]),
    )


def _describe(one: QueuedSession) -> str:
    if one.prepared:
        return one.activity
    database = f" in database {one.database!r}" if one.database else ""
    state = one.state or one.kind or "unknown"
    return f"session {one.pid} ({state}){database}, {one.activity!r}"


def _what_to_do(blockers: tuple[QueuedSession, ...], own_pid: int) -> str:
    ways: list[str] = []
    notes: list[str] = []
    for one in blockers:
        if one.pid and one.pid == own_pid:
            notes.append(OWN)
        elif one.prepared:
            ways.append(f"ROLLBACK PREPARED {_literal(one.prepared)}")
        elif one.kind in BACKGROUND:
            notes.append(BACKGROUND[one.kind])
        elif one.pid:
            ways.append(f"SELECT pg_terminate_backend({one.pid})")
    if ways or not notes:
        end = f"; or end it with: {' or '.join(ways)}" if ways else ""
        notes.insert(0, f"Try again when that has ended{end}.")
    return " ".join(dict.fromkeys(notes))


def _literal(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"
