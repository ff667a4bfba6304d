"""The check of one exercise: one account per e-mail address."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from random import Random

from sqlalchemy import Executable

from coursekit.exercises import draws
from coursekit.exercises.database import Database, Row
from coursekit.exercises.items import CheckItem, expect_equal, expect_that
from coursekit.exercises.rehearsal import Sandbox, in_line, models_match, sandbox
from coursekit.exercises.statements import insert, statement, update
from coursekit.exercises.submission import Submission
from coursekit.lessons.capstone.accounts import People, add_people, recased, same
from coursekit.lessons.capstone.customers import Customers, Filling, New, Registrations
from tutorial_lib import workload

BASE = "0004"
NOBODY = "an account that is not there"  # a revision may have dropped the foreign keys
Goods = Counter[tuple[str, str, str]]


def emails(submission: Submission) -> Iterator[CheckItem]:
    """Check that accounts are merged by the rule, and no new duplicates can be added."""
    yield in_line(submission, BASE)
    random = submission.random
    with sandbox(submission, BASE) as shop:
        if shop is None or not shop.steps:
            return
        people = add_people(shop.database, random)
        shop.database.commit(*map(statement, SLOW))
        oldest, goods = _oldest(_accounts(shop.database)), _goods(shop.database, people)
        customers, new, filling = Customers(people), New(random), Filling(people)
        tea = _quantity(shop.database, people)
        workers: dict[str, workload.Worker] = {
            **{"signs_in": customers.signs_in, "orders": customers.orders},
            **{"orders_twice": customers.orders_with_the_second, "fills": filling},
            **{"twins": Registrations(random), "new": new},
        }
        upgraded = list(shop.upgrade(shop.steps, **workers))
        yield from map(_explained, upgraded)
        if not all(item.good for item in upgraded):
            return
        yield from merged(shop, people, oldest, goods)
        got = _quantity(shop.database, people) - tea
        where = "carts: what comes into one after it was merged, and before its account goes?"
        what = "what an account lays into its cart meanwhile is not lost"
        yield expect_equal(what, got, filling.done, where)
        yield _kept(shop.database, new)
        yield from Kept(shop, random, people.single).items()
        yield models_match(shop)


def _accounts(database: Database) -> list[Row]:
    """Return id, e-mail, name and password of each account, the oldest first."""
    return database.rows("users", "id", "email", "name", "password", by="id")


def _oldest(accounts: list[Row]) -> dict[str, Row]:
    """Return each person's oldest account, by e-mail as the request compares it."""
    return {same(str(account[1])): account for account in reversed(accounts)}


def _goods(database: Database, people: People) -> Goods:
    """Return how many orders of each amount and items of each product a person has.

    What changes meanwhile is left out: it's compared by itself.
    """
    emails = {number: same(str(email)) for number, email, *_ in _accounts(database)}
    goods: Goods = Counter()
    for user, amount in database.rows("orders", "user_id", "amount"):
        if amount != people.sold:
            goods["order", emails.get(user, NOBODY), str(amount)] += 1
    for user, product, quantity in database.rows("carts", "user_id", "product", "quantity"):
        email = emails.get(user, NOBODY)
        if user != people.filler and (email, product) != (people.email, people.product):
            goods["cart", email, product] += quantity
    return goods


def _quantity(database: Database, people: People) -> int:
    """Return the cart rows for one product of a person with two accounts."""
    mine = {number for number, email, *_ in _accounts(database) if same(str(email)) == people.email}
    carts = database.rows("carts", "user_id", "product", "quantity")
    return sum(many for user, product, many in carts if user in mine and product == people.product)


def _kept(database: Database, new: New) -> CheckItem:
    """Report whether all who registered meanwhile are still there."""
    found = {same(str(email)) for _, email, *_ in _accounts(database)}
    lost = [email for email in new.emails if same(email) not in found]
    where = "whom does your clean-up take away?"
    return expect_equal("everybody who registered meanwhile is there", lost[:3], [], where)


def _explained(item: CheckItem) -> CheckItem:
    """Point to what blocks a unique index, or the deletion of an account."""
    if "violates foreign key constraint" in item.got:
        return replace(item, where=ORDERED)
    if "deadlock detected" in item.got:
        return replace(item, where=LOCKS)
    if "could not create unique index" not in item.got:
        return item
    where = (
        "who has two accounts at this point: someone from before, or someone who has registered "
        "between your clean-up and your index?"
    )
    return replace(item, where=where)


LOCKS = (
    "the order of your locks: lock the tables in the order in which the shop's sessions use them, "
    "users first, and take the strongest lock that you need on each at the beginning"
)
ORDERED = (
    "whose are the orders when an account goes: those of before, and those that somebody makes "
    "between your clean-up and the DELETE?"
)


def merged(
    shop: Sandbox, people: People, oldest: dict[str, Row], goods: Goods
) -> Iterator[CheckItem]:
    """Report which accounts are left, and whether their orders and carts were kept."""
    accounts = _accounts(shop.database)
    left = _oldest(accounts)
    where = "two accounts whose e-mails differ in case only: also those that came meanwhile"
    yield expect_equal("no e-mail has two accounts", len(accounts) - len(left), 0, where)
    wrong = [email for email, account in oldest.items() if not _same(left.get(email), account)]
    where = "the rule: the account with the lowest number stays, with its name and password"
    yield expect_equal(
        "of each customer, the oldest account is left as it was", wrong[:3], [], where
    )
    after = _goods(shop.database, people)
    for kind, where in (
        ("order", "orders: whose are they before an account goes?"),
        ("cart", "carts: look at ON DELETE of its foreign key, and at products in both carts"),
    ):
        lost = [
            f"{key}: {goods[key]}, now {after[key]}"
            for key in goods | after
            if key[0] == kind and goods[key] != after[key]
        ]
        what = f"nothing of the {kind}s is lost, and nothing is double"
        yield expect_that(what, not lost, "as before", "; ".join(lost[:2]) or "as before", where)


def _same(left: Row | None, account: Row) -> bool:
    """Return whether an account is as it was, in whatever letters its e-mail is kept."""
    return left is not None and (left[0], *left[2:]) == (account[0], *account[2:])


class Kept:
    """Which e-mail addresses the database accepts and refuses from now on."""

    def __init__(self, shop: Sandbox, random: Random, email: str) -> None:
        self.database, self.random, self.email = shop.database, random, email
        self.refusal = shop.refusal
        users = shop.database.rows("users", "id", "email", by="id")
        self.own = next(number for number, one in users if same(str(one)) == same(email))
        self.other = random.choice([number for number, _ in users if number != self.own])

    def items(self) -> Iterator[CheckItem]:
        """Report what is refused and taken."""
        where = "what compares the e-mails now: a unique index on what, and is it still there?"
        said = self.refusal(self._registered(recased(self.random, self.email)))
        good = said.startswith("IntegrityError")
        what = "an e-mail in other letters is refused"
        yield expect_that(what, good, "an IntegrityError", said or "it was taken", where)
        said = self.refusal(self._changed(self.other))
        good = said.startswith("IntegrityError")
        what = "nobody can change to somebody's e-mail in other letters"
        yield expect_that(what, good, "an IntegrityError", said or "it was taken", where)
        said = self.refusal(self._changed(self.own))
        what = "a person can change the letters of their own e-mail"
        yield expect_that(what, not said, "no error", said, where)
        said = self.refusal(*(self._registered(draws.email(self.random)) for _ in range(2)))
        what = "other e-mails are taken, in any letters"
        yield expect_that(what, not said, "no error", said, where)
        where = "a trigger that looks first sees no row that is not committed; a unique index does"
        what = "of two who register at the same moment, one is refused"
        yield expect_equal(what, self._at_once(), "refused", where)

    def _at_once(self) -> str:
        """Register an address while another session, in other letters, hasn't committed."""
        email = draws.email(self.random)
        with self.database.session() as first, self.database.session() as second:
            first(self._registered(email))
            second(statement("SET LOCAL lock_timeout TO '300ms'"))
            # It waits for the first until the timeout, or it's refused at once.
            said = second(self._registered(recased(self.random, email)))
        return "refused" if said.error else "both were taken"

    def _registered(self, email: str) -> Executable:
        return insert("users", name=draws.name(self.random), email=email, password="-")  # noqa: S106

    def _changed(self, user: int) -> Executable:
        return update("users", {"email": recased(self.random, self.email)}, id=user)


# A clean-up is slowed down near its end, before and after the accounts are deleted: that's where
# other sessions get in between.
SLOW = (
    "CREATE SCHEMA slow",
    """
CREATE FUNCTION slow.down() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF pg_catalog.current_setting('slow.' OPERATOR(pg_catalog.||) TG_WHEN, true)
       IS DISTINCT FROM 'done' THEN
        PERFORM pg_catalog.set_config('slow.' OPERATOR(pg_catalog.||) TG_WHEN, 'done', false),
                pg_catalog.pg_sleep(0.4);
    END IF;
    RETURN NULL;
END $$
""",
    """
CREATE TRIGGER before BEFORE DELETE ON public.users
FOR EACH STATEMENT EXECUTE FUNCTION slow.down()
""",
    """
CREATE TRIGGER after AFTER DELETE ON public.users
FOR EACH STATEMENT EXECUTE FUNCTION slow.down()
""",
)
