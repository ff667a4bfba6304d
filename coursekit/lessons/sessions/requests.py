"""The check of one exercise: a generator of sessions, as FastAPI uses it.

The server itself says whether a connection is in use, and whether a transaction was committed: what
the learner's process says about that could be anything.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from coursekit.exercises import draws
from coursekit.exercises.database import Database
from coursekit.exercises.items import CheckItem, ProbeResult, expect_equal, expect_that
from coursekit.exercises.submission import Submission


class _Bug(Exception):
    """An exception in an endpoint."""


class _Cancelled(BaseException):
    """The end of a request whose client is gone; like asyncio's, it isn't an Exception."""


AFTER, ERROR = "after the request", "after an error in the request"
CANCELLED, CLOSED = "when the request is cancelled", "when the generator is closed early"
ENDINGS: dict[str, Callable[[Any, BaseException], Any]] = {
    AFTER: lambda request, _bug: next(request),
    ERROR: lambda request, bug: request.throw(bug),
    CANCELLED: lambda request, bug: request.throw(bug),
    CLOSED: lambda request, _bug: request.close(),
}
SECOND = "a second value"
# Requests between two calls of a probe. The references keep the garbage collector from returning
# a connection to the pool.
_held: list[tuple[Any, Any, Any, Any]] = []


def _start(names: dict[str, Any], mark: str) -> str:
    """Take a session, and send a statement with this mark; return what is wrong with it."""
    from sqlalchemy.orm import Session

    request = names["safe_get_db"]()
    if not isinstance(request, Generator):
        return f"a value of type {type(request).__name__}"
    session = next(request)
    if not isinstance(session, Session):
        return f"a value of type {type(session).__name__}"
    connection = session.connection()
    _held.append((request, session, connection, connection.connection))
    connection.execute(text(f"SELECT pg_current_xact_id() AS {mark}"))
    return ""


def _end(names: dict[str, Any], ending: str, message: str) -> str:
    """End the request that started last; return what the generator raised."""
    bug = _Cancelled(message) if ending == CANCELLED else _Bug(message)
    try:
        ENDINGS[ending](_held[-1][0], bug)
        return "nothing" if ending == CLOSED else SECOND
    except StopIteration:
        return "nothing"
    except BaseException as error:  # also what isn't an Exception
        return message if error is bug else f"{type(error).__name__}: {error}"


def _release(names: dict[str, Any]) -> int:
    """Close what the requests have left open; return how many sessions there were."""
    held, _held[:] = [*_held], []
    for _, session, connection, _ in held:
        with suppress(Exception):
            session.close()
        with suppress(Exception):
            connection.close()
    return len({id(session) for _, session, *_ in held})


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
    submission.call(_release)  # a check that was interrupted may have left a request
    for ending in ENDINGS:
        items = list(_request(submission, ending))
        yield from items
        if not items[0].what.startswith("the connection is returned"):
            submission.call(_release)
            return
    where = "Create the session inside safe_get_db."
    sessions = submission.call(_release)
    yield expect_equal("each request has its own session", sessions, len(ENDINGS), where)


def _request(submission: Submission, ending: str) -> Iterator[CheckItem]:
    """Report on one request; if it can't be started or ended, with one item."""
    mark, message = (f"{draws.word(submission.random)}_{n}" for n in ("request", "failed"))
    started = submission.call(_start, mark)
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
    came = submission.call(_end, ending, message)
    raises = ending in (ERROR, CANCELLED)
    if came.error or came.value == SECOND or (not raises and came.value != "nothing"):
        what, where = "safe_get_db yields one session", "What comes after the `yield`?"
        yield expect_that(what, False, "a generator of one Session", came, where)
        return
    where = "Which lines always run? Think of `finally`, and of `with`."
    got = "it's still checked out" if _is_open(database, transaction) else "it's returned"
    yield expect_equal(f"the connection is returned {ending}", got, "it's returned", where)
    committed = _is_committed(database, transaction)
    if raises:
        yield _raised_again(came, message, ending)
    if ending != AFTER:
        yield _not_committed(committed, ending)


def _raised_again(came: ProbeResult, message: str, ending: str) -> CheckItem:
    """Report whether the exception that was raised at the `yield` comes out."""
    where = (
        "FastAPI gets no error, because the generator hides it. After an `except`, `raise` again, "
        "and don't `return` in `finally`."
    )
    if came.value != "nothing":
        where = "FastAPI gets a different exception. Raise the request's own again: a bare `raise`."
    what = "safe_get_db lets the request's own exception through"
    if ending == CANCELLED:
        what = "it lets the exception that cancels a request through"
    got = "no exception" if came.value == "nothing" else came
    wanted = "the exception that the request raised"
    return expect_that(what, came.value == message, wanted, got, where)


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
