"""The check of one exercise: a name becomes two, without an interruption."""

from __future__ import annotations

import time
from collections.abc import Iterator
from random import Random

from coursekit.exercises import draws
from coursekit.exercises.database import Database
from coursekit.exercises.items import CheckItem, expect_equal, expect_that
from coursekit.exercises.rehearsal import Sandbox, in_line, models_match, sandbox, unlocked
from coursekit.exercises.schema import changes
from coursekit.exercises.statements import update
from coursekit.exercises.submission import Submission
from coursekit.lessons.capstone.versions import New, Old, Version, divided, people
from tutorial_lib import workload

BASE = "0004"
TOGETHER = 0.15  # seconds during which both versions run side by side, without a migration
SPLIT = "the rule: the last word is the last name; a single word is a first name; no spare blanks"
BRIDGE = "what fills the other form when a version of the shop writes its own?"


class Play:
    """Both versions running side by side, and the names they should read.

    Attributes:
        known: E-mail address to the name in the old column.

    """

    def __init__(self, shop: Sandbox, random: Random) -> None:
        self.shop, self.random = shop, random
        self.old, self.new = Old(random), New(random)
        self.known = {email: name[0] for email, name in self.read(self.old).items()}

    def read(self, version: Version) -> dict[str, tuple[str, ...]]:
        """Return all names as a version of the shop reads them."""
        with self.shop.engine.connect() as connection:
            return version.all(connection)

    def opening(self) -> Iterator[CheckItem]:
        """Run all but the last revision, while the old code runs."""
        renames = Old(self.random)
        workers = {"old_reads": self.old.read, "old_registers": self.old.register}
        yield from self.shop.upgrade(self.shop.steps[:-1], old_renames=renames.renames, **workers)
        self.known |= {email: name[0] for email, name in renames.wrote.items()}

    def both(self) -> Iterator[CheckItem]:
        """Run both versions side by side, and report whether each reads what the other wrote."""
        workers: dict[str, workload.Worker] = {
            **{"old_reads": self.old.read, "old_registers": self.old.register},
            **{"new_reads": self.new.read, "new_registers": self.new.register},
        }
        with workload.run(self.shop.engine, workers) as seen:
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
        random = self.random
        third, fifth = (f"person{n}@example.com" for n in random.sample(range(501, 1001), 2))
        one, two, three = f"{draws.name(random)} de {draws.word(random)}", *_pairs(random)
        both = draws.email(random)
        with self.shop.engine.begin() as connection:
            self.old.rename(connection, third, (one,))
            self.new.rename(connection, fifth, two)
            self.new.insert(connection, both, three)
        with self.shop.engine.begin() as connection:
            self.new.change_password(connection, both)
        by_old, by_new = self.read(self.old), self.read(self.new)
        what = "the new code reads a name that the old code has changed"
        yield expect_equal(what, by_new[third], divided(one), BRIDGE)
        what = "the old code reads a name that the new code has changed"
        yield expect_equal(what, by_old[fifth], (" ".join(two),), BRIDGE)
        what = "the old code reads somebody whom the new code has registered"
        yield expect_equal(what, by_old[both], (" ".join(three),), BRIDGE)
        where = "who has divided this name? Whose division is the better one?"
        what = "the new code reads its own names as it has divided them"
        yield expect_equal(what, by_new[fifth], two, where)
        where = "an UPDATE that changes neither form: what does it set off?"
        what = "a new password changes nobody's name"
        yield expect_equal(what, by_new[both], three, where)

    def closing(self) -> Iterator[CheckItem]:
        """Run the last revision while only the new code runs, and report what is left."""
        before = self.read(self.new)
        workers = {"new_reads": self.new.read, "new_registers": self.new.register}
        upgraded = list(self.shop.upgrade(self.shop.steps[-1:], **workers))
        yield from upgraded
        if not all(item.good for item in upgraded):
            return
        after = self._rows(self.new)
        lost = [f"{one}: {after.get(one)}" for one in before if after.get(one) != before[one]]
        where = "the last revision: the new columns are the truth by now"
        yield expect_equal("the last revision changes nobody's name", lost[:2], [], where)
        yield from contracted(self.shop.database, self.random)

    def back(self) -> Iterator[CheckItem]:
        """Downgrade to one name, and report whether all names are there."""
        wanted = {one: " ".join(filter(None, name)) for one, name in self._rows(self.new).items()}
        told = self.shop.run(f"downgrade {BASE}")
        where = "def downgrade of each revision: what is in the column at this point?"
        yield expect_that("the downgrade runs", not told.error, "no error", told, where)
        if told.error:
            return
        found = {one: " ".join(name[0].split()) for one, name in self._rows(self.old).items()}
        lost = [f"{one}: {found.get(one)!r}" for one in wanted if found.get(one) != wanted[one]]
        where = "def downgrade: a column that is dropped takes its values with it"
        yield expect_equal("after the downgrade, everybody has their name", lost[:2], [], where)

    def _rows(self, version: Version) -> dict[str, tuple[str, ...]]:
        """Return all names that the table has, in a version's form, by e-mail address."""
        found = self.shop.database.rows("users", "email", *version.columns)
        return {email: tuple(name) for email, *name in found}


def names(submission: Submission) -> Iterator[CheckItem]:
    """Check an expand, backfill and contract while the old and the new code run."""
    yield in_line(submission, BASE)
    submission.fill("users", people(submission.random))
    with sandbox(submission, BASE) as shop:
        if shop is None or not shop.steps:
            return
        got = f"{len(shop.steps)}: {', '.join(shop.steps)}"
        where = "the new code starts before the last revision: what must be there by then?"
        what = "there are two revisions or more, the last for when the old code has gone"
        yield expect_that(what, len(shop.steps) > 1, "two or more", got, where)
        if len(shop.steps) == 1:
            return
        play, schema = Play(shop, submission.random), shop.database.snapshot()
        for part in (play.opening, play.both, play.closing):
            items = list(part())
            yield from items
            if not all(item.good for item in items):
                return
        yield unlocked(shop)
        yield models_match(shop)
        yield from play.back()
        after = changes(schema, shop.database.snapshot())
        left = [f"{one.kind} {one.name}" for one in after if one.kind != "rows"]
        where = "def downgrade: column by column, is users what it was?"
        yield expect_equal("after the downgrade, the tables are as they were", left, [], where)


def contracted(database: Database, random: Random) -> Iterator[CheckItem]:
    """Report whether the old column and its helpers are gone, and the new ones are full."""
    left = database.column("users.name")
    where = "the last revision: the old code has gone, and so may its column"
    yield expect_equal("the column name is gone", left, "no such column", where)
    user = random.choice(database.rows("users", "id", by="id"))[0]
    for column in New.columns:
        said = database.attempt(update("users", {column: None}, id=user)).error
        good = said.startswith("IntegrityError")
        where = "NOT NULL: a column that is added to a full table begins without it"
        what = f"{column} is never NULL"
        yield expect_that(what, good, "an IntegrityError", said or "it was taken", where)
    where = "the last revision: what has served the two versions serves nobody now"
    helpers = _helpers(database)
    yield expect_equal("no trigger and no function is left over", helpers, [], where)


def _pairs(random: Random) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return two names whose last name has two words, which the rule would divide otherwise."""
    first, second = ((draws.name(random).split()[0], f"von {draws.word(random)}") for _ in "ab")
    return first, second


def _helpers(database: Database) -> list[str]:
    """Return the functions in the schema `public`, and the triggers of all tables but ours."""
    functions = [name for schema, name in database.query(FUNCTIONS) if schema == "public"]
    triggers = [
        name
        for schema, name, internal in database.query(TRIGGERS)
        if not internal and schema != "watch"
    ]
    return sorted(functions + triggers)


FUNCTIONS = """
SELECT n.nspname, p.proname FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
"""
# A trigger is attributed to the owner of its function.
TRIGGERS = """
SELECT n.nspname, t.tgname, t.tgisinternal FROM pg_catalog.pg_trigger t
JOIN pg_catalog.pg_proc p ON p.oid OPERATOR(pg_catalog.=) t.tgfoid
JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
"""
