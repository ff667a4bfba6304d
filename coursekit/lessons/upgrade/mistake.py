"""The check of the exercise about a mistake that has already run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any

from coursekit.exercises import draws
from coursekit.exercises.database import Database, Row
from coursekit.exercises.items import CheckItem, NotStarted, expect_equal, expect_that
from coursekit.exercises.migrations import advice, earlier_revisions, in_step, initial_env
from coursekit.exercises.statements import insert
from coursekit.exercises.submission import Submission
from coursekit.lessons.upgrade.trial import (
    EXTRA,
    MISSING,
    NONE,
    only_by_revisions,
    outcome,
    state_of,
)

PRICE = ("column", "products.price")
WHOLE, CENTS = "integer, not null", "numeric(8,2), not null"
# What an upgrade did besides changing the type, or in its place, and what to look at.
CHANGED = (
    ("NotNullViolation", "which price each row gets: NULLIF turns 0 into NULL, and 0 is a price"),
    *EXTRA,
    (f"{CENTS}, default", "server_default: the price had no default, and needs none now"),
    ("products.id", "the id: its default numbers new products, and a table you create needs it"),
)


def forward(submission: Submission) -> Iterator[CheckItem]:
    """Check that a new revision fixes what 0002 did, and no row is lost."""
    three = _stock(submission.initial_database)
    price = submission.database.snapshot().objects.get(PRICE, MISSING)
    stock = _stock(submission.database) if price != MISSING else []
    kept, current = not Counter(three) - Counter(stock), submission.current_revisions
    if submission.untouched and current == ["0002"] and price == WHOLE and kept:
        raise NotStarted
    yield earlier_revisions(submission)
    heads = submission.heads
    there = "0002" in submission.revisions
    follows = there and len(heads) == 1 and heads != ["0002"]
    where = "%alembic revision: other databases change only when they run a revision"
    if len(heads) > 1:
        where = "down_revision: your revision must follow 0002"
    elif not there:
        where = "the file of 0002, which is gone: begin again, and leave it in the folder"
    yield expect_that(
        "a new revision follows 0002, and is the only head", follows, "one new head", heads, where
    )
    if follows:
        yield from _elsewhere(submission, price)
        where = "%alembic current, and %alembic upgrade head"
        yield expect_equal("your database is at the new revision", current, heads, where)
    where = "def upgrade() in the new revision, and whether it ran"
    yield expect_equal("your database has a price with cents", price, CENTS, where)
    where = "what a downgrade or a drop does to rows; begin again, and only upgrade"
    if price not in (WHOLE, CENTS, MISSING):
        where = "the type of the price: fix that first"
    elif {name for name, _ in three} <= {name for name, _ in stock}:
        where = "def upgrade() in the new revision, or an UPDATE: 24 becomes 24.00. Begin again"
    yield expect_that("your three products kept their prices", kept, str(three), stock, where)
    if follows and price == CENTS:
        yield from only_by_revisions(submission, submission.initial_database.snapshot(), PRICE)


def _elsewhere(submission: Submission, price: str) -> Iterator[CheckItem]:
    """Report what the new revision does to another database at 0002."""
    submission.fill("products", _more(submission.random))
    submission.fill("users", draws.users(submission.random))
    fresh = submission.new_database()
    before, stock = state_of(fresh), _stock(fresh, "id")
    did = outcome(submission, "upgrade head", before, files=initial_env(submission))
    wanted = f"~ changed column products.price {WHOLE} before, {CENTS} after"
    where = "def upgrade() in the new revision: one column gets another type"
    where = next((says for words, says in CHANGED if words in did), advice(did, where))
    if did == NONE and price == CENTS:
        where = (
            "the order of your steps: your database had the new type already when Alembic "
            "compared, so it found nothing to do. Begin again, and change nothing by hand"
        )
    yield expect_equal("another database gets the new type, and nothing else", did, wanted, where)
    if did == wanted:
        yield from _kept(submission, stock)
        yield in_step(submission)
        yield from _fails_if_too_large(submission)


def _fails_if_too_large(submission: Submission) -> Iterator[CheckItem]:
    """Report an upgrade that goes on without a price that the new type can't hold."""
    submission.fill("products", [{"name": draws.word(submission.random), "price": 1_000_000}])
    result = submission.alembic("upgrade head", files=initial_env(submission))
    if not result.error:
        where = (
            "EXCEPTION in a DO block, and whatever changes large prices or deletes their rows: "
            "without it, PostgreSQL stops the upgrade, and nothing is lost"
        )
        what = "the upgrade fails if a price doesn't fit"
        yield expect_that(what, False, "an error", "no error", where)


def _kept(submission: Submission, stock: list[Row]) -> Iterator[CheckItem]:
    """Report whether the products of the other database are as they were, and can be added to."""
    copy = submission.copied_database
    now = _stock(copy, "id")
    lost = [row for row in stock if row not in now] or stock
    got = [row for row in now if row not in stock] or now
    what = "the products in that database kept their ids and prices"
    where = "def upgrade() in the new revision: 24 becomes 24.00, and a free product stays free"
    if [row[0] for row in stock] != [row[0] for row in now]:
        where = "def upgrade() in the new revision: every row is kept, with the id that it has"
    elif [row[1] for row in stock] != [row[1] for row in now]:
        where = "UPDATE in the new revision: only the price gets another type, and names stay"
    yield expect_that(what, now == stock, str(lost), got, where)
    if now == stock:
        added = copy.attempt(insert("products", name=draws.word(submission.random), price=0.5))
        where = "the id's sequence: in a table you create, it starts at 1. setval continues it"
        what = "a product can be added there"
        yield expect_that(what, not added.error, "a new row", added, where)


def _more(random: Random) -> list[dict[str, Any]]:
    """Return products as 0002 stores them: plain ones, then what is easily lost."""
    prices = [random.randrange(2, 90), random.randrange(100, 900), 0, 1, 999_999, -7]
    rows = [
        {"name": name, "price": price}
        for name, price in zip(draws.names(random), prices, strict=False)
    ]
    # A name with outer spaces, one with two prices, and an id that isn't the next one.
    rows.append({"name": f" {draws.word(random)} ", "price": prices[0]})
    return [*rows, {"name": rows[0]["name"], "price": prices[0] + 1}, {**rows[1], "id": 10_000}]


def _stock(database: Database, *columns: str) -> list[Row]:
    """Return the products with their prices in cents, by id."""
    found = database.rows("products", *columns, "name", "price", by="id")
    return [
        (*row, f"{price:.2f}" if hasattr(price, "real") else str(price)) for *row, price in found
    ]
