"""Two versions of the shop's code, as one exercise runs them, and the names that people have."""

from __future__ import annotations

from itertools import count
from random import Random
from typing import Any

from sqlalchemy import Connection, text

from coursekit.exercises import draws

LONGEST = 50


class Version:
    """A version of the shop's code: it registers, renames and reads customers, and logs them.

    Each takes and returns names in its own form, `("Ann Lee",)` or `("Ann", "Lee")`.
    """

    columns: tuple[str, ...]

    def __init__(self, random: Random) -> None:
        self.names = self.drawn(random)
        self.wrote: dict[str, tuple[str, ...]] = {}
        self._numbers = count()
        self._domain = f"{draws.token(random)}.example"

    @staticmethod
    def drawn(random: Random) -> list[tuple[str, ...]]:
        """Return names that people enter, in this version's form."""
        raise NotImplementedError

    def register(self, connection: Connection) -> None:
        """Register a new customer."""
        number = next(self._numbers)
        self.insert(connection, f"{number}@{self._domain}", self._name(number))

    def insert(self, connection: Connection, email: str, name: tuple[str, ...]) -> None:
        """Write a row in this version's form."""
        connection.execute(text(self._insert()), {"email": email, **self._values(name)})
        self.wrote[email] = name

    def renames(self, connection: Connection) -> None:
        """Change the customers' names, one after the other."""
        number = next(self._numbers)
        self.rename(connection, f"person{1 + number % 500}@example.com", self._name(number))

    def rename(self, connection: Connection, email: str, name: tuple[str, ...]) -> None:
        """Change a customer's name."""
        changed = connection.execute(text(self._update()), {"email": email, **self._values(name)})
        assert changed.rowcount == 1, f"UPDATE has changed {changed.rowcount} rows of 1"
        self.wrote[email] = name

    def change_password(self, connection: Connection, email: str) -> None:
        """Change a customer's password, and nothing else."""
        later = "UPDATE users SET password = 'new' WHERE email = :email"
        connection.execute(text(later), {"email": email})

    def read(self, connection: Connection) -> None:
        """Read a page of names."""
        connection.execute(text(f"{self._select()} WHERE id < 20")).all()

    def all(self, connection: Connection) -> dict[str, tuple[str, ...]]:
        """Return all names as this version reads them, by e-mail address."""
        return {email: tuple(name) for email, *name in connection.execute(text(self._select()))}

    def _name(self, number: int) -> tuple[str, ...]:
        return self.names[number % len(self.names)]

    def _values(self, name: tuple[str, ...]) -> dict[str, str]:
        return dict(zip(self.columns, name, strict=True))

    def _insert(self) -> str:
        places = ", ".join(f":{column}" for column in self.columns)
        listed = ", ".join(self.columns)
        return f"INSERT INTO users ({listed}, email, password) VALUES ({places}, :email, '-')"  # noqa: S608

    def _update(self) -> str:
        setting = ", ".join(f"{column} = :{column}" for column in self.columns)
        return f"UPDATE users SET {setting} WHERE email = :email"  # noqa: S608

    def _select(self) -> str:
        return f"SELECT email, {', '.join(self.columns)} FROM users"  # noqa: S608


class Old(Version):
    """Today's code."""

    columns = ("name",)

    @staticmethod
    def drawn(random: Random) -> list[tuple[str, ...]]:
        """Return names of one word to four, with spare blanks, and with awkward letters."""
        one, two, three, four = (draws.word(random, 2).title() for _ in range(4))
        blanks = f"  {one}  de la {two} "
        return [(f"{one} {two}",), (three,), (blanks,), (f"{four} {draws.word(random)} O'Ne%sß",)]


class New(Version):
    """Tomorrow's code; it divides names the way people entered them."""

    columns = ("first_name", "last_name")

    @staticmethod
    def drawn(random: Random) -> list[tuple[str, ...]]:
        """Return names of one word to four, not all divided by the rule."""
        one, two, three, four = (draws.word(random, 2).title() for _ in range(4))
        return [
            (one, two),
            (three, ""),
            (four, f"de la {one}"),
            (f"{two} {three}", f"{four}-李"),
        ]


def people(random: Random) -> list[dict[str, Any]]:
    """Return customers whose names are of all kinds: the longest, one word, spare blanks."""
    long = draws.text(random, LONGEST - 2)
    words = [draws.word(random).title() for _ in range(4)]
    names = [
        *draws.names(random, LONGEST),
        f"{random.choice(draws.LETTERS).upper()} {long}",
        f"{long} {random.choice(draws.LETTERS).upper()}",
        f"{words[0]}  {words[1]}   {words[2]}",
        f" {words[3]} ",
        f"{words[2]}. {words[1]}. {words[3]}'",
    ]
    return [
        {"name": name, "email": draws.email(random), "password": draws.token(random)}
        for name in names
    ]


def divided(name: str) -> tuple[str, str]:
    """Return the first and last name, divided by the request's rule."""
    *first, last = name.split()
    return (" ".join(first), last) if first else (last, "")
