"""The checks of moves between two cards that another session changes, or from a card to itself."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine

from coursekit.exercises.database import Database
from coursekit.exercises.items import CheckItem, expect_equal, expect_that
from coursekit.exercises.statements import update
from coursekit.exercises.submission import Submission
from coursekit.lessons.sessions.checks import outside
from coursekit.lessons.sessions.moves import moved_meanwhile, moved_points, moved_without

LOST = (
    "Another session changed both cards after your function had read them, and its change is "
    "gone. Let the database calculate, as the two statements do, or lock the rows when you read."
)
FAILED = "The last line of the error says what's wrong: here, another session uses the same cards."
ITSELF = "Here, the giver is the taker. The second change must start from the first one's result."
VANISHED = (
    "The function looked for the card first, and another session renamed it before the UPDATE. "
    "Each UPDATE's own rowcount shows whether it found the card."
)
MEANWHILE = 3  # points that another session adds to both cards


def only(cards: dict[str, int], names: Any) -> dict[str, int]:
    """Return the cards that have these names."""
    return {name: cards[name] for name in names if name in cards}


def not_lost(
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


def to_itself(submission: Submission, engine: Engine, name: str, points: int) -> CheckItem:
    """Report whether a card that's both the giver's and the taker's keeps its points."""
    database = Database(engine.url)
    database.commit(update("cards", {"points": 50}, name=name))
    submission.call(moved_points, engine, [[name, name, points]])  # it may raise an exception
    after = outside(database, "cards", "name", "points", by="name")
    what = "a move from a card to itself leaves its points as they were"
    return expect_equal(what, only(dict(after.value or []), [name]), {name: 50}, ITSELF)


def none_lost(submission: Submission, engine: Engine, pair: tuple[str, str]) -> CheckItem:
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
