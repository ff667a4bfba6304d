"""The check of one exercise: addresses."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, text

from coursekit.exercises.items import CheckItem, expect_equal, expect_that
from coursekit.exercises.rehearsal import Sandbox, in_line, models_match, sandbox
from coursekit.exercises.submission import Submission
from tutorial_lib.explorer import changes, snapshot

BASE = "0004"
WHERE = "addresses.py: which rule of the request speaks of this?"
ANN, BEN = 1, 2
LEAVES = "DELETE FROM users WHERE id = 1000"  # a customer without orders
HOME = "street, city, postcode"
AT = "'Mill Lane 1', 'York', 'YO1 7HH'"


def addresses(submission: Submission) -> Iterator[CheckItem]:
    """Check that a table of addresses keeps the constraints, and its downgrade works."""
    yield in_line(submission, BASE)
    with sandbox(submission, BASE) as shop:
        if not shop.steps:
            return
        before = snapshot(shop.engine)
        upgraded = list(shop.upgrade(shop.steps, reads=reads, orders=orders, people=renames))
        yield from upgraded
        if not all(item.good for item in upgraded):
            return
        ((table,),) = shop.rows("SELECT to_regclass('addresses')::text")
        where = "the draft: a revision that was written before the model stays empty"
        yield expect_equal("there is a table addresses", table, "addresses", where)
        if not table:
            return
        yield from rules(shop)
        yield models_match(shop)
        told = shop.run(f"downgrade {BASE}")
        where = "def downgrade: what does each line of upgrade make in the database?"
        yield expect_that("the downgrade runs", not told.error, "no error", told, where)
        after = changes(before, snapshot(shop.engine)).all
        left = [f"{one.kind} {one.name}" for one in after if one.kind != "rows"]
        yield expect_equal("after the downgrade, the tables are as they were", left, [], where)


def rules(shop: Sandbox) -> Iterator[CheckItem]:
    """Report on each rule of the request, with rows that satisfy or violate it."""
    said = shop.refusal(_insert(ANN))
    where = "addresses.py: the types. A postcode such as YO1 7HH is no number"
    yield expect_that("an address with all its values is taken", not said, "no error", said, where)
    if said:
        return
    two = (_insert(ANN), _insert(ANN))
    yield _taken(shop, "a customer can have several addresses", *two)
    defaults = (_insert(ANN, "true"), _insert(ANN), _insert(BEN, "true"), _insert(BEN))
    yield _taken(shop, "two customers can each have a default, and others beside it", *defaults)
    yield _refused(shop, "a second default of one customer is refused", *2 * [_insert(ANN, "true")])
    late = (_insert(ANN, "true"), _insert(ANN), "UPDATE addresses SET is_default = true")
    yield _refused(shop, "an address cannot become a second default", *late)
    said = _insert(ANN).replace("is_default, ", "").replace("false, ", "")
    both = (said, "SELECT 1 / (NOT is_default)::int FROM addresses")
    yield _taken(shop, "an address that does not say so is no default", *both)
    yield _refused(shop, "is_default is never NULL", _insert(ANN, "NULL"))
    for column, value in zip(HOME.split(", "), AT.split(", "), strict=True):
        gap = _insert(ANN).replace(value, "NULL")
        yield _refused(shop, f"an address without a {column} is refused", gap)
        left_out = ", ".join(one for one in HOME.split(", ") if one != column)
        values = ", ".join(one for one in AT.split(", ") if one != value)
        unsaid = _insert(ANN).replace(HOME, left_out).replace(AT, values)
        yield _refused(shop, f"an address that does not say its {column} is refused", unsaid)
    yield _refused(shop, "an address of nobody is refused", _insert("NULL"))
    yield _refused(shop, "an address of somebody who is not there is refused", _insert(-1))
    gone = (_insert(1000), _insert(ANN), LEAVES, "SELECT 1 / (count(*) = 1)::int FROM addresses")
    yield _taken(shop, "a customer who leaves takes the addresses along, and no others", *gone)
    indexed = [name for (name,) in shop.rows(INDEXED)]
    where = "whoever looks for a customer's addresses: a foreign key brings no index of its own"
    what = "an index finds all addresses of a customer"
    yield expect_that(what, bool(indexed), "one that begins with user_id", indexed, where)


def _insert(user: int | str, default: str = "false") -> str:
    return f"INSERT INTO addresses (user_id, is_default, {HOME}) VALUES ({user}, {default}, {AT})"  # noqa: S608


def _taken(shop: Sandbox, what: str, *statements: str) -> CheckItem:
    said = shop.refusal(*statements)
    return expect_that(what, not said, "no error", said, WHERE)


def _refused(shop: Sandbox, what: str, *statements: str) -> CheckItem:
    said = shop.refusal(*statements)
    good = said.startswith("IntegrityError")
    return expect_that(what, good, "an IntegrityError", said or "it was taken", WHERE)


def reads(connection: Connection) -> None:
    """Run the queries of the shop's pages."""
    connection.execute(text("SELECT name FROM users WHERE id = 7")).one()


def orders(connection: Connection) -> None:
    """Add an order."""
    connection.execute(text("INSERT INTO orders (user_id, amount) VALUES (7, 1)"))


def renames(connection: Connection) -> None:
    """Change a customer's name."""
    connection.execute(text("UPDATE users SET name = 'Ann Ray' WHERE id = 8"))


INDEXED = """
SELECT indexrelid::regclass::text FROM pg_index
WHERE indrelid = 'addresses'::regclass AND indisvalid AND indpred IS NULL AND indkey[0] = (
    SELECT attnum FROM pg_attribute WHERE attrelid = indrelid AND attname = 'user_id')
"""
