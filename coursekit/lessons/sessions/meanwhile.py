"""The checks of moves between two cards that another session changes at the same time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from sqlalchemy import Engine

from coursekit.exercises.database import Database
from coursekit.exercises.items import CheckItem, ProbeResult, expect_equal, expect_that
from coursekit.exercises.statements import update
from coursekit.exercises.submission import Submission
from coursekit.lessons.sessions.checks import outside
from coursekit.lessons.sessions.moves import moved_meanwhile, moved_points, moved_without

LOST = (
    "Another session changed both cards after your function had read them, and its change is "
    "gone. Let the database calculate, as the two statements do, or lock the rows when you read."
)
FAILED = "The last line of the error says what's wrong: here, another session uses the same cards."
VANISHED = (
    "The function looked for the card first, and another session renamed it before the UPDATE. "
    "Each UPDATE's own rowcount shows whether it found the card."
)
SKIPPED = (
    "Another session holds the lock on one of the cards, and commits its change later. Wait for "
    "the lock, as an UPDATE does, or raise an exception. SKIP LOCKED leaves out a row that exists."
)
WAITING = "SELECT datname, wait_event_type FROM pg_catalog.pg_stat_activity"
LONGEST = 2.0  # seconds until the other session commits, if the function doesn't wait for its lock
MEANWHILE = 3  # points that another session adds to both cards


def only(cards: dict[str, int], names: Any) -> dict[str, int]:
    """Return the cards that have these names."""
    return {name: cards[name] for name in names if name in cards}


def meanwhile(
    submission: Submission, engine: Engine, pair: tuple[str, str], cards: dict[str, int]
) -> Iterator[CheckItem]:
    """Report on moves between two cards that another session changes, renames or locks."""
    yield _not_lost(submission, engine, pair, cards)
    yield _none_lost(submission, engine, pair)
    yield _in_use(submission, engine, pair)


def _not_lost(
    submission: Submission,
    engine: Engine,
    pair: tuple[str, str],
    cards: dict[str, int],
) -> CheckItem:
    """Report whether a change that another session commits meanwhile is still there."""
    what = "a change that another session makes at the same time isn't lost"
    result = submission.call(moved_meanwhile, engine, *pair, MEANWHILE)
    if result.error:
        return expect_that(what, False, "no error", result, FAILED)
    after = outside(Database(engine.url), "cards", "name", "points", by="name")
    moved = sum(not each["error"] for each in result.value)
    extra = [sum(each["added"][place] for each in result.value) for place in (0, 1)]
    wanted = {
        pair[0]: cards[pair[0]] + extra[0] - moved,
        pair[1]: cards[pair[1]] + extra[1] + moved,
    }
    return expect_equal(what, only(dict(after.value or []), pair), wanted, LOST)


def _none_lost(submission: Submission, engine: Engine, pair: tuple[str, str]) -> CheckItem:
    """Report whether points are kept if another session renames a card meanwhile."""

    def total() -> int:
        cards = outside(Database(engine.url), "cards", "name", "points", by="name").value
        return sum(value for name, value in cards or [] if name.startswith(pair))

    before, got = total(), ""
    for card in pair:
        result = submission.call(moved_without, engine, *pair, card)
        got = got or result.error
        if not got and total() != before:
            got = f"{total()} points on both cards"
    what = "if a card is renamed in the meantime, no points are lost or added"
    wanted = f"{before} points on both cards"
    return expect_equal(what, got or wanted, wanted, VANISHED)


def _in_use(submission: Submission, engine: Engine, pair: tuple[str, str]) -> CheckItem:
    """Report whether a move does all or nothing while another session holds a card's lock."""
    what = "if another session holds the lock on a card, its change and the points are kept"
    database = Database(engine.url)
    for card in pair:
        database.commit(*(update("cards", {"points": 50}, name=name) for name in pair))
        result = _moved_while_locked(submission, engine, pair, card)
        if result.error:
            return expect_that(what, False, "no error", result, FAILED)
        added = {name: 50 + MEANWHILE * (name == card) for name in pair}
        moved = not result.value["errors"][0]
        wanted = {pair[0]: added[pair[0]] - moved, pair[1]: added[pair[1]] + moved}
        after = outside(database, "cards", "name", "points", by="name")
        got = only(dict(after.value or []), pair)
        if got != wanted:
            overwritten = abs(got.get(card, 0) - 50) <= 1
            return expect_equal(what, got, wanted, LOST if overwritten else SKIPPED)
    return expect_that(what, True, "", "", "")


def _moved_while_locked(
    submission: Submission, engine: Engine, pair: tuple[str, str], card: str
) -> ProbeResult:
    """Move one point while another session has changed a card, but not committed it.

    The other session commits once the function waits for its lock, or has ended.
    """
    database, changed = Database(engine.url), update("cards", {"points": 50 + MEANWHILE}, name=card)
    with ThreadPoolExecutor(1) as threads, database.session(keep=True) as other:
        other(changed)
        call = copy_context().run
        moving = threads.submit(call, submission.call, moved_points, engine, [[*pair, 1]])
        _wait_for(database, moving)
    return moving.result()


def _wait_for(database: Database, moving: Future[ProbeResult]) -> None:
    """Wait until a move waits for a lock or has ended; it may also try again and again."""
    latest = time.monotonic() + LONGEST
    while not moving.done() and time.monotonic() < latest:
        if (database.url.database, "Lock") in database.query(WAITING):
            return
        time.sleep(0.02)
