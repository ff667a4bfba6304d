"""The checks of moves from a card to itself, or to a card with nearly the same name."""

from __future__ import annotations

from sqlalchemy import Engine

from coursekit.exercises.database import Database
from coursekit.exercises.items import CheckItem, expect_equal
from coursekit.exercises.statements import insert, update
from coursekit.exercises.submission import Submission
from coursekit.lessons.sessions.checks import outside
from coursekit.lessons.sessions.meanwhile import only
from coursekit.lessons.sessions.moves import EXIT, moved_points

ITSELF = "Here, the giver is the taker. The second change must start from the first one's result."
NOBODY = (
    "Here, the giver is the taker, and there's no such card. Look for it before you return: the "
    "caller has to know."
)
NEARLY = (
    "These are two cards: their names differ in capital letters, or in spaces. Compare the names "
    "exactly as they're passed in."
)
HALF = 50  # points before a move


def to_itself(submission: Submission, engine: Engine, name: str, points: int) -> CheckItem:
    """Report whether a card that's both the giver's and the taker's keeps its points."""
    database = Database(engine.url)
    database.commit(update("cards", {"points": HALF}, name=name))
    submission.call(moved_points, engine, [[name, name, points]])  # it may raise an exception
    what = "a move from a card to itself leaves its points as they were"
    return expect_equal(what, _points(database, name), {name: HALF}, ITSELF)


def nobody_to_itself(submission: Submission, engine: Engine, name: str, points: int) -> CheckItem:
    """Report whether a move raises an exception if both names are the same, and no card's."""
    result = submission.call(moved_points, engine, [[name, name, points]])
    silent = result.value and result.value["errors"][0] in ("", EXIT)
    got = "no exception" if silent else "an exception"
    what = "a move from an unknown name to itself raises an exception"
    return expect_equal(what, got, "an exception", NOBODY)


def nearly_itself(
    submission: Submission, engine: Engine, pair: tuple[str, str], points: int
) -> CheckItem:
    """Report whether points move between cards whose names differ in capitals, or in spaces."""
    database, what = Database(engine.url), "points move between cards with similar names"
    database.commit(insert("cards", name=pair[1].strip(), points=HALF))
    for giver, taker in (pair, (pair[1].strip(), pair[1])):
        database.commit(*(update("cards", {"points": HALF}, name=one) for one in (giver, taker)))
        result = submission.call(moved_points, engine, [[giver, taker, points]])
        error = result.error or result.value["errors"][0]
        got = error or _points(database, giver, taker)
        wanted = {giver: HALF - points, taker: HALF + points}
        if got != wanted:
            break
    return expect_equal(what, got, wanted, NEARLY)


def _points(database: Database, *names: str) -> dict[str, int]:
    return only(dict(outside(database, "cards", "name", "points", by="name").value or []), names)
