"""The check of the exercise about two cards: one transaction, or nothing.

A trigger in the scratch database notes in which transaction each card was changed. Rolled-back
changes leave no note, and two changes that cancel each other out leave two.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from sqlalchemy import Engine

from coursekit.exercises import draws
from coursekit.exercises.checked_out import WHERE as RETURNED_WHERE
from coursekit.exercises.database import Database
from coursekit.exercises.items import CheckItem, ProbeResult, expect_equal, expect_that
from coursekit.exercises.left_behind import left_as_it_was
from coursekit.exercises.sql_errors import about_sql
from coursekit.exercises.statements import statement
from coursekit.exercises.submission import Submission
from coursekit.lessons.sessions.checks import NOT_KEPT, QUOTE, outside
from coursekit.lessons.sessions.definition import Definition
from coursekit.lessons.sessions.itself import nearly_itself, nobody_to_itself, to_itself
from coursekit.lessons.sessions.meanwhile import meanwhile, only
from coursekit.lessons.sessions.moves import EXIT, moved_points

CARDS = """
CREATE TABLE cards (
    name text PRIMARY KEY, points integer NOT NULL CHECK (points BETWEEN 0 AND 100)
);
INSERT INTO cards VALUES ('Ann', 50), ('Ben', 90), ('Cleo', 0);
"""
OBSERVER = (
    "CREATE SCHEMA observer",
    "CREATE TABLE observer.changes (transaction pg_catalog.text, name pg_catalog.text)",
    """
    CREATE FUNCTION observer.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO observer.changes
        VALUES (CAST(pg_catalog.pg_current_xact_id() AS pg_catalog.text), OLD.name);
        RETURN NULL;
    END $$
    """,
    "CREATE TRIGGER note AFTER UPDATE OR DELETE ON public.cards "
    "FOR EACH ROW EXECUTE FUNCTION observer.note()",
)
UNTOUCHED = "No card was changed: use the engine and the names that are passed in."
DIRECTION = "Which card gives points, and which one takes them? It's the other way round."
HALF = "Both statements are needed: one for the giver's card, and one for the taker's."
AMOUNT = "Is it the number of points that was passed in, on both cards?"
SPLIT = (
    "One change was kept without the other. Both belong in one transaction, with one commit, which "
    "an error must skip."
)
BENT = (
    "Move all the points or none: let the database reject the change, and don't adjust the number."
)
UNKNOWN = "An UPDATE that finds no row isn't an error. The result's rowcount is the number of rows."
EXITED = "sys.exit ends the whole program. Raise an exception that the caller can catch."
DROPPED = "The database would reject these points, but its CHECK constraint is gone."
SILENT = "The caller has to know: raise an exception, and let the database's own through."
KEYS = "the dictionary passed with a statement: each statement has :points and :name"
COMPENSATED = (
    "The first change was committed, and undone by a second transaction. In between, everyone can "
    "see it, and after a crash it stays. Use one transaction, and let it roll back."
)
EXACT = (
    "The last line of the error says what's wrong. If no card was found: compare the names exactly "
    "as they're passed in, with their spaces, quotes and capital letters."
)
TRIGGERS = "The table's triggers didn't run: change the rows, and leave the table as it is."


def both_or_none(submission: Submission) -> Iterator[CheckItem]:
    """Check that both cards change in one transaction, or neither does."""
    points = submission.random.randrange(16, 25)
    role, cards = _drawn(submission.random, points)
    submission.fill("cards", [{"name": name, "points": value} for name, value in cards.items()])
    engine = submission.scratch()
    database = Database(engine.url)
    database.commit(*map(statement, OBSERVER))
    definition = Definition(database)
    nobody = f"Nobody {draws.word(submission.random)}"
    pairs = [
        *((role["giver"], role["taker"]), (role["last"], role["room"])),
        *((role["poor"], role["any"]), (role["rich"], role["full"])),
        *((role["alone"], nobody), (nobody, role["single"])),
    ]
    moves = [[*pair, 100 if pair == pairs[1] else points] for pair in pairs]
    result = submission.call(moved_points, engine, moves)
    after = outside(database, "cards", "name", "points", by="name")
    if result.error or after.error or result.value["errors"][0]:
        yield _failed(result, after, pairs[0])
        return
    found, errors = dict(after.value), result.value["errors"]
    allowed = _allowed(found, cards, pairs[0], points, errors)
    yield allowed
    if not allowed.good:
        return
    yield from _boundaries(found, cards, pairs[1], 100, errors[1])
    yield _pair_kept("the giver has too few points", found, cards, pairs[2])
    yield _pair_kept("the taker would have more than 100", found, cards, pairs[3])
    yield _unknown(found, cards, (role["alone"], role["single"]))
    yield _errors_raised(errors[2:])
    yield _one_transaction(database, pairs, {n for n in cards if found.get(n) == cards[n]})
    yield _others(found, cards, {name for pair in pairs for name in pair})
    yield from _same_names(submission, engine, role, nobody, points)
    yield from meanwhile(submission, engine, (role["busy"], role["eager"]), cards)
    got = f"{result.value['kept']} checked out"
    what = "every connection is returned to the pool"
    yield expect_equal(what, got, "0 checked out", RETURNED_WHERE)
    yield left_as_it_was(result.value["left"])
    yield definition.kept()


def _same_names(
    submission: Submission, engine: Engine, role: dict[str, str], nobody: str, points: int
) -> Iterator[CheckItem]:
    """Report on moves between two cards whose names are equal, or nearly."""
    yield to_itself(submission, engine, role["giver"], points)
    yield nobody_to_itself(submission, engine, nobody, points)
    yield nearly_itself(submission, engine, (role["loud"], role["taker"]), points)


def _drawn(random: Random, points: int) -> tuple[dict[str, str], dict[str, int]]:
    """Return the cards' names by their role, and their points by name."""
    values = {
        "giver": random.randrange(points + 1, 60),
        "taker": random.randrange(points, 99 - points),
        "last": 100,
        "room": 0,
        "poor": points - 1,
        "any": random.randrange(30),
        "rich": random.randrange(60, 99),
        "full": 101 - points,
        "alone": random.randrange(30, 60),
        "single": random.randrange(30, 60),
        "busy": random.randrange(30, 60),
        "eager": random.randrange(30, 60),
        # Cards whose names LIKE, or a comparison that ignores case, takes for others.
        "alike": random.randrange(30, 60),
        "loud": random.randrange(30, 60),
    }
    role = {name: f"{name} {draws.word(random)}" for name in values}
    role["alike"], role["giver"] = role["giver"], role["giver"].replace(" ", "_")
    role["taker"] = f" O'{role['taker']} "
    role["loud"] = role["taker"].upper()
    return role, {role[name]: value for name, value in values.items()}


def _failed(result: ProbeResult, after: ProbeResult, names: tuple[str, str]) -> CheckItem:
    """Report an error of a move that's allowed."""
    got = result.error or after.error or result.value["errors"][0]
    where = about_sql(got, names, QUOTE, KEYS) or EXACT
    return expect_that("an allowed move runs without an error", False, "no error", got, where)


def _allowed(
    found: dict[str, int],
    cards: dict[str, int],
    pair: tuple[str, str],
    points: int,
    errors: list[str],
) -> CheckItem:
    """Report on a move that's allowed."""
    giver, taker = pair
    changes = [found.get(name, 0) - cards[name] for name in pair]
    where = HALF if 0 in changes else AMOUNT
    if changes == [points, -points]:
        where = DIRECTION
    if changes == [0, 0]:
        # The database rejects two of the moves. Without an error, nothing was sent to it.
        where = NOT_KEPT if any(errors[2:4]) else UNTOUCHED
    moved = {giver: cards[giver] - points, taker: cards[taker] + points}
    what = "an allowed move takes points from one card and adds them to the other"
    return expect_equal(what, only(found, moved), moved, where)


def _boundaries(
    found: dict[str, int], cards: dict[str, int], pair: tuple[str, str], points: int, error: str
) -> Iterator[CheckItem]:
    """Report on a move from a card with as many points, to one that has room for as many."""
    moved = {pair[0]: 0, pair[1]: 100}
    got = error or only(found, moved)
    where = f"A card may have 0 points, and it may have 100: a move of {points} is allowed here."
    what = "a move that empties one card and fills the other is allowed"
    yield expect_equal(what, got, moved, where)


def _pair_kept(
    kind: str, found: dict[str, int], cards: dict[str, int], pair: tuple[str, str]
) -> CheckItem:
    """Report whether a rejected move left both of its cards alone."""
    now, was = only(found, pair), only(cards, pair)
    where = BENT if all(now.get(name) != was[name] for name in pair) else SPLIT
    if not all(0 <= value <= 100 for value in now.values()):
        where = DROPPED
    return expect_equal(f"if {kind}, both cards stay as they were", now, was, where)


def _unknown(found: dict[str, int], cards: dict[str, int], pair: tuple[str, str]) -> CheckItem:
    """Report whether the only card of a move with an unknown name was left alone."""
    what = "if there's no card with one of the names, the other card stays as it was"
    return expect_equal(what, only(found, pair), only(cards, pair), UNKNOWN)


def _errors_raised(said: list[str]) -> CheckItem:
    """Report whether each rejected move raised an error; `said` is "" for one that didn't."""
    kinds = (
        *("the giver has too few points", "the taker would have more than 100"),
        *("there's no card for the taker", "there's no card for the giver"),
    )
    silent = [kind for kind, error in zip(kinds, said, strict=True) if error in ("", EXIT)]
    where = SILENT if kinds[0] in silent or kinds[1] in silent else UNKNOWN
    if EXIT in said:
        where = EXITED
    got = f"no exception if {' or if '.join(silent)}" if silent else "an exception"
    what = "a move that isn't possible raises an exception"
    return expect_that(what, not silent, "an exception", got, where)


def _one_transaction(database: Database, pairs: list[tuple[str, str]], same: set[str]) -> CheckItem:
    """Report whether each allowed move was one transaction, and no other one was undone later.

    Args:
        database: The scratch database.
        pairs: The cards of each move; the first two are allowed.
        same: The cards that have as many points as before.

    """
    noted = database.query("SELECT transaction, name FROM observer.changes")
    undone = {name for pair in pairs[2:] for name in pair} & same & {name for _, name in noted}
    counts = [len({number for number, name in noted if name in pair}) for pair in pairs[:2]]
    where = COMPENSATED if undone else "Both statements belong in one transaction, with one commit."
    where = where if all(counts) else TRIGGERS
    got = f"{max(counts)} transactions" if max(counts) != 1 else "one transaction"
    got = "a change that was committed, and undone later" if undone else got
    return expect_equal(
        "both changes of a move are in one transaction", got, "one transaction", where
    )


def _others(found: dict[str, int], cards: dict[str, int], moved: set[str]) -> CheckItem:
    """Report whether the cards that had no part in a move are as before, and no others exist."""
    left = {"Ann": 50, "Ben": 90, "Cleo": 0, **cards}
    wanted = {name: value for name, value in left.items() if name not in moved}
    got = {name: value for name, value in found.items() if name in wanted or name not in left}
    where = "Does each UPDATE have a WHERE that finds one card? Does anything add a card?"
    return expect_equal(
        "all other cards are unchanged, and there are no new ones", got, wanted, where
    )
