"""The check of one exercise: a name becomes two, without an interruption."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import count

from sqlalchemy import Connection, text

from coursekit.exercises.items import CheckItem, expect_equal, expect_that
from coursekit.exercises.rehearsal import Sandbox, in_line, models_match, sandbox, unlocked
from coursekit.exercises.submission import Submission
from tutorial_lib import workload
from tutorial_lib.explorer import changes, snapshot

BASE = "0004"
TOGETHER = 0.15  # seconds during which both versions run side by side, without a migration
SPLIT = "the rule: the last word is the last name; a single word is a first name; no spare blanks"
BRIDGE = "what fills the other form when a version of the shop writes its own?"


class Version:
    """A version of the shop's code: it registers, renames and reads customers, and logs them.

    Each takes and returns names in its own form, `("Ann Lee",)` or `("Ann", "Lee")`.
    """

    columns: tuple[str, ...]
    names: tuple[tuple[str, ...], ...]

    def __init__(self) -> None:
        self.wrote: dict[str, tuple[str, ...]] = {}
        self._numbers = count()

    def register(self, connection: Connection) -> None:
        """Register a new customer."""
        number = next(self._numbers)
        self.insert(connection, f"{type(self).__name__}{number}@example.com", self._name(number))

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
    names = (("Ida Holm",), ("Prince",), ("  Rosa  de la Cruz ",), ("Li Wei",))


class New(Version):
    """Tomorrow's code; it divides names the way people entered them."""

    columns = ("first_name", "last_name")
    names = (("Ida", "Holm"), ("Prince", ""), ("Rosa", "de la Cruz"), ("Anna Maria", "Wei"))


class Play:
    """Both versions running side by side, and the names they should read.

    Attributes:
        known: E-mail address to the name in the old column.

    """

    def __init__(self, shop: Sandbox) -> None:
        self.shop, self.old, self.new = shop, Old(), New()
        self.known = {email: name[0] for email, name in self.read(self.old).items()}

    def read(self, version: Version) -> dict[str, tuple[str, ...]]:
        """Return all names as a version reads them."""
        with self.shop.engine.connect() as connection:
            return version.all(connection)

    def opening(self) -> Iterator[CheckItem]:
        """Run all but the last revision, while the old code runs."""
        renames = Old()
        workers = {"old_reads": self.old.read, "old_registers": self.old.register}
        yield from self.shop.upgrade(self.shop.steps[:-1], old_renames=renames.renames, **workers)
        self.known |= {email: name[0] for email, name in renames.wrote.items()}

    def both(self) -> Iterator[CheckItem]:
        """Run both versions side by side, and report whether each reads what the other wrote."""
        workers: dict[str, workload.Worker] = {
            **{"old_reads": self.old.read, "old_registers": self.old.register},
            **{"new_reads": self.new.read, "new_registers": self.new.register},
        }
        with workload.run(self.shop.engine, **workers) as seen:
            time.sleep(TOGETHER)
        yield self.shop.no_errors(seen.errors, "while both versions run")
        if seen.errors:
            return
        self.known |= {email: name[0] for email, name in self.old.wrote.items()}
        found = self.read(self.new)
        wrong = [
            f"{name!r} is {found.get(email)}"
            for email, name in self.known.items()
            if found.get(email) != divided(name)
        ]
        what = "the new code finds all names, divided by the rule"
        got = "; ".join(wrong[:3]) or "as the rule says"
        yield expect_that(what, not wrong, "as the rule says", got, SPLIT)
        yield from self._crossed()

    def _crossed(self) -> Iterator[CheckItem]:
        """Run single steps of one version, then read with the other."""
        with self.shop.engine.begin() as connection:
            self.old.rename(connection, "person3@example.com", ("Mia van Dyk",))
            self.new.rename(connection, "person5@example.com", ("Eva", "ten Cate"))
            self.new.insert(connection, "both@example.com", ("Ana", "del Valle"))
        with self.shop.engine.begin() as connection:
            later = "UPDATE users SET password = 'new' WHERE email = 'both@example.com'"
            connection.execute(text(later))
        by_old, by_new = self.read(self.old), self.read(self.new)
        got = by_new["person3@example.com"]
        what = "the new code reads a name that the old code has changed"
        yield expect_equal(what, got, ("Mia van", "Dyk"), BRIDGE)
        got = by_old["person5@example.com"]
        what = "the old code reads a name that the new code has changed"
        yield expect_equal(what, got, ("Eva ten Cate",), BRIDGE)
        got = by_old["both@example.com"]
        what = "the old code reads somebody whom the new code has registered"
        yield expect_equal(what, got, ("Ana del Valle",), BRIDGE)
        where = "who has divided this name? Whose division is the better one?"
        what = "the new code reads its own names as it has divided them"
        yield expect_equal(what, by_new["person5@example.com"], ("Eva", "ten Cate"), where)
        where = "an UPDATE that changes neither form: what does it set off?"
        what = "a new password changes nobody's name"
        yield expect_equal(what, by_new["both@example.com"], ("Ana", "del Valle"), where)

    def closing(self) -> Iterator[CheckItem]:
        """Run the last revision while only the new code runs, and report what is left."""
        before = self.read(self.new)
        workers = {"new_reads": self.new.read, "new_registers": self.new.register}
        upgraded = list(self.shop.upgrade(self.shop.steps[-1:], **workers))
        yield from upgraded
        if not all(item.good for item in upgraded):
            return
        after = self.read(self.new)
        lost = [f"{one}: {after.get(one)}" for one in before if after.get(one) != before[one]]
        where = "the last revision: the new columns are the truth by now"
        yield expect_equal("the last revision changes nobody's name", lost[:2], [], where)
        yield from contracted(self.shop)

    def back(self) -> Iterator[CheckItem]:
        """Downgrade to one name, and report whether all names are there."""
        wanted = {one: " ".join(filter(None, name)) for one, name in self.read(self.new).items()}
        told = self.shop.run(f"downgrade {BASE}")
        where = "def downgrade of each revision: what is in the column at this point?"
        yield expect_that("the downgrade runs", not told.error, "no error", told, where)
        if told.error:
            return
        found = {one: " ".join(name[0].split()) for one, name in self.read(self.old).items()}
        lost = [f"{one}: {found.get(one)!r}" for one in wanted if found.get(one) != wanted[one]]
        where = "def downgrade: a column that is dropped takes its values with it"
        yield expect_equal("after the downgrade, everybody has their name", lost[:2], [], where)


def names(submission: Submission) -> Iterator[CheckItem]:
    """Check an expand, backfill and contract while the old and the new code run."""
    yield in_line(submission, BASE)
    with sandbox(submission, BASE, UNSEEN) as shop:
        if not shop.steps:
            return
        got = f"{len(shop.steps)}: {', '.join(shop.steps)}"
        where = "the new code starts before the last revision: what must be there by then?"
        what = "there are two revisions or more, the last for when the old code has gone"
        yield expect_that(what, len(shop.steps) > 1, "two or more", got, where)
        if len(shop.steps) == 1:
            return
        play, schema = Play(shop), snapshot(shop.engine)
        for part in (play.opening, play.both, play.closing):
            items = list(part())
            yield from items
            if not all(item.good for item in items):
                return
        yield unlocked(shop)
        yield models_match(shop)
        yield from play.back()
        after = changes(schema, snapshot(shop.engine)).all
        left = [f"{one.kind} {one.name}" for one in after if one.kind != "rows"]
        where = "def downgrade: column by column, is users what it was?"
        yield expect_equal("after the downgrade, the tables are as they were", left, [], where)


def contracted(shop: Sandbox) -> Iterator[CheckItem]:
    """Report whether the old column and its helpers are gone, and the new ones are full."""
    left = shop.refusal("SELECT name FROM users WHERE false")
    where = "the last revision: the old code has gone, and so may its column"
    what = "the column name is gone"
    yield expect_that(
        what, "does not exist" in left, "no such column", left or "it is there", where
    )
    for column in New.columns:
        said = shop.refusal(f"UPDATE users SET {column} = NULL WHERE id = 4")  # noqa: S608
        good = said.startswith("IntegrityError")
        where = "NOT NULL: a column that is added to a full table begins without it"
        what = f"{column} is never NULL"
        yield expect_that(what, good, "an IntegrityError", said or "it was taken", where)
    functions = [name for (name,) in shop.rows(FUNCTIONS)]
    where = "the last revision: what has served the two versions serves nobody now"
    yield expect_equal("no trigger and no function is left over", functions, [], where)


def divided(name: str) -> tuple[str, str]:
    """Return the first and last name, divided by the request's rule."""
    *first, last = name.split()
    return (" ".join(first), last) if first else (last, "")


UNSEEN = """
INSERT INTO users (name, email, password)
SELECT name, 'unseen' || number || '@example.com', '-' FROM (VALUES
    (1, repeat('x', 50)), (2, 'A ' || repeat('y', 48)), (3, repeat('z', 48) || ' B'),
    (4, 'Zoë  van  der Berg'), (5, ' Solo '), (6, 'Ana-Lucía O''Neill'), (7, 'M. J. K. Rowe'),
    (8, left(md5(random()::text), 8) || ' ' || left(md5(random()::text), 8))
) AS people (number, name);
"""
FUNCTIONS = """
SELECT proname::text FROM pg_proc WHERE pronamespace = current_schema()::regnamespace
UNION ALL
SELECT tgname::text FROM pg_trigger WHERE NOT tgisinternal AND tgname <> 'watch' ORDER BY 1
"""
