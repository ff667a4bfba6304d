"""The check of an exercise: two versions of the code share one table."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from coursekit.exercises import draws
from coursekit.exercises.database import Database, Row
from coursekit.exercises.items import CheckItem, NotStarted, ProbeResult, expect_equal, expect_that
from coursekit.exercises.literal_rows import insert_rows
from coursekit.exercises.statements import insert, update
from coursekit.exercises.submission import Submission
from coursekit.lessons.move_data.checks import STALE, upgraded, users


def carts(random: Random) -> str:
    """Return statements that add three users and three carts."""
    three = [
        {"user_id": user, "product": draws.word(random), "quantity": random.randrange(1, 30)}
        for user in (1, 1, 2)
    ]
    return users(random) + insert_rows("carts", three)


def versions(submission: Submission) -> Iterator[CheckItem]:
    """Check that two versions of the code share a table, and each sees what the other writes."""
    own = submission.database.snapshot().objects.get(("column", "carts.pieces"))
    if submission.untouched and own is None:
        raise NotStarted
    submission.fill("carts", _carts(submission.random))
    good = True
    for item in upgraded(submission):
        good = item.good
        yield item
    if not good:
        return
    database = submission.copied_database
    there = _read(submission.new_database("before"), "quantity")
    for version, column in (("old", "quantity"), ("new", "pieces")):
        found = _read(database, column)
        where = f"def upgrade: the {version} version reads carts.{column}, from its first query on"
        yield expect_equal(
            f"the {version} version reads the existing carts", found, there.value, where
        )
        good = good and found.value == there.value
    if good:
        yield from _written(submission)
    where = "%alembic current, and %alembic upgrade head"
    yield expect_that(
        "your database also has the column", bool(own), "a column carts.pieces", own, where
    )
    if own:
        same = _triggers(database) == _triggers(submission.database)
        differ = _differ(submission.database)
        good = same and differ == 0
        got = f"{differ} carts that differ, and {'the same' if same else 'other'} triggers"
        yield expect_that("your database matches your revision", good, "no difference", got, STALE)


TRIGGERS = """
SELECT n.nspname, c.relname, t.tgisinternal, pg_catalog.pg_get_triggerdef(t.oid), p.prosrc
FROM pg_catalog.pg_trigger t
     JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) t.tgrelid
     JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
     JOIN pg_catalog.pg_proc p ON p.oid OPERATOR(pg_catalog.=) t.tgfoid
"""


def _triggers(database: Database) -> list[Row]:
    """Return the triggers of carts, and what their functions do."""
    found = database.query(TRIGGERS)
    return sorted(
        tuple(rest) for *home, rest in _split(found) if home == ["public", "carts", False]
    )


def _split(rows: list[Row]) -> Iterator[tuple[Any, ...]]:
    return ((*row[:3], row[3:]) for row in rows)


def _carts(random: Random) -> list[dict[str, Any]]:
    """Return carts with quantities at their limits."""
    amounts = (random.randrange(2, 90), random.randrange(100, 999), 1, 0, 2**31 - 1)
    return [
        {"user_id": 1, "product": product, "quantity": amount}
        for product, amount in zip(draws.names(random), amounts, strict=False)
    ]


def _read(database: Database, column: str) -> ProbeResult:
    """Return what a version reads: each product with its number, or the error."""
    if database.column(f"carts.{column}") == "no such column":
        return ProbeResult(error=f"there is no column carts.{column}")
    return ProbeResult(sorted(database.rows("carts", "product", column), key=str))


def _differ(database: Database) -> int:
    """Return the number of carts in which the two columns differ: all, if one is missing."""
    columns = database.snapshot().objects
    if not {("column", "carts.quantity"), ("column", "carts.pieces")} <= set(columns):
        return len(database.rows("carts", "product"))
    found = database.rows("carts", "quantity", "pieces")
    return sum(old != new for old, new in found)


def _written(submission: Submission) -> Iterator[CheckItem]:
    """Report whether each version reads what the other one writes."""
    database, random = submission.copied_database, submission.random
    sides = (("old", "quantity", "new", "pieces"), ("new", "pieces", "old", "quantity"))
    for writer, write, reader, read in sides:
        product, first, second = draws.word(random), *random.sample(range(31, 999), 2)
        row: dict[str, Any] = {"user_id": 3, "product": product, write: first}
        put = insert("carts", **row)
        change = update("carts", {write: second}, product=product)
        for what, sent, amount in (("inserts", put, first), ("updates", change, second)):
            said = database.commit(sent)
            rows = database.rows("carts", "product", write, read)
            found = [row[1:] for row in rows if row[0] == product]
            yield expect_equal(
                f"the {reader} version reads what the {writer} version {what}",
                said if said.error else found,
                [(amount, amount)],
                f"def upgrade: when {write} is written, who writes {read}?",
            )
        database.commit(update("carts", {"user_id": 2}, product=product))
    differ = _differ(database)
    where = "def upgrade: what does the trigger do if neither column is written?"
    got = f"{differ} carts in which the two columns differ"
    yield expect_that("updating another column changes neither", differ == 0, "0", got, where)
