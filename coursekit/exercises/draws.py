"""Draw test data: unpredictable values, including edge cases.

Every function takes the random generator, `submission.random`. The first values are short and
plain, to keep messages about them readable; the boundary values follow.
"""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Any

CONSONANTS, VOWELS = "bdfgklmnprstvz", "aeiou"
LETTERS = f"{CONSONANTS}{VOWELS}"
AWKWARD = ("O'", "%s", '"', "\\", " é ", "ß", "李", ":x", "; --", "Ǆ")


def token(random: Random, size: int = 6) -> str:
    """Return lower-case hexadecimal digits."""
    return f"{random.getrandbits(4 * size):0{size}x}"


def word(random: Random, syllables: int = 3) -> str:
    """Return a pronounceable lower-case word."""
    return "".join(random.choice(CONSONANTS) + random.choice(VOWELS) for _ in range(syllables))


def name(random: Random) -> str:
    """Return a person's name, short and plain."""
    return f"{word(random, 2)} {word(random)}".title()


def names(random: Random, longest: int = 50) -> list[str]:
    """Return distinct names: two plain ones, then one letter, the longest, and awkward ones."""
    plain = [name(random), name(random), random.choice(LETTERS).upper()]
    awkward = [f"{word(random)}{each}{word(random)}" for each in AWKWARD]
    return [*plain, text(random, longest), *awkward]


def text(random: Random, length: int) -> str:
    """Return a string of exactly this many characters, not all of them ASCII."""
    return "".join(random.choice(f"{LETTERS}éß李") for _ in range(length))


def email(random: Random, domain: str = "") -> str:
    """Return an unused mixed-case e-mail address."""
    local = f"{word(random).title()}.{token(random)}"
    return f"{local}@{domain or f'{word(random)}.example'}"


def password(random: Random) -> str:
    """Return a password with capitals, digits, spaces and other characters."""
    return f" {word(random).title()}% {random.choice(AWKWARD)}@{token(random)} "


def amount(random: Random, most: int = 500) -> Decimal:
    """Return an amount with cents, larger than zero."""
    return Decimal(random.randrange(1, 100 * most)) / 100 + Decimal("0.00")


def amounts(random: Random) -> list[Decimal]:
    """Return amounts: two plain ones, then zero, a cent, the largest of numeric(10, 2)."""
    cents = f"{random.randrange(10, 99)}.{random.choice('1379')}{random.choice('1379')}"
    return [
        amount(random),
        Decimal(cents),
        Decimal("0.00"),
        Decimal("0.01"),
        Decimal("99999999.99"),
    ]


def people(random: Random, count: int) -> list[dict[str, Any]]:
    """Return rows of the table `users` with plain names, for a learner to look at."""
    return [
        {"name": name(random), "email": email(random), "password": token(random, 12)}
        for _ in range(count)
    ]


def users(random: Random, longest: int = 50) -> list[dict[str, Any]]:
    """Return rows of the table `users`: name, email and password, each of them distinct."""
    return [
        {"name": each, "email": email(random), "password": f"{token(random)}-{place}"}
        for place, each in enumerate(names(random, longest))
    ]
