"""The people of one exercise: accounts that a learner hasn't seen, with orders and carts."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from string import ascii_lowercase, ascii_uppercase
from typing import Any

from coursekit.exercises import draws
from coursekit.exercises.database import Database

SMALL = str.maketrans(ascii_uppercase, ascii_lowercase)
LARGE = str.maketrans(ascii_lowercase, ascii_uppercase)
# What an e-mail may have in it. To LIKE, `_` and `%` mean any letters.
AWKWARD = ("%", "'", '"', "\\", "+", ".", "-", "李", ":x", "")
LONGEST = 255
# How many accounts each person has. The workers use the first three.
PATTERN = 6  # this person's e-mail has a `%`, where others have something else
ACCOUNTS = (2, 1, 1, 1, 2, 2, 3, 1, 4, 3, 2, 1, 3, 2)


def same(email: str) -> str:
    """Return an e-mail as the request compares it: only a to z count as letters."""
    return email.translate(SMALL)


def recased(random: Random, email: str) -> str:
    """Return an e-mail written in other letters."""
    while True:
        written = "".join(one.translate(random.choice((SMALL, LARGE))) for one in email)
        if written != email:
            return written


@dataclass(frozen=True)
class People:
    """What the check must know about the people it has added.

    Attributes:
        email: The e-mail of a person with two accounts.
        newer: The newer of these accounts.
        product: A product in the carts of both.
        buyer: The account of somebody who has only one, for orders.
        filler: The account of another one, for the cart.
        single: The e-mail of a third one.
        sold: The amount of the orders that come in meanwhile; none of theirs has it.

    """

    email: str
    newer: int
    product: str
    buyer: int
    filler: int
    single: str
    sold: Any


def add_people(database: Database, random: Random) -> People:
    """Add accounts in any order, one to four for each person, with orders and carts."""
    persons = [
        _written(random, email, number)
        for email, number in zip(_emails(random), ACCOUNTS, strict=True)
    ]
    accounts = [email for person in persons for email in person]
    random.shuffle(accounts)
    # The oldest is the one whose e-mail, taken for a pattern, matches those of others.
    accounts.sort(key=lambda email: email not in persons[PATTERN])
    database.fill("users", [_user(random, email) for email in accounts])
    ids = {email: number for number, email in database.rows("users", "id", "email")}
    products = _products(random)
    sold = draws.amount(random)
    database.fill("orders", _orders(random, [ids[one] for one in accounts], sold))
    always = [ids[one] for one in (*persons[0], *persons[2])]
    database.fill("carts", _carts(random, [ids[one] for one in accounts], products, always))
    return People(
        email=same(persons[0][0]),
        newer=max(ids[email] for email in persons[0]),
        product=products[0],
        buyer=ids[persons[1][0]],
        filler=ids[persons[2][0]],
        single=persons[3][0],
        sold=sold,
    )


def _emails(random: Random) -> list[str]:
    """Return an e-mail for each person; three differ in one letter, which may be any to LIKE."""
    start, end = draws.word(random), f"{draws.token(random)}@{draws.word(random)}.example"
    alike = [f"{start}{between}{end}" for between in ("_", "x", "%")]
    shop = f"@{draws.word(random)}.example"
    longest = draws.word(random).ljust(LONGEST - len(shop), random.choice(ascii_lowercase)) + shop
    plain = [draws.email(random) for _ in range(4)]
    others = len(ACCOUNTS) - len(plain) - len(alike) - 1
    awkward = [
        f"{draws.word(random)}{between}{draws.email(random)}"
        for between in random.sample(AWKWARD, others)
    ]
    return [*plain, *alike, longest, *awkward]


def _written(random: Random, email: str, number: int) -> list[str]:
    """Return an e-mail, written in this number of ways."""
    ways: set[str] = set()
    while len(ways) < number:
        ways.add(recased(random, email))
    return random.sample(sorted(ways), number)


def _user(random: Random, email: str) -> dict[str, Any]:
    name = random.choice(draws.names(random))
    return {"name": name, "email": email, "password": draws.token(random)}


def _products(random: Random) -> list[str]:
    plain = draws.word(random)
    return [plain, f"{plain} {random.choice(AWKWARD)}{draws.word(random)}", draws.word(random, 50)]


def _orders(random: Random, users: list[int], sold: Any) -> list[dict[str, Any]]:
    return [
        {"user_id": user, "amount": amount}
        for user in users
        for amount in random.choices(draws.amounts(random), k=random.randrange(3))
        if amount != sold
    ]


def _carts(
    random: Random, users: list[int], products: list[str], always: list[int]
) -> list[dict[str, Any]]:
    """Return the contents of the carts; those of `always` have the first product."""
    return [
        {"user_id": user, "product": product, "quantity": random.randrange(1, 9)}
        for user in users
        for product in products
        if random.random() < 0.6 or (user in always and product == products[0])
    ]
