"""The check of one exercise: a generator of sessions, as FastAPI uses it.

The server itself says whether a connection is in use, and whether a transaction was committed: what
the learner's process says about that could be anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from coursekit.exercises import draws
from coursekit.exercises.database import Database
from coursekit.exercises.items import CheckItem, ProbeResult, expect_equal, expect_that
from coursekit.exercises.left_behind import left_as_it_was
from coursekit.exercises.submission import Submission
from coursekit.lessons.sessions.endings import (
    AFTER,
    CANCELLED,
    CLOSED,
    ENDINGS,
    ENGINES,
    ERROR,
    FACTORY,
    REJECTED,
    SECOND,
    UNSAVED,
    UNSAVED_CLOSED,
    UNSAVED_ERROR,
    end,
    release,
    returned,
    start,
    unused,
    watch,
)

THROUGH = {
    ERROR: "safe_get_db lets the request's own exception through",
    CANCELLED: "it lets the exception that cancels a request through",
    REJECTED: "it lets the database's error through",
    UNSAVED_ERROR: "it lets the request's exception through if an object can't be saved",
}
# Those whose generator must raise nothing of its own.
SILENT = (AFTER, CLOSED)
LEAVE_OUT = (
    "If a method after the `yield` raises it, leave that method out: close() works in every state "
    "of the session."
)
UNUSED = "the request's exception gets through even if the session wasn't used"
# The epoch of transaction ids is in their upper half; pg_stat_activity shows the lower one.
ACTIVITY = """
SELECT pid, datname, state, query, CAST(CAST(backend_xid AS pg_catalog.text) AS pg_catalog.int8),
       CAST(CAST(pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())
            AS pg_catalog.text) AS pg_catalog.int8)
FROM pg_catalog.pg_stat_activity
"""
STATUS = """
SELECT pg_catalog.pg_xact_status(CAST(CAST(:number AS pg_catalog.text) AS pg_catalog.xid8))
"""


@dataclass(frozen=True)
class _Transaction:
    """A transaction that is open in the exercise's database."""

    pid: int
    number: int


def _open_transaction(database: Database, mark: str) -> _Transaction | None:
    """Return the transaction that sent a statement with this mark, while it's open."""
    for pid, name, state, query, number, newest in database.query(ACTIVITY):
        if (name, state) == (database.url.database, "idle in transaction") and mark in query:
            return _Transaction(pid, (newest >> 32 << 32) + number) if number else None
    return None


def _is_open(database: Database, transaction: _Transaction) -> bool:
    return any(
        pid == transaction.pid and state != "idle" for pid, _, state, *_ in database.query(ACTIVITY)
    )


def _is_committed(database: Database, transaction: _Transaction) -> bool:
    return database.query(STATUS, number=str(transaction.number)) == [("committed",)]


def closes(submission: Submission) -> Iterator[CheckItem]:
    """Check that the connection is returned, however the request ended."""
    submission.call(watch)
    for ending in ENDINGS:
        items = list(_request(submission, ending))
        yield from items
        if not items[0].what.startswith("the connection is returned"):
            submission.call(release)
            return
    yield _unused(submission)
    yield from _two_at_once(submission)
    seen = submission.call(release)
    where = "Create the session inside safe_get_db."
    sessions = seen.error or seen.value["sessions"]
    yield expect_equal("each request has its own session", sessions, len(ENDINGS) + 2, where)
    yield _unchanged(seen.value["left"] if seen.value else [seen.error])


def _request(submission: Submission, ending: str) -> Iterator[CheckItem]:
    """Report on one request; if it can't be started or ended, with one item."""
    mark, message = (f"{draws.word(submission.random)}_{n}" for n in ("request", "failed"))
    started = submission.call(start, mark)
    if started.error or started.value:
        yield _no_session(started)
        return
    database = submission.database
    transaction = _open_transaction(database, mark)
    if transaction is None:
        where = "Create the session with ExerciseSession, as leaking_get_db does."
        what = "the session works in the exercise's database, in a transaction"
        yield expect_that(what, False, "an open transaction", "none", where)
        return
    came = submission.call(end, ending, message)
    if came.error or came.value == SECOND or (ending in SILENT and came.value != "nothing"):
        what, where = "safe_get_db yields one session", "What comes after the `yield`?"
        yield expect_that(what, False, "a generator of one Session", came, where)
        return
    where = "Which lines always run? Think of `finally`, and of `with`."
    if ending in (REJECTED, UNSAVED, UNSAVED_ERROR, UNSAVED_CLOSED):
        where = "Here, a statement of the session fails. close() has to run even then."
    kept = _is_open(database, transaction) or submission.call(returned).value is not True
    got = "it's still checked out" if kept else "it's returned"
    yield expect_equal(f"the connection is returned {ending}", got, "it's returned", where)
    committed = _is_committed(database, transaction)
    if ending == UNSAVED_CLOSED:
        yield _closed_quietly(came)
    if ending in THROUGH:
        yield _raised_again(came, message, THROUGH[ending])
    if ending in (ERROR, CANCELLED, CLOSED):
        yield _not_committed(committed, ending)


def _unused(submission: Submission) -> CheckItem:
    """Report on a request that fails before it has used its session."""
    message = f"{draws.word(submission.random)}_failed"
    return _raised_again(submission.call(unused, message), message, UNUSED)


def _two_at_once(submission: Submission) -> Iterator[CheckItem]:
    """Report on a request that another one ends beside."""
    marks = [f"{draws.word(submission.random)}_{n}" for n in ("first", "second")]
    if any(submission.call(start, mark).value != "" for mark in marks):
        return  # reported already
    first = _open_transaction(submission.database, marks[0])
    submission.call(end, AFTER, "")
    kept = first is not None and _is_open(submission.database, first)
    where = "End this request's session only. close_all_sessions() ends those of all requests."
    what = "a request keeps its transaction when another one ends"
    got = "an open transaction" if kept else "none"
    yield expect_equal(what, got, "an open transaction", where)


def _unchanged(left: list[str]) -> CheckItem:
    """Report on the connections, their engine, and the factory."""
    item = left_as_it_was(left)
    if ENGINES in left:
        return replace(item, where="One engine is enough: requests share its pool.")
    if any(each.startswith(f"{FACTORY}'s listener") for each in left):
        where = "A listener of ExerciseSession runs in the sessions of all requests. Add none."
        return replace(item, where=where)
    if any(each.startswith(FACTORY) for each in left):
        where = "configure() changes all later sessions. Pass the setting to ExerciseSession(...)."
        return replace(item, where=where)
    return item


def _raised_again(came: ProbeResult, message: str, what: str) -> CheckItem:
    """Report whether the exception that was raised at the `yield` comes out."""
    where = (
        "FastAPI gets no error, because the generator hides it. After an `except`, `raise` again, "
        "and don't `return` in `finally`."
    )
    if came.value != "nothing":
        where = "FastAPI gets a different exception. Raise the request's own again: a bare `raise`."
        if what in (UNUSED, THROUGH[REJECTED], THROUGH[UNSAVED_ERROR]):
            where = (
                "FastAPI gets a different exception. If you raise it, raise the request's own "
                f"instead: a bare `raise`. {LEAVE_OUT}"
            )
    got = "no exception" if came.value == "nothing" else came
    wanted = "the exception that the request raised"
    return expect_that(what, came.value == message, wanted, got, where)


def _closed_quietly(came: ProbeResult) -> CheckItem:
    """Report whether closing the generator raises nothing, whatever the session has added."""
    what = "closing the generator of such a request raises no exception"
    good = came.value == "nothing"
    return expect_that(what, good, "no exception", "no exception" if good else came, LEAVE_OUT)


def _not_committed(committed: bool, ending: str) -> CheckItem:
    """Report whether a request that didn't end well left anything in the database."""
    done = "a commit" if committed else "no commit"
    where = "The code under `finally` runs after an error, too: only close there."
    if ending == CLOSED:
        where = "The request hasn't ended: only close, under `finally`."
    what = "after an error, nothing is committed"
    if ending != ERROR:
        what = f"nothing is committed {ending}"
    return expect_equal(what, done, "no commit", where)


def _no_session(started: ProbeResult) -> CheckItem:
    where = "The function must `yield` the session, as leaking_get_db does."
    if "ContextManager" in str(started.value):
        where = "Leave @contextmanager out: FastAPI uses the generator itself."
    if "async_generator" in str(started.value):
        where = "Write a plain `def`: this session isn't asynchronous, so nothing here awaits."
    if started.error:
        where = "Run the cells above your answer first. If they've run, read what the error says."
    what = "safe_get_db yields a session"
    return expect_that(what, False, "a generator of one Session", started, where)
