"""The checks of this lesson."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from coursekit.exercises import draws
from coursekit.exercises.database import Database
from coursekit.exercises.items import CheckItem, ProbeResult, Unreadable, expect_equal, expect_that
from coursekit.exercises.submission import Submission

USERS = """
CREATE TABLE users (id serial PRIMARY KEY, name text NOT NULL);
INSERT INTO users (name) VALUES ('Ann');
"""
CARDS = """
CREATE TABLE cards (
    name text PRIMARY KEY, points integer NOT NULL CHECK (points BETWEEN 0 AND 100)
);
INSERT INTO cards VALUES ('Ann', 50), ('Ben', 90), ('Cleo', 0);
"""


def _outside(database: Database, table: str, *columns: str, by: str) -> ProbeResult:
    """Return the rows that another connection sees, or its error."""
    try:
        return ProbeResult(database.rows(table, *columns, by=by))
    except (SQLAlchemyError, Unreadable) as error:
        return ProbeResult(error=str(getattr(error, "orig", None) or error).splitlines()[0])


NOT_KEPT = "Closing a session takes back what was not committed, without a word."
ENGINE = "The change went elsewhere: use the engine that the function gets, not exercise.engine."


def _add(names: dict[str, Any], engine: Engine, users: list[str]) -> None:
    for name in users:
        names["save_user"](engine, name)


def kept_user(submission: Submission) -> Iterator[CheckItem]:
    """Check that another connection sees the new user in the table."""
    others = [draws.name(submission.random) for _ in range(2)]
    submission.fill("users", [{"name": name} for name in others])
    engine, (first, last) = submission.scratch(), ("Ben", "Niamh O'Hara")
    # The last one is long enough to show its quote, and the characters that SQL may run.
    added = [f"{first} {draws.word(submission.random)}"]
    added += [f"{last} {draws.word(submission.random)}", *draws.names(submission.random)]
    result = submission.call(_add, engine, added)
    if result.error:
        where = "The last line of the error says what is wrong."
        if "O'Hara" in result.error or "syntax error" in result.error:
            where = "A name may hold a quote. Give it as a parameter, :name, as lost_user does."
        yield expect_that("save_user runs without an error", False, "no error", result, where)
        return
    found = _outside(Database(engine.url), "users", "name", by="id")
    what = "another connection finds the users that were added, each once"
    if found.error:
        yield expect_that(what, False, "the table users", found, "What has become of the table?")
        return
    before = ["Ann", *others]
    rows = [name for (name,) in found.value]
    new = [name for name in rows if name not in before]
    own = _outside(submission.database, "users", "name", by="id")
    where = ENGINE if (added[0],) in (own.value or []) else NOT_KEPT
    if len(new) > len(added):
        where = "How often does the function add the name?"
    elif new:
        where = "Which name does the function add: the one that it gets?"
    yield expect_equal(what, new, added, where)
    where = "The function adds a row. It must not take any away."
    left = [name for name in rows if name in before]
    yield expect_equal("the existing user Ann appears once", left, before, where)


UNTOUCHED = "No card was reached: use the engine and the names that the function gets."


def _moves(names: dict[str, Any], engine: Engine, moves: list[list[Any]]) -> list[str]:
    """Return the error of each move; '' for none."""
    said = []
    for giver, taker, points in moves:
        try:
            names["move"](engine, giver, taker, points)
        except Exception as error:  # a refused move may raise any error
            said.append(f"{type(error).__name__}: {str(error).partition(chr(10))[0]}")
        else:
            said.append("")
    return said


def both_or_none(submission: Submission) -> Iterator[CheckItem]:
    """Check that both cards change, or neither does."""
    random = submission.random
    points = random.randrange(16, 25)
    before = {
        "giver": random.randrange(points, 60),
        "taker": random.randrange(100 - points),
        "poor": points - 1,
        "any": random.randrange(30),
        "rich": random.randrange(60, 99),
        "full": 101 - points,
        "other": random.randrange(100),
    }
    cards = {f"{name} {draws.word(random)}": value for name, value in before.items()}
    submission.fill("cards", [{"name": name, "points": value} for name, value in cards.items()])
    engine = submission.scratch()
    giver, taker, poor, any_one, rich, full, other = cards
    moves = [[giver, taker, points], [poor, any_one, points], [rich, full, points]]
    result = submission.call(_moves, engine, moves)
    after = _outside(Database(engine.url), "cards", "name", "points", by="name")
    what = "a move that is allowed takes points from one card and adds them to the other"
    if result.error or result.value[0] or after.error:
        got = result.error or after.error or result.value[0]
        yield expect_that(what, False, "no error", got, "move(engine, giver, taker, points)")
        return
    found = dict(after.value)
    where = "Which card gives, and which one takes? Both statements are needed."
    if _only(found, (giver, taker)) == _only(cards, (giver, taker)):
        # The database refuses two of the moves: without an error, nothing was sent to it.
        where = NOT_KEPT if any(result.value) else UNTOUCHED
    moved = {giver: cards[giver] - points, taker: cards[taker] + points}
    yield expect_equal(what, _only(found, moved), moved, where)
    yield _pair_kept("the giver has too few points", found, cards, (poor, any_one))
    yield _pair_kept("the taker would have more than 100", found, cards, (rich, full))
    yield _refusals_raise(result.value[1:])
    used = (giver, taker, poor, any_one, rich, full)
    others = {name: value for name, value in found.items() if name not in used}
    wanted = {"Ann": 50, "Ben": 90, "Cleo": 0, other: cards[other]}
    where = "Does each UPDATE have a WHERE that fits one card?"
    yield expect_equal("all other cards are as before", others, wanted, where)


def _pair_kept(
    kind: str, found: dict[str, int], cards: dict[str, int], pair: tuple[str, str]
) -> CheckItem:
    """Report whether a refused move left both of its cards alone."""
    now, was = _only(found, pair), _only(cards, pair)
    where = "Was the first statement committed before the second was tried?"
    if sum(now.values()) == sum(was.values()):
        where = "Move all points or none. Let the database refuse, and do not bend the number."
    return expect_equal(f"when {kind}, both cards are as before", now, was, where)


def _refusals_raise(said: list[str]) -> CheckItem:
    """Report whether both refused moves raised an error; `said` is "" for one that didn't."""
    silent = ["the giver has too few", "the taker has too many"]
    silent = [kind for kind, error in zip(silent, said, strict=True) if not error]
    where = "Did an `except` without `raise` hide it? Let it out: the caller must know."
    got = f"no error when {' and when '.join(silent)}" if silent else "an error"
    return expect_that(
        "the caller gets the error of a refused move", not silent, "an error", got, where
    )


def _only(cards: dict[str, int], names: Any) -> dict[str, int]:
    return {name: cards[name] for name in names if name in cards}
