"""What customers do while the revisions of one exercise run: they sign in, order, register."""

from __future__ import annotations

from contextlib import suppress
from itertools import cycle
from random import Random

from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from coursekit.exercises import draws
from coursekit.lessons.capstone.accounts import People, recased

KNOWN = "SELECT id, password FROM users WHERE lower(email) = lower(:email)"
REGISTER = "INSERT INTO users (name, email, password) VALUES (:name, :email, '-')"
ORDER = "INSERT INTO orders (user_id, amount) VALUES (:user, :amount)"
MORE = "UPDATE carts SET quantity = quantity + 1 WHERE user_id = :user"
# Customers who have one account, and are no one else's concern here.
SINGLE = range(301, 1801)


class Customers:
    """People with one account or two, who use the shop."""

    def __init__(self, people: People) -> None:
        self.people = people

    def signs_in(self, connection: Connection) -> None:
        """Sign in with the e-mail address in capitals."""
        connection.execute(text(KNOWN), {"email": self.people.email.upper()}).all()

    def orders(self, connection: Connection) -> None:
        """Add an order of a customer with one account, and fill the cart of another."""
        self._order(connection, self.people.buyer)
        connection.execute(text(MORE), {"user": self.people.filler})

    def orders_with_the_second(self, connection: Connection) -> None:
        """Order with the newer of two accounts; if it's gone, that isn't an error."""
        with suppress(IntegrityError), connection.begin_nested():
            self._order(connection, self.people.newer)

    def _order(self, connection: Connection, user: int) -> None:
        connection.execute(text(ORDER), {"user": user, "amount": self.people.sold})


class Filling:
    """A customer who fills the cart of the newer of two accounts until it's gone."""

    def __init__(self, people: People) -> None:
        self.cart = {"user": people.newer, "product": people.product}
        self.done = 0

    def __call__(self, connection: Connection) -> None:
        """Add one more to the cart."""
        more = connection.execute(text(f"{MORE} AND product = :product"), self.cart)
        self.done += more.rowcount


class Registrations:
    """People with an account who register again, in other letters, while they can."""

    def __init__(self, random: Random) -> None:
        emails = [recased(random, f"person{number}@example.com") for number in SINGLE]
        random.shuffle(emails)
        self.emails = cycle(emails)

    def __call__(self, connection: Connection) -> None:
        """Register once more; being refused isn't an error of the shop."""
        with suppress(IntegrityError), connection.begin_nested():
            connection.execute(text(REGISTER), {"name": "Twin", "email": next(self.emails)})


class New:
    """New people who register; each must be accepted, in capitals or not."""

    def __init__(self, random: Random) -> None:
        self.first = draws.email(random)
        self.emails: list[str] = []

    def __call__(self, connection: Connection) -> None:
        """Look whether the address is known, then register it."""
        email = f"N{len(self.emails)}.{self.first}"
        connection.execute(text(KNOWN), {"email": email}).all()
        self.emails.append(email)
        connection.execute(text(REGISTER), {"name": "New", "email": email})
