"""The check of one exercise: addresses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

from sqlalchemy import Connection, Executable, text

from coursekit.exercises import draws
from coursekit.exercises.database import Database
from coursekit.exercises.items import CheckItem, expect_equal, expect_that
from coursekit.exercises.rehearsal import Sandbox, in_line, models_match, sandbox
from coursekit.exercises.schema import changes
from coursekit.exercises.statements import delete, insert, select, update
from coursekit.exercises.submission import Submission

BASE = "0004"
WHERE = "addresses.py: which rule of the request speaks of this?"
COLUMNS = ("street", "city", "postcode")
AWKWARD = ("O'", "é", "ß", "李", " ", "-", ".", " %", '"')  # all of them in real addresses


class Visitors:
    """The shop's users while the revisions run."""

    def __init__(self, random: Random) -> None:
        self.page, self.buyer, self.renamed = random.sample(range(1, 2001), 3)
        self.amount, self.name = draws.amount(random), draws.name(random)

    def reads(self, connection: Connection) -> None:
        """Run the queries of the shop's pages."""
        connection.execute(text("SELECT name FROM users WHERE id = :id"), {"id": self.page}).one()

    def orders(self, connection: Connection) -> None:
        """Add an order."""
        order = "INSERT INTO orders (user_id, amount) VALUES (:id, :amount)"
        connection.execute(text(order), {"id": self.buyer, "amount": self.amount})

    def renames(self, connection: Connection) -> None:
        """Change a customer's name."""
        change = "UPDATE users SET name = :name WHERE id = :id"
        connection.execute(text(change), {"id": self.renamed, "name": self.name})


def addresses(submission: Submission) -> Iterator[CheckItem]:
    """Check that a table of addresses keeps the constraints, and its downgrade works."""
    yield in_line(submission, BASE)
    random = submission.random
    people = draws.users(random)
    submission.fill("users", people)
    with sandbox(submission, BASE) as shop:
        if shop is None or not shop.steps:
            return
        before, visitors = shop.database.snapshot(), Visitors(random)
        upgraded = list(
            shop.upgrade(
                shop.steps,
                reads=visitors.reads,
                orders=visitors.orders,
                people=visitors.renames,
            )
        )
        yield from upgraded
        if not all(item.good for item in upgraded):
            return
        table = "addresses" if shop.database.has("addresses") else "no such table"
        where = "the draft: a revision that was written before the model stays empty"
        yield expect_equal("there is a table addresses", table, "addresses", where)
        if table != "addresses":
            return
        yield from Rules(shop, random, [one["email"] for one in people]).items()
        yield models_match(shop)
        told = shop.run(f"downgrade {BASE}")
        where = "def downgrade: what does each line of upgrade make in the database?"
        yield expect_that("the downgrade runs", not told.error, "no error", told, where)
        after = changes(before, shop.database.snapshot())
        left = [f"{one.kind} {one.name}" for one in after if one.kind != "rows"]
        yield expect_equal("after the downgrade, the tables are as they were", left, [], where)


class Rules:
    """The rules of the request, tried with rows that satisfy or violate them.

    Attributes:
        ann, ben, leaving: Ids of customers, drawn from those that the check has added. None of
            them has an order.

    """

    def __init__(self, shop: Sandbox, random: Random, emails: list[str]) -> None:
        self.shop, self.random = shop, random
        users = shop.database.rows("users", "id", "email", by="id")
        added = [number for number, email in users if email in emails]
        self.ann, self.ben, self.leaving = random.sample(added, 3)
        self.nobody = users[-1][0] + random.randrange(1000, 1_000_000)

    def items(self) -> Iterator[CheckItem]:
        """Report on each rule."""
        said = self.shop.refusal(self._address(self.ann))
        where = "addresses.py: the types. A postcode such as YO1 7HH is no number"
        what = "an address with all its values is taken"
        yield expect_that(what, not said, "no error", said, where)
        if said:
            return
        yield from self._defaults()
        for column in COLUMNS:
            missing: dict[str, Any] = {column: None}
            gap = self._address(self.ann, **missing)
            yield self._refused(f"an address without a {column} is refused", gap)
            unsaid = self._address(self.ann, without=column)
            yield self._refused(f"an address that does not say its {column} is refused", unsaid)
        yield from self._owners()
        indexed = _indexed(self.shop.database)
        where = "a query for one customer's addresses: a foreign key doesn't create an index"
        what = "an index finds all addresses of a customer"
        yield expect_that(what, bool(indexed), "one that begins with user_id", indexed, where)

    def _defaults(self) -> Iterator[CheckItem]:
        ann, ben, address = self.ann, self.ben, self._address
        two = (address(ann), address(ann))
        yield self._taken("a customer can have several addresses", *two)
        many = [address(who, is_default=yes) for who in (ann, ben) for yes in (True, False)]
        what = "two customers can each have a default, and others beside it"
        yield self._taken(what, *many)
        twice = [address(ann, is_default=True) for _ in range(2)]
        yield self._refused("a second default of one customer is refused", *twice)
        late = update("addresses", {"is_default": True})
        what = "an address cannot become a second default"
        yield self._refused(what, address(ann, is_default=True), address(ann), late)
        what = "an address that does not say so is no default"
        unsaid = (address(ann, without="is_default"), select("addresses", "is_default"))
        yield self._left(what, [(False,)], *unsaid)
        yield self._refused("is_default is never NULL", address(ann, is_default=None))

    def _owners(self) -> Iterator[CheckItem]:
        address = self._address
        yield self._refused("an address of nobody is refused", address(None))
        what = "an address of somebody who is not there is refused"
        yield self._refused(what, address(self.nobody))
        gone = (address(self.leaving), address(self.ann), delete("users", id=self.leaving))
        what = "a customer who leaves takes the addresses along, and no others"
        yield self._left(what, [(self.ann,)], *gone, select("addresses", "user_id"))

    def _address(self, user: int | None, *, without: str = "", **values: Any) -> Executable:
        """Return an INSERT of an address that no one has."""
        row = {"user_id": user, "is_default": False, **_drawn(self.random), **values}
        return insert("addresses", **{name: row[name] for name in row if name != without})

    def _taken(self, what: str, *statements: Executable) -> CheckItem:
        said = self.shop.refusal(*statements)
        return expect_that(what, not said, "no error", said, WHERE)

    def _left(self, what: str, rows: list[tuple[Any, ...]], *statements: Executable) -> CheckItem:
        result = self.shop.database.attempt(*statements)
        return expect_equal(what, result, rows, WHERE)

    def _refused(self, what: str, *statements: Executable) -> CheckItem:
        said = self.shop.refusal(*statements)
        good = said.startswith("IntegrityError")
        return expect_that(what, good, "an IntegrityError", said or "it was taken", WHERE)


def _drawn(random: Random) -> Mapping[str, str]:
    """Return an address; none of its values is empty, a number or longer than real ones are."""
    place = f"{draws.word(random)}{random.choice(AWKWARD)}{draws.word(random)}".title()
    letters = "".join(random.choice("ABDEFGHJLNP") for _ in range(4))
    return {
        "street": f"{random.choice(AWKWARD).strip()}{place} {random.randrange(1, 99)}",
        "city": place,
        "postcode": f"{letters[:2]}{random.randrange(1, 9)} {random.randrange(1, 9)}{letters[2:]}",
    }


def _indexed(database: Database) -> list[str]:
    """Return the valid indexes of all addresses whose first column is `user_id`."""
    return [
        index
        for *home, index, whole, column in database.query(INDEXES)
        if home == ["public", "addresses"] and whole and column == "user_id"
    ]


# indkey counts from 0: its first column is the one that a search can begin with.
INDEXES = """
SELECT n.nspname, t.relname, i.relname, x.indisvalid AND x.indpred IS NULL, a.attname
FROM pg_catalog.pg_index x
     JOIN pg_catalog.pg_class i ON i.oid OPERATOR(pg_catalog.=) x.indexrelid
     JOIN pg_catalog.pg_class t ON t.oid OPERATOR(pg_catalog.=) x.indrelid
     JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) t.relnamespace
     JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) t.oid
          AND a.attnum OPERATOR(pg_catalog.=) x.indkey[0]
"""
