"""The check of one exercise: one account per e-mail address."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import count
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from coursekit.exercises.items import CheckItem, expect_equal, expect_that
from coursekit.exercises.rehearsal import Sandbox, in_line, models_match, sandbox
from coursekit.exercises.submission import Submission
from tutorial_lib import workload

BASE = "0004"
KNOWN = text("SELECT id FROM users WHERE lower(email) = lower(:email)")
REGISTER = text("INSERT INTO users (name, email, password) VALUES (:name, :email, '-')")


def emails(submission: Submission) -> Iterator[CheckItem]:
    """Check that accounts are merged by the rule, and no new duplicates can be added."""
    yield in_line(submission, BASE)
    with sandbox(submission, BASE, UNSEEN) as shop:
        if not shop.steps:
            return
        accounts, goods = shop.rows(OLDEST), shop.rows(GOODS)
        people, new, filling = Registrations(), New(), Filling()
        tea = _tea(shop)
        workers: dict[str, workload.Worker] = {
            **{"signs_in": signs_in, "orders": orders, "orders_twice": orders_with_the_second},
            **{"fills": filling, "twins": people, "new": new},
        }
        upgraded = list(shop.upgrade(shop.steps, **workers))
        yield from map(_explained, upgraded)
        if not all(item.good for item in upgraded):
            return
        yield from merged(shop, accounts, goods)
        got = _tea(shop) - tea
        where = "carts: what comes into one after it was merged, and before its account goes?"
        what = "what an account lays into its cart meanwhile is not lost"
        yield expect_equal(what, got, filling.done, where)
        yield from new.kept(shop)
        yield from held(shop)
        yield models_match(shop)


def _explained(item: CheckItem) -> CheckItem:
    """Point to what blocks a unique index, or the deletion of an account."""
    if "violates foreign key constraint" in item.got:
        return replace(item, where=ORDERED)
    if "could not create unique index" not in item.got:
        return item
    where = (
        "who has two accounts at this point: someone from before, or someone who has registered "
        "between your clean-up and your index?"
    )
    return replace(item, where=where)


ORDERED = (
    "whose are the orders when an account goes: those of before, and those that somebody makes "
    "between your clean-up and the DELETE?"
)


def merged(shop: Sandbox, accounts: list[Any], goods: list[Any]) -> Iterator[CheckItem]:
    """Report which accounts are left, and whether their orders and carts were kept."""
    double = len(shop.rows(DOUBLE))
    where = "two accounts whose e-mails differ in case only: also those that came meanwhile"
    yield expect_equal("no e-mail has two accounts", double, 0, where)
    left = shop.rows(OLDEST)
    wrong = [email for email, *rest in accounts if (email, *rest) not in set(left)]
    where = "the rule: the account with the lowest number stays, with its name and password"
    yield expect_equal(
        "of each customer, the oldest account is left as it was", wrong[:3], [], where
    )
    after = {row[:3]: row[3] for row in shop.rows(GOODS)}
    for kind, where in (
        ("order", "orders: whose are they before an account goes?"),
        ("cart", "carts: look at ON DELETE of its foreign key, and at products in both carts"),
    ):
        before = {row[:3]: row[3] for row in goods if row[0] == kind}
        lost = [
            f"{key}: {had}, now {after.get(key, 0)}"
            for key, had in before.items()
            if after.get(key) != had
        ]
        what = f"nothing of the {kind}s is lost, and nothing is double"
        yield expect_that(what, not lost, "as before", "; ".join(lost[:2]) or "as before", where)


def held(shop: Sandbox) -> Iterator[CheckItem]:
    """Report which e-mail addresses the database accepts and refuses from now on."""
    where = "what compares the e-mails now: a unique index on what, and is it still there?"
    said = shop.refusal(_insert("PERSON7@example.COM"))
    good = said.startswith("IntegrityError")
    what = "an e-mail in other letters is refused"
    yield expect_that(what, good, "an IntegrityError", said or "it was taken", where)
    change = "UPDATE users SET email = 'Person7@Example.com' WHERE id = 8"
    said = shop.refusal(change)
    good = said.startswith("IntegrityError")
    what = "nobody can change to somebody's e-mail in other letters"
    yield expect_that(what, good, "an IntegrityError", said or "it was taken", where)
    said = shop.refusal(change.replace("= 8", "= 7"))
    yield expect_that(
        "a person can change the letters of their own e-mail", not said, "no error", said, where
    )
    both = (_insert("New.Face@Example.com"), _insert("old.face@example.com"))
    said = shop.refusal(*both)
    yield expect_that("other e-mails are taken, in any letters", not said, "no error", said, where)
    where = "a trigger that looks first sees no row that is not committed; a unique index does"
    what = "of two who register at the same moment, one is refused"
    yield expect_equal(what, _at_once(shop), "refused", where)


def _at_once(shop: Sandbox) -> str:
    """Register an address while another session, in other letters, hasn't committed."""
    with shop.engine.connect() as first, shop.engine.connect() as second:
        first.execute(text(_insert("Zoe@example.com")))
        second.execute(text("SET LOCAL lock_timeout = '300ms'"))
        try:
            second.execute(text(_insert("zoe@EXAMPLE.com")))
        except DBAPIError:  # it waits for the first until the timeout, or it's refused
            return "refused"
        finally:
            second.rollback()
            first.rollback()
    return "both were taken"


def _insert(email: str) -> str:
    return f"INSERT INTO users (name, email, password) VALUES ('Zoe', '{email}', '-')"  # noqa: S608


def signs_in(connection: Connection) -> None:
    """Sign in with the e-mail address in capitals."""
    query = "SELECT password FROM users WHERE lower(email) = lower('PERSON9@example.com')"
    connection.execute(text(query)).all()


def orders(connection: Connection) -> None:
    """Add an order of a customer with one account, and fill the cart."""
    connection.execute(text("INSERT INTO orders (user_id, amount) VALUES (71, 0.01)"))
    connection.execute(text("UPDATE carts SET quantity = quantity + 1 WHERE user_id = 73"))


def _tea(shop: Sandbox) -> int:
    """Return the quantity of tea in the carts of a customer with two accounts."""
    ((found,),) = shop.rows(TEA)
    return int(str(found))


def orders_with_the_second(connection: Connection) -> None:
    """Order with the newer of two accounts; if it's gone, that isn't an error."""
    order = "INSERT INTO orders (user_id, amount) VALUES (2001, 0.01)"
    with suppress(IntegrityError), connection.begin_nested():
        connection.execute(text(order))


class Filling:
    """A customer who fills the cart of the newer of two accounts until it's gone."""

    def __init__(self) -> None:
        self.done = 0

    def __call__(self, connection: Connection) -> None:
        """Add one more to the cart."""
        more = "UPDATE carts SET quantity = quantity + 1 WHERE user_id = 2001 AND product = 'tea'"
        self.done += connection.execute(text(more)).rowcount


class Registrations:
    """People with an account who register again, in other letters, while they can."""

    def __init__(self) -> None:
        self.numbers = count(400)

    def __call__(self, connection: Connection) -> None:
        """Register once more; being refused isn't an error of the shop."""
        email = f"Person{next(self.numbers) % 1500 + 301}@Example.com"
        with suppress(IntegrityError), connection.begin_nested():
            connection.execute(REGISTER, {"name": "Twin", "email": email})


class New:
    """New people who register; each must be accepted, in capitals or not."""

    def __init__(self) -> None:
        self.emails: list[str] = []

    def __call__(self, connection: Connection) -> None:
        """Look whether the address is known, then register it."""
        email = f"New.Person.{len(self.emails)}@Example.com"
        connection.execute(KNOWN, {"email": email}).all()
        self.emails.append(email)
        connection.execute(REGISTER, {"name": "New", "email": email})

    def kept(self, shop: Sandbox) -> Iterator[CheckItem]:
        """Report whether all of them are still there."""
        found = {email for (email,) in shop.rows("SELECT lower(email) FROM users")}
        lost = [email for email in self.emails if email.lower() not in found]
        where = "whom does your clean-up take away?"
        what = "everybody who registered meanwhile is there"
        yield expect_equal(what, lost[:3], [], where)


# Accounts the learner hasn't seen, and triggers that slow a clean-up down near its end, before and
# after the accounts are deleted: that's where other sessions get in between.
UNSEEN = """
INSERT INTO users (name, email, password)
SELECT 'Guest', 'guest' || n || '-' || left(md5(random()::text), 6) || '@example.com', '-'
FROM generate_series(1, 30) AS n;
INSERT INTO users (name, email, password)
SELECT 'Again', upper(left(email, place)) || substr(email, place + 1), 'other'
FROM users, (VALUES (1), (5), (30)) AS letters (place) WHERE name = 'Guest';
INSERT INTO orders (user_id, amount) SELECT id, id + 0.5 FROM users WHERE name = 'Again';
INSERT INTO carts (user_id, product, quantity)
SELECT id, product, 1 + mod(id, 4) FROM users,
    (VALUES ('tea'), ('tea ' || left(md5(random()::text), 4))) AS goods (product)
WHERE name = 'Again' OR name = 'Guest' AND mod(id, 2) = 0;
CREATE SCHEMA slow;
CREATE FUNCTION slow.down() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('slow.' || TG_WHEN, true) IS DISTINCT FROM 'done' THEN
        PERFORM set_config('slow.' || TG_WHEN, 'done', false), pg_sleep(0.4);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER before BEFORE DELETE ON users FOR EACH STATEMENT EXECUTE FUNCTION slow.down();
CREATE TRIGGER after AFTER DELETE ON users FOR EACH STATEMENT EXECUTE FUNCTION slow.down()
"""
OLDEST = """
SELECT DISTINCT ON (lower(email)) lower(email), id, name, password FROM users
WHERE name NOT IN ('New', 'Twin') ORDER BY lower(email), id
"""
DOUBLE = "SELECT lower(email) FROM users GROUP BY lower(email) HAVING count(*) > 1"
# The orders of each customer and amount, and the quantity of each product in a customer's cart.
# What the shop sells meanwhile is left out.
GOODS = """
SELECT 'order', lower(email), amount::text, count(*)::int
FROM orders JOIN users ON users.id = user_id WHERE amount > 0.01 GROUP BY 2, 3
UNION ALL
SELECT 'cart', lower(email), product, sum(quantity)::int
FROM carts JOIN users ON users.id = user_id
WHERE user_id <> 73 AND NOT (lower(email) = 'person2@example.com' AND product = 'tea')
GROUP BY 2, 3
"""
TEA = """
SELECT coalesce(sum(quantity), 0)::int FROM carts JOIN users ON users.id = user_id
WHERE lower(email) = 'person2@example.com' AND product = 'tea'
"""
