"""The checks of this lesson."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from coursekit.exercises import draws
from coursekit.exercises.database import Database, Row
from coursekit.exercises.items import CheckItem, NotStarted, expect_equal, expect_that
from coursekit.exercises.migrations import (
    advice,
    earlier_revisions,
    in_step,
    initial_env,
    schemas,
)
from coursekit.exercises.schema import Schema, changes
from coursekit.exercises.statements import update
from coursekit.exercises.submission import Submission
from coursekit.lessons.upgrade.starters import PENDING

NONE = "nothing has changed"
NICKNAME, PRICE = ("column", "users.nickname"), ("column", "products.price")
MISSING = "no such column"
MODELS = "models.py"


@dataclass(frozen=True)
class State:
    """A database before a revision runs: its tables, its schemas, the users' values."""

    schema: Schema
    schemas: set[str]
    users: list[Row]


def _state(database: Database) -> State:
    users = database.rows("users", "id", "name", "email", "password", by="id")
    return State(database.snapshot(), schemas(database), users)


def pending(submission: Submission) -> Iterator[CheckItem]:
    """Check that the database is at 0003, and 0004 is pending."""
    things = submission.database.snapshot().objects
    made = {"0002": NICKNAME, "0003": ("table", "products"), "0004": ("table", "carts")}
    ran = {number: thing in things for number, thing in made.items()}
    if submission.untouched and submission.current_revisions == ["0001"] and not any(ran.values()):
        raise NotStarted
    where = "%alembic current, and %alembic history for the order"
    yield expect_equal(
        "the database is at revision 0003", submission.current_revisions, ["0003"], where
    )
    for number, (kind, name) in made.items():
        should, has = number != "0004", ran[number]
        yield expect_that(
            f"{number} has {'run' if should else 'not run'}",
            has == should,
            f"{'a' if should else 'no'} {kind} {name}",
            "there is one" if has else "there is none",
            "did the revision run, or was only its ID stored? Begin again, and use upgrade"
            if should
            else "`head` means every revision; `downgrade -1` undoes the last one",
        )
    kept = {name: submission.files.get(name) for name in PENDING} == PENDING
    if all(has == (number != "0004") for number, has in ran.items()):
        yield _as_the_files_make_it(submission, things)
    where = "begin again: a command can stop at a revision while later files are in the folder"
    yield expect_that("the three files are unchanged", kept, "no change", "a change", where)


def _as_the_files_make_it(submission: Submission, things: Mapping[Any, str]) -> CheckItem:
    """Report whether the schema is the one that 0001 to 0003 make."""
    submission.alembic("upgrade 0003", files={**submission.initial_files, **PENDING})
    made = submission.copied_database.snapshot().objects
    wrong = sorted(
        f"{kind} {name}"
        for (kind, name), about in made.items()
        if kind != "rows" and things.get((kind, name)) != about
    )
    got = ", ".join(wrong) or NONE
    what = "the tables are what 0001 to 0003 create"
    where = "did the revisions run, or did you create something by hand? Begin again"
    return expect_that(what, got == NONE, "no difference", got, where)


def nickname(submission: Submission) -> Iterator[CheckItem]:
    """Check that the model and revision 0002 add a column, and its downgrade removes it."""
    found = submission.database.snapshot().objects.get(NICKNAME, MISSING)
    current = submission.current_revisions
    # The answer cell writes models.py again, even with a TODO in it.
    new = {**submission.files, MODELS: submission.initial_files[MODELS]} != submission.initial_files
    written = new or "nickname" in submission.files.get(MODELS, "")
    if not written and current == ["0001"] and found == MISSING:
        raise NotStarted
    where = '%alembic revision -m "..." --rev-id 0002, and down_revision in its file'
    follows = submission.revisions.get("0002", "there is no revision 0002")
    yield expect_equal("revision 0002 follows 0001", follows, "0001", where)
    yield earlier_revisions(submission)
    if follows == "0001":
        yield from _up_and_down(submission)
    where = "%alembic upgrade head, once the file is as it should be"
    wrong_id = not {*current} <= {"0001", "0002"}
    about = "the ID: it has to be 0002. Begin again, and add --rev-id 0002" if wrong_id else where
    yield expect_equal("your database is at revision 0002", current, ["0002"], about)
    if current == ["0002"]:
        where = (
            "the order of your steps: 0002 ran before its file was complete, and what was filled "
            "in later has not run. Begin again, and upgrade last"
        )
    elif submission.revisions.keys() <= {"0001"}:
        where = "the revision: write it first, then upgrade"
    yield expect_equal(
        "your database has the nickname column", found, "character varying(50)", where
    )


def _up_and_down(submission: Submission) -> Iterator[CheckItem]:
    """Report what 0002's upgrade and downgrade do to another database."""
    submission.fill("users", draws.users(submission.random))
    before = _state(submission.new_database())
    did = _ran(submission, "upgrade 0002", before, files=initial_env(submission))
    wanted = "+ added column users.nickname character varying(50)"
    where = advice(did, _upgrade_advice(did))
    yield expect_equal("its upgrade adds the column, and nothing else", did, wanted, where)
    if did == wanted:
        yield in_step(submission)
        first = before.users[0][0]
        submission.copied_database.commit(update("users", {"nickname": "Annie"}, id=first))
        left = _ran(submission, "downgrade 0001", before)
        what = "its downgrade removes the column, and nothing else"
        where = advice(left, "def downgrade() in it: the opposite of its upgrade, and no more")
        yield expect_that(what, left == NONE, "the database as it was before 0002", left, where)


def _upgrade_advice(did: str) -> str:
    if did == NONE:
        return (
            "def upgrade() in it: it does nothing. Did you change models.py before you ran "
            "--autogenerate, and the database only afterwards?"
        )
    if "nickname" in did and "not null" in did:
        return "nullable: the nickname may be NULL. In a model, that's Mapped[str | None]"
    return "def upgrade() in it: one column, with the name and type from the exercise"


def _ran(
    submission: Submission, command: str, before: State, files: Mapping[str, str] | None = None
) -> str:
    """Run a command on a copy; return its error, or what's different from before."""
    result = submission.alembic(command, go_on=files is None, files=files)
    if result.error:
        return str(result)
    copy = submission.copied_database
    found = [*map(str, changes(before.schema, copy.snapshot()))]
    found += [f"+ added schema {name}" for name in sorted(schemas(copy) - before.schemas)]
    names = [f"users.{name}" for name in ("id", "name", "email", "password")]
    gone = [name for name in names if copy.column(name) == MISSING]
    if not gone and _state(copy).users != before.users:
        found.append("~ changed values users")
    return " ".join(found) or NONE


WHOLE, CENTS = "integer, not null", "numeric(8,2), not null"


def forward(submission: Submission) -> Iterator[CheckItem]:
    """Check that a new revision fixes what 0002 did, and no row is lost."""
    three = _stock(submission.initial_database)
    price = submission.database.snapshot().objects.get(PRICE, MISSING)
    stock = _stock(submission.database) if price != MISSING else []
    kept, current = not Counter(three) - Counter(stock), submission.current_revisions
    if submission.untouched and current == ["0002"] and price == WHOLE and kept:
        raise NotStarted
    yield earlier_revisions(submission)
    heads = submission.heads
    follows = len(heads) == 1 and heads != ["0002"]
    where = "%alembic revision: other databases change only when they run a revision"
    if len(heads) > 1:
        where = "down_revision: your revision must follow 0002"
    yield expect_that(
        "a new revision follows 0002, and is the only head", follows, "one new head", heads, where
    )
    if follows:
        yield from _elsewhere(submission, price)
        where = "%alembic current, and %alembic upgrade head"
        yield expect_equal("your database is at the new revision", current, heads, where)
    where = "def upgrade() in the new revision, and whether it ran"
    yield expect_equal("your database has a price with cents", price, CENTS, where)
    where = "what a downgrade or a drop does to rows; begin again, and only upgrade"
    if price not in (WHOLE, CENTS, MISSING):
        where = "the type of the price: fix that first"
    yield expect_that("your three products kept their prices", kept, str(three), stock, where)


def _elsewhere(submission: Submission, price: str) -> Iterator[CheckItem]:
    """Report what the new revision does to another database at 0002."""
    more = dict(zip(draws.names(submission.random), _prices(submission.random), strict=False))
    submission.fill("products", [{"name": name, "price": more[name]} for name in more])
    submission.fill("users", draws.users(submission.random))
    fresh = submission.new_database()
    before, wanted_stock = _state(fresh), _stock(fresh)
    did = _ran(submission, "upgrade head", before, files=initial_env(submission))
    wanted = f"~ changed column products.price {WHOLE} before, {CENTS} after"
    where = advice(did, "def upgrade() in the new revision: one column gets another type")
    if did == NONE and price == CENTS:
        where = (
            "the order of your steps: your database had the new type already when Alembic "
            "compared, so it found nothing to do. Begin again, and change nothing by hand"
        )
    yield expect_equal("another database gets the new type, and nothing else", did, wanted, where)
    if did == wanted:
        stock = _stock(submission.copied_database)
        what = "the products in that database kept their prices"
        where = "def upgrade() in the new revision: 24 becomes 24.00, and a free product stays free"
        yield expect_that(what, stock == wanted_stock, str(wanted_stock), stock, where)
        yield in_step(submission)


def _prices(random: Random) -> list[int]:
    """Return prices as 0002 stores them: two plain ones, then what is easily lost."""
    return [random.randrange(2, 90), random.randrange(100, 900), 0, 1, 999_999, -7]


def _stock(database: Database) -> list[tuple[str, str]]:
    """Return the products with their prices in cents, by id."""
    found = database.rows("products", "name", "price", by="id")
    return [
        (name, f"{price:.2f}" if hasattr(price, "real") else str(price)) for name, price in found
    ]
